//! What keeps a drill from being run; a drill that runs and fails is a report, not an error.

use std::path::PathBuf;
use std::process::ExitStatus;

/// Why a drill could not be carried out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DrillError {
    /// A child process could not be handled.
    #[error("could not {what} the server process")]
    Process {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// The server ended by itself.
    #[error("the server ended with {status} before it was ready; its log is {log}")]
    ServerExited {
        /// How it ended.
        status: ExitStatus,
        /// Where to look.
        log: PathBuf,
    },
    /// The server did not become ready.
    #[error("the server was not ready in time; its log is {log}")]
    ServerNotReady {
        /// Where to look.
        log: PathBuf,
    },
    /// A key service did not do what the drill needs.
    #[error("the key service of {key} is not ready for the drill")]
    Key {
        /// The key that was asked for.
        key: skink_signer::KeyUri,
        /// Why.
        #[source]
        source: skink_signer::ProviderError,
    },
    /// `skink init` failed.
    #[error("`skink init` failed: {stderr}")]
    Init {
        /// What it said.
        stderr: String,
    },
    /// A file of the drill could not be read or written.
    #[error("could not {what}")]
    File {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// The server's API answered something unexpected.
    #[error("{operation} was answered with {status}: {detail}")]
    Api {
        /// The operation.
        operation: String,
        /// The HTTP status.
        status: u16,
        /// The problem's detail.
        detail: String,
    },
    /// The server's API could not be reached.
    #[error("could not reach the server for {operation}")]
    Unreachable {
        /// The operation.
        operation: String,
        /// Why it failed.
        #[source]
        source: reqwest::Error,
    },
    /// Something expected did not happen in time.
    #[error("{what} did not happen within {limit_s} s")]
    Late {
        /// What was waited for.
        what: String,
        /// How long, in seconds.
        limit_s: u64,
    },
    /// The thief could not do what a thief can do, so the drill proves nothing.
    #[error("the thief failed at {what}: {reason}")]
    Thief {
        /// What he tried.
        what: &'static str,
        /// Why it failed.
        reason: String,
    },
    /// A TLS configuration could not be made.
    #[error("could not configure TLS of {what}: {reason}")]
    Tls {
        /// Of whom.
        what: String,
        /// Why.
        reason: String,
    },
    /// An agent could not be brought up.
    #[error("agent {agent} could not be brought up: {reason}")]
    Agent {
        /// Its name.
        agent: String,
        /// Why.
        reason: String,
    },
}
