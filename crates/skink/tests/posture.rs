//! `skink posture check` over a real server, and over bad keys at real services.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::Attribute;
use cryptoki::session::UserType;
use cryptoki::types::AuthPin;
use serde_json::Value;
use skink_testkit::{OpenBao, SoftHsm};
use skink_testnet::TestServer;
use tempfile::TempDir;

/// Somebody who looks, with what leads him to the services.
struct Auditor<'a> {
    lead: Box<dyn Fn(&mut Command) + 'a>,
    home: TempDir,
}

impl<'a> Auditor<'a> {
    fn at(lead: impl Fn(&mut Command) + 'a) -> Self {
        Self { lead: Box::new(lead), home: tempfile::tempdir().unwrap() }
    }

    fn run(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_skink"));
        command.args(args).current_dir(self.home.path()).stdin(Stdio::null());
        (self.lead)(&mut command);
        let done = command.output().unwrap();
        for said in [&done.stdout, &done.stderr] {
            let said = String::from_utf8_lossy(said);
            assert!(!said.contains(SoftHsm::PIN) && !said.contains("hvs."), "{said}");
        }
        done
    }

    /// The report, and the exit code.
    fn checks(&self, args: &[&str]) -> (Option<i32>, Value) {
        let done = self.run(&[&["posture", "check", "--json"], args].concat());
        let stderr = String::from_utf8_lossy(&done.stderr);
        let report = serde_json::from_slice(&done.stdout)
            .unwrap_or_else(|error| panic!("skink posture check {args:?}: {error}: {stderr}"));
        (done.status.code(), report)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.home.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

/// The findings, or what is unknown, of one rule: what each is about, and why.
fn of<'a>(report: &'a Value, list: &str, rule: &str) -> Vec<(&'a str, &'a str)> {
    let word = if list == "findings" { "evidence" } else { "why" };
    let all = report[list].as_array().unwrap().iter().filter(|one| one["rule"] == rule);
    all.map(|one| (one["subject"].as_str().unwrap(), one[word].as_str().unwrap())).collect()
}

/// A call of the service's own tool, as its administrator.
fn call(bao: &OpenBao, words: &[&str]) {
    let mut command = Command::new("bao");
    let done = bao.lead(command.args(words), OpenBao::TOKEN).output().unwrap();
    assert!(done.status.success(), "{words:?}: {}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn a_bad_key_at_openbao_is_found_among_good_ones() {
    let Some(bao) = OpenBao::start() else { return };
    call(&bao, &["secrets", "enable", "transit"]);
    call(&bao, &["write", "-f", "transit/keys/good", "type=ecdsa-p256"]);
    call(&bao, &["write", "-f", "transit/keys/bad", "type=ecdsa-p256"]);
    call(&bao, &["write", "-f", "transit/keys/secret", "type=aes256-gcm96"]);
    let open = ["exportable=true", "allow_plaintext_backup=true", "deletion_allowed=true"];
    call(&bao, &[&["write", "transit/keys/bad/config"], &open[..]].concat());
    let narrow = r#"policy=path "transit/sign/good" { capabilities = ["update"] }"#;
    call(&bao, &["write", "sys/policies/acl/server", narrow]);
    let auditor = Auditor::at(|command| {
        bao.lead(command, OpenBao::TOKEN);
    });

    let (code, report) = auditor.checks(&["--keys", "vault:transit/"]);
    assert_eq!(code, Some(6), "{report:#}");
    let said = "exportable = true, allow_plaintext_backup = true";
    assert_eq!(of(&report, "findings", "exportable"), [("vault:transit/bad", said)]);
    assert_eq!(of(&report, "findings", "deletion-guard")[0].0, "vault:transit/bad");
    assert_eq!(of(&report, "findings", "key-rotation")[0].0, "vault:transit/secret");
    for rule in ["wide-policy", "weak-key", "key-size", "key-age", "separation", "secret-age"] {
        assert_eq!(of(&report, "findings", rule), [], "{rule}");
        assert_eq!(of(&report, "unknown", rule), [], "{rule}");
    }
    // The log is on, and nobody tells how long it is kept.
    assert_eq!(of(&report, "unknown", "logging")[0].0, "vault");

    // The good key alone passes, until what is unknown counts.
    let good = ["--keys", "vault:transit/good", "--fail-on", "low"];
    let (code, report) = auditor.checks(&good);
    assert_eq!((code, &report["counts"]["high"]), (Some(0), &0.into()), "{report:#}");
    assert_eq!(auditor.checks(&[&good[..], &["--fail-on-unknown"]].concat()).0, Some(6));

    // A policy that gives everybody everything.
    let wide = r#"policy=path "*" { capabilities = ["create", "update", "delete", "sudo"] }"#;
    call(&bao, &["write", "sys/policies/acl/default", wide]);
    let (code, report) = auditor.checks(&good);
    assert_eq!(code, Some(6));
    let told = of(&report, "findings", "wide-policy");
    assert!(told[0].1.contains("policy default, which every token has"), "{told:?}");

    // Who may not look passes nothing.
    let blind = auditor.write("token", "s.nobody");
    let (code, report) =
        auditor.checks(&[&good[..], &["--key-credential-file", blind.to_str().unwrap()]].concat());
    assert_eq!((code, &report["counts"]["passed"]), (Some(0), &0.into()), "{report:#}");
}

#[test]
fn an_extractable_key_of_a_token_is_found() {
    let Some(token) = SoftHsm::init("posture") else { return };
    let auditor = Auditor::at(|command| {
        token.lead(command);
    });
    let good = "pkcs11:token=posture;object=good";
    let made = auditor.run(&["key", "create", good, "--algorithm", "p256"]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    extractable(&token, "bad");

    let (code, report) = auditor.checks(&["--keys", "pkcs11:token=posture"]);
    assert_eq!(code, Some(6), "{report:#}");
    let found = of(&report, "findings", "exportable");
    assert_eq!(found.len(), 1, "{report:#}");
    assert!(found[0].0.contains("object=bad") && found[0].1.contains("CKA_EXTRACTABLE"));
    let once = of(&report, "findings", "key-origin");
    assert_eq!((once.len(), once[0].0), (1, found[0].0), "it could be read out from the first day");
    let (code, report) = auditor.checks(&["--keys", good, "--fail-on", "high"]);
    assert_eq!((code, &report["counts"]["high"]), (Some(0), &0.into()), "{report:#}");
    // A token does not tell when a key was made: that is no pass.
    assert_eq!(of(&report, "unknown", "key-age").len(), 1);
}

/// Somebody made a key that the token gives out.
fn extractable(token: &SoftHsm, label: &str) {
    // The library finds its configuration by a variable: another process has it, and not this one.
    let made = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "makes_an_extractable_key", "--ignored", "--nocapture"])
        .env(SoftHsm::CONFIGURATION, token.configuration())
        .env("POSTURE_MODULE", &token.module)
        .env("POSTURE_LABEL", label)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stdout));
}

