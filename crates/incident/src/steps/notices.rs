//! Step 4: tell people, each by a deadline of their own.

use super::{Lane, Step, StepName};
use crate::contact::Audience;
use crate::effect::Effect;
use crate::state::State;

/// Begins with the taint: an outage of the key's provider must not keep people in the dark.
pub(crate) struct Notices;

impl Step for Notices {
    fn name(&self) -> StepName {
        StepName::Notices
    }

    fn begins(&self, state: &State) -> bool {
        state.tainted()
    }

    fn lanes(&self, _: &State) -> Vec<Lane> {
        let tell = |audience| Effect::RenderNotice { audience };
        vec![
            vec![tell(Audience::Management), tell(Audience::Operations), tell(Audience::Owners)],
            vec![tell(Audience::Outside), tell(Audience::Authorities)],
        ]
    }
}
