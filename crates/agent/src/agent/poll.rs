//! Waiting for news.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use skink_api::agent::{PollAnswer, PollQuery};
use skink_model::with_causes;
use skink_trust::{Limits, Parts, Refusal};
use tokio::time::Instant;

use super::{OfferError, Shared};
use crate::channel::ChannelError;
use crate::enroll::{FetchError, fetch_package};
use crate::state::aside;

/// The longest that an agent stays away, whatever the server tells it: news of an incident must not
/// wait for longer.
const AWAY_MOST: Duration = Duration::from_mins(1);

/// How often a server is shown that it has forgotten a package.
const SHOW_AGAIN: Duration = Duration::from_mins(1);

impl Shared {
    pub(super) async fn poll_forever(self: Arc<Self>) {
        let (mut failures, mut order, mut refused, mut shown) = (0, 0, None, None);
        loop {
            match self.poll(order, refused).await {
                Ok(answer) => {
                    failures = 0;
                    order = answer.order;
                    self.note_orders(&answer);
                    self.show_what_is_forgotten(&answer, &mut shown);
                    refused = self.follow(&answer).await;
                    let wait = Duration::from_millis(answer.retry_after_ms).min(AWAY_MOST);
                    // A package that is refused stays the newest: that is no reason to spin.
                    let wait = if refused.is_some() { wait.max(self.backoff(6)) } else { wait };
                    if !wait.is_zero() {
                        tokio::time::sleep(wait).await;
                    }
                }
                Err(error) => {
                    failures += 1;
                    self.complain(&error, failures);
                    tokio::time::sleep(self.backoff(failures)).await;
                }
            }
        }
    }

    async fn poll(
        &self,
        order: u64,
        refused: Option<(u64, u64)>,
    ) -> Result<PollAnswer, ChannelError> {
        let edition = self.held().edition();
        let (epoch, version) = refused.unwrap_or((edition.epoch, edition.version));
        let wait_ms = self.config.poll_wait_ms;
        self.ask(&PollQuery { epoch, version, order, wait_ms }).await
    }

    /// Polls, and keeps what every answer tells: the nonce for the next acknowledgement, the
    /// clock's offset.
    pub(super) async fn ask(&self, query: &PollQuery) -> Result<PollAnswer, ChannelError> {
        let asked = self.clock.now();
        let answer = self.channel().poll(query).await?;
        self.clock_offset.note(asked, self.clock.now(), answer.server_time_ms);
        let nonce = Some(answer.nonce.clone());
        *self.nonce.lock().unwrap_or_else(PoisonError::into_inner) = nonce;
        Ok(answer)
    }

    fn complain(&self, error: &ChannelError, failures: u32) {
        let (agent, error) = (&self.membership.agent, with_causes(error));
        if failures == 1 {
            tracing::warn!(agent.name = agent, error, "the server is away; the agent goes on");
        } else {
            tracing::debug!(agent.name = agent, error, failures, "the server is still away");
        }
        let held = self.held();
        if held.not_after().is_some_and(|end| end <= self.clock.now()) {
            tracing::error!(
                agent.name = agent,
                package.edition = %held.edition(),
                "the trust package has expired; what it says still holds, and nothing newer is known"
            );
        }
    }

    /// A server that has an older package out, or another one of the same version, was restored from
    /// a backup: it is shown the one that is held, now and then until it has overtaken it.
    fn show_what_is_forgotten(&self, answer: &PollAnswer, shown: &mut Option<Instant>) {
        let held = self.held();
        let edition = held.edition();
        let (out, own) =
            ((answer.package.epoch, answer.package.version), (edition.epoch, edition.version));
        let other = held.digest().is_some_and(|own| own.to_string() != answer.package.digest);
        let lately = shown.is_some_and(|at| at.elapsed() < SHOW_AGAIN);
        if (out < own || (out == own && other)) && !lately {
            tracing::warn!(
                agent.name = self.membership.agent,
                package.held = %edition,
                package.version = answer.package.version,
                "the server has forgotten the package that is held; it is shown"
            );
            self.outbox.show_package();
            *shown = Some(Instant::now());
        }
    }

    fn note_orders(&self, answer: &PollAnswer) {
        if self.orders.take(&answer.renew) {
            self.ring();
        }
    }

    /// Judges and keeps a package where waiting for the disk holds nobody up.
    async fn accept_aside(
        self: &Arc<Self>,
        envelope: Vec<u8>,
        parts: Parts,
    ) -> Result<(), OfferError> {
        let shared = Arc::clone(self);
        aside(move || shared.accept(&envelope, &parts).map(drop)).await
    }

    /// Fetches the package that is out when it is newer; its edition when it is refused.
    async fn follow(self: &Arc<Self>, answer: &PollAnswer) -> Option<(u64, u64)> {
        let held = self.held();
        let out = (answer.package.epoch, answer.package.version);
        if out <= (held.edition().epoch, held.edition().version) {
            return None;
        }
        let fetched = fetch_package(&self.channel(), &held, &Limits::default()).await;
        let refusal = match fetched {
            Ok((envelope, parts)) => match self.accept_aside(envelope, parts).await {
                Ok(()) | Err(OfferError::Refused(Refusal::Replayed(_))) => return None,
                Err(error) => with_causes(&error),
            },
            Err(FetchError::Refused(refusal)) => with_causes(&refusal),
            Err(FetchError::Channel(error)) => {
                tracing::warn!(error = with_causes(&error), "the trust package cannot be fetched");
                tokio::time::sleep(self.backoff(2)).await;
                return None;
            }
        };
        tracing::error!(
            agent.name = self.membership.agent,
            package.epoch = out.0,
            package.version = out.1,
            error = refusal,
            "a trust package is refused; the one before goes on"
        );
        for endpoint in &self.membership.endpoints {
            let text = format!("package {}.{} refused: {refusal}", out.0, out.1);
            self.outbox.set_error(&endpoint.name, Some(&text));
        }
        self.outbox.send();
        Some(out)
    }
}
