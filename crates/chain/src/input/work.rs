//! How much key derivation a file may ask for: files choose their rounds, and how often.

use super::Unreadable;

/// The most rounds that are done for one file, all that is locked in it together.
pub(super) const MOST_ROUNDS: u64 = 10_000_000;

/// What is left of them.
#[derive(Debug)]
pub(super) struct Work(u64);

impl Work {
    pub(super) const fn of_rounds(rounds: u64) -> Self {
        Self(rounds)
    }

    /// Takes `times` derivations of so many rounds from what is left, before they are done.
    pub(super) fn take(&mut self, rounds: u64, times: u64) -> Result<(), Unreadable> {
        let asked = rounds.max(1).saturating_mul(times);
        self.0 = self.0.checked_sub(asked).ok_or(Unreadable::TooMuchWork(rounds))?;
        Ok(())
    }
}
