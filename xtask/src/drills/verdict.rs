//! What a drill's JSON must show.

use std::time::Duration;

use serde_json::Value;

use super::{Drill, Plan};

const MIN_CRASHES: u64 = 3;
const MIN_FULL_HANDSHAKES: u64 = 1000;

/// Figures that are told, whatever they are.
const TOLD: [&str; 8] = [
    "/exposure_s",
    "/handshakes/resumed",
    "/handshakes/requests",
    "/certificates/revoked",
    "/crl/entries",
    "/key/refusal_code",
    "/journal/events",
    "/report",
];

/// Everything in the figures that is not as it must be.
pub(super) fn problems(figures: &Value, drill: &Drill) -> Vec<String> {
    let mut found = Vec::new();
    let mut must = |holds: bool, what: &str| {
        if !holds {
            found.push(what.to_owned());
        }
    };
    let parties = u64::from(drill.endpoints) * 2;
    let count = |pointer: &str| figures.pointer(pointer).and_then(Value::as_u64);
    let yes = |pointer: &str| figures.pointer(pointer) == Some(&Value::Bool(true));

    must(count("/handshakes/failed") == Some(0), "handshakes failed");
    must(list(figures, "/handshakes/failures").is_some_and(<[_]>::is_empty), "failures are listed");
    let full = count("/handshakes/full").unwrap_or(0);
    must(full >= MIN_FULL_HANDSHAKES, "fewer than 1,000 full handshakes");
    must(count("/relying_parties") == Some(parties), "relying parties are missing");
    must(count("/certificates/reissued") >= Some(parties), "not everybody was re-issued");
    must(yes("/journal/verified"), "the journal was not verified");
    must(list(figures, "/checkpoints").is_some_and(|c| !c.is_empty()), "no checkpoints");
    must(list(figures, "/not_rehearsed").is_some(), "not_rehearsed is missing");
    for told in TOLD {
        let value = figures.pointer(told);
        must(value.is_some_and(|value| !value.is_null()), &format!("{told} is missing"));
    }
    let recovered = figures["recovered_s"].as_f64();
    must(recovered.is_some(), "recovered_s is missing");
    if let (Some(limit), Some(seconds)) = (drill.recovered_within, recovered) {
        must(seconds <= limit.as_secs_f64(), &format!("recovered only after {seconds} s"));
    }
    if drill.crash {
        must(count("/crashes") >= Some(MIN_CRASHES), "fewer than three crashes");
    }
    found.extend(gate_problems(figures));
    if drill.plan == Plan::Authority {
        found.extend(theft_problems(figures));
    }
    found
}

/// The drill's own verdict, which it has to give with the figures.
fn gate_problems(figures: &Value) -> Vec<String> {
    let Some(gates) = list(figures, "/gates").filter(|gates| !gates.is_empty()) else {
        return vec!["no gates".to_owned()];
    };
    let shut = gates.iter().filter(|gate| gate["holds"] != Value::Bool(true));
    shut.map(|gate| format!("gate {} does not hold: {}", gate["name"], gate["evidence"])).collect()
}

/// What only a thief makes necessary.
fn theft_problems(figures: &Value) -> Vec<String> {
    let must = [
        ("/crl/read_back", "the CRL was not read back"),
        ("/key/disabled", "the key was not proven disabled"),
        ("/key/control_signature_ok", "no control signature: an outage is no proof"),
        ("/key/thief_has_copy", "nothing was stolen"),
    ];
    let broken = must.iter().filter(|(at, _)| figures.pointer(at) != Some(&Value::Bool(true)));
    let mut found: Vec<String> = broken.map(|(_, what)| (*what).to_owned()).collect();
    found.extend(attack_problems(figures));
    found
}

fn attack_problems(figures: &Value) -> Vec<String> {
    let Some(attacks) = list(figures, "/attacks").filter(|attacks| !attacks.is_empty()) else {
        return vec!["no attacks".to_owned()];
    };
    attacks.iter().filter_map(attack_problem).collect()
}

fn attack_problem(attack: &Value) -> Option<String> {
    let name = attack["name"].as_str().unwrap_or("(without name)");
    let targets = attack["targets"].as_u64().unwrap_or(0);
    if targets == 0 {
        return Some(format!("attack {name} had no target"));
    }
    if attack["refused_after"].as_u64() < Some(targets) {
        return Some(format!("attack {name} was not refused by all of {targets} targets"));
    }
    let controls = &attack["controls_ok"];
    if controls != &Value::Bool(true) && controls.as_u64() < Some(targets) {
        return Some(format!("attack {name} has targets without a control that was accepted"));
    }
    None
}

