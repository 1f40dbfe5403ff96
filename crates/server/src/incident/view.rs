//! An incident as the API shows it.

use std::collections::BTreeMap;

use skink_api as api;
use skink_incident::{
    self as engine, Catalogue, Effect, Gate, Measurement, Outcome, Phase, Recorded, Regulations,
    Report, State, StepDescription, StepName,
};
use skink_model::{IncidentState, Time};

use crate::words::Wire as _;

/// Everything about an incident: its state, and what was measured last at the gates that are shut.
pub(super) fn incident(
    state: &State,
    latest: &BTreeMap<Gate, Measurement>,
    now: Time,
) -> api::Incident {
    let catalogue = Catalogue::english();
    let steps = engine::describe(state, &catalogue);
    let report = Report::build(state, &[], &Regulations::built_in(), &catalogue);
    api::Incident {
        summary: summary(state),
        gates: gates(state, &steps, latest),
        steps: steps.iter().map(|step| one_step(state, step, latest, now)).collect(),
        checkpoints: checkpoints(state),
        approvals: approvals(state),
        triage: triage(state),
        forecast: forecast(state, &catalogue),
        key: key(state),
        certificates: certificates(state, latest),
        crl: crl(state),
        waivers: state.waivers().iter().map(waiver).collect(),
        not_rehearsed: report.not_rehearsed.into_iter().map(|entry| entry.text).collect(),
    }
}

/// The line about it.
pub(super) fn summary(state: &State) -> api::IncidentSummary {
    let declared = state.declaration();
    api::IncidentSummary {
        id: state.incident().to_string(),
        plan: declared.plan.wire(),
        authority: declared.authority.to_string(),
        successor: state.successor().map(ToString::to_string),
        trigger: declared.trigger.wire(),
        policy: declared.policy.wire(),
        severity: declared.severity.wire(),
        drill: declared.drill,
        state: standing(state).wire(),
        step: engine::current_step(state).to_string(),
        suspected_since_ms: declared.suspected_since.map(Time::as_millis),
        detected_at_ms: declared.detected.unwrap_or(state.declared_at()).as_millis(),
        declared_at_ms: state.declared_at().as_millis(),
        aware_at_ms: state.aware_at().as_millis(),
        recovered_at_ms: state.gate(Gate::Distrust).map(|opened| opened.at.as_millis()),
        closed_at_ms: state.ended_at().map(Time::as_millis),
        summary: declared.summary.clone(),
    }
}

/// The state that the database files it under.
pub(super) fn standing(state: &State) -> IncidentState {
    match (state.phase(), state.held()) {
        (Phase::Closed, _) => IncidentState::Closed,
        (Phase::StoodDown, _) => IncidentState::StoodDown,
        (_, Some(_)) => IncidentState::Held,
        (_, None) => IncidentState::Open,
    }
}

/// The report with its timeline.
pub(super) fn report(state: &State, events: &[Recorded]) -> Report {
    Report::build(state, events, &Regulations::built_in(), &Catalogue::english())
}

fn one_step(
    state: &State,
    step: &StepDescription,
    latest: &BTreeMap<Gate, Measurement>,
    now: Time,
) -> api::Step {
    let next = step.effects.iter().find(|effect| !effect.over);
    let (progress, total) = bar(step, latest);
    let wanted = next.and_then(|effect| effect.needs).filter(|&of| !state.approved(of));
    let progress_state = match step.state {
        "through" => api::StepState::Done,
        "waiting" => api::StepState::Waiting,
        _ if wanted.is_some() => api::StepState::AwaitingApproval,
        _ if next.is_some_and(|effect| effect.gate.is_some()) => api::StepState::AwaitingGate,
        _ => api::StepState::Running,
    };
    api::Step {
        name: step.step.to_string(),
        state: progress_state,
        started_at_ms: step.first_at.map(Time::as_millis),
        done_at_ms: step.through_at.map(Time::as_millis),
        detail: detail(state, step, now),
        progress,
        total,
    }
}

/// What the step does next, and what is in its way.
fn detail(state: &State, step: &StepDescription, now: Time) -> String {
    let Some(next) = step.effects.iter().find(|effect| !effect.over) else {
        return step.title.clone();
    };
    let key = engine::EffectKey { step: step.step, subject: next.subject.clone() };
    match state.failure(&key) {
        Some(failure) => {
            let wait = failure.retry_at.since(now).as_millis();
            let (times, why) = (failure.attempts, &failure.reason);
            format!("{} Failed {times} times, again in {wait} ms: {why}", next.text)
        }
        None => next.text.clone(),
    }
}

/// Effects over and in all; within a gate, its subjects.
fn bar(step: &StepDescription, latest: &BTreeMap<Gate, Measurement>) -> (u64, u64) {
    let weigh = |effect: &engine::EffectDescription| {
        let measured = effect.gate.and_then(|gate| latest.get(&gate));
        let (met, target) = measured.map_or((0, 1), |m| (m.met, m.target.max(1)));
        if effect.over { (target, target) } else { (met, target) }
    };
    step.effects.iter().map(weigh).fold((0, 0), |(a, b), (c, d)| (a + c, b + d))
}

/// Every gate of the plan, open or shut.
fn gates(
    state: &State,
    steps: &[StepDescription],
    latest: &BTreeMap<Gate, Measurement>,
) -> Vec<api::Gate> {
    let planned = steps.iter().flat_map(|step| &step.effects).filter_map(|effect| effect.gate);
    planned.map(|gate| one_gate(state, gate, latest.get(&gate))).collect()
}

