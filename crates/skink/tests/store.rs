//! A whole database: copied to PostgreSQL and back, backed up, and put back without taking a revocation
//! back.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use skink_testkit::{Postgres, TestKey};
use skink_testnet::TestServer;
use skink_x509::crl::Crl;
use skink_x509::ocsp::{CertId, CertStatus, HashAlgorithm, OcspRequest, OcspResponse};
use skink_x509::{Certificate, GeneralName, KeyAlgorithm};
use tempfile::TempDir;

const OWN: &str = "workloads-g1/p0";
const OF_ROOT: &str = "root/workloads-g1";

struct Site {
    server: TestServer,
    dir: TempDir,
}

struct Issued {
    id: String,
    leaf: Certificate,
    above: Certificate,
}

impl Site {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut server = TestServer::init(Path::new(env!("CARGO_BIN_EXE_skink")), dir.path());
        server.start();
        Self { server, dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn store(&self, words: &[&str]) -> Output {
        let mut args = vec!["--json".to_owned(), "store".to_owned()];
        args.extend(words.iter().map(ToString::to_string));
        args.extend(["--dir".to_owned(), self.server.server_dir().display().to_string()]);
        self.server.command(&args).output().unwrap()
    }

    fn gets(&self, words: &[&str]) -> Value {
        let done = self.store(words);
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{words:?}: {said}");
        serde_json::from_slice(&done.stdout).unwrap()
    }

    fn fails(&self, words: &[&str]) -> String {
        let done = self.store(words);
        assert!(!done.status.success(), "{words:?}");
        String::from_utf8(done.stderr).unwrap()
    }

    fn issue(&self, name: &str) -> Issued {
        let name = format!("{name}.test.skink.internal");
        let key = TestKey::generate(KeyAlgorithm::EcP256);
        let csr = self.path("csr.pem");
        let request = key.request(&name, &[GeneralName::Dns(name.clone())]);
        std::fs::write(&csr, request.to_pem()).unwrap();
        let profile = ["--issuer", "workloads", "--profile", "server", "--csr"];
        let ask = [&["certificate", "issue"][..], &profile, &[csr.to_str().unwrap()]].concat();
        let issued = self.server.skink("operator", &ask).unwrap();
        Issued {
            id: issued["id"].as_str().unwrap().to_owned(),
            leaf: Certificate::from_pem(issued["certificate_pem"].as_str().unwrap()).unwrap(),
            above: Certificate::from_pem(issued["chain_pem"].as_str().unwrap()).unwrap(),
        }
    }

    fn revoke(&self, one: &Issued) -> Value {
        let revoke = ["certificate", "revoke", &one.id, "--reason", "superseded"];
        self.server.skink("operator", &revoke).unwrap()
    }

    fn curl(&self, path: &str, body: Option<&[u8]>) -> Option<Vec<u8>> {
        let ports = std::fs::read_to_string(self.server.server_dir().join("ports.json")).unwrap();
        let ports: Value = serde_json::from_str(&ports).unwrap();
        let url = format!("http://{}{path}", ports["public"].as_str().unwrap());
        let mut curl = Command::new("curl");
        curl.args(["-sf", "--noproxy", "*", &url]);
        if let Some(body) = body {
            let file = self.path("body");
            std::fs::write(&file, body).unwrap();
            curl.arg("--data-binary").arg(format!("@{}", file.display()));
        }
        let done = curl.output().unwrap();
        done.status.success().then_some(done.stdout)
    }

    fn list(&self, scope: &str) -> Option<Vec<u8>> {
        self.curl(&format!("/crl/{scope}.crl"), None)
    }

    /// The status that OCSP gives; none while it says to try later.
    fn status(&self, one: &Issued) -> Option<CertStatus> {
        let (subject, key) = (one.above.subject(), one.above.public_key());
        let id = CertId::new(HashAlgorithm::Sha256, subject, key, one.leaf.serial()).unwrap();
        let request = OcspRequest::new(vec![id.clone()], None).to_der().unwrap();
        let answer = self.curl("/ocsp/workloads-g1", Some(&request)).unwrap();
        let basic = OcspResponse::from_der(&answer).unwrap().basic?;
        Some(basic.find(&id).unwrap().status)
    }

    fn held(&self) -> Vec<String> {
        let held = self.server.skink("lead", &["authority", "held-lists"]).unwrap();
        let scope = |one: &Value| one["scope"].as_str().unwrap().to_owned();
        held.as_array().unwrap().iter().map(scope).collect()
    }
}

fn number(list: &[u8]) -> u64 {
    Crl::from_der(list).unwrap().number().unwrap().to_u64().unwrap()
}

fn is_revoked(status: Option<CertStatus>) -> bool {
    matches!(status, Some(CertStatus::Revoked { .. }))
}

#[test]
fn a_restore_takes_no_revocation_back() {
    let mut site = Site::new();
    let (before, since, third) = (site.issue("before"), site.issue("since"), site.issue("third"));
    site.revoke(&before);
    let old = site.path("old.crl");
    std::fs::write(&old, site.list(OWN).unwrap()).unwrap();
    site.revoke(&site.issue("another"));
    let backup = site.path("backup.db");
    let backup = backup.to_str().unwrap();
    let written = site.gets(&["backup", backup]);
    assert_eq!(
        (&written["journal"]["verified"], &written["tables"]["revocation"]),
        (&json!(true), &json!(2))
    );
    assert_eq!(site.gets(&["check"])["held"], json!([]));

    // What the backup does not know.
    site.revoke(&since);
    let newest = site.list(OWN).unwrap();
    let scopes: Vec<String> = serde_json::from_value(written["held"].clone()).unwrap();
    let mut files = Vec::new();
    for scope in scopes.iter().filter(|scope| *scope != OF_ROOT) {
        let file = site.path(&format!("{}.crl", scope.replace('/', "-")));
        std::fs::write(&file, site.list(scope).unwrap()).unwrap();
        files.push(file.to_str().unwrap().to_owned());
    }
    assert!(site.fails(&["lists", &files[0]]).contains("another server"));
    assert_eq!(site.server.terminate(), Some(0));

    assert!(site.fails(&["restore", backup]).contains("not empty"));
    let lost = site.server.server_dir().join("skink.db");
    std::fs::rename(&lost, site.path("lost.db")).unwrap();
    assert_eq!(site.gets(&["restore", backup, "--dry-run"])["tables"]["revocation"], 2);
    assert!(!lost.exists(), "a dry run puts nothing back");
    site.gets(&["restore", backup]);

    // It signs nothing, hands nothing out, and says nothing good.
    site.server.start();
    assert_eq!(site.held(), scopes);
    assert_eq!(site.list(OWN), None);
    assert!(site.status(&since).is_none() && is_revoked(site.status(&before)));
    assert_eq!(site.revoke(&third)["crl_number"], Value::Null);
    assert!(is_revoked(site.status(&third)));
    let alarms = site.server.skink("lead", &["status"]).unwrap()["alarms"].to_string();
    assert!(alarms.contains("lists-held"), "{alarms}");
    assert!(site.server.skink("lead", &["trust", "publish", "--reason", "now"]).is_err());
    assert_eq!(site.server.terminate(), Some(0));

    // Neither an older list, nor a forged one; one that fails keeps all back.
    assert!(site.fails(&["lists", old.to_str().unwrap()]).contains("does not outrank"));
    let forged = site.path("forged.crl");
    let mut bytes = newest.clone();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&forged, bytes).unwrap();
    let with_forged = [&["lists"][..], &[&files[0], forged.to_str().unwrap()]].concat();
    assert!(site.fails(&with_forged).contains("is not signed by"));
    assert_eq!(site.gets(&["check"])["held"].as_array().unwrap().len(), scopes.len());
    let given: Vec<&str> = files.iter().map(String::as_str).collect();
    let taken = site.gets(&[&["lists"][..], &given].concat());
    let own = taken.as_array().unwrap().iter().find(|one| one["scope"] == OWN).unwrap();
    assert_eq!((&own["number"], &own["forgotten"]), (&json!(number(&newest)), &json!(1)));

