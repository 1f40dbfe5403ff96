//! A whole drill: everything secret is used, by everybody who has it, while a key is stolen.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use pkcs8::{Document, EncryptedPrivateKeyInfoRef};
use serde_json::Value;
use skink_authority::ceremony::KitFile;
use skink_testnet::TestServer;

use crate::search::{Search, Secret};

/// The only files that hold a secret in the clear. `*` is one part of a path.
const HOMES: [&str; 9] = [
    "passphrases",
    "server/credentials/*",
    "server/operators/*",
    "server/tls/server.key.pem",
    "root/enabling.key",
    "agents/*/identity.json",
    "agents/*/canaries.json",
    "agents/*/pairs/*",
    "agents/*/endpoints/*/key.pem",
];

/// The armour of a private key that nothing protects.
const ARMOUR: &[u8] = b"-----BEGIN PRIVATE KEY-----";

/// What is searched after a drill, by path or by the question that it answers.
type Places = BTreeMap<String, Vec<u8>>;

fn is_home(path: &str) -> bool {
    HOMES.iter().any(|home| {
        let (parts, pattern) = (path.split('/'), home.split('/'));
        parts.clone().count() == pattern.clone().count()
            && parts.zip(pattern).all(|(part, wanted)| {
                wanted.strip_prefix('*').map_or(part == wanted, |end| part.ends_with(end))
            })
    })
}

fn files(below: &Path, folder: &Path, found: &mut Places) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(below, &path, found);
        } else {
            let name = path.strip_prefix(below).unwrap().to_str().unwrap().to_owned();
            found.insert(name, fs::read(path).unwrap());
        }
    }
}

/// The private scalar of an elliptic curve's PKCS#8: version 1, then an OCTET STRING.
fn scalar(pkcs8: &[u8]) -> Option<&[u8]> {
    let at = pkcs8.windows(4).position(|bytes| bytes == [2, 1, 1, 4])? + 4;
    let length = usize::from(*pkcs8.get(at)?);
    pkcs8.get(at + 1..at + 1 + length)
}

/// Opens every encrypted key that one of these credentials opens.
fn sealed_keys(places: &Places, credentials: &[Vec<u8>]) -> Vec<Secret> {
    let mut keys = Vec::new();
    for (path, pem) in places.iter().filter(|(path, _)| path.ends_with(".key.pem")) {
        let Ok(pem) = std::str::from_utf8(pem) else { continue };
        let (label, document) = Document::from_pem(pem).unwrap();
        if label != "ENCRYPTED PRIVATE KEY" {
            continue;
        }
        let sealed = EncryptedPrivateKeyInfoRef::try_from(document.as_bytes()).unwrap();
        let mut opened = credentials.iter().filter_map(|one| sealed.decrypt(one).ok());
        if let Some(opened) = opened.next() {
            keys.push(Secret::new(path, scalar(opened.as_bytes()).unwrap()));
        }
    }
    keys
}

/// Every key that lies open in a file where it may.
fn open_keys(places: &Places) -> Vec<Secret> {
    let mut keys = Vec::new();
    for (path, bytes) in places.iter().filter(|(path, _)| is_home(path)) {
        // In JSON the line breaks are written out.
        let text = String::from_utf8_lossy(bytes).replace("\\n", "\n");
        for block in text.split("-----BEGIN PRIVATE KEY-----").skip(1) {
            let (body, _) = block.split_once("-----END PRIVATE KEY-----").unwrap();
            let pem = format!(
                "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
                body.trim()
            );
            let (_, document) = Document::from_pem(&pem).unwrap();
            let mut parts = path.split('/');
            // An agent's keys are its own, whichever of its files they are in.
            let home = format!("{}/{}/", parts.next().unwrap(), parts.next().unwrap());
            keys.push(Secret::new(path, scalar(document.as_bytes()).unwrap()).at_home_in(home));
        }
    }
    keys
}

fn passphrases(places: &Places) -> BTreeMap<String, String> {
    let text = std::str::from_utf8(&places["passphrases"]).unwrap();
    let lines = text.lines().filter_map(|line| line.split_once('='));
    lines.map(|(name, passphrase)| (name.to_owned(), passphrase.to_owned())).collect()
}

