//! A protection taken out of a drill makes it fail, at the gate that stands for it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::{Command, Stdio};

use serde_json::Value;

/// Drills without a protection; gives the JSON of a drill that says that it failed.
fn a_failed_drill(without: &str) -> Value {
    let dir = tempfile::tempdir().unwrap();
    let done = Command::new(env!("CARGO_BIN_EXE_skink"))
        .args(["drill", "--endpoints", "3", "--clients", "3", "--seed", "11", "--json"])
        .args(["--without", without, "--keep"])
        .arg(dir.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(6), "{stderr}");
    serde_json::from_slice(&done.stdout).unwrap_or_else(|error| panic!("{error}: {stderr}"))
}

#[track_caller]
fn assert_broken(report: &Value, gates: &[&str]) {
    let all = report["gates"].as_array().unwrap();
    for name in gates {
        let gate = all.iter().find(|gate| gate["name"] == *name);
        let gate = gate.unwrap_or_else(|| panic!("no gate {name} in {all:#?}"));
        assert_eq!(gate["holds"], false, "{gate}");
    }
}

fn refused_by<'a>(report: &'a Value, attack: &str) -> &'a Value {
    let mut attacks = report["attacks"].as_array().unwrap().iter();
    &attacks.find(|one| one["name"] == attack).unwrap()["refused_by"]
}

#[test]
fn a_drill_without_the_deny_list_fails() {
    let report = a_failed_drill("deny-list");
    assert_broken(&report, &["attack rogue-server-certificate", "attack rogue-client-certificate"]);
    // Only those who go by the list are deceived.
    for attack in ["rogue-server-certificate", "rogue-client-certificate"] {
        let by = refused_by(&report, attack);
        assert_eq!(by["deny"], 0, "{attack}: {by}");
        assert_ne!(by["anchor"], 0, "{attack}: {by}");
        assert_ne!(by["parent-crl"], 0, "{attack}: {by}");
    }
}

#[test]
fn a_drill_without_session_reset_fails() {
    let report = a_failed_drill("session-reset");
    assert_broken(&report, &["attack open-connection", "attack resumed-session"]);
}
