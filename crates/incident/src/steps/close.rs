//! Step 9: the key's end, the last pass over the evidence, the report.

use super::{Lane, Step, StepName};
use crate::effect::{Effect, EvidencePass};
use crate::plan::steps;
use crate::state::State;

/// Begins when every other step is through, whatever the policy let run ahead.
pub(crate) struct Close;

impl Step for Close {
    fn name(&self) -> StepName {
        StepName::Close
    }

    fn begins(&self, state: &State) -> bool {
        let others = steps(state.declaration().plan).iter();
        others.filter(|step| step.name() != StepName::Close).all(|step| step.is_through(state))
    }

    fn lanes(&self, state: &State) -> Vec<Lane> {
        let authority = state.declaration().authority.clone();
        let disposal = state.settings().key_disposal;
        vec![vec![
            Effect::DisposeKey { authority, disposal },
            Effect::SnapshotEvidence { pass: EvidencePass::Closing },
            Effect::WriteReport,
        ]]
    }
}
