//! A protection taken out of a drill makes it fail, at the gate that stands for it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

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

/// These gates give way and all others hold.
#[track_caller]
fn assert_broken(report: &Value, expected: &[&str]) {
    let all = report["gates"].as_array().unwrap();
    let broken = all.iter().filter(|gate| gate["holds"] == false);
    let broken: BTreeSet<&str> = broken.map(|gate| gate["name"].as_str().unwrap()).collect();
    assert_eq!(broken, expected.iter().copied().collect(), "{all:#?}");
}

/// What an incident does not come to when its server sees a rogue accepted.
const UNPROVEN: [&str; 2] = ["incident closed", "checkpoint recovered"];

/// Attacks by those who have the key, in a party that goes on trusting it.
const ROGUE: [&str; 7] = [
    "attack rogue-server-certificate",
    "attack rogue-client-certificate",
    "attack back-dated-certificate",
    "attack twin-of-a-legitimate-certificate",
    "attack forged-ocsp-stapled",
    "attack resumed-session",
    "attack open-connection",
];

fn refused_by<'a>(report: &'a Value, attack: &str) -> &'a Value {
    let mut attacks = report["attacks"].as_array().unwrap().iter();
    &attacks.find(|one| one["name"] == attack).unwrap()["refused_by"]
}

#[test]
fn a_drill_without_the_deny_list_fails() {
    let report = a_failed_drill("deny-list");
    let cross = ["attack cross-certificate-with-compressed-point"];
    assert_broken(&report, &[&UNPROVEN[..], &ROGUE, &cross].concat());
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

#[test]
fn a_drill_without_the_parents_crl_fails() {
    let report = a_failed_drill("parent-crl");
    let empty = ["attack empty-crl-numbered-2-150"];
    assert_broken(&report, &[&UNPROVEN[..], &ROGUE, &empty].concat());
    for attack in ["rogue-server-certificate", "rogue-client-certificate"] {
        let by = refused_by(&report, attack);
        assert_eq!(by["parent-crl"], 0, "{attack}: {by}");
        assert_ne!(by["anchor"], 0, "{attack}: {by}");
        assert_ne!(by["deny"], 0, "{attack}: {by}");
    }
}

#[test]
fn a_drill_without_the_quiet_gate_fails() {
    let report = a_failed_drill("quiet-gate");
    // The thief is locked out all the same; it is the laggard who pays.
    assert_broken(&report, &["no failed handshake"]);
    let failures = report["handshakes"]["failures"].as_array().unwrap();
    let laggards = |one: &Value| one.as_str().unwrap().starts_with("client-2 ");
    assert!(failures.iter().all(laggards), "{failures:?}");
}

#[test]
fn an_interrupted_drill_stops_its_server() {
    let dir = tempfile::tempdir().unwrap();
    let mut drill = Command::new(env!("CARGO_BIN_EXE_skink"))
        .args(["drill", "--endpoints", "3", "--clients", "3", "--seed", "12", "--json", "--keep"])
        .arg(dir.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let ports = dir.path().join("server/ports.json");
    let api = until(|| {
        let ports: Value = serde_json::from_slice(&std::fs::read(&ports).ok()?).ok()?;
        ports["api"].as_str().map(|api| api.parse::<SocketAddr>().unwrap())
    });
    until(|| TcpStream::connect(api).ok());

    let asked = Command::new("kill").arg("-TERM").arg(drill.id().to_string()).status().unwrap();
    assert!(asked.success());
    assert_eq!(drill.wait().unwrap().code(), Some(1));
    until(|| TcpStream::connect(api).is_err().then_some(()));
}

/// What `ask` gives as soon as it gives something.
#[track_caller]
fn until<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "nothing after 30 s");
        std::thread::sleep(Duration::from_millis(20));
    }
}