    site.server.start();
    // That very list, or one after it.
    assert!(number(&site.list(OWN).unwrap()) >= number(&newest));
    assert!(is_revoked(site.status(&since)));
    waived_by_two(&site);
    site.revoke(&site.issue("after"));
    let out = site.list(OWN).unwrap();
    assert!(number(&out) > number(&newest));
    let out = Crl::from_der(&out).unwrap();
    for one in [&before, &since, &third] {
        assert!(out.find(one.leaf.serial()).is_some(), "{} is good again", one.id);
    }
    site.server.skink("lead", &["trust", "publish", "--reason", "now"]).unwrap();
    assert_eq!(site.server.skink("lead", &["journal", "verify"]).unwrap()["verified"], true);
}

fn waived_by_two(site: &Site) {
    let waive = ["authority", "waive-list", OF_ROOT, "--reason", "it is nowhere"];
    assert_eq!(site.server.skink("operator", &waive).unwrap_err().code, Some(4));
    for _ in 0..2 {
        let held = site.server.skink("lead", &waive).unwrap();
        assert_eq!(held[0]["scope"], OF_ROOT, "one person alone");
    }
    assert_eq!(site.list(OF_ROOT), None);
    assert_eq!(site.server.skink("ciso", &waive).unwrap(), json!([]));
    assert!(site.list(OF_ROOT).is_some());
}

