//! The party's own certificate.

use skink_api::agent::{CertificateRequest, Installed, Purpose};
use skink_model::Time;
use skink_trust::{Held, HeldAuthority};

use super::{Party, ReconcileError};
use crate::key::LocalKey;
use crate::pair::{Pair, Pairs};

impl Party {
    /// Asks for a certificate when there is none, when it is due, when the server says so, or when
    /// its authority is not trusted any more; installs and proves it, or keeps the one before.
    pub(super) async fn renew_if_needed(&mut self, held: &Held) -> Result<(), ReconcileError> {
        let order = self.shared.orders.of(&self.spec.name);
        let Some(why) = self.reason_to_renew(held, order.as_deref()) else {
            if let Some(authority) = order {
                self.repeat_leaf_report()?;
                self.shared.orders.done(&self.spec.name, &authority);
            }
            return Ok(());
        };
        tracing::debug!(endpoint.name = self.spec.name, why, "the endpoint needs a certificate");
        let rolls_back = order.as_deref().is_some_and(|to| self.is_return_to(held, to));
        let next = if rolls_back { self.last_good()? } else { self.next_pair().await? };
        self.switch_to(held, next, rolls_back).await?;
        // Whatever generation it came to be, the server chose it.
        if let Some(authority) = order {
            self.shared.orders.done(&self.spec.name, &authority);
        }
        Ok(())
    }

    fn reason_to_renew(&self, held: &Held, order: Option<&str>) -> Option<&'static str> {
        let Some(current) = self.current() else { return Some("it has none") };
        let trusted = held.authority(&current.authority).is_some_and(HeldAuthority::is_trusted);
        if order.is_some_and(|authority| authority != current.authority) {
            Some("the server says so")
        } else if current.is_due(self.shared.clock.now()) {
            Some("it is due")
        } else if !trusted {
            Some("its authority is not trusted any more")
        } else if self.progress.pairs.as_ref().is_some_and(|pairs| pairs.next.is_some()) {
            Some("one was issued and is not installed yet")
        } else {
            None
        }
    }

    /// Whether the order is to go back to the last good pair rather than forward to a new one.
    fn is_return_to(&self, held: &Held, authority: &str) -> bool {
        let pairs = self.pairs();
        let is_active = held.active(&self.spec.issuer).is_some_and(|it| it.id == authority);
        let trusted = held.authority(authority).is_some_and(HeldAuthority::is_trusted);
        !is_active && trusted && pairs.previous.is_some_and(|pair| pair.authority == authority)
    }

    fn last_good(&self) -> Result<Pair, ReconcileError> {
        let none = || ReconcileError::NoCanary(self.spec.issuer.clone());
        self.pairs().previous.ok_or_else(none)
    }

    /// The pair to go to: what was issued before and not installed, or a new one. It is on disk
    /// before it is used.
    async fn next_pair(&mut self) -> Result<Pair, ReconcileError> {
        let held = self.shared.held();
        if let Some(next) = self.pairs().next
            && held.authority(&next.authority).is_some_and(HeldAuthority::is_trusted)
            && !next.is_due(self.shared.clock.now())
            && self.shared.orders.of(&self.spec.name).is_none_or(|to| to == next.authority)
        {
            return Ok(next);
        }
        let key = match self.progress.asking.take() {
            Some(key) => key,
            None => LocalKey::generate().map_err(ReconcileError::Key)?,
        };
        let request = CertificateRequest {
            purpose: Purpose::Leaf,
            endpoint: Some(self.spec.name.clone()),
            issuer: None,
            csr_pem: key.csr_pem(&self.spec.names).map_err(ReconcileError::Key)?,
        };
        let answer = self.shared.channel().certificate(&request).await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                self.progress.asking = Some(key);
                return Err(ReconcileError::Request(error));
            }
        };
        let next =
            Pair::new(answer, key.pem(), &*self.shared.rng).map_err(ReconcileError::State)?;
        self.save_pairs(Pairs { next: Some(next.clone()), ..self.pairs() }).await?;
        Ok(next)
    }

    async fn switch_to(
        &mut self,
        held: &Held,
        next: Pair,
        rolls_back: bool,
    ) -> Result<(), ReconcileError> {
        let canary = self.trusted_canary(held).await?;
        self.install_and_prove(held, &next, &canary, rolls_back).await?;
        let before = self.pairs().current;
        let pairs = Pairs { current: Some(next.clone()), previous: before, next: None };
        self.save_pairs(pairs).await?;
        tracing::info!(
            endpoint.name = self.spec.name,
            authority.id = next.authority,
            rolled_back = rolls_back,
            "the endpoint has a certificate"
        );
        // The package was installed along with it.
        if let Some(digest) = held.digest().filter(|digest| self.progress.runs != Some(*digest)) {
            self.acknowledge(held, digest);
        }
        Ok(())
    }

    fn repeat_leaf_report(&mut self) -> Result<(), ReconcileError> {
        match self.current().cloned() {
            Some(current) if self.progress.reported_leaf => {
                self.report_leaf(&current, self.shared.clock.now(), false)
            }
            _ => Ok(()),
        }
    }

    pub(super) fn report_leaf(
        &mut self,
        pair: &Pair,
        at: Time,
        rolled_back: bool,
    ) -> Result<(), ReconcileError> {
        let installed = Installed {
            fingerprint: pair.fingerprint().map_err(ReconcileError::State)?.to_string(),
            authority: pair.authority.clone(),
            proven_at_ms: at.as_millis(),
            rolled_back,
        };
        self.progress.reported_leaf = true;
        self.shared.outbox.add(&self.spec.name, |news| news.installed = Some(installed));
        Ok(())
    }
}
