//! What is left of the work that one call may do.

/// The budget is spent.
#[derive(Debug)]
pub(crate) struct Spent;

/// Name comparisons under name constraints: cheap each, but names times subtrees are many.
const COMPARISONS: usize = 250_000;

/// Steps and comparisons that are left.
#[derive(Debug)]
pub(crate) struct Budget {
    steps: u32,
    comparisons: usize,
}

impl Budget {
    pub(crate) const fn new(steps: u32) -> Self {
        Self { steps, comparisons: COMPARISONS }
    }

    /// One candidate is looked at, or one signature verified.
    pub(crate) fn step(&mut self) -> Result<(), Spent> {
        self.steps = self.steps.checked_sub(1).ok_or(Spent)?;
        Ok(())
    }

    /// Names are compared `times` times.
    pub(crate) fn compare(&mut self, times: usize) -> Result<(), Spent> {
        self.comparisons = self.comparisons.checked_sub(times).ok_or(Spent)?;
        Ok(())
    }
}
