//! The drill's own clock.

use std::time::UNIX_EPOCH;

use skink_model::{Clock, Rng};
use skink_x509::Time;

/// The present instant by the system clock.
#[expect(clippy::disallowed_methods, reason = "a drill measures real time on a real machine")]
pub(crate) fn now() -> Time {
    let since = std::time::SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// The system's clock, for agents.
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Time {
        now()
    }
}

/// The system's randomness, for agents.
pub(crate) struct SystemRng;

impl Rng for SystemRng {
    #[expect(clippy::expect_used, reason = "without randomness nothing may be made")]
    fn fill(&self, into: &mut [u8]) {
        aws_lc_rs::rand::fill(into).expect("the system gives random bytes");
    }
}