/// The figures that a person wants to see go by.
pub(super) fn line(figures: &Value, took: Duration) -> String {
    format!(
        "recovered in {} s, exposed for {} s, {} handshakes, {} attacks, {} crashes, {:.1} s in all",
        figures["recovered_s"],
        figures["exposure_s"],
        figures["handshakes"]["full"],
        list(figures, "/attacks").map_or(0, <[_]>::len),
        figures["crashes"],
        took.as_secs_f64(),
    )
}

fn list<'a>(figures: &'a Value, pointer: &str) -> Option<&'a [Value]> {
    figures.pointer(pointer)?.as_array().map(Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    fn good() -> Value {
        json!({
            "recovered_s": 4.2, "exposure_s": 3.9,
            "checkpoints": [{"name": "triage", "planned_s": 900, "actual_s": 0.1, "evidence": "e"}],
            "handshakes": {"full": 1200, "resumed": 30, "requests": 1230, "failed": 0, "failures": []},
            "relying_parties": 16,
            "attacks": [{"name": "rogue-server", "targets": 8, "accepted_before": 8,
                "refused_after": 8, "controls_ok": true, "refused_by": {}, "last_accepted_s": 3.9}],
            "certificates": {"reissued": 16, "revoked": 20},
            "crl": {"entries": 20, "read_back": true},
            "key": {"disabled": true, "refusal_code": "disabled", "control_signature_ok": true,
                "thief_has_copy": true},
            "crashes": 3, "journal": {"events": 40, "verified": true},
            "report": "report.md", "not_rehearsed": [],
            "gates": [{"name": "incident closed", "holds": true, "evidence": "recovered"}]
        })
    }

    #[test]
    fn good_figures_pass() {
        assert_eq!(problems(&good(), &Drill::crash(8, 1)), Vec::<String>::new());
        assert_eq!(problems(&good(), &Drill::theft(8, 1)), Vec::<String>::new());
    }

    #[test]
    fn every_figure_can_fail() {
        let spoiled = [
            ("/handshakes/failed", json!(1)),
            ("/handshakes/failures", json!(["refused"])),
            ("/handshakes/full", json!(999)),
            ("/relying_parties", json!(15)),
            ("/certificates/reissued", json!(15)),
            ("/crl/read_back", json!(false)),
            ("/key/disabled", json!(false)),
            ("/key/control_signature_ok", json!(false)),
            ("/key/thief_has_copy", json!(false)),
            ("/journal/verified", json!(false)),
            ("/checkpoints", json!([])),
            ("/not_rehearsed", Value::Null),
            ("/exposure_s", Value::Null),
            ("/recovered_s", Value::Null),
            ("/crashes", json!(2)),
            ("/gates", json!([])),
            ("/gates/0/holds", json!(false)),
            ("/attacks", json!([])),
            ("/attacks/0/targets", json!(0)),
            ("/attacks/0/refused_after", json!(7)),
            ("/attacks/0/controls_ok", json!(false)),
        ];
        for (pointer, value) in spoiled {
            let mut figures = good();
            *figures.pointer_mut(pointer).unwrap() = value;
            assert_eq!(problems(&figures, &Drill::crash(8, 1)).len(), 1, "{pointer}");
        }
    }

    #[test]
    fn a_rotation_needs_no_thief_but_everything_else() {
        let mut figures = good();
        for pointer in ["/key/disabled", "/key/thief_has_copy", "/crl/read_back"] {
            *figures.pointer_mut(pointer).unwrap() = json!(false);
        }
        figures["attacks"] = json!([]);
        let rotation = Drill::rotation(8, 1);
        assert_eq!(problems(&figures, &rotation), Vec::<String>::new());
        figures["handshakes"]["failed"] = json!(1);
        assert_eq!(problems(&figures, &rotation).len(), 1);
    }

    #[test]
    fn a_slow_recovery_fails_where_time_is_promised() {
        let mut figures = good();
        figures["recovered_s"] = json!(10.5);
        let (wall, recovered) = (Duration::from_secs(50), Duration::from_secs(10));
        let timed = Drill::theft(8, 1).timed(wall, recovered);
        assert_eq!(problems(&figures, &timed).len(), 1);
        assert!(problems(&figures, &Drill::theft(8, 1)).is_empty());
    }
}
