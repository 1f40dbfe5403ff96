//! Drills with keys at key services: a thief who has the use of the issuing key, not a copy, and a
//! standby at another service than the issuer.
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use skink_testkit::{OpenBao, SoftHsm};
use tempfile::TempDir;

use crate::search::{Search, Secret};

const ISSUER_AT_BAO: &str = "vault:transit/issuer-1";
const STANDBY_AT_BAO: &str = "vault:transit/standby-1";
const ISSUER_AT_TOKEN: &str = "pkcs11:token=drill;object=issuer-1";
const STANDBY_AT_TOKEN: &str = "pkcs11:token=drill;object=standby-1";

/// A real OpenBao and a real SoftHSM token, and the environment that leads to them.
struct Services {
    bao: OpenBao,
    token: SoftHsm,
    home: TempDir,
}

impl Services {
    fn start() -> Option<Self> {
        let (bao, token) = (OpenBao::start()?, SoftHsm::init("drill")?);
        Some(Self { bao, token, home: tempfile::tempdir().unwrap() })
    }

    /// The variables of an administrator.
    fn lead_to<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        self.token.lead(self.bao.lead(command, OpenBao::TOKEN))
    }

    fn kept(&self) -> PathBuf {
        self.home.path().join("kept")
    }

    /// The drilled server, started once more, is asked what nobody asked for.
    fn reconciled(&self) -> (Option<i32>, Value) {
        let server = self.kept().join("server");
        // One that was left behind would say that the server is there.
        let _ = std::fs::remove_file(server.join("ports.json"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_skink"));
        command.arg("serve").arg("--dir").arg(&server).stderr(Stdio::null());
        let mut serving = self.lead_to(&mut command).stdin(Stdio::null()).spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        while !server.join("ports.json").exists() {
            assert!(Instant::now() < deadline, "the server does not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        let done = Command::new(env!("CARGO_BIN_EXE_skink"))
            .args(["key", "reconcile", "--json", "--audit-log"])
            .arg(self.bao.audit_log())
            .arg("--operator")
            .arg(server.join("operators").join("lead.json"))
            .output()
            .unwrap();
        serving.kill().unwrap();
        serving.wait().unwrap();
        let stderr = String::from_utf8_lossy(&done.stderr);
        let found = serde_json::from_slice(&done.stdout)
            .unwrap_or_else(|error| panic!("{error}: {stderr}"));
        (done.status.code(), found)
    }

    fn drill(&self, issuer: &str, standby: &str) -> Value {
        drill(
            self.home.path(),
            |command| {
                self.lead_to(command);
            },
            issuer,
            standby,
        )
    }
}

/// A small drill in `home` with keys that it makes, to which `lead` gives an administrator's
/// environment. What it leaves is in `home/kept`.
pub(crate) fn drill(
    home: &Path,
    lead: impl FnOnce(&mut Command),
    issuer: &str,
    standby: &str,
) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_skink"));
    command
        .current_dir(home)
        .args(["drill", "--endpoints", "3", "--clients", "3", "--seed", "5", "--json"])
        .args(["--create-keys", "--issuer-key", issuer, "--standby-key", standby])
        .arg("--keep")
        .arg(home.join("kept"));
    lead(&mut command);
    let done = command.stdin(Stdio::null()).output().unwrap();
    let stderr = String::from_utf8_lossy(&done.stderr);
    let report: Value =
        serde_json::from_slice(&done.stdout).unwrap_or_else(|error| panic!("{error}: {stderr}"));
    let gates = report["gates"].as_array().unwrap().iter();
    let broken: Vec<_> = gates.filter(|gate| gate["holds"] == false).collect();
    assert_eq!((done.status.code(), &broken[..]), (Some(0), &[][..]), "{stderr}");
    report
}

/// What the drill wrote down for `skink init`, and the token of a key that was adopted, is
/// nowhere but there.
pub(crate) fn assert_credentials_stay(kept: &Path, files: &[&str]) {
    let secret = |file: &&str| Secret::new(*file, &std::fs::read(kept.join(file)).unwrap());
    let secrets: Vec<Secret> = files.iter().map(secret).collect();
    let search = Search::new(&secrets);
    let mut looked_at = 0;
    let mut folders = vec![kept.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let below = path.strip_prefix(kept).unwrap();
            let home = below.starts_with("server/credentials")
                || files.iter().any(|file| below == Path::new(file));
            if path.is_dir() {
                folders.push(path);
            } else if !home {
                looked_at += 1;
                let found = search.found_in(&std::fs::read(&path).unwrap());
                let names: Vec<&str> = found.iter().map(|one| one.name.as_str()).collect();
                assert!(names.is_empty(), "{names:?} in {}", path.display());
            }
        }
    }
    assert!(looked_at > 100, "only {looked_at} files");
}

/// The service itself turned the thief away, and what he made while he could helped him no more.
#[track_caller]
pub(crate) fn assert_the_use_is_lost(report: &Value, refusal: &str) {
    let key = &report["key"];
    assert_eq!((&key["disabled"], &key["control_signature_ok"]), (&true.into(), &true.into()));
    assert_eq!((&key["thief"], &key["thief_has_copy"]), (&"use".into(), &false.into()));
    assert_eq!(key["thief_refused"], refusal);
    assert_eq!(key["refusal_code"], refusal);
    assert!(key["thief_may_not_enable"].is_string(), "{key:#}");
    let attacks = report["attacks"].as_array().unwrap();
    let by_use: Vec<_> = attacks.iter().filter(|attack| attack["thief"] == "key-use").collect();
    assert!(by_use.len() >= 10, "{attacks:#?}");
    assert!(attacks.iter().all(|attack| attack["thief"] != "key-copy"));
    assert!(by_use.iter().all(|attack| attack["refused_after"] == attack["targets"]));
}

#[test]
fn an_issuer_at_openbao_is_followed_by_a_standby_at_a_token() {
    let Some(services) = Services::start() else { return };
    let report = services.drill(ISSUER_AT_BAO, STANDBY_AT_TOKEN);
    assert_the_use_is_lost(&report, "vault:soft-deleted");
    assert_credentials_stay(&services.kept(), &["disabling.key"]);
    // Every forgery is in the service's own record, and no honest signature is taken for one.
    let (code, found) = services.reconciled();
    assert_eq!(code, Some(6), "{found:#}");
    let unasked = found["unasked"].as_array().unwrap();
    assert!(unasked.len() >= 10, "{found:#}");
    assert!(unasked.iter().all(|one| one["key"] == "vault:transit/issuer-1"), "{found:#}");
    assert!(found["paired"].as_u64().unwrap() >= 20, "{found:#}");
}

#[test]
fn an_issuer_at_a_token_is_followed_by_a_standby_at_openbao() {
    let Some(services) = Services::start() else { return };
    let report = services.drill(ISSUER_AT_TOKEN, STANDBY_AT_BAO);
    assert_the_use_is_lost(&report, "pkcs11:KeyFunctionNotPermitted");
    assert_credentials_stay(&services.kept(), &["standby.key"]);
    // The thief's key was in the token, which keeps no record; the standby signed as it was asked to.
    let (code, found) = services.reconciled();
    assert_eq!((code, &found["unasked"]), (Some(0), &serde_json::json!([])), "{found:#}");
    assert!(found["paired"].as_u64().unwrap() >= 6, "{found:#}");
}
