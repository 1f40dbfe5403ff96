//! The system's clock and randomness.

use std::time::UNIX_EPOCH;

use skink_model::{Clock, Rng, Time};

/// The present instant by the system clock.
#[expect(clippy::disallowed_methods, reason = "a measurement is of real time on a real machine")]
pub(crate) fn now() -> Time {
    let since = std::time::SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// The system's clock.
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Time {
        now()
    }
}

/// The system's randomness.
pub(crate) struct SystemRng;

impl Rng for SystemRng {
    #[expect(clippy::expect_used, reason = "without randomness nothing may be made")]
    fn fill(&self, into: &mut [u8]) {
        aws_lc_rs::rand::fill(into).expect("the system gives random bytes");
    }
}

/// A share between 0 and 1, at random.
pub(crate) fn share() -> f64 {
    let mut random = [0; 4];
    SystemRng.fill(&mut random);
    f64::from(u32::from_be_bytes(random)) / f64::from(u32::MAX)
}
