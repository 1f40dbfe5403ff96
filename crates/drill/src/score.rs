//! The drill's verdict: conditions that were measured, each with the figure that decided.

use std::collections::BTreeMap;

use crate::attack;
use crate::options::{DrillOptions, DrilledPlan};
use crate::publications::Publications;
use crate::report::{AttackResult, Gate, Report};
use crate::thief::stolen::ThiefKind;

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
    /// The CRLs that went out.
    pub(crate) publications: Publications,
    /// How many targets each attack concerns.
    pub(crate) expected: BTreeMap<&'static str, usize>,
    /// Attacks of the incident's time that could not be made.
    pub(crate) sampler_errors: Vec<String>,
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
        let faults = observed.publications.faults();
        gates.push(gate(
            "one CRL number per publication",
            faults.is_empty(),
            format!(
                "{} in the journal, {} fetched, wrong {faults:?}",
                observed.publications.said.len(),
                observed.publications.seen.len()
            ),
        ));
        gates.push(gate(
            "final CRL holds whatever may be signed",
            report.crl.read_back && observed.escaped.is_empty(),
            format!(
                "{} attempts with an unknown end, left out {:?}",
                report.certificates.unknown, observed.escaped
            ),
        ));
        gates.extend(authority_gates(report, observed));
    }
    gates
}

fn authority_gates(report: &Report, observed: &Observed) -> Vec<Gate> {
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
    gates.push(match report.key.thief {
        ThiefKind::Copy => gate(
            "the thief has a copy",
            report.key.thief_has_copy,
            "he signs although the key is disabled".to_owned(),
        ),
        ThiefKind::Use => gate(
            "the thief has lost the use of the key",
            report.key.thief_refused.is_some(),
            report.key.thief_refused.clone().unwrap_or_else(|| "he is not refused".to_owned()),
        ),
    });
    if report.key.thief == ThiefKind::Use {
        let refused = report.key.thief_may_not_enable.clone();
        let evidence = refused.clone().unwrap_or_else(|| "he is not refused".to_owned());
        gates.push(gate("the thief cannot enable the key", refused.is_some(), evidence));
    }
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
    gates.push(gate(
        "attacks without pause during the incident",
        observed.sampler_errors.is_empty(),
        format!("could not be made: {:?}", observed.sampler_errors),
    ));
    gates.extend(report.attacks.iter().map(|result| {
        let expected = observed.expected.get(result.name.as_str()).copied();
        attack_gate(result, expected.unwrap_or_default())
    }));
    gates
}

/// Refused by every target that it concerns with its control accepted; where it could, it bit
/// before; and where it is made during the incident, it was.
fn attack_gate(result: &AttackResult, expected: usize) -> Gate {
    let refused = expected > 0
        && result.targets == expected
        && result.refused_after == result.targets
        && result.controls_ok == result.targets;
    let bites = attack::bites_before(&result.name);
    let bit = !bites || result.accepted_before == result.targets;
    let during = !attack::is_made_during(&result.name) || result.attempts_during > 0;
    let mut evidence = format!(
        "{} of {expected} refused, {} controls accepted, {} accepted before, {} attempts during",
        result.refused_after, result.controls_ok, result.accepted_before, result.attempts_during
    );
    if let Some(first) = result.failures.first() {
        evidence.push_str("; first: ");
        evidence.push_str(first);
    }
    gate(&format!("attack {}", result.name), refused && bit && during, evidence)
}

fn gate(name: &str, holds: bool, evidence: String) -> Gate {
    Gate { name: name.to_owned(), holds, evidence }
}

fn as_u64(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
