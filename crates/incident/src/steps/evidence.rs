//! Step 3: keep what an investigation will need, while it is fresh.

use super::{Lane, Step, StepName};
use crate::effect::{Effect, EvidencePass};
use crate::state::State;

/// The first pass; the last one belongs to the close.
pub(crate) struct Evidence;

impl Step for Evidence {
    fn name(&self) -> StepName {
        StepName::Evidence
    }

    fn begins(&self, state: &State) -> bool {
        state.tainted()
    }

    fn lanes(&self, _: &State) -> Vec<Lane> {
        vec![vec![Effect::SnapshotEvidence { pass: EvidencePass::Containment }]]
    }
}