#[test]
#[ignore = "a part of another test, which runs it in a process of its own"]
fn makes_an_extractable_key() {
    let Some(module) = std::env::var_os("POSTURE_MODULE") else { return };
    let label = std::env::var("POSTURE_LABEL").unwrap().into_bytes();
    let library = Pkcs11::new(Path::new(&module)).unwrap();
    library.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).unwrap();
    let slot = library.get_slots_with_initialized_token().unwrap()[0];
    let session = library.open_rw_session(slot).unwrap();
    session.login(UserType::User, Some(&AuthPin::new(SoftHsm::PIN.into()))).unwrap();
    let p256 = vec![0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
    let named = [Attribute::Token(true), Attribute::Label(label), Attribute::Id(vec![7])];
    let public = [&named[..], &[Attribute::EcParams(p256), Attribute::Verify(true)]].concat();
    let loose = [Attribute::Sensitive(false), Attribute::Extractable(true), Attribute::Sign(true)];
    let private = [&named[..], &loose].concat();
    session.generate_key_pair(&Mechanism::EccKeyPairGen, &public, &private).unwrap();
}

#[test]
fn a_servers_posture_is_told_accepted_and_written_in_every_form() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = TestServer::init(Path::new(env!("CARGO_BIN_EXE_skink")), dir.path());
    server.start();
    let folder = server.server_dir();
    let operator = server.operator("lead");
    let auditor = Auditor::at(|command| {
        command.args(["--operator", operator.to_str().unwrap()]);
    });
    let at = ["--dir", folder.to_str().unwrap()];

    let (code, report) = auditor.checks(&at);
    // A first try: the root lies beside the server, and tokens let everybody in.
    assert_eq!(code, Some(6), "{report:#}");
    assert_eq!(of(&report, "findings", "one-place")[0].0, "the root");
    assert!(!of(&report, "findings", "operator-second-factor").is_empty());
    assert_eq!(of(&report, "findings", "drill"), [("drills", "there never was one")]);
    let keys = of(&report, "findings", "exportable");
    assert!(keys.iter().any(|(key, _)| *key == "software:workloads-g1"), "{report:#}");
    for rule in [
        "crl-fresh",
        "ocsp-fresh",
        "recovery-kit",
        "authority-lifetime",
        "weak-key",
        "blocked-key",
        "certificate-lifetime",
        "file-permissions",
        "key-age",
        "key-size",
        "logging",
    ] {
        assert_eq!(of(&report, "findings", rule), [], "{rule}");
        assert_eq!(of(&report, "unknown", rule), [], "{rule}");
    }
    assert_eq!(report["rules_left_out"], serde_json::json!([]));

    // What is accepted does not fail; what is accepted in vain is said.
    let high =
        report["findings"].as_array().unwrap().iter().filter(|one| one["severity"] == "high");
    let accept = |rule: &str, subject: &str, until: &str| {
        format!(
            "[[accept]]\nrule = \"{rule}\"\nsubject = \"{subject}\"\nowner = \"lea\"\n\
             reason = \"a first try\"\nuntil = \"{until}\"\n"
        )
    };
    let mut accepted: String = high
        .map(|one| {
            accept(one["rule"].as_str().unwrap(), one["subject"].as_str().unwrap(), "2999-01-01")
        })
        .collect();
    let file = auditor.write("accepted.toml", &accepted);
    let with = [&at[..], &["--baseline", file.to_str().unwrap()]].concat();
    let (code, report) = auditor.checks(&with);
    assert_eq!((code, &report["counts"]["high"]), (Some(0), &0.into()), "{report:#}");
    assert_eq!(report["stale_acceptances"], serde_json::json!([]));
    accepted += &accept("drill", "drills", "2020-01-01");
    accepted += &accept("weak-key", "software:nowhere", "2999-01-01");
    auditor.write("accepted.toml", &accepted);
    let (code, report) = auditor.checks(&[&with[..], &["--fail-on", "low"]].concat());
    let stale = report["stale_acceptances"].as_array().unwrap();
    assert_eq!((code, stale.len()), (Some(6), 2), "{report:#}");
    auditor.write("accepted.toml", &accept("no-such-rule", "x", "2999-01-01"));
    let unusable = auditor.run(&[&["posture", "check"], &with[..]].concat());
    assert_eq!(unusable.status.code(), Some(2));

    let table = auditor.run(&[&["posture", "check", "--fail-on", "never"], &at[..]].concat());
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(table.contains("HIGH") && table.contains("TO DO"), "{table}");
    let sarif = auditor.run(&[&["posture", "check", "--format", "sarif"], &at[..]].concat());
    assert_eq!(sarif.status.code(), Some(6));
    let sarif: Value = serde_json::from_slice(&sarif.stdout).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
    let page = auditor.run(&[&["posture", "check", "--format", "html"], &at[..]].concat());
    let page = String::from_utf8(page.stdout).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.contains("Something has to be done now."));

    // Where the server's folder is not, permissions are unknown, and the rest is told.
    let (_, report) = auditor.checks(&["--dir", "/nowhere"]);
    assert!(!of(&report, "unknown", "file-permissions").is_empty(), "{report:#}");
    assert!(!of(&report, "findings", "exportable").is_empty());
    assert_eq!(server.terminate(), Some(0));
}
