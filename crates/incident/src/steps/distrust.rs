//! Step 8: nobody accepts the old authority, shown by attack.

use super::{Lane, Revoke, Step, StepName, Transition};
use crate::effect::{CrlRound, Effect, Stage};
use crate::state::State;

/// Package N+2 and the proofs. After a rotation, the old authority retires instead.
pub(crate) struct Distrust;

impl Step for Distrust {
    fn name(&self) -> StepName {
        StepName::Distrust
    }

    /// Never before the successor is out: a package must leave everybody something to trust.
    fn begins(&self, state: &State) -> bool {
        let successor_out = state.is_over(&Effect::PublishPackage { stage: Stage::Successor });
        let turn = if state.declaration().is_compromise() {
            Revoke.is_through(state)
        } else {
            Transition.is_through(state)
        };
        successor_out && turn
    }

    fn lanes(&self, state: &State) -> Vec<Lane> {
        let authority = &state.declaration().authority;
        let mut lane = vec![Effect::PublishPackage { stage: Stage::Distrust }];
        if state.declaration().is_compromise() {
            let agents = state.settings().read_back_agents;
            lane.push(Effect::ReadBackCrls { round: CrlRound::Fleet, agents });
        }
        lane.push(Effect::CheckDistrust { authority: authority.clone() });
        lane.push(Effect::CloseAuthority { authority: authority.clone() });
        vec![lane]
    }
}