#[test]
fn a_server_moves_to_postgresql_and_back() {
    let Some(postgres) = Postgres::start() else { return };
    let mut site = Site::new();
    let (one, other) = (site.issue("one"), site.issue("other"));
    site.revoke(&one);
    let url = postgres.url();
    assert!(site.fails(&["copy", "--to", &url]).contains("another server"));
    assert_eq!(site.server.terminate(), Some(0));

    let counted = site.gets(&["copy", "--to", &url, "--dry-run"]);
    assert_eq!(postgres.run("SELECT count(*) FROM pg_tables WHERE tablename = 'crl'").trim(), "0");
    let copied = site.gets(&["copy", "--to", &url]);
    assert_eq!(copied["tables"], counted["tables"]);
    assert_eq!(copied["journal"], counted["journal"]);
    assert!(site.fails(&["copy", "--to", &url]).contains("not empty"));

    let file = site.server.server_dir().join("skink.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let moved = format!("{}\n[database]\nurl = \"{url}\"\n", text.replace("[database]\n", ""));
    std::fs::write(&file, moved).unwrap();
    site.server.start();
    assert!(is_revoked(site.status(&one)) && site.status(&other) == Some(CertStatus::Good));
    site.revoke(&other);
    let backup = site.path("backup.db");
    assert_eq!(site.gets(&["backup", backup.to_str().unwrap()])["tables"]["revocation"], 2);
    assert_eq!(site.server.terminate(), Some(0));

    let back = site.path("back.db");
    let copied = site.gets(&["copy", "--to", back.to_str().unwrap()]);
    assert_eq!(
        (&copied["journal"]["verified"], &copied["tables"]["revocation"]),
        (&json!(true), &json!(2))
    );
    std::fs::write(&file, text).unwrap();
    std::fs::rename(back, site.server.server_dir().join("skink.db")).unwrap();
    site.server.start();
    assert!(is_revoked(site.status(&other)));
    // Put back by PostgreSQL's own tools: whoever does it says so.
    assert_eq!(site.server.terminate(), Some(0));
    assert!(site.gets(&["hold"])["held"].as_u64().unwrap() > 0);
    site.server.start();
    assert_eq!(site.list(OWN), None);
}
