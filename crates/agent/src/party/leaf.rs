//! The party's own certificate.

use skink_api::Code;
use skink_api::agent::{CertificateRequest, Installed, Purpose};
use skink_model::Time;
use skink_trust::{Held, HeldAuthority};

use super::{Party, ReconcileError};
use crate::channel::ChannelError;
use crate::key::LocalKey;
use crate::orders::Order;
use crate::pair::{Asking, Pair, Pairs};

impl Party {
    /// Asks for a certificate when there is none, when it is due, when the server says so, or when
    /// its authority is not trusted any more; installs and proves it, or keeps the one before.
    pub(super) async fn renew_if_needed(&mut self, held: &Held) -> Result<(), ReconcileError> {
        let order = self.shared.orders.of(&self.spec.name);
        let Some(why) = self.reason_to_renew(held, order.as_ref()) else {
            if let Some(order) = order {
                self.repeat_leaf_report()?;
                self.shared.orders.done(&self.spec.name, &order);
            }
            return Ok(());
        };
        tracing::debug!(endpoint.name = self.spec.name, why, "the endpoint needs a certificate");
        let rolls_back = order.as_ref().is_some_and(|to| self.is_return_to(held, to));
        let next =
            if rolls_back { self.last_good()? } else { self.next_pair(order.as_ref()).await? };
        self.switch_to(held, next, rolls_back).await?;
        if let Some(order) = order {
            self.shared.orders.done(&self.spec.name, &order);
        }
        Ok(())
    }

    fn reason_to_renew(&self, held: &Held, order: Option<&Order>) -> Option<&'static str> {
        let Some(current) = self.current() else { return Some("it has none") };
        let trusted = held.authority(&current.authority).is_some_and(HeldAuthority::is_trusted);
        if order.is_some_and(|order| !order.is_met_by(current)) {
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
    fn is_return_to(&self, held: &Held, order: &Order) -> bool {
        let (pairs, authority) = (self.pairs(), order.authority.as_str());
        let is_active = held.active(&self.spec.issuer).is_some_and(|it| it.id == authority);
        let trusted = held.authority(authority).is_some_and(HeldAuthority::is_trusted);
        !is_active && trusted && pairs.previous.is_some_and(|pair| pair.authority == authority)
    }

    fn last_good(&self) -> Result<Pair, ReconcileError> {
        let none = || ReconcileError::NoCanary(self.spec.issuer.clone());
        self.pairs().previous.ok_or_else(none)
    }

    /// The pair to go to: what was issued before and not installed, or a new one. It is on disk
    /// before it is used, and so is its key before it is asked for: whoever is stopped in between
    /// asks for the same certificate again and gets it.
    async fn next_pair(&mut self, order: Option<&Order>) -> Result<Pair, ReconcileError> {
        let held = self.shared.held();
        if let Some(next) = self.pairs().next
            && held.authority(&next.authority).is_some_and(HeldAuthority::is_trusted)
            && !next.is_due(self.shared.clock.now())
            && order.is_none_or(|order| order.is_met_by(&next))
        {
            return Ok(next);
        }
        let asking = self.asking(order).await?;
        let key = LocalKey::from_pem(&asking.key_pem).map_err(ReconcileError::Key)?;
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
                if is_blocked(&error) {
                    self.save_pairs(Pairs { asking: None, ..self.pairs() }).await?;
                }
                return Err(ReconcileError::Request(error));
            }
        };
        let mut next =
            Pair::new(answer, key.pem(), &*self.shared.rng).map_err(ReconcileError::State)?;
        next.order = order.map(|order| order.id).or(asking.order);
        let pairs = Pairs { next: Some(next.clone()), asking: None, ..self.pairs() };
        self.save_pairs(pairs).await?;
        Ok(next)
    }

    /// The request that is under way, unless it is from before an order that wants a newer
    /// certificate.
    async fn asking(&mut self, order: Option<&Order>) -> Result<Asking, ReconcileError> {
        let under_way = self.pairs().asking;
        let kept = under_way.filter(|one| order.is_none_or(|order| order.takes(one.order)));
        if let Some(asking) = kept {
            return Ok(asking);
        }
        let key = LocalKey::generate().map_err(ReconcileError::Key)?;
        let order = order.map(|order| order.id);
        let asking = Asking { key_pem: key.pem().clone(), order };
        self.save_pairs(Pairs { asking: Some(asking.clone()), ..self.pairs() }).await?;
        Ok(asking)
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
        let pairs =
            Pairs { current: Some(next.clone()), previous: before, next: None, ..self.pairs() };
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

/// The server takes this key no more: it was revoked before its certificate arrived.
fn is_blocked(error: &ChannelError) -> bool {
    matches!(error, ChannelError::Problem(problem) if problem.code == Code::BlockedKey)
}
