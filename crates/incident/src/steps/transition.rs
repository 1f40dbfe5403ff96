//! Step 6: from the old authority to the new one without an outage.

use skink_model::Time;

use super::contain::closing_set;
use super::{Lane, Replace, Step, StepName};
use crate::effect::{CrlRound, Effect, Stage};
use crate::gate::Gate;
use crate::state::State;

/// Package N+1, the barrier, waves of re-issue, the quiet gate.
pub(crate) struct Transition;

impl Step for Transition {
    fn name(&self) -> StepName {
        StepName::Transition
    }

    /// The package carries the transition CRL, so the closing set comes first.
    fn begins(&self, state: &State) -> bool {
        let signed = state.is_over(&closing_set(state)) || !state.declaration().is_compromise();
        signed && Replace.is_through(state)
    }

    fn lanes(&self, state: &State) -> Vec<Lane> {
        let settings = state.settings();
        let mut main = vec![
            Effect::PublishPackage { stage: Stage::Successor },
            Effect::ReadBackCrls { round: CrlRound::Transition, agents: settings.read_back_agents },
            Effect::CheckBarrier {
                handshakes: settings.barrier_handshakes,
                settle_ms: settings.settle_ms,
                clock_offset_ms: settings.clock_offset_ms,
            },
        ];
        main.push(Effect::OpenIssuance { authority: state.declaration().authority.clone() });
        main.extend(waves(state));
        main.push(quiet(state));
        let mut lanes = vec![main];
        lanes.extend(roll_backs(state));
        lanes
    }
}

fn waves(state: &State) -> Lane {
    let sizes = state.scope().map_or(&[][..], |scope| scope.forecast.waves.as_slice());
    let last = sizes.len();
    let mut lane = Lane::new();
    for (number, (nth, &size)) in (1u32..).zip(sizes.iter().enumerate()) {
        let take = (nth + 1 < last).then_some(size);
        lane.push(Effect::ReissueWave { wave: number, take });
        lane.push(Effect::CheckWave { wave: number });
    }
    lane
}

fn quiet(state: &State) -> Effect {
    let since = state
        .gates()
        .filter(|(gate, _)| matches!(gate, Gate::Wave(_) | Gate::Barrier))
        .map(|(_, opened)| opened.at)
        .max()
        .unwrap_or(Time::EPOCH);
    let authority = state.declaration().authority.clone();
    Effect::CheckQuiet { authority, quiet_ms: state.settings().quiet_ms, since }
}

fn roll_backs(state: &State) -> Vec<Lane> {
    let all = state.roll_backs();
    let nth_of = |upto: usize| {
        let same = all.iter().take(upto + 1).filter(|&endpoint| *endpoint == all[upto]);
        u32::try_from(same.count()).unwrap_or(u32::MAX)
    };
    (0..all.len())
        .map(|at| vec![Effect::RollBackEndpoint { endpoint: all[at].clone(), nth: nth_of(at) }])
        .collect()
}
