//! Counts of the fleet's own traffic.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::report::Handshakes;

const KEPT_FAILURES: usize = 20;

/// What the fleet's clients lived through, counted as it happens.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    full: AtomicU64,
    resumed: AtomicU64,
    requests: AtomicU64,
    failed: AtomicU64,
    failures: Mutex<Vec<String>>,
}

impl Traffic {
    pub(crate) fn finished(&self, resumed: bool) {
        if resumed { &self.resumed } else { &self.full }.fetch_add(1, Ordering::Relaxed);
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn failed(&self, what: String) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        let mut failures = self.failures.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if failures.len() < KEPT_FAILURES {
            failures.push(what);
        }
    }

    pub(crate) fn snapshot(&self) -> Handshakes {
        let failures = self.failures.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Handshakes {
            full: self.full.load(Ordering::Relaxed),
            resumed: self.resumed.load(Ordering::Relaxed),
            requests: self.requests.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            failures: failures.clone(),
        }
    }
}
