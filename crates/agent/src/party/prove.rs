//! The two proofs that gates wait for.

use skink_api::Mechanism;
use skink_api::agent::{BarrierProof, DistrustProof};
use skink_trust::{AuthorityKind, Digest, Held};

use super::{Party, ReconcileError};
use crate::pair::Pair;

impl Party {
    /// The active generation is accepted: consecutive full handshakes with data, under the package
    /// that runs.
    pub(super) async fn prove_barrier(&mut self, held: &Held) -> Result<(), ReconcileError> {
        let (Some(active), Some(digest)) = (held.active(&self.spec.issuer), held.digest()) else {
            return Ok(());
        };
        let done = (digest, active.id.clone());
        if self.progress.barrier.contains(&done) {
            return Ok(());
        }
        let canary = self.shared.canary_of(&self.spec.issuer, &active.id).await?;
        if canary.authority != active.id {
            return Err(ReconcileError::NoCanary(self.spec.issuer.clone()));
        }
        let config = &self.shared.config;
        let spread = config.settle().max(self.target.settle_time());
        let prober = self.prober();
        let series = prober
            .prove_accepted(&canary, config.handshakes, spread, config.proof())
            .await
            .map_err(ReconcileError::Unproven)?;
        let proof = BarrierProof {
            authority: active.id.clone(),
            epoch: held.edition().epoch,
            version: held.edition().version,
            digest: digest.to_string(),
            handshakes: series.handshakes,
            first_ms: series.first.as_millis(),
            last_ms: series.last.as_millis(),
        };
        self.shared.outbox.add(&self.spec.name, |news| {
            news.barrier.insert(proof.authority.clone(), proof);
        });
        self.progress.barrier.insert(done);
        Ok(())
    }

    /// Every generation that the package distrusts is refused, by this agent's canary of it, and a
    /// legitimate certificate accepted right after.
    pub(super) async fn prove_distrust(&mut self, held: &Held) -> Result<(), ReconcileError> {
        let Some(digest) = held.digest() else { return Ok(()) };
        if self.spec.mechanism == Mechanism::None {
            return Ok(());
        }
        for rogue in self.rogues(held, digest) {
            let control = self.trusted_canary(held).await?;
            let active = held.active(&self.spec.issuer);
            if active.is_some_and(|active| active.id != control.authority) {
                return Err(ReconcileError::NoCanary(self.spec.issuer.clone()));
            }
            let limit = self.shared.config.proof() + self.target.settle_time();
            let refused = self.prober().prove_refused(&rogue, &control, limit).await;
            let refused = refused.map_err(ReconcileError::Unproven)?;
            let proof = DistrustProof {
                authority: rogue.authority.clone(),
                epoch: held.edition().epoch,
                version: held.edition().version,
                digest: digest.to_string(),
                refusal: refused.reason,
                refused_at_ms: refused.refused_at.as_millis(),
                control_authority: control.authority,
                control_at_ms: refused.control_at.as_millis(),
            };
            self.shared.outbox.add(&self.spec.name, |news| {
                news.distrust.insert(proof.authority.clone(), proof);
            });
            self.progress.distrust.insert((digest, rogue.authority));
        }
        Ok(())
    }

    /// Canaries of generations that this party must refuse, for which nothing is proven under this
    /// package. One that only retired leaves the anchors; other mechanisms have nothing against it.
    fn rogues(&self, held: &Held, digest: Digest) -> Vec<Pair> {
        let unproven = |id: &str| !self.progress.distrust.contains(&(digest, id.to_owned()));
        held.authorities()
            .iter()
            .filter(|authority| authority.kind == AuthorityKind::Issuing)
            .filter(|authority| {
                authority.denied
                    || !authority.is_trusted() && self.spec.mechanism == Mechanism::Anchor
            })
            .filter(|authority| unproven(&authority.id))
            .filter_map(|authority| self.shared.canaries.of(&authority.id))
            .filter(|canary| {
                canary.leaf().is_ok_and(|leaf| leaf.is_valid_at(self.shared.clock.now()))
            })
            .collect()
    }
}
