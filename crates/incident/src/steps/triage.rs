//! Step 1: the authority is frozen at once, then counted.

use super::{Lane, Step, StepName};
use crate::effect::Effect;
use crate::state::State;

/// Freeze and scope. A rotation counts and does not freeze.
pub(crate) struct Triage;

impl Step for Triage {
    fn name(&self) -> StepName {
        StepName::Triage
    }

    fn begins(&self, _: &State) -> bool {
        true
    }

    fn lanes(&self, state: &State) -> Vec<Lane> {
        let authority = state.declaration().authority.clone();
        let scope = Effect::ComputeScope { authority: authority.clone() };
        if state.declaration().is_compromise() {
            vec![vec![Effect::FreezeAuthority { authority }, scope]]
        } else {
            vec![vec![scope]]
        }
    }
}
