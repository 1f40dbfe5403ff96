//! The software that reads an endpoint's files.

use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use skink_x509::{Fingerprint, Time};

use crate::EndpointFiles;
use crate::probe::Outcome;

/// The software behind an endpoint: a daemon driven by commands, or a service in this process.
#[async_trait]
pub trait Target: Send + Sync {
    /// Whether the software would take the files as they stand now.
    async fn check(&self, files: &EndpointFiles) -> Result<(), TargetError> {
        let _ = files;
        Ok(())
    }

    /// Makes the software use the files as they stand now.
    async fn reload(&self, files: &EndpointFiles) -> Result<(), TargetError>;

    /// Forgets sessions: rotates ticket keys, drops caches, and ends the connections that were
    /// authenticated under trust that is gone. Called after the reload of a package that denies.
    async fn reset_sessions(&self, files: &EndpointFiles) -> Result<(), TargetError>;

    /// For a client: connects to `to` by its real configuration, as to `server_name`, with a full
    /// handshake, and exchanges data. `None` when this target is no client.
    async fn connect(&self, to: SocketAddr, server_name: &str) -> Option<Outcome> {
        let _ = (to, server_name);
        None
    }

    /// The certificates of peers that it accepted, and when last. `None` when it cannot tell,
    /// which is not the same as none.
    async fn peers_seen(&self) -> Option<Vec<PeerSeen>> {
        None
    }

    /// How long after a reload it may still answer by its old configuration.
    fn settle_time(&self) -> Duration {
        Duration::ZERO
    }
}

/// A peer's certificate that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerSeen {
    /// SHA-256 of the certificate.
    pub fingerprint: Fingerprint,
    /// Its authority key identifier, by which its generation is told.
    pub authority_key_id: Option<Vec<u8>>,
    /// When it was last seen.
    pub last_seen: Time,
}

/// The software did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// The command could not be started.
    #[error("cannot run {command:?}")]
    Start {
        /// The command.
        command: String,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The command did not succeed.
    #[error("{command:?} failed with {status}: {output}")]
    Failed {
        /// The command.
        command: String,
        /// How it ended.
        status: std::process::ExitStatus,
        /// The end of what it said.
        output: String,
    },
    /// The command took too long, and was killed.
    #[error("{command:?} did not finish within {limit:?}")]
    TimedOut {
        /// The command.
        command: String,
        /// How long it had.
        limit: Duration,
    },
    /// The service in this process refuses the files.
    #[error("the service refuses its files")]
    Files(#[source] crate::tls::ConfigError),
    /// The service in this process is gone.
    #[error("the service is not running")]
    NotRunning,
}
