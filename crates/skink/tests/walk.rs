//! People at the command line of a real server: a walk through ordinary days.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use skink_testnet::{TestServer, installed};

fn started(dir: &Path) -> TestServer {
    let mut server = TestServer::init(Path::new(env!("CARGO_BIN_EXE_skink")), dir);
    server.start();
    server
}

/// The words after `sh -c SCRIPT sh`; gives what the script printed.
fn sh(dir: &Path, script: &str, words: &[&str]) -> String {
    let mut command = Command::new("sh");
    command.args(["-euc", script, "sh"]).args(words).current_dir(dir);
    let done = command.output().unwrap();
    assert!(done.status.success(), "{script}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

const REQUEST: &str = "openssl ecparam -name prime256v1 -genkey -noout -out $1.key
    openssl req -new -key $1.key -subj /CN=$1 -addext subjectAltName=DNS:$1 -out $1.csr";

#[test]
fn a_certificate_is_issued_found_and_revoked_and_openssl_agrees() {
    if !installed(&["openssl", "curl"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let server = started(dir.path());
    let name = "web-1.test.skink.internal";
    sh(dir.path(), REQUEST, &[name]);
    let (csr, out) = (format!("{name}.csr"), "chain.pem");
    let issue =
        ["certificate", "issue", "--issuer", "workloads", "--profile", "server", "--csr", &csr];

    let preview = server.skink("operator", &[&issue[..], &["--dry-run"]].concat()).unwrap();
    assert_eq!(preview["certificate_pem"], "");
    let listed = |prefix: &str| server.skink("lead", &["certificate", "list", prefix]).unwrap();
    assert_eq!(listed(name).as_array().unwrap().len(), 0, "a dry run issues nothing");

    let issued = server.skink("operator", &[&issue[..], &["--out", out]].concat()).unwrap();
    let id = issued["id"].as_str().unwrap();
    assert_eq!(listed(name)[0]["id"], id);

    let root: Value =
        serde_json::from_str(&std::fs::read_to_string(server.operator("lead")).unwrap()).unwrap();
    std::fs::write(dir.path().join("root.pem"), root["root"].as_str().unwrap()).unwrap();
    let verify = "openssl verify -x509_strict -CAfile root.pem -untrusted chain.pem -purpose sslserver \
                  -verify_hostname $1 chain.pem";
    sh(dir.path(), verify, &[name]);

    let revoke = ["certificate", "revoke", id, "--reason", "keyCompromise"];
    let counted = server.skink("operator", &[&revoke[..], &["--dry-run"]].concat()).unwrap();
    assert_eq!(counted["revoked"], 1);
    assert_eq!(listed(name)[0]["state"], "issued");
    server.skink("operator", &revoke).unwrap();
    assert_eq!(listed(name)[0]["state"], "revoked");

    let fetch = "openssl x509 -in chain.pem -noout -ext crlDistributionPoints |
        sed -n 's/.*URI://p' > url; curl -sSf $(cat url) | openssl crl -inform der -noout -text";
    let crl = sh(dir.path(), fetch, &[]);
    let serial = issued["serial"].as_str().unwrap().to_uppercase();
    assert!(crl.to_uppercase().contains(serial.trim_start_matches('0')), "{serial}: {crl}");
    assert!(crl.contains("Key Compromise"), "{crl}");
    let verified = server.skink("auditor_or_lead", &["journal", "verify"]);
    assert!(verified.is_err(), "an operator without a file is nobody");
    assert_eq!(server.skink("lead", &["journal", "verify"]).unwrap()["verified"], true);
}

#[test]
fn refusals_change_nothing_and_have_exit_codes_of_their_own() {
    if !installed(&["openssl"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut server = started(dir.path());
    sh(dir.path(), REQUEST, &["x.test.skink.internal"]);

    let issue =
        ["certificate", "issue", "--issuer", "workloads", "--csr", "x.test.skink.internal.csr"];
    let profile = |name: &'static str| [&issue[..], &["--profile", name]].concat();
    let unknown = server.skink("operator", &profile("no-such")).unwrap_err();
    assert_eq!(unknown.code, Some(3), "{}", unknown.stderr);
    assert!(unknown.stderr.starts_with("error: "), "{}", unknown.stderr);

    let not_hers = server.skink("operator", &["trust", "publish"]).unwrap_err();
    assert_eq!(not_hers.code, Some(4), "{}", not_hers.stderr);

    server
        .skink("operator", &["authority", "freeze", "workloads-g1", "--reason", "a look"])
        .unwrap();
    let frozen = server.skink("operator", &profile("server")).unwrap_err();
    assert_eq!(frozen.code, Some(7), "{}", frozen.stderr);
    assert!(frozen.stderr.contains("hint: "), "{}", frozen.stderr);
    server.skink("lead", &["authority", "unfreeze", "workloads-g1"]).unwrap();
    server.skink("operator", &profile("server")).unwrap();

    assert_eq!(server.terminate(), Some(0));
    let gone = server.skink("lead", &["status"]).unwrap_err();
    assert_eq!(gone.code, Some(5), "{}", gone.stderr);
}

#[test]
fn a_killed_server_goes_on_and_a_second_one_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = started(dir.path());
    let before = server.skink("lead", &["trust", "publish", "--reason", "before"]).unwrap();
    server.kill();
    server.start();
    let after = server.skink("lead", &["trust", "show"]).unwrap();
    let version = |trust: &Value| trust["version"].as_u64();
    assert!(version(&after) >= version(&before));
    assert_eq!(server.skink("lead", &["journal", "verify"]).unwrap()["verified"], true);

    let folder = server.server_dir();
    let serve = ["serve", "--dir", folder.to_str().unwrap()].map(str::to_owned);
    let second = server.command(&serve).output().unwrap();
    assert_eq!(second.status.code(), Some(1), "{}", String::from_utf8_lossy(&second.stderr));
    assert!(server.skink("lead", &["status"]).is_ok(), "the first one goes on");
    assert_eq!(server.terminate(), Some(0));
}

#[test]
fn a_ceremony_crosses_the_gap_once_and_unaltered() {
    let dir = tempfile::tempdir().unwrap();
    let server = started(dir.path());
    let (root, passphrases) = (server.root_dir(), server.passphrases());
    let at_the_root =
        ["--dir", root.to_str().unwrap(), "--passphrase-file", passphrases.to_str().unwrap()];
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (request, response, kits) = (path("request.json"), path("response.json"), path("kits"));

    let ask = ["authority", "ceremony", "request", "--standby-for", "workloads", "--out", &request];
    server.skink("lead", &ask).unwrap();
    let inspect = ["root", "inspect", &request];
    let shown = server.skink("lead", &[&inspect[..], &at_the_root].concat()).unwrap();
    assert!(shown["plan"].as_str().unwrap().contains("workloads-g3"), "{shown:#}");

    let custodians = ["--custodian", "carol", "--custodian", "dave", "--yes"];
    let sign = ["root", "sign", &request, "--out", &response, "--kits", &kits];
    server.skink("lead", &[&sign[..], &custodians, &at_the_root].concat()).unwrap();
    assert!(std::fs::read_dir(&kits).unwrap().count() >= 1);
    let again = path("again.json");
    let twice = ["root", "sign", &request, "--out", &again, "--kits", &kits];
    let twice = server.skink("lead", &[&twice[..], &custodians, &at_the_root].concat());
    assert!(twice.is_err(), "a request is signed once");

    let altered = path("altered.json");
    let text = std::fs::read_to_string(&response).unwrap();
    std::fs::write(&altered, text.replacen("workloads-g3", "workloads-g9", 1)).unwrap();
    let import = |file: &str| server.skink("lead", &["authority", "ceremony", "import", file]);
    assert_eq!(import(&altered).unwrap_err().code, Some(3));
    let imported = import(&response).unwrap();
    assert_eq!(imported["prepared"], serde_json::json!(["workloads-g3"]));
    let replayed = import(&response).unwrap_err();
    assert_eq!(replayed.code, Some(3), "{}", replayed.stderr);
}
