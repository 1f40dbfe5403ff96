//! The agent's standing canaries: one certificate of each generation, made while it was active.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use skink_api::agent::{CertificateRequest, Purpose};
use skink_model::{Rng, Time};
use skink_x509::{Certificate, Fingerprint};

use crate::channel::Channel;
use crate::key::LocalKey;
use crate::pair::Pair;
use crate::party::ReconcileError;
use crate::state::{StateDir, aside};

/// What was collected so far, and one request at a time for more.
#[derive(Debug)]
pub(crate) struct Canaries {
    kept: Mutex<Vec<Pair>>,
    asking: tokio::sync::Mutex<()>,
}

impl Canaries {
    pub(crate) fn new(kept: Vec<Pair>) -> Self {
        Self { kept: Mutex::new(kept), asking: tokio::sync::Mutex::new(()) }
    }

    /// The canary of that generation.
    pub(crate) fn of(&self, authority: &str) -> Option<Pair> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|canary| canary.authority == authority).cloned()
    }

    /// The certificates of all canaries.
    pub(crate) fn leaves(&self) -> Vec<Certificate> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().filter_map(|canary| canary.leaf().ok()).collect()
    }

    /// The fingerprints of all canaries.
    pub(crate) fn fingerprints(&self) -> BTreeSet<Fingerprint> {
        self.leaves().iter().map(Certificate::fingerprint).collect()
    }

    /// The canary of the generation that is active; asked for when there is none, or when it is
    /// two thirds through.
    pub(crate) async fn active(
        &self,
        issuer: &str,
        authority: &str,
        channel: &Channel,
        state: &StateDir,
        (now, rng): (Time, &dyn Rng),
    ) -> Result<Pair, ReconcileError> {
        let _one_at_a_time = self.asking.lock().await;
        if let Some(canary) = self.of(authority).filter(|canary| !canary.is_due(now)) {
            return Ok(canary);
        }
        let key = LocalKey::generate().map_err(ReconcileError::Key)?;
        let request = CertificateRequest {
            purpose: Purpose::Canary,
            endpoint: None,
            issuer: Some(issuer.to_owned()),
            csr_pem: key.csr_pem(&[]).map_err(ReconcileError::Key)?,
        };
        let answer = channel.certificate(&request).await.map_err(ReconcileError::Request)?;
        let canary = Pair::new(answer, key.pem(), rng).map_err(ReconcileError::State)?;
        self.keep(canary.clone(), state).await?;
        Ok(canary)
    }

    async fn keep(&self, canary: Pair, state: &StateDir) -> Result<(), ReconcileError> {
        let kept = {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.retain(|other| other.authority != canary.authority);
            kept.push(canary);
            kept.clone()
        };
        let state = state.clone();
        aside(move || state.save_canaries(&kept)).await.map_err(ReconcileError::State)
    }
}