/// The credentials of standby keys, which nobody has but two custodians together.
fn in_the_kits(places: &Places, passphrases: &BTreeMap<String, String>) -> Vec<Vec<u8>> {
    let mut credentials = Vec::new();
    for (_, json) in places.iter().filter(|(path, _)| path.ends_with(".kit.json")) {
        let kit = KitFile::from_json(std::str::from_utf8(json).unwrap()).unwrap();
        if kit.facts().standby.is_none() {
            continue;
        }
        let shares: Vec<_> = kit
            .sealed()
            .custodians()
            .map(|name| kit.sealed().open_share(name, &passphrases[name].clone().into()).unwrap())
            .collect();
        let contents = kit.open(&shares[0], &shares[1]).unwrap();
        credentials.push(contents.standby_credential.unwrap().expose().as_bytes().to_vec());
    }
    credentials
}

/// Everything secret that the drill left on the disk.
fn secrets(places: &Places, keys: &Places) -> Vec<Secret> {
    let passphrases = passphrases(places);
    let mut secrets: Vec<Secret> = passphrases
        .iter()
        .map(|(name, text)| Secret::new(name, text.as_bytes()).at_home_in("passphrases"))
        .collect();
    let mut credentials: Vec<Vec<u8>> =
        passphrases.values().map(|text| text.clone().into()).collect();
    for credential in in_the_kits(places, &passphrases) {
        secrets.push(Secret::new("a standby's credential", &credential));
        credentials.push(credential);
    }
    for (path, bytes) in places {
        if path.starts_with("server/credentials/") || path == "root/enabling.key" {
            let bytes =
                std::str::from_utf8(bytes).map_or(&bytes[..], |text| text.trim().as_bytes());
            secrets.push(Secret::new(path, bytes).at_home_in(path));
            credentials.push(bytes.to_vec());
        }
        if path.starts_with("server/operators/") {
            let file: Value = serde_json::from_slice(bytes).unwrap();
            let token = file["token"].as_str().unwrap();
            secrets.push(Secret::new(path, token.as_bytes()).at_home_in(path));
        }
    }
    let mut sealed = sealed_keys(keys, &credentials);
    sealed.extend(sealed_keys(places, &credentials));
    for needed in ["server/keys/workloads-g1", "server/keys/workloads-g2", "server/keys/trust-g1"] {
        let found = sealed.iter().any(|key| key.name == format!("{needed}.key.pem"));
        assert!(found, "{needed} was not opened: its leaking would go unnoticed");
    }
    secrets.extend(sealed);
    secrets.extend(open_keys(places));
    secrets
}

/// The drilled server, started once more, answers what a person may ask.
fn answers(dir: &Path, incident: &str) -> Places {
    let mut server = TestServer::over(Path::new(env!("CARGO_BIN_EXE_skink")), dir);
    server.start();
    let web =
        ["token", "create", "web-9", "--endpoint", "web-9", "--dns", "web-9.drill.skink.internal"];
    server.skink("operator", &web).unwrap();
    let mut answers = Places::new();
    for args in [
        &["status"][..],
        &["issuer", "list"],
        &["authority", "list"],
        &["authority", "show", "workloads-g2"],
        &["authority", "keys"],
        &["authority", "ceremony", "list"],
        &["certificate", "list"],
        &["endpoint", "list"],
        &["endpoint", "show", "server-0"],
        &["token", "list"],
        &["operator", "list"],
        &["trust", "show"],
        &["incident", "list"],
        &["incident", "show", incident],
        &["incident", "report", incident],
        &["incident", "events", incident],
        &["journal", "events"],
        &["journal", "audit"],
        &["journal", "verify"],
    ] {
        let answer = server
            .skink("lead", args)
            .unwrap_or_else(|failed| panic!("{args:?}: {}", failed.stderr));
        answers.insert(args.join(" "), answer.to_string().into_bytes());
    }
    assert_eq!(server.terminate(), Some(0));
    answers
}

