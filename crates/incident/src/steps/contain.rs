//! Step 2: taint, sign what the key will ever have to sign again, disable it, prove that.

use super::{Lane, Step, StepName, Triage};
use crate::effect::Effect;
use crate::state::State;

/// The order is the point: a key that is disabled first can sign no closing set.
pub(crate) struct Contain;

impl Step for Contain {
    fn name(&self) -> StepName {
        StepName::Contain
    }

    fn begins(&self, state: &State) -> bool {
        Triage.is_through(state)
    }

    fn lanes(&self, state: &State) -> Vec<Lane> {
        let authority = &state.declaration().authority;
        vec![vec![
            Effect::Taint { authority: authority.clone() },
            Effect::DrainTickets { authority: authority.clone() },
            closing_set(state),
            Effect::DisableKey { authority: authority.clone() },
            Effect::ProveDisabled { authority: authority.clone() },
        ]]
    }
}

/// The closing set, whose transition CRL outlives every deadline of the plan.
pub(super) fn closing_set(state: &State) -> Effect {
    Effect::SignClosingSet {
        authority: state.declaration().authority.clone(),
        deadline: state.cutover_deadline(),
    }
}
