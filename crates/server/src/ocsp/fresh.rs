//! Whether statuses that were looked up may have changed since.
//!
//! On a file this server is the only one that revokes, and knows. On a database that several share,
//! the database tells each of them of every revocation in the order of commits, and this server asks
//! it for an echo again and again: when an echo is back, everything that was revoked before it was
//! asked for has been heard. An answer is given from memory only while the last echo that is back was
//! asked for less than [`TRUSTED`] ago. If the database is slow, away or silent, each answer needs a
//! look at it, or is not given.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use skink_model::with_causes;
use skink_store::Store;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::app::App;
use crate::failure::{Failure, Result};
use crate::http::listen::stopped;

/// How long what was heard is believed: a revocation at another server is in every answer after that.
const TRUSTED: Duration = Duration::from_millis(700);
/// How often an echo is asked for while there are questions.
const BEAT: Duration = Duration::from_millis(150);
/// How long after the last question.
const IDLE: Duration = Duration::from_secs(5);
/// How long this server rests that has lost its database.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// What was heard of revocations.
#[derive(Debug)]
pub(super) struct Freshness {
    began: Instant,
    heard: AtomicU64,
    /// Milliseconds since the beginning until which what was heard is all there is; zero for never.
    until: AtomicU64,
    /// When somebody asked last, in the same milliseconds.
    asked: AtomicU64,
}

impl Default for Freshness {
    fn default() -> Self {
        let [heard, until, asked] = [0; 3].map(AtomicU64::new);
        Self { began: Instant::now(), heard, until, asked }
    }
}

impl Freshness {
    /// A number that is another one after each revocation; none while nobody can know.
    pub(super) fn edition(&self, store: &Store) -> Option<u64> {
        let own = store.statuses_edition()?;
        if !store.is_shared() {
            return Some(own);
        }
        let now = self.now();
        if self.asked.load(Ordering::Relaxed) != now {
            self.asked.store(now, Ordering::Relaxed);
        }
        // In this order: what is heard is counted before an echo is.
        let trusted = now < self.until.load(Ordering::SeqCst);
        // Both only grow, so that the sum does when one does.
        trusted.then(|| own + self.heard.load(Ordering::SeqCst))
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn changed(&self) {
        self.heard.fetch_add(1, Ordering::SeqCst);
    }

    /// An echo is back that was asked for then.
    fn echoed(&self, asked_at: u64) {
        let trusted = u64::try_from(TRUSTED.as_millis()).unwrap_or_default();
        self.until.fetch_max(asked_at.saturating_add(trusted), Ordering::SeqCst);
    }

    fn deaf(&self) {
        self.until.store(0, Ordering::SeqCst);
        self.changed();
    }

    fn is_idle(&self) -> bool {
        let idle = u64::try_from(IDLE.as_millis()).unwrap_or_default();
        self.now() > self.asked.load(Ordering::Relaxed).saturating_add(idle)
    }
}

/// Hears of revocations and of echoes.
pub(super) async fn hear(app: App, mut stop: watch::Receiver<bool>) {
    loop {
        let heard = tokio::select! {
            heard = listen(&app) => heard,
            () = stopped(&mut stop) => return,
        };
        app.remembered().fresh.deaf();
        if let Err(error) = heard {
            tracing::error!(
                error = with_causes(&error),
                "revocations at other servers are not heard of: OCSP looks each one up"
            );
        }
        tokio::select! {
            () = tokio::time::sleep(AFTER_FAILURE) => {}
            () = stopped(&mut stop) => return,
        }
    }
}

async fn listen(app: &App) -> Result<()> {
    let Some(mut words) = app.store().revoked().await.map_err(Failure::Store)? else {
        return Ok(());
    };
    let fresh = &app.remembered().fresh;
    loop {
        match words.next().await.map_err(Failure::Store)? {
            Some(asked_at) => fresh.echoed(asked_at),
            None => fresh.changed(),
        }
    }
}

/// Asks for echoes while there are questions.
pub(super) async fn ask(app: App, mut stop: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(BEAT) => {}
            () = stopped(&mut stop) => return,
        }
        let fresh = &app.remembered().fresh;
        if fresh.is_idle() {
            continue;
        }
        // Without an answer there is no echo, and every question is looked up: [`hear`] says why.
        let asked = timeout(AFTER_FAILURE, app.store().echo_revoked(fresh.now())).await;
        if let Ok(Err(error)) = asked {
            tracing::debug!(error = with_causes(&error), "no echo could be asked for");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_is_heard_of_without_echoes() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("skink.db")).await.unwrap();
        let fresh = Freshness::default();
        let first = fresh.edition(&store);
        assert!(first.is_some() && fresh.edition(&store) == first);
        store.close().await;
    }

    #[test]
    fn what_was_heard_is_believed_for_a_while_after_an_echo_was_asked_for() {
        let fresh = Freshness::default();
        assert_eq!(fresh.until.load(Ordering::SeqCst), 0);
        fresh.echoed(100);
        assert_eq!(fresh.until.load(Ordering::SeqCst), 800);
        // One that was overtaken takes nothing away.
        fresh.echoed(50);
        assert_eq!(fresh.until.load(Ordering::SeqCst), 800);
        fresh.deaf();
        assert_eq!(fresh.until.load(Ordering::SeqCst), 0);
        assert_eq!(fresh.heard.load(Ordering::SeqCst), 1);
    }
}