/// What the drill said, and every key file that there was while it ran: the stolen key's is gone
/// once it is disabled.
fn drill(keep: &Path) -> (Places, Places) {
    let said = tempfile::tempdir().unwrap();
    let (stdout, stderr) = (said.path().join("stdout"), said.path().join("stderr"));
    let mut drill = Command::new(env!("CARGO_BIN_EXE_skink"))
        .args(["drill", "--endpoints", "3", "--clients", "3", "--seed", "7", "--json", "--keep"])
        .arg(keep)
        .env("SKINK_LOG", "debug,sqlx=info")
        .stdin(Stdio::null())
        .stdout(fs::File::create(&stdout).unwrap())
        .stderr(fs::File::create(&stderr).unwrap())
        .spawn()
        .unwrap();
    let mut keys = Places::new();
    let status = loop {
        for entry in fs::read_dir(keep.join("server/keys")).into_iter().flatten() {
            let name = format!("server/keys/{}", entry.unwrap().file_name().to_str().unwrap());
            // One that is gone again meanwhile was never read by anybody else either.
            if let Ok(bytes) = fs::read(keep.join(&name)) {
                keys.entry(name).or_insert(bytes);
            }
        }
        if let Some(status) = drill.try_wait().unwrap() {
            break status;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    let places = [("drill's stdout", stdout), ("drill's stderr", stderr)]
        .map(|(name, file)| (name.to_owned(), fs::read(file).unwrap()));
    // Whether every gate held is measured elsewhere, on a machine that does nothing beside it.
    let shown = String::from_utf8_lossy(&places[1].1);
    assert!(matches!(status.code(), Some(0 | 6)), "{shown}");
    (places.into(), keys)
}

fn incident(keep: &Path) -> PathBuf {
    let mut incidents = fs::read_dir(keep.join("server/incidents")).unwrap();
    incidents.next().unwrap().unwrap().path()
}

#[test]
fn a_drill_leaves_no_secret_but_at_home() {
    let dir = tempfile::tempdir().unwrap();
    let (mut places, keys) = drill(dir.path());
    let folder = incident(dir.path());
    places.extend(answers(dir.path(), folder.file_name().unwrap().to_str().unwrap()));
    files(dir.path(), dir.path(), &mut places);
    let evidence = folder.strip_prefix(dir.path()).unwrap().to_str().unwrap();
    for needed in [
        "server/skink.db".to_owned(),
        "server/serve.log".to_owned(),
        "report.md".to_owned(),
        format!("{evidence}/report.json"),
        format!("{evidence}/evidence/closing/skink.db"),
        format!("{evidence}/evidence/containment/journal.jsonl"),
        format!("{evidence}/notices/operations.txt"),
    ] {
        assert!(!places[&needed].is_empty(), "{needed} is searched");
    }

    let secrets = secrets(&places, &keys);
    // Of the people and the server, then at least three keys of each of the six agents.
    assert!(secrets.len() >= 3 + 3 + 3 + 5 + 18, "{}", secrets.len());
    let search = Search::new(&secrets);
    let mut leaks = Vec::new();
    let mut met = std::collections::BTreeSet::new();
    for (place, bytes) in &places {
        if !is_home(place) && bytes.windows(ARMOUR.len()).any(|window| window == ARMOUR) {
            leaks.push(format!("an open private key in {place}"));
        }
        for secret in search.found_in(bytes) {
            let at_home = |home: &String| is_home(place) && place.starts_with(home.as_str());
            if secret.home.as_ref().is_some_and(at_home) {
                met.insert(&secret.name);
            } else {
                leaks.push(format!("{} in {place}", secret.name));
            }
        }
    }
    assert!(leaks.is_empty(), "{leaks:#?}");
    // The search sees: whatever lies open somewhere was found there.
    for secret in secrets.iter().filter(|secret| secret.home.is_some()) {
        assert!(met.contains(&secret.name), "{} was not even found at home", secret.name);
    }
}

#[test]
fn a_secret_planted_in_a_log_is_found() {
    let home =
        Secret::new("a token", b"skop_0123456789abcdef").at_home_in("server/operators/x.json");
    assert!(is_home("server/operators/x.json") && is_home("agents/a/endpoints/b/key.pem"));
    for elsewhere in [
        "server/serve.log",
        "server/skink.db",
        "agents/a/trust-state.json",
        "server/keys/a.key.pem",
    ] {
        assert!(!is_home(elsewhere), "{elsewhere}");
    }
    let secrets = [home];
    let search = Search::new(&secrets);
    let log = b"{\"level\":\"INFO\",\"authorization\":\"Bearer skop_0123456789abcdef\"}";
    assert_eq!(search.found_in(log)[0].name, "a token");
}
