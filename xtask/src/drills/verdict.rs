//! What a drill's JSON must show.

use std::time::Duration;

use serde_json::Value;

use super::Drill;

const MIN_CRASHES: u64 = 3;
const MIN_FULL_HANDSHAKES: u64 = 1000;

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
    must(yes("/crl/read_back"), "the CRL was not read back");
    must(yes("/key/disabled"), "the key was not proven disabled");
    must(yes("/key/control_signature_ok"), "no control signature: an outage is no proof");
    must(yes("/key/thief_has_copy"), "nothing was stolen");
    must(yes("/journal/verified"), "the journal was not verified");
    must(list(figures, "/checkpoints").is_some_and(|c| !c.is_empty()), "no checkpoints");
    must(list(figures, "/not_rehearsed").is_some(), "not_rehearsed is missing");
    must(figures["exposure_s"].is_number(), "exposure_s is missing");
    let recovered = figures["recovered_s"].as_f64();
    must(recovered.is_some(), "recovered_s is missing");
    if let (Some(limit), Some(seconds)) = (drill.recovered_within, recovered) {
        must(seconds <= limit.as_secs_f64(), &format!("recovered only after {seconds} s"));
    }
    if drill.crash {
        must(count("/crashes") >= Some(MIN_CRASHES), "fewer than three crashes");
    }
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
            "report": "report.md", "not_rehearsed": []
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
    fn a_slow_recovery_fails_where_time_is_promised() {
        let mut figures = good();
        figures["recovered_s"] = json!(10.5);
        assert_eq!(problems(&figures, &Drill::theft(8, 1)).len(), 1);
        assert!(problems(&figures, &Drill::crash(8, 1)).is_empty());
    }
}
