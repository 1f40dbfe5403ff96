//! The drill's verdict: conditions that were measured, each with the figure that decided.

use crate::attack;
use crate::options::{DrillOptions, DrilledPlan};
use crate::report::{AttackResult, Gate, Report};

const LEAST_FULL_HANDSHAKES: u64 = 1_000;
const LEAST_CRASHES: u32 = 3;

/// Facts that decide gates and have no place of their own in the report.
#[derive(Debug, Clone, Default)]
pub(crate) struct Observed {
    /// Whether the incident itself came to its end.
    pub(crate) closed: bool,
    /// Whether an endpoint used its replaced certificate while the quiet gate was shut.
    pub(crate) laggard_was_waited_for: bool,
    /// What was released under the new generation.
    pub(crate) released_once: Released,
    /// Serials that the stolen authority signed or may have signed and its final CRL leaves out.
    pub(crate) escaped: Vec<String>,
    /// Whether no CRL number went out twice.
    pub(crate) numbers_published_once: bool,
}

/// Certificates of the new generation that were released to endpoints.
#[derive(Debug, Clone, Default)]
pub(crate) struct Released {
    /// Endpoints that have one.
    pub(crate) endpoints: usize,
    /// Endpoints that were given more than one.
    pub(crate) more_than_one: Vec<String>,
}

/// Every gate of a drill with these options.
pub(crate) fn gates(options: &DrillOptions, report: &Report, observed: &Observed) -> Vec<Gate> {
    let mut gates = vec![
        gate(
            "incident closed",
            observed.closed,
            format!("recovered in {:.2} s", report.recovered_s),
        ),
        gate(
            "no failed handshake",
            report.handshakes.failed == 0,
            format!("{} failed of {}", report.handshakes.failed, report.handshakes.requests),
        ),
        gate(
            "enough full handshakes",
            report.handshakes.full >= LEAST_FULL_HANDSHAKES,
            format!("{} of at least {LEAST_FULL_HANDSHAKES}", report.handshakes.full),
        ),
        gate(
            "every endpoint re-issued",
            report.certificates.reissued >= as_u64(report.relying_parties),
            format!("{} of {}", report.certificates.reissued, report.relying_parties),
        ),
        gate(
            "quiet gate waited for the laggard",
            observed.laggard_was_waited_for,
            "the laggard's old certificate was in use until its gate opened".to_owned(),
        ),
        gate(
            "one certificate released per endpoint",
            observed.released_once.endpoints == report.relying_parties
                && observed.released_once.more_than_one.is_empty(),
            format!(
                "{} endpoints, more than one at {:?}",
                observed.released_once.endpoints, observed.released_once.more_than_one
            ),
        ),
        gate(
            "journal verified",
            report.journal.verified && report.journal.events > 0,
            format!("{} events", report.journal.events),
        ),
    ];
    if options.crash {
        let evidence = format!("{} of at least {LEAST_CRASHES}", report.crashes);
        gates.push(gate("server killed often enough", report.crashes >= LEAST_CRASHES, evidence));
    }
    if options.plan == DrilledPlan::Authority {
        gates.push(gate(
            "one CRL number per publication",
            observed.numbers_published_once,
            "no scope and number went out twice".to_owned(),
        ));
        gates.push(gate(
            "final CRL holds whatever may be signed",
            report.crl.read_back && observed.escaped.is_empty(),
            format!(
                "{} attempts with an unknown end, left out {:?}",
                report.certificates.unknown, observed.escaped
            ),
        ));
        gates.extend(authority_gates(report));
    }
    gates
}

fn authority_gates(report: &Report) -> Vec<Gate> {
    let mut gates: Vec<Gate> = report
        .checkpoints
        .iter()
        .map(|checkpoint| {
            let name = format!("checkpoint {}", checkpoint.name);
            let evidence = match checkpoint.actual_s {
                Some(actual) => format!("{actual:.2} s of {:.0} s", checkpoint.planned_s),
                None => "not reached".to_owned(),
            };
            let holds = checkpoint.actual_s.is_some_and(|actual| actual <= checkpoint.planned_s);
            gate(&name, holds, evidence)
        })
        .collect();
    gates.push(gate(
        "checkpoints measured",
        report.checkpoints.len() >= 9,
        format!("{} checkpoints", report.checkpoints.len()),
    ));
    gates.push(gate(
        "key disabled at its provider",
        report.key.disabled && report.key.control_signature_ok,
        format!("{} with a control signature beside it", report.key.refusal_code),
    ));
    gates.push(gate(
        "the thief has a copy",
        report.key.thief_has_copy,
        "he signs although the key is disabled".to_owned(),
    ));
    gates.push(gate(
        "final CRL read back",
        report.crl.read_back && report.crl.entries >= as_u64(report.relying_parties),
        format!("{} entries", report.crl.entries),
    ));
    gates.push(gate(
        "every attack was made",
        attack::NAMES.iter().all(|name| report.attacks.iter().any(|made| made.name == *name)),
        format!("{} of {}", report.attacks.len(), attack::NAMES.len()),
    ));
    gates.extend(report.attacks.iter().map(attack_gate));
    gates
}

/// Refused by every target with its control accepted; and, where it could, it bit before.
fn attack_gate(result: &AttackResult) -> Gate {
    let refused = result.targets > 0
        && result.refused_after == result.targets
        && result.controls_ok == result.targets;
    let bites = attack::bites_before(&result.name);
    let bit = !bites || result.accepted_before == result.targets;
    let mut evidence = format!(
        "{} of {} refused, {} controls accepted, {} accepted before",
        result.refused_after, result.targets, result.controls_ok, result.accepted_before
    );
    if let Some(first) = result.failures.first() {
        evidence.push_str("; first: ");
        evidence.push_str(first);
    }
    gate(&format!("attack {}", result.name), refused && bit, evidence)
}

fn gate(name: &str, holds: bool, evidence: String) -> Gate {
    Gate { name: name.to_owned(), holds, evidence }
}

fn as_u64(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
