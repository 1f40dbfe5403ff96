//! Checkpoints by their names, planned and measured.

use std::time::Duration;

use serde::Serialize;
use skink_model::Time;

use crate::contact::Audience;
use crate::effect::{CrlRound, Effect};
use crate::gate::Gate;
use crate::state::State;
use crate::steps::StepName;

/// A point of the plan with a planned and a measured time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Checkpoint {
    /// Its name.
    pub name: &'static str,
    /// Seconds after the declaration by which it should be reached.
    pub planned_s: f64,
    /// Seconds after the declaration at which it was.
    pub actual_s: Option<f64>,
    /// What shows it: a digest, or the journal's event.
    pub evidence: Option<String>,
}

/// A duty that outlives the hour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FollowUp {
    /// Its name.
    pub name: &'static str,
    /// When it is due, as RFC 3339.
    pub due: String,
    /// When it was fulfilled, as RFC 3339.
    pub fulfilled: Option<String>,
}

const MINUTE: u64 = 60;
const DAY: u64 = 24 * 60 * MINUTE;

/// Follow-ups and when they are due, in seconds after the declaration.
const FOLLOW_UPS: [(&str, u64); 5] = [
    ("forensic_report", DAY),
    ("root_cause", 2 * DAY),
    ("authorities", 3 * DAY),
    ("lessons", 7 * DAY),
    ("controls", 14 * DAY),
];

type Reached = fn(&State) -> Option<(Time, String)>;

/// Name, planned offset in minutes, and how to see that it was reached. For a rotation only those
/// that it has steps for are reached; the others are left out.
const CHECKPOINTS: [(&str, u64, Reached); 9] = [
    ("triage", 15, |state| by_effect(state, StepName::Triage, "compute-scope")),
    ("authority_offline", 20, |state| by_gate(state, Gate::Disabled)),
    ("management_informed", 25, |state| by_notices(state, &[Audience::Management])),
    ("crl_generated", 30, |state| by_effect(state, StepName::Contain, "sign-closing-set")),
    ("crl_distributed", 35, |state| by_gate(state, Gate::CrlReadBack(CrlRound::Transition))),
    ("internal_notice", 40, |state| by_notices(state, &[Audience::Operations, Audience::Owners])),
    ("external_notice", 45, |state| by_notices(state, &[Audience::Outside, Audience::Authorities])),
    ("recovery_running", 60, |state| by_effect(state, StepName::Transition, "open-issuance")),
    ("recovered", 60, |state| by_gate(state, Gate::Distrust)),
];

/// The checkpoints that a rotation has.
const OF_A_ROTATION: [&str; 4] = ["triage", "crl_distributed", "recovery_running", "recovered"];

/// Every checkpoint of the incident's plan, planned and measured.
pub fn checkpoints(state: &State) -> Vec<Checkpoint> {
    let compromise = state.declaration().is_compromise();
    let ours = CHECKPOINTS.iter().filter(|(name, ..)| compromise || OF_A_ROTATION.contains(name));
    ours.map(|&(name, minutes, reached)| {
        let reached = reached(state);
        Checkpoint {
            name,
            planned_s: Duration::from_secs(minutes * MINUTE).as_secs_f64(),
            actual_s: reached.as_ref().map(|(at, _)| at.since(state.declared_at()).as_secs_f64()),
            evidence: reached.map(|(_, evidence)| evidence),
        }
    })
    .collect()
}

/// Every duty that outlives the hour, due and fulfilled.
pub fn follow_ups(state: &State) -> Vec<FollowUp> {
    FOLLOW_UPS
        .iter()
        .map(|&(name, secs)| FollowUp {
            name,
            due: state.declared_at().plus(Duration::from_secs(secs)).to_string(),
            fulfilled: state.followed_up(name).map(|at| at.to_string()),
        })
        .collect()
}

/// Whether there is a follow-up of this name.
pub(crate) fn is_follow_up(name: &str) -> bool {
    FOLLOW_UPS.iter().any(|(known, _)| *known == name)
}

fn by_effect(state: &State, step: StepName, subject: &str) -> Option<(Time, String)> {
    let found = state.all_done().find(|(key, _)| key.step == step && key.subject == subject);
    found.map(|(key, done)| {
        let shown = if done.evidence.is_empty() { key.to_string() } else { done.evidence.clone() };
        (done.at, shown)
    })
}

fn by_gate(state: &State, gate: Gate) -> Option<(Time, String)> {
    state.gate(gate).map(|opened| (opened.at, opened.measurement.evidence.clone()))
}

/// Reached when the last of the notices is out.
fn by_notices(state: &State, audiences: &[Audience]) -> Option<(Time, String)> {
    let told = |&audience: &Audience| {
        state.done(&Effect::RenderNotice { audience }.key()).map(|d| (d.at, d.evidence.clone()))
    };
    let all: Option<Vec<(Time, String)>> = audiences.iter().map(told).collect();
    all?.into_iter().max()
}
