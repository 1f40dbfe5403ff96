//! What the agent does for itself: its own certificate, and reading CRLs back.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use skink_api::agent::{CertificateRequest, Purpose};
use skink_model::with_causes;

use super::Shared;
use crate::key::LocalKey;
use crate::pair::Pair;
use crate::party::ReconcileError;
use crate::read_back;

impl Shared {
    /// Renews the agent's own certificate, with a new key, at two thirds of its life.
    pub(super) async fn renew_identity_forever(self: Arc<Self>) {
        let mut failures = 0;
        loop {
            let due = self.identity().is_due(self.clock.now());
            let wait = match (due, failures) {
                (false, _) => Duration::from_mins(1),
                (true, _) => match self.renew_identity().await {
                    Ok(()) => {
                        failures = 0;
                        Duration::from_mins(1)
                    }
                    Err(error) => {
                        failures += 1;
                        tracing::warn!(
                            error = with_causes(&error),
                            "the agent keeps its certificate"
                        );
                        self.backoff(failures)
                    }
                },
            };
            tokio::time::sleep(wait).await;
        }
    }

    async fn renew_identity(&self) -> Result<(), ReconcileError> {
        let key = LocalKey::generate().map_err(ReconcileError::Key)?;
        let request = CertificateRequest {
            purpose: Purpose::Control,
            endpoint: None,
            issuer: None,
            csr_pem: key.csr_pem(&[]).map_err(ReconcileError::Key)?,
        };
        let answer = self.channel().certificate(&request).await.map_err(ReconcileError::Request)?;
        let identity = Pair::new(answer, key.pem(), &*self.rng).map_err(ReconcileError::State)?;
        self.state.save_identity(&identity).map_err(ReconcileError::State)?;
        *self.identity.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(identity);
        self.renew_channel();
        tracing::info!(agent.name = self.membership.agent, "the agent renewed its certificate");
        Ok(())
    }

    /// Reads the CRLs at the distribution points from this host, after each package and at regular
    /// times.
    pub(super) async fn read_back_forever(self: Arc<Self>) {
        let every = self.config.read_back_every_ms;
        let Some(client) = (every > 0).then(read_back::client).flatten() else { return };
        let mut news = self.bell.subscribe();
        let mut told = HashMap::new();
        // Rounds without anything new: what stands still is looked at less often.
        let mut quiet = 0;
        loop {
            news.borrow_and_update();
            let held = self.held();
            let leaves = self.canaries.leaves();
            let mut new = Vec::new();
            for uri in read_back::points(&held, &leaves) {
                let read = read_back::fetch(&client, &uri, &held, self.clock.now()).await;
                new.extend(read.filter(|read| {
                    let before = told.insert(read.scope.clone(), read.digest.clone());
                    before.as_ref() != Some(&read.digest)
                }));
            }
            quiet = if new.is_empty() { quiet + 1 } else { 1 };
            if !new.is_empty() {
                self.outbox.add_crls(new);
            }
            let wait = Duration::from_millis(every) * quiet.min(10);
            tokio::select! {
                changed = news.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    quiet = 0;
                }
                () = tokio::time::sleep(wait) => {}
            }
        }
    }
}
