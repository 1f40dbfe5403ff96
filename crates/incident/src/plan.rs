//! Plans as lists of steps, and what they would do.

use serde::Serialize;
use skink_model::{Plan, Time, wire};

use crate::approval::ApprovalOf;
use crate::effect::Effect;
use crate::gate::Gate;
use crate::message::Catalogue;
use crate::state::State;
use crate::steps::{
    Close, Contain, Distrust, Evidence, Notices, Replace, Revoke, Step, StepName, Transition,
    Triage,
};

static AUTHORITY: [&dyn Step; 9] =
    [&Triage, &Contain, &Evidence, &Notices, &Replace, &Transition, &Revoke, &Distrust, &Close];

static ROTATION: [&dyn Step; 5] = [&Triage, &Replace, &Transition, &Distrust, &Close];

/// The steps of a plan.
pub(crate) fn steps(plan: Plan) -> &'static [&'static dyn Step] {
    match plan {
        Plan::Authority => &AUTHORITY,
        Plan::Rotation => &ROTATION,
    }
}

/// What a step would do, or has done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StepDescription {
    /// The step.
    pub step: StepName,
    /// Its title.
    pub title: String,
    /// `waiting`, `running` or `through`.
    pub state: &'static str,
    /// When its first effect was over.
    #[serde(with = "wire::millis_option")]
    pub first_at: Option<Time>,
    /// When its last effect was over, once all are.
    #[serde(with = "wire::millis_option")]
    pub through_at: Option<Time>,
    /// What it does, one sentence an effect, with whether that is over.
    pub effects: Vec<EffectDescription>,
}

/// What an effect would do, or has done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EffectDescription {
    /// The effect's subject, as in its key.
    pub subject: String,
    /// One sentence.
    pub text: String,
    /// The approval without which it does not happen.
    pub needs: Option<ApprovalOf>,
    /// The gate it measures.
    pub gate: Option<Gate>,
    /// Nothing can take it back.
    pub irreversible: bool,
    /// It is over.
    pub over: bool,
}

/// Every step of the incident's plan: what it would do, what it waits for, how far it is.
///
/// On the state of a declaration alone this is the dry run.
pub fn describe(state: &State, catalogue: &Catalogue) -> Vec<StepDescription> {
    let all = steps(state.declaration().plan).iter();
    all.map(|step| describe_step(*step, state, catalogue)).collect()
}

/// The first step that is not through; the last one when all are.
pub fn current_step(state: &State) -> StepName {
    let mut all = steps(state.declaration().plan).iter();
    all.find(|step| !step.is_through(state)).map_or(StepName::Close, |step| step.name())
}

fn describe_step(step: &dyn Step, state: &State, catalogue: &Catalogue) -> StepDescription {
    let progress = match (step.begins(state), step.is_through(state)) {
        (_, true) => "through",
        (true, false) => "running",
        (false, false) => "waiting",
    };
    let lanes = step.lanes(state);
    let times = || lanes.iter().flatten().filter_map(|effect| state.over_at(effect));
    StepDescription {
        step: step.name(),
        title: catalogue.text(&format!("step.{}", step.name()), &[]),
        state: progress,
        first_at: times().min(),
        through_at: if progress == "through" { times().max() } else { None },
        effects: lanes.iter().flatten().map(|e| describe_effect(e, state, catalogue)).collect(),
    }
}

fn describe_effect(effect: &Effect, state: &State, catalogue: &Catalogue) -> EffectDescription {
    EffectDescription {
        subject: effect.key().subject,
        text: effect.sentence(state, catalogue),
        needs: effect.needs(),
        gate: effect.gate(),
        irreversible: effect.irreversible(),
        over: state.is_over(effect),
    }
}

impl Effect {
    /// What the effect does, in one sentence.
    pub fn sentence(&self, state: &State, catalogue: &Catalogue) -> String {
        let authority = state.declaration().authority.to_string();
        let mut arguments = vec![("authority", authority)];
        match self {
            Self::RenderNotice { audience } => arguments.push(("audience", audience.to_string())),
            Self::ReadBackCrls { agents, .. } => arguments.push(("agents", agents.to_string())),
            Self::CheckBarrier { handshakes, .. } => {
                arguments.push(("handshakes", handshakes.to_string()));
            }
            Self::ReissueWave { wave, take } => {
                arguments.push(("wave", wave.to_string()));
                let take = take.map_or_else(|| "all remaining".to_owned(), |n| n.to_string());
                arguments.push(("endpoints", take));
            }
            Self::CheckWave { wave } => arguments.push(("wave", wave.to_string())),
            Self::RollBackEndpoint { endpoint, .. } => {
                arguments.push(("endpoint", endpoint.to_string()));
            }
            Self::CheckQuiet { quiet_ms, .. } => {
                arguments.push(("quiet_s", (quiet_ms / 1000).to_string()));
            }
            Self::DisposeKey { disposal, .. } => arguments.push(("disposal", disposal.to_string())),
            _ => {}
        }
        catalogue.text(&self.message_key(), &arguments)
    }

    fn message_key(&self) -> String {
        match self {
            Self::SnapshotEvidence { pass } => format!("effect.{}.{pass}", self.verb()),
            Self::PublishPackage { stage } => format!("effect.{}.{stage}", self.verb()),
            Self::ReadBackCrls { round, .. } => format!("effect.{}.{round}", self.verb()),
            _ => format!("effect.{}", self.verb()),
        }
    }
}
