//! The report: what happened, when, shown by what, and what nobody measured.

mod markdown;
mod sentence;

use serde::Serialize;
use skink_model::Time;

use crate::checkpoint::{Checkpoint, FollowUp, checkpoints, follow_ups};
use crate::contact::Audience;
use crate::event::{Recorded, Waiver};
use crate::gate::Gate;
use crate::message::Catalogue;
use crate::observation::{Outcome, SnapshotFile};
use crate::regulation::{Due, Regulations};
use crate::scope::Scope;
use crate::state::State;

/// Everything that a reader of the incident needs, without any secret.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The incident's id.
    pub incident: String,
    /// It was one on purpose.
    pub drill: bool,
    /// Its plan.
    pub plan: String,
    /// Its revocation policy.
    pub policy: String,
    /// The authority that goes.
    pub authority: String,
    /// The authority that took over.
    pub successor: Option<String>,
    /// How bad it is.
    pub severity: String,
    /// What made somebody declare.
    pub trigger: String,
    /// Where it is in its life.
    pub phase: String,
    /// The different times.
    pub times: Times,
    /// Planned and measured.
    pub checkpoints: Vec<Checkpoint>,
    /// What triage found.
    pub scope: Option<Scope>,
    /// How long a thief could do harm.
    pub exposure: Exposure,
    /// What opened each gate.
    pub gates: Vec<GateEntry>,
    /// Who approved what.
    pub approvals: Vec<ApprovalEntry>,
    /// Who was told when.
    pub notices: Vec<NoticeEntry>,
    /// What is owed to regulators.
    pub deadlines: Vec<Due>,
    /// Duties that outlive the hour.
    pub follow_ups: Vec<FollowUp>,
    /// Recorded exceptions.
    pub waivers: Vec<Waiver>,
    /// Digests of preserved evidence.
    pub evidence: Vec<SnapshotFile>,
    /// What nobody rehearsed or measured.
    pub not_rehearsed: Vec<NotRehearsed>,
    /// Everything in order.
    pub timeline: Vec<TimelineEntry>,
}

/// "Detected", "declared" and "aware" are different times.
#[derive(Clone, Debug, Serialize)]
pub struct Times {
    /// Since when a thief may have had the key.
    pub suspected_since: Option<String>,
    /// When something noticed.
    pub detected: Option<String>,
    /// When a responsible person knew.
    pub aware: String,
    /// When the incident was declared.
    pub declared: String,
    /// By whom.
    pub declared_by: String,
    /// When the last step was through.
    pub ended: Option<String>,
}

/// How long a thief could do harm, from suspected-since (or the declaration) in seconds.
#[derive(Clone, Debug, Serialize)]
pub struct Exposure {
    /// Until the key was proven disabled: ends a thief who has its use.
    pub use_s: Option<f64>,
    /// Until distrust was proven: ends a thief who has a copy.
    pub copy_s: Option<f64>,
    /// Whether a copy must be assumed.
    pub copy_assumed: bool,
}

/// What opened a gate.
#[derive(Clone, Debug, Serialize)]
pub struct GateEntry {
    /// The gate.
    pub gate: Gate,
    /// When, as RFC 3339.
    pub opened: String,
    /// How many subjects.
    pub target: u64,
    /// How many met it.
    pub met: u64,
    /// How many samples.
    pub samples: u64,
    /// Who was left out by name.
    pub waived: Vec<String>,
    /// SHA-256 of the observations.
    pub evidence: String,
}

/// Who approved.
#[derive(Clone, Debug, Serialize)]
pub struct ApprovalEntry {
    /// What.
    pub approval: String,
    /// Who.
    pub person: String,
    /// As whom.
    pub role: String,
    /// When, as RFC 3339.
    pub at: String,
}

/// Who was told.
#[derive(Clone, Debug, Serialize)]
pub struct NoticeEntry {
    /// The audience.
    pub audience: String,
    /// When its notice was rendered, as RFC 3339.
    pub at: String,
    /// The file.
    pub file: String,
    /// To whom.
    pub recipients: Vec<String>,
    /// Who was left out.
    pub left_out: Vec<String>,
    /// SHA-256 of the file.
    pub digest: String,
    /// It may have been rendered twice.
    pub repeat_possible: bool,
}

/// Something that this incident does not show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NotRehearsed {
    /// The message's key.
    pub key: String,
    /// The sentence.
    pub text: String,
}

/// One line of the timeline.
#[derive(Clone, Debug, Serialize)]
pub struct TimelineEntry {
    /// When, as RFC 3339.
    pub at: String,
    /// Seconds after the declaration.
    pub after_s: f64,
    /// The event's kind.
    pub kind: &'static str,
    /// One sentence.
    pub text: String,
}

impl Report {
    /// The report on an incident as its events stand.
    pub fn build(
        state: &State,
        events: &[Recorded],
        regulations: &Regulations,
        catalogue: &Catalogue,
    ) -> Self {
        let declared = state.declaration();
        Self {
            incident: state.incident().to_string(),
            drill: declared.drill,
            plan: declared.plan.as_str().to_owned(),
            policy: declared.policy.as_str().to_owned(),
            authority: declared.authority.to_string(),
            successor: state.successor().map(ToString::to_string),
            severity: declared.severity.as_str().to_owned(),
            trigger: declared.trigger.as_str().to_owned(),
            phase: state.phase().as_str().to_owned(),
            times: times(state),
            checkpoints: checkpoints(state),
            scope: state.scope().cloned(),
            exposure: exposure(state),
            gates: gates(state),
            approvals: approvals(state),
            notices: notices(state),
            deadlines: if declared.is_compromise() { regulations.due(state) } else { Vec::new() },
            follow_ups: if declared.is_compromise() { follow_ups(state) } else { Vec::new() },
            waivers: state.waivers().to_vec(),
            evidence: evidence(state),
            not_rehearsed: not_rehearsed(state, catalogue),
            timeline: events.iter().map(|event| timeline(state, event, catalogue)).collect(),
        }
    }

