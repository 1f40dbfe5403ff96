//! An incident as a person reads it.

use std::time::Duration;

use anyhow::Result;
use skink_api::{Gate, Incident, IncidentState, IncidentSummary, Step, Triage, TriageCount};

use crate::api::segment;
use crate::commands::Session;
use crate::table::{Facts, Table, or_dash, yes};
use crate::when;

const PACE: Duration = Duration::from_secs(1);

/// `skink incident show`.
pub(super) async fn run(session: &Session, id: &str, watch: bool) -> Result<()> {
    let path = format!("/api/v1/incidents/{}", segment(id)?);
    let mut shown = String::new();
    loop {
        let now: Incident = session.api.get(&path, &[]).await?;
        let text = serde_json::to_string(&now)?;
        if text != shown {
            incident(session, &now)?;
            shown = text;
        }
        let ended = matches!(now.summary.state, IncidentState::Closed | IncidentState::StoodDown);
        if !watch || ended {
            return Ok(());
        }
        tokio::time::sleep(PACE).await;
    }
}

/// Everything about one incident.
pub(super) fn incident(session: &Session, incident: &Incident) -> Result<()> {
    session.out.show(incident, || people(incident))
}

pub(super) fn table(incidents: &[IncidentSummary]) -> Table {
    let head =
        ["incident", "plan", "authority", "severity", "state", "step", "declared", "recovered"];
    let mut table = Table::new(head, "no incidents");
    for incident in incidents {
        table.row([
            incident.id.clone(),
            plan(incident),
            incident.authority.clone(),
            incident.severity.to_string(),
            incident.state.to_string(),
            incident.step.clone(),
            when::show(incident.declared_at_ms),
            or_dash(incident.recovered_at_ms.map(when::show)),
        ]);
    }
    table
}

fn plan(incident: &IncidentSummary) -> String {
    let drill = if incident.drill { " (drill)" } else { "" };
    format!("{}{drill}", incident.plan)
}

fn people(incident: &Incident) -> String {
    let summary = &incident.summary;
    let id = if summary.id.is_empty() { "dry run: nothing was changed" } else { &summary.id };
    let facts = Facts::default()
        .fact("incident", id)
        .fact("plan", plan(summary))
        .fact("authority", &summary.authority)
        .maybe("successor", summary.successor.as_ref())
        .fact("trigger", summary.trigger)
        .fact("policy", summary.policy)
        .fact("severity", summary.severity)
        .fact("state", summary.state)
        .maybe("suspected since", summary.suspected_since_ms.map(when::show))
        .fact("detected", when::show(summary.detected_at_ms))
        .fact("declared", when::show(summary.declared_at_ms))
        .maybe("recovered", summary.recovered_at_ms.map(when::show))
        .fact("re-issued", of(incident.certificates.reissued, incident.certificates.to_reissue))
        .fact("key disabled", yes(incident.key.disabled))
        .fact("forecast", format!("{:.0} s", incident.forecast.recovered_s))
        .fact("advice", incident.forecast.advice.join("; "));
    let wanted = incident.approvals.iter().map(|approval| {
        let given: Vec<&str> = approval.given.iter().map(|one| one.operator.as_str()).collect();
        let roles: Vec<&str> = approval.roles.iter().map(|role| role.as_str()).collect();
        let (step, needed) = (&approval.step, approval.needed);
        let so_far = if given.is_empty() { "nobody yet".to_owned() } else { given.join(", ") };
        format!("waits for {needed} people ({}) to approve {step}: {so_far}\n", roles.join(" or "))
    });
    let wanted: String = wanted.collect();
    let (triage, steps, gates) =
        (triage(&incident.triage), steps(&incident.steps), gates(&incident.gates));
    format!("{facts}\n{triage}\n{steps}\n{gates}\n{wanted}")
}

fn of(done: u64, all: u64) -> String {
    format!("{done} of {all}")
}

fn triage(triage: &Triage) -> Facts {
    let breaks = format!(
        "{} under immediate, {} under cutover",
        triage.breaks_immediate, triage.breaks_cutover
    );
    Facts::default()
        .fact("affected", format!("{} certificates", triage.certificates))
        .fact("by profile", counts(&triage.by_profile))
        .fact("by mechanism", counts(&triage.by_mechanism))
        .fact("would break", breaks)
        .fact("nobody tends", triage.unmanaged.join(", "))
        .fact("needs a new root", triage.cannot_distrust.join(", "))
        .maybe("old CRLs until", triage.cached_crl_until_ms.map(when::show))
}

fn counts(counts: &[TriageCount]) -> String {
    let each: Vec<String> =
        counts.iter().map(|one| format!("{} {}", one.name, one.count)).collect();
    each.join(", ")
}

fn steps(steps: &[Step]) -> Table {
    let mut table = Table::new(["step", "state", "done", "what"], "no steps");
    for step in steps {
        let done = if step.total > 0 { of(step.progress, step.total) } else { "-".into() };
        table.row([step.name.clone(), step.state.to_string(), done, step.detail.clone()]);
    }
    table
}

fn gates(gates: &[Gate]) -> Table {
    let mut table = Table::new(["gate", "open", "samples", "waits for"], "no gates yet");
    for gate in gates {
        let open = gate.opened_at_ms.map_or_else(|| yes(gate.open), when::show);
        table.row([gate.name.clone(), open, gate.samples.to_string(), waits_for(gate)]);
    }
    table
}

/// Of a gate that waits for too many to name them all, how far it is.
fn waits_for(gate: &Gate) -> String {
    if gate.open || !gate.waiting_for.is_empty() {
        return waiting(&gate.waiting_for);
    }
    gate.target.clone()
}

/// The first few names and how many more there are.
fn waiting(names: &[String]) -> String {
    const SHOWN: usize = 3;
    let first = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match names.len().checked_sub(SHOWN) {
        None | Some(0) => first,
        Some(more) => format!("{first} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_that_names_nobody_says_how_far_it_is() {
        let mut gate = Gate {
            name: "barrier".to_owned(),
            open: false,
            opened_at_ms: None,
            target: "2000 of 10000".to_owned(),
            samples: 0,
            evidence: None,
            waiting_for: Vec::new(),
        };
        assert_eq!(waits_for(&gate), "2000 of 10000");
        gate.waiting_for.push("web-1".to_owned());
        assert_eq!(waits_for(&gate), "web-1");
        gate = Gate { open: true, waiting_for: Vec::new(), ..gate };
        assert_eq!(waits_for(&gate), "");
    }

    #[test]
    fn a_long_wait_is_told_shortly() {
        let names: Vec<String> = (1..=5).map(|n| format!("web-{n}")).collect();
        assert_eq!(waiting(&names), "web-1, web-2, web-3 and 2 more");
        assert_eq!(waiting(&names[..3]), "web-1, web-2, web-3");
        assert_eq!(waiting(&[]), "");
    }
}