fn one_gate(state: &State, gate: Gate, latest: Option<&Measurement>) -> api::Gate {
    let opened = state.gate(gate);
    let measured = opened.map(|opened| &opened.measurement).or(latest);
    let waiting = measured.filter(|_| opened.is_none());
    let target = measured.map_or_else(String::new, |m| format!("{} of {}", m.met, m.target));
    api::Gate {
        name: gate.to_string(),
        open: opened.is_some(),
        opened_at_ms: opened.map(|opened| opened.at.as_millis()),
        target,
        samples: measured.map_or(0, |m| m.samples),
        evidence: opened.map(|opened| opened.measurement.evidence.clone()),
        waiting_for: waiting.map_or_else(Vec::new, |m| m.pending.iter().cloned().collect()),
    }
}

fn checkpoints(state: &State) -> Vec<api::Checkpoint> {
    let points = engine::checkpoints(state).into_iter();
    points
        .map(|point| api::Checkpoint {
            name: point.name.to_owned(),
            planned_s: point.planned_s,
            actual_s: point.actual_s,
            evidence: point.evidence.unwrap_or_default(),
        })
        .collect()
}

fn approvals(state: &State) -> Vec<api::ApprovalWanted> {
    let given = |by: &engine::Approver| api::Approval {
        operator: by.person.to_string(),
        at_ms: by.at.as_millis(),
    };
    let wanted = state.awaiting().into_iter();
    wanted
        .map(|(of, approvers)| api::ApprovalWanted {
            step: of.to_string(),
            needed: 2,
            roles: state.settings().roles_for(of).iter().map(|role| role.wire()).collect(),
            given: approvers.iter().map(given).collect(),
        })
        .collect()
}

fn counts(numbers: &BTreeMap<String, u64>) -> Vec<api::TriageCount> {
    let count = |(name, &count): (&String, &u64)| api::TriageCount { name: name.clone(), count };
    numbers.iter().map(count).collect()
}

fn triage(state: &State) -> api::Triage {
    let Some(scope) = state.scope() else { return api::Triage::default() };
    let unmanaged = scope.unmanaged.iter();
    api::Triage {
        certificates: scope.certificates,
        by_profile: counts(&scope.by_profile),
        by_channel: counts(&scope.by_channel),
        by_owner: counts(&scope.by_owner),
        by_criticality: counts(&scope.by_criticality),
        by_mechanism: counts(&scope.relying_parties),
        breaks_immediate: scope.breaks_if_immediate,
        breaks_cutover: scope.breaks_if_cutover,
        unmanaged: unmanaged.map(|party| format!("{} ({})", party.name, party.owner)).collect(),
        cannot_distrust: scope.needs_root_replaced.clone(),
        cached_crl_until_ms: scope.cached_crl_until.map(Time::as_millis),
        expiring_before_finish: scope.expire_before_finish,
    }
}

fn forecast(state: &State, catalogue: &Catalogue) -> api::Forecast {
    let Some(scope) = state.scope() else { return api::Forecast::default() };
    let forecast = &scope.forecast;
    api::Forecast {
        signatures: forecast.signatures,
        waves: u32::try_from(forecast.waves.len()).unwrap_or(u32::MAX),
        recovered_s: std::time::Duration::from_secs(forecast.expected_s).as_secs_f64(),
        within_the_hour: !forecast.misses_the_hour,
        advice: forecast.advice.iter().map(|key| catalogue.text(key, &[])).collect(),
    }
}

fn key(state: &State) -> api::KeyFacts {
    let refusal_code = match state.outcome(StepName::Contain, "disable-key") {
        Some(Outcome::Disabled { refusal_code }) => Some(refusal_code.clone()),
        _ => None,
    };
    let proven = state.gate(Gate::Disabled).is_some();
    api::KeyFacts {
        disabled: proven,
        refusal_code,
        control_signature_ok: proven,
        thief_has_copy: state.declaration().copy_assumed(),
    }
}

fn certificates(state: &State, latest: &BTreeMap<Gate, Measurement>) -> api::CertificateFacts {
    let proven = |gate: Gate| {
        let opened = state.gate(gate).map(|opened| &opened.measurement);
        opened.or_else(|| latest.get(&gate)).map_or(0, |m| m.met)
    };
    let waves = state.scope().map_or(0, |scope| scope.forecast.waves.len());
    let waves = (1..=u32::try_from(waves).unwrap_or(0)).map(Gate::Wave);
    let revoked = match state.outcome(StepName::Revoke, "revoke-certificates") {
        Some(Outcome::Revoked { certificates }) => *certificates,
        _ => 0,
    };
    api::CertificateFacts {
        to_reissue: state.scope().map_or(0, |scope| u64::from(scope.endpoints)),
        reissued: waves.map(proven).sum(),
        revoked,
    }
}

fn crl(state: &State) -> api::CrlFacts {
    let entries = match state.outcome(StepName::Contain, "sign-closing-set") {
        Some(Outcome::ClosingSet { final_entries, .. }) => *final_entries,
        _ => 0,
    };
    let published = match state.outcome(StepName::Revoke, "publish-crls") {
        Some(Outcome::Published { crls }) => {
            crls.iter().map(|crl| format!("{} {}", crl.scope, crl.number)).collect()
        }
        _ => Vec::new(),
    };
    let read = Effect::ReadBackCrls { round: engine::CrlRound::Revocation, agents: 0 };
    api::CrlFacts { entries, read_back: state.is_over(&read), published }
}

fn waiver(waiver: &engine::Waiver) -> api::Waiver {
    api::Waiver {
        gate: waiver.gate.to_string(),
        subject: waiver.subject.clone(),
        reason: waiver.reason.clone(),
        owner: waiver.owner.to_string(),
        expires_at_ms: waiver.expires.as_millis(),
    }
}
