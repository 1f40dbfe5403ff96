//! The tasks of an agent.

use skink_model::with_causes;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{Agent, Shared};
use crate::party::{Party, ReconcileError};

impl Agent {
    /// Runs until `shutdown` is over. Nothing that goes wrong ends it: it says so and tries again.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) {
        let Self { shared, parties, news } = self;
        tracing::info!(agent.name = shared.membership.agent, "the agent runs");
        // Whatever is reported first comes from here: what the package on disk says of CRLs.
        shared.outbox.add_crls(crate::read_back::held(&shared.held(), shared.clock.now()));
        let mut tasks = JoinSet::new();
        for party in parties {
            tasks.spawn(tend(party, news.clone()));
        }
        tasks.spawn(Arc::clone(&shared).poll_forever());
        tasks.spawn(Arc::clone(&shared).report_forever());
        tasks.spawn(Arc::clone(&shared).read_back_forever());
        tasks.spawn(Arc::clone(&shared).renew_identity_forever());
        let targets_end = async { while tasks.join_next().await.is_some() {} };
        tokio::select! {
            () = shutdown => {}
            () = targets_end => {}
        }
        tracing::info!(agent.name = shared.membership.agent, "the agent stops");
    }
}

/// Keeps one party where it should be.
async fn tend(mut party: Party, mut news: watch::Receiver<u64>) {
    let mut failures = 0;
    loop {
        news.borrow_and_update();
        let wait = match party.reconcile().await {
            Ok(()) => {
                party.report_error(None);
                failures = 0;
                party.next_look()
            }
            Err(error) => {
                let text = with_causes(&error);
                tracing::warn!(
                    endpoint.name = party.spec.name,
                    error = text,
                    "will be tried again"
                );
                party.report_error(Some(&text));
                failures += 1;
                retry_wait(&party.shared, &error, failures)
            }
        };
        party.shared.outbox.send();
        tokio::select! {
            changed = news.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(wait) => {}
        }
    }
}

impl Party {
    fn report_error(&self, error: Option<&str>) {
        self.shared.outbox.set_error(&self.spec.name, error);
    }
}

fn retry_wait(shared: &Shared, error: &ReconcileError, failures: u32) -> Duration {
    let asked = match error {
        ReconcileError::Request(error) => error.retry_after(),
        _ => None,
    };
    let own = shared.backoff(failures);
    asked.map_or(own, |asked| asked.min(Duration::from_millis(shared.config.retry_max_ms)).max(own))
}

impl Shared {
    /// Doubling from 100 ms to the configured maximum, each between half and all of it.
    pub(super) fn backoff(&self, failures: u32) -> Duration {
        let full = 100u64.saturating_mul(1 << failures.saturating_sub(1).min(20));
        let full = Duration::from_millis(full.min(self.config.retry_max_ms).max(1));
        let mut random = [0; 4];
        self.rng.fill(&mut random);
        let share = f64::from(u32::from_be_bytes(random)) / f64::from(u32::MAX);
        full / 2 + (full / 2).mul_f64(share)
    }
}
