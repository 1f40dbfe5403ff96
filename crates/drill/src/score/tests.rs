//! A full score holds; take any one observation out of it, and the gate for it shuts.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::*;
use crate::report::{
    Certificates, Checkpoint, CrlResult, Handshakes, JournalResult, KeyResult, Means, RefusedBy,
};

const TARGETS: usize = 4;

fn options() -> DrillOptions {
    DrillOptions {
        endpoints: 3,
        clients: 3,
        seed: 1,
        keep: None,
        plan: DrilledPlan::Authority,
        crash: true,
        skink: PathBuf::new(),
        issuer_key: None,
        standby_key: None,
        sabotage: None,
    }
}

fn attack(name: &str) -> AttackResult {
    AttackResult {
        name: name.to_owned(),
        thief: Means::KeyCopy,
        targets: TARGETS,
        accepted_before: if attack::bites_before(name) { TARGETS } else { 0 },
        refused_after: TARGETS,
        controls_ok: TARGETS,
        refused_by: RefusedBy::default(),
        last_accepted_s: None,
        attempts_during: usize::from(attack::is_made_during(name)),
        failures: Vec::new(),
    }
}

fn full() -> (Report, Observed) {
    let checkpoint = |number: usize| Checkpoint {
        name: number.to_string(),
        planned_s: 1.0,
        actual_s: Some(0.5),
        evidence: String::new(),
    };
    let report = Report {
        plan: "authority".to_owned(),
        seed: 1,
        recovered_s: 1.0,
        exposure_s: 0.0,
        checkpoints: (0..9).map(checkpoint).collect(),
        handshakes: Handshakes { full: LEAST_FULL_HANDSHAKES, ..Handshakes::default() },
        relying_parties: 6,
        attacks: attack::NAMES.iter().map(|name| attack(name)).collect(),
        certificates: Certificates { reissued: 6, revoked: 6, unknown: 0 },
        crl: CrlResult { entries: 6, read_back: true },
        key: KeyResult {
            disabled: true,
            refusal_code: "disabled".to_owned(),
            control_signature_ok: true,
            thief_has_copy: true,
            thief: ThiefKind::Copy,
            thief_refused: None,
            thief_may_not_enable: None,
        },
        crashes: LEAST_CRASHES,
        journal: JournalResult { events: 1, verified: true },
        report: String::new(),
        not_rehearsed: Vec::new(),
        gates: Vec::new(),
    };
    let list = "workloads-g1/p0 7".to_owned();
    let observed = Observed {
        closed: true,
        laggard_was_waited_for: true,
        released_once: Released { endpoints: 6, more_than_one: Vec::new() },
        escaped: Vec::new(),
        publications: Publications {
            said: [(list.clone(), 1)].into(),
            seen: [(list.clone(), BTreeSet::from(["a".to_owned()]))].into(),
            last: vec![list],
        },
        expected: attack::NAMES.iter().map(|name| (*name, TARGETS)).collect(),
        sampler_errors: Vec::new(),
    };
    (report, observed)
}

fn shut(report: &Report, observed: &Observed) -> Vec<String> {
    let gates = gates(&options(), report, observed);
    gates.into_iter().filter(|gate| !gate.holds).map(|gate| gate.name).collect()
}

type Without = fn(&mut Report, &mut Observed);

#[test]
fn a_full_score_holds_and_without_any_one_observation_its_gate_shuts() {
    let (report, observed) = full();
    assert_eq!(shut(&report, &observed), Vec::<String>::new());
    let numbers = "one CRL number per publication";
    let cases: &[(&str, Without)] = &[
        ("incident closed", |_, seen| seen.closed = false),
        ("no failed handshake", |report, _| report.handshakes.failed = 1),
        ("enough full handshakes", |report, _| report.handshakes.full -= 1),
        ("every endpoint re-issued", |report, _| report.certificates.reissued -= 1),
        ("quiet gate waited for the laggard", |_, seen| seen.laggard_was_waited_for = false),
        ("one certificate released per endpoint", |_, seen| seen.released_once.endpoints -= 1),
        ("journal verified", |report, _| report.journal.verified = false),
        ("journal verified", |report, _| report.journal.events = 0),
        ("server killed often enough", |report, _| report.crashes -= 1),
        (numbers, |_, seen| seen.publications.said.clear()),
        (numbers, |_, seen| seen.publications.seen.clear()),
        (numbers, |_, seen| seen.publications.last.clear()),
        (numbers, |_, seen| *seen.publications.said.values_mut().next().unwrap() = 2),
        (numbers, |_, seen| {
            seen.publications.seen.values_mut().next().unwrap().insert("b".to_owned());
        }),
        ("final CRL holds whatever may be signed", |_, seen| seen.escaped.push("01".to_owned())),
        ("checkpoint 0", |report, _| report.checkpoints[0].actual_s = None),
        ("checkpoints measured", |report, _| report.checkpoints.truncate(8)),
        ("key disabled at its provider", |report, _| report.key.disabled = false),
        ("key disabled at its provider", |report, _| report.key.control_signature_ok = false),
        ("the thief has a copy", |report, _| report.key.thief_has_copy = false),
        ("final CRL read back", |report, _| report.crl.entries = 0),
        ("attacks without pause during the incident", |_, seen| {
            seen.sampler_errors.push("down".to_owned());
        }),
    ];
    for (gate, take_out) in cases {
        let (mut report, mut observed) = full();
        take_out(&mut report, &mut observed);
        assert_eq!(shut(&report, &observed), [*gate]);
    }
}

#[test]
fn every_attack_needs_each_of_its_observations() {
    type Spoil = fn(&mut AttackResult);
    let cases: &[(&str, Spoil)] = &[
        ("a target", |made| made.targets -= 1),
        ("a refusal", |made| made.refused_after -= 1),
        ("a control", |made| made.controls_ok -= 1),
        ("the bite", |made| made.accepted_before = made.accepted_before.saturating_sub(1)),
        ("an attempt during", |made| made.attempts_during = 0),
    ];
    for (at, name) in attack::NAMES.iter().enumerate() {
        for (what, take_out) in cases {
            let (mut report, observed) = full();
            take_out(&mut report.attacks[at]);
            let needed = match *what {
                "the bite" => attack::bites_before(name),
                "an attempt during" => attack::is_made_during(name),
                _ => true,
            };
            let expected: Vec<_> = needed.then(|| format!("attack {name}")).into_iter().collect();
            assert_eq!(shut(&report, &observed), expected, "{name} without {what}");
        }
        let (mut report, mut observed) = full();
        report.attacks.remove(at);
        assert_eq!(shut(&report, &observed), ["every attack was made"], "{name}");
        let (report, _) = full();
        observed.expected.remove(name);
        assert_eq!(shut(&report, &observed), [format!("attack {name}")]);
    }
}
