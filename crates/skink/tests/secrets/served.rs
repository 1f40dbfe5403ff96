//! A server, its command line and an incident under way.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use skink_testnet::{CUSTODIANS, TestServer, installed};

use crate::search::{Search, Secret};

/// Where secrets are at home; what is there is theirs.
const HOMES: [&str; 5] = ["keys", "credentials", "operators", "tls", "passphrases"];

/// The private scalars of the server's keys, by way of openssl.
fn keys(server: &TestServer) -> Vec<Secret> {
    let (folder, credential) =
        (server.server_dir().join("keys"), server.server_dir().join("credentials/software.key"));
    let mut secrets = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if !path.to_str().unwrap().ends_with(".key.pem") {
            continue;
        }
        let pass = format!("file:{}", credential.display());
        let read = Command::new("openssl")
            .args(["pkcs8", "-outform", "der", "-in", path.to_str().unwrap(), "-passin", &pass])
            .output()
            .unwrap();
        // Standby keys have credentials of their own, in the kits.
        if !read.status.success() {
            continue;
        }
        // ECPrivateKey: version 1, then the scalar as an OCTET STRING of 32 bytes.
        let begin = read.stdout.windows(5).position(|w| w == [2, 1, 1, 4, 32]).unwrap() + 5;
        let scalar = &read.stdout[begin..begin + 32];
        secrets.push(Secret::new(path.file_name().unwrap().to_string_lossy(), scalar));
    }
    assert!(secrets.len() >= 3, "control, trust and workloads have keys");
    secrets
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !HOMES.contains(&name.as_str()) {
            files(&path, found);
        } else if path.is_file() && !HOMES.contains(&name.as_str()) {
            found.push(path);
        }
    }
}

#[test]
fn no_secret_is_anywhere_but_at_home() {
    if !installed(&["openssl"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut server = TestServer::init(Path::new(env!("CARGO_BIN_EXE_skink")), dir.path());
    server.start();
    let mut secrets = keys(&server);
    for name in ["lead", "ciso", "operator"] {
        let file: Value =
            serde_json::from_slice(&fs::read(server.operator(name)).unwrap()).unwrap();
        secrets.push(Secret::new(
            format!("{name}'s token"),
            file["token"].as_str().unwrap().as_bytes(),
        ));
    }
    let credential = fs::read(server.server_dir().join("credentials/software.key")).unwrap();
    secrets.push(Secret::new("the provider's credential", credential.trim_ascii()));
    for name in CUSTODIANS {
        secrets.push(Secret::new(name, format!("a long passphrase of {name}").as_bytes()));
    }

    let web =
        ["token", "create", "web-1", "--endpoint", "web-1", "--dns", "web-1.test.skink.internal"];
    let token = server.skink("operator", &web).unwrap();
    let body = token["token"].as_str().unwrap().trim_start_matches("skink1.").to_owned();
    let inside: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).unwrap()).unwrap();
    secrets.push(Secret::new("an enrolment token", inside["secret"].as_str().unwrap().as_bytes()));
    server.skink("operator", &["endpoint", "list"]).unwrap();

    let declare = ["incident", "declare", "--authority", "workloads-g1", "--trigger", "copied"];
    let id = server.skink("lead", &declare).unwrap()["id"].as_str().unwrap().to_owned();
    let mut answers = Vec::new();
    // Nobody is there to cross the barrier: everything secret has been used by then.
    server.drive(&id, Duration::from_mins(1), |incident| {
        answers.push(incident.to_string().into_bytes());
        incident["key"]["disabled"] == true && incident["step"] == "transition"
    });
    for args in [
        &["status"][..],
        &["authority", "list"],
        &["authority", "keys"],
        &["certificate", "list"],
        &["token", "list"],
        &["operator", "list"],
        &["trust", "show"],
        &["journal", "events"],
        &["journal", "audit"],
        &["incident", "report", &id],
        &["incident", "events", &id],
        &["authority", "ceremony", "list"],
    ] {
        answers.push(server.skink("lead", args).unwrap().to_string().into_bytes());
    }
    let wrong = server.skink("lead", &["incident", "approve", &id, "taint"]).unwrap_err();
    answers.push(wrong.stderr.into_bytes());
    assert_eq!(server.terminate(), Some(0));

    let mut found = Vec::new();
    files(dir.path(), &mut found);
    found.retain(|path| !path.starts_with(server.root_dir()));
    assert!(found.iter().any(|path| path.ends_with("skink.db")), "the database is searched");
    assert!(found.iter().any(|path| path.ends_with("serve.log")), "the log is searched");
    let files = found.iter().map(|path| (path.display().to_string(), fs::read(path).unwrap()));
    let answers = answers.into_iter().enumerate().map(|(n, bytes)| (format!("answer {n}"), bytes));
    let search = Search::new(&secrets);
    for (place, bytes) in files.chain(answers) {
        let leaked: Vec<&str> = search.found_in(&bytes).iter().map(|one| &*one.name).collect();
        assert!(leaked.is_empty(), "{leaked:?} in {place}");
    }
}
