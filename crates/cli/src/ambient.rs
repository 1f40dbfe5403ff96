//! The machine's own clock and randomness, for what runs here: the offline root and agents.

use aws_lc_rs::rand;
use skink_model::{Clock, Rng, Time};

use crate::when;

/// The machine's clock.
#[derive(Debug)]
pub struct MachineClock;

impl Clock for MachineClock {
    fn now(&self) -> Time {
        Time::from_millis(when::now().as_millisecond())
    }
}

/// The machine's randomness.
#[derive(Debug)]
pub struct MachineRng;

impl Rng for MachineRng {
    fn fill(&self, into: &mut [u8]) {
        #[expect(clippy::expect_used, reason = "without randomness no serial may be made at all")]
        rand::fill(into).expect("the system gives randomness");
    }
}
