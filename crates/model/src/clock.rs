//! Time and randomness come in through these, so that a test can hold both.

use std::sync::atomic::{AtomicI64, Ordering};

use skink_x509::Time;

/// Tells the time.
pub trait Clock: Send + Sync + 'static {
    /// The present instant.
    fn now(&self) -> Time;
}

/// Gives random bytes fit for keys and serials.
pub trait Rng: Send + Sync + 'static {
    /// Fills `into` with random bytes.
    fn fill(&self, into: &mut [u8]);
}

/// A clock that stands until it is moved.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock standing at `now`.
    pub const fn new(now: Time) -> Self {
        Self(AtomicI64::new(now.as_millis()))
    }

    /// Moves the clock to `now`, forwards or backwards.
    pub fn set(&self, now: Time) {
        self.0.store(now.as_millis(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Time {
        Time::from_millis(self.0.load(Ordering::SeqCst))
    }
}
