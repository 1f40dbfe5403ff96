//! The endpoints as their agents see them: software that loads files, in this process.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use skink_deploy::probe::Outcome as ProbeOutcome;
use skink_deploy::{EndpointFiles, Mechanism, PeerSeen, Target, TargetError};
use skink_x509::Certificate;

use super::client::{ClientEndpoint, Sessions};
use super::peers::Peers;
use super::server::ServerEndpoint;
use super::tls::{ClientTls, Installed, ServerTls};
use crate::DrillError;
use crate::clock::now;
use crate::options::Sabotage;
use crate::outcome::Outcome;

/// What every endpoint adds to its files on its own account, and what a saboteur took out of it.
pub(crate) struct Habits {
    /// A second anchor that `deny` parties trust besides the package's.
    pub(crate) partner: Certificate,
    pub(crate) sabotage: Option<Sabotage>,
    first: Mutex<Option<Installed>>,
}

impl Habits {
    pub(crate) const fn new(partner: Certificate, sabotage: Option<Sabotage>) -> Self {
        Self { partner, sabotage, first: Mutex::new(None) }
    }

    fn load(&self, files: &EndpointFiles) -> Result<Installed, DrillError> {
        let installed = Installed::read(files)?;
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        let first = first.get_or_insert_with(|| installed.clone());
        let installed = installed.sabotaged(self.sabotage, Some(first));
        Ok(match installed.mechanism() {
            Mechanism::Deny => installed.with_anchor(&self.partner),
            _ => installed,
        })
    }

    fn keeps_sessions(&self) -> bool {
        self.sabotage == Some(Sabotage::SessionReset)
    }

    /// What its agent is told of the peers that it saw.
    fn told(&self, peers: &Peers) -> Vec<PeerSeen> {
        if self.sabotage == Some(Sabotage::QuietGate) { Vec::new() } else { peers.all() }
    }
}

/// A server endpoint, to its agent.
pub(crate) struct ServerTarget {
    pub(crate) endpoint: Arc<ServerEndpoint>,
    pub(crate) habits: Habits,
}

/// A client endpoint, to its agent.
pub(crate) struct ClientTarget {
    pub(crate) endpoint: Arc<ClientEndpoint>,
    pub(crate) habits: Habits,
}

#[async_trait]
impl Target for ServerTarget {
    async fn reload(&self, files: &EndpointFiles) -> Result<(), TargetError> {
        let installed = self.habits.load(files).map_err(|error| refused(&error))?;
        let kept = self.habits.keeps_sessions().then(|| self.endpoint.sessions()).flatten();
        let tls = ServerTls::new(&installed, kept).map_err(|error| refused(&error))?;
        self.endpoint.install(installed, tls);
        Ok(())
    }

    async fn reset_sessions(&self, _files: &EndpointFiles) -> Result<(), TargetError> {
        // The sessions themselves went with the old configuration at the reload.
        if !self.habits.keeps_sessions() {
            let ended = self.endpoint.end_distrusted(now());
            tracing::debug!(endpoint.name = self.endpoint.name(), ended, "connections ended");
        }
        Ok(())
    }

    async fn peers_seen(&self) -> Option<Vec<PeerSeen>> {
        Some(self.habits.told(self.endpoint.peers()))
    }
}

#[async_trait]
impl Target for ClientTarget {
    async fn reload(&self, files: &EndpointFiles) -> Result<(), TargetError> {
        let installed = self.habits.load(files).map_err(|error| refused(&error))?;
        let tls = ClientTls::new(&installed).map_err(|error| refused(&error))?;
        self.endpoint.install(installed, tls);
        Ok(())
    }

    async fn reset_sessions(&self, _files: &EndpointFiles) -> Result<(), TargetError> {
        if !self.habits.keeps_sessions() {
            let ended = self.endpoint.end_distrusted(now());
            tracing::debug!(endpoint.name = self.endpoint.name(), ended, "connections ended");
        }
        Ok(())
    }

    async fn connect(&self, to: SocketAddr, server_name: &str) -> Option<ProbeOutcome> {
        Some(match self.endpoint.try_connect(to, server_name, Sessions::Full).await {
            Outcome::Accepted { .. } => ProbeOutcome::accepted(),
            Outcome::CertificateRefused(reason) => ProbeOutcome::CertificateRefused { reason },
            Outcome::Failed(reason) => ProbeOutcome::Failed { reason },
        })
    }

    async fn peers_seen(&self) -> Option<Vec<PeerSeen>> {
        Some(self.habits.told(self.endpoint.peers()))
    }
}

fn refused(error: &DrillError) -> TargetError {
    tracing::warn!(%error, "an endpoint refuses its files");
    TargetError::NotRunning
}
