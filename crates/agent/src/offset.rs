//! How far this host's clock is from the server's.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use skink_model::Time;

/// Answers that are remembered.
const ANSWERS: usize = 8;

/// An estimate that gets no worse when answers are held up on their way.
#[derive(Debug, Default)]
pub(crate) struct ClockOffset(Mutex<VecDeque<Bounds>>);

/// The server said its time after it was asked and before the answer was here: so much less and so
/// much more its clock may be behind this one, in milliseconds.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    least: i64,
    most: i64,
}

impl ClockOffset {
    /// An answer to what was asked at `asked`, which is here `now`, says `server_ms`.
    pub(crate) fn note(&self, asked: Time, now: Time, server_ms: i64) {
        let of = |time: Time| time.as_millis().saturating_sub(server_ms);
        let new = Bounds { least: of(asked), most: of(now) };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // What cannot be true together was said before one of the clocks was set.
        if known.iter().any(|one| one.most < new.least || new.most < one.least) {
            known.clear();
        }
        if known.len() == ANSWERS {
            known.pop_front();
        }
        known.push_back(new);
    }

    /// This clock minus the server's, as the answer that came fastest has it; 0 before there is
    /// one.
    pub(crate) fn millis(&self) -> i64 {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().map(|one| one.most).min().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Time {
        Time::from_millis(millis)
    }

    #[test]
    fn an_answer_that_was_held_up_is_no_clock_that_is_ahead() {
        let offset = ClockOffset::default();
        assert_eq!(offset.millis(), 0);
        offset.note(at(1_000), at(1_010), 505);
        assert_eq!(offset.millis(), 505);
        // A long poll that was answered at once and arrived two seconds later.
        offset.note(at(2_000), at(4_000), 1_503);
        assert_eq!(offset.millis(), 505);
        offset.note(at(5_000), at(35_002), 34_500);
        assert_eq!(offset.millis(), 502);
    }

    #[test]
    fn a_clock_that_was_set_is_believed_at_once() {
        let offset = ClockOffset::default();
        offset.note(at(1_000), at(1_010), 1_005);
        offset.note(at(61_000), at(61_010), 1_100);
        assert_eq!(offset.millis(), 59_910);
        offset.note(at(1_200), at(1_210), 1_205);
        assert_eq!(offset.millis(), 5);
    }

    #[test]
    fn what_lies_long_back_is_forgotten() {
        let offset = ClockOffset::default();
        offset.note(at(1_000), at(1_001), 1_000);
        for _ in 0..ANSWERS {
            offset.note(at(2_000), at(2_900), 2_000);
        }
        assert_eq!(offset.millis(), 900);
    }
}
