//! Step 5: a new authority under the old issuer's name.

use super::{Lane, Step, StepName, Triage};
use crate::effect::Effect;
use crate::state::State;

/// Needs the kit, released by two people.
pub(crate) struct Replace;

impl Step for Replace {
    fn name(&self) -> StepName {
        StepName::Replace
    }

    fn begins(&self, state: &State) -> bool {
        let stopped = state.tainted() || !state.declaration().is_compromise();
        stopped && Triage.is_through(state)
    }

    fn lanes(&self, state: &State) -> Vec<Lane> {
        let authority = state.declaration().authority.clone();
        vec![vec![Effect::ActivateStandby { authority }]]
    }
}
