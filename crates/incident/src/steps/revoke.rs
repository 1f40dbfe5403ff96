//! Step 7: the parent says that the authority is revoked, and everybody can read it.

use skink_model::Policy;

use super::{Contain, Lane, Step, StepName, Transition};
use crate::effect::{CrlRound, Effect};
use crate::state::State;

/// When it comes is the policy's choice; for relying parties that read the parent's CRL this
/// already is distrust.
pub(crate) struct Revoke;

impl Step for Revoke {
    fn name(&self) -> StepName {
        StepName::Revoke
    }

    fn begins(&self, state: &State) -> bool {
        let turn = match state.declaration().policy {
            Policy::Immediate => true,
            Policy::Cutover => Transition.is_through(state) || state.deadline_passed().is_some(),
        };
        turn && Contain.is_through(state)
    }

    fn lanes(&self, state: &State) -> Vec<Lane> {
        let authority = &state.declaration().authority;
        vec![vec![
            Effect::ReleaseEscrow { authority: authority.clone() },
            Effect::RevokeCertificates { authority: authority.clone() },
            Effect::PublishCrls { authority: authority.clone() },
            Effect::ReadBackCrls { round: CrlRound::Revocation, agents: 0 },
        ]]
    }
}