    /// The report as one JSON object.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// The report as Markdown.
    pub fn to_markdown(&self, catalogue: &Catalogue) -> String {
        markdown::render(self, catalogue)
    }
}

fn times(state: &State) -> Times {
    let declared = state.declaration();
    let text = |at: Option<Time>| at.map(|at| at.to_string());
    Times {
        suspected_since: text(declared.suspected_since),
        detected: text(declared.detected),
        aware: state.aware_at().to_string(),
        declared: state.declared_at().to_string(),
        declared_by: declared.declared_by.to_string(),
        ended: text(state.ended_at()),
    }
}

fn exposure(state: &State) -> Exposure {
    let declared = state.declaration();
    let since = declared.suspected_since.unwrap_or(state.declared_at());
    let until = |gate| state.gate(gate).map(|opened| opened.at.since(since).as_secs_f64());
    let compromise = declared.is_compromise();
    Exposure {
        use_s: until(Gate::Disabled),
        copy_s: if compromise { until(Gate::Distrust) } else { None },
        copy_assumed: declared.copy_assumed(),
    }
}

fn gates(state: &State) -> Vec<GateEntry> {
    let entry = |(gate, opened): (Gate, &crate::state::OpenedGate)| GateEntry {
        gate,
        opened: opened.at.to_string(),
        target: opened.measurement.target,
        met: opened.measurement.met,
        samples: opened.measurement.samples,
        waived: opened.waived.iter().cloned().collect(),
        evidence: opened.measurement.evidence.clone(),
    };
    let mut opened: Vec<_> = state.gates().collect();
    opened.sort_by_key(|(_, opened)| opened.at);
    opened.into_iter().map(entry).collect()
}

fn approvals(state: &State) -> Vec<ApprovalEntry> {
    let all = crate::approval::ApprovalOf::ALL.into_iter();
    all.flat_map(|of| state.approvers(of).iter().map(move |by| (of, by)))
        .map(|(of, by)| ApprovalEntry {
            approval: of.to_string(),
            person: by.person.to_string(),
            role: by.role.as_str().to_owned(),
            at: by.at.to_string(),
        })
        .collect()
}

fn notices(state: &State) -> Vec<NoticeEntry> {
    let entry = |audience: Audience| {
        let done = state.done(&crate::effect::Effect::RenderNotice { audience }.key())?;
        let Outcome::Notice { file, recipients, left_out } = &done.outcome else { return None };
        Some(NoticeEntry {
            audience: audience.to_string(),
            at: done.at.to_string(),
            file: file.clone(),
            recipients: recipients.clone(),
            left_out: left_out.clone(),
            digest: done.evidence.clone(),
            repeat_possible: done.repeat_possible,
        })
    };
    Audience::ALL.into_iter().filter_map(entry).collect()
}

fn evidence(state: &State) -> Vec<SnapshotFile> {
    let snapshots = state.all_done().filter_map(|(_, done)| match &done.outcome {
        Outcome::Snapshot { files } => Some(files.clone()),
        _ => None,
    });
    snapshots.flatten().collect()
}

/// What the reader must not take for granted.
fn not_rehearsed(state: &State, catalogue: &Catalogue) -> Vec<NotRehearsed> {
    let mut list = Vec::new();
    let mut add = |key: &str, arguments: &[(&str, String)]| {
        let text = catalogue.text(key, arguments);
        list.push(NotRehearsed { key: key.to_owned(), text });
    };
    if state.declaration().is_compromise() {
        add("not-rehearsed.provider-log", &[]);
        add("not-rehearsed.site-hooks", &[]);
        add("not-rehearsed.notices-sent", &[]);
    }
    if state.deadline_passed().is_some() {
        add("not-rehearsed.deadline", &[]);
    }
    if let Some(scope) = state.scope() {
        if !scope.unmanaged.is_empty() {
            let names: Vec<&str> = scope.unmanaged.iter().map(|p| p.name.as_str()).collect();
            add("not-rehearsed.unmanaged", &[("names", names.join(", "))]);
        }
        if !scope.needs_root_replaced.is_empty() {
            let names = scope.needs_root_replaced.join(", ");
            add("not-rehearsed.root-replacement", &[("names", names)]);
        }
    }
    for (gate, opened) in state.gates() {
        for subject in &opened.waived {
            let arguments = [("gate", gate.to_string()), ("subject", subject.clone())];
            add("not-rehearsed.waived", &arguments);
        }
    }
    list
}

fn timeline(state: &State, recorded: &Recorded, catalogue: &Catalogue) -> TimelineEntry {
    TimelineEntry {
        at: recorded.at.to_string(),
        after_s: recorded.at.since(state.declared_at()).as_secs_f64(),
        kind: recorded.event.kind(),
        text: recorded.event.sentence(catalogue),
    }
}
