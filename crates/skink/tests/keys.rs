//! `skink key` at real key services and at a server's own keys.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use skink_signer::vault::{VaultAdministrator, VaultSettings};
use skink_signer::{Credential, KeyUri};
use skink_testkit::{OpenBao, Postgres, SoftHsm};
use skink_testnet::{TestServer, free_address};
use tempfile::TempDir;

/// A person at a key service, without a server.
struct Person<'a> {
    lead: Box<dyn Fn(&mut Command) + 'a>,
    home: TempDir,
}

impl<'a> Person<'a> {
    fn at(lead: impl Fn(&mut Command) + 'a) -> Self {
        Self { lead: Box::new(lead), home: tempfile::tempdir().unwrap() }
    }

    fn run(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_skink"));
        command.arg("key").args(args).current_dir(self.home.path()).stdin(Stdio::null());
        (self.lead)(&mut command);
        let done = command.output().unwrap();
        for said in [&done.stdout, &done.stderr] {
            let said = String::from_utf8_lossy(said);
            assert!(!said.contains(SoftHsm::PIN) && !said.contains("hvs."), "{said}");
        }
        done
    }

    /// The answer in JSON, and the exit code.
    fn asks(&self, args: &[&str]) -> (Option<i32>, Value) {
        let done = self.run(&[args, &["--json"]].concat());
        let stderr = String::from_utf8_lossy(&done.stderr);
        let answer = serde_json::from_slice(&done.stdout)
            .unwrap_or_else(|error| panic!("skink key {args:?}: {error}: {stderr}"));
        (done.status.code(), answer)
    }

    #[track_caller]
    fn gets(&self, args: &[&str]) -> Value {
        let (code, answer) = self.asks(args);
        assert_eq!(code, Some(0), "skink key {args:?}: {answer:#}");
        answer
    }

    /// What is said on standard error when it fails with this exit code.
    #[track_caller]
    fn fails(&self, args: &[&str], code: i32) -> String {
        let done = self.run(args);
        let stderr = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(code), "skink key {args:?}: {stderr}");
        stderr
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.home.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

async fn administrator(bao: &OpenBao) -> VaultAdministrator {
    let settings = VaultSettings::new(&bao.url(), Credential::from_text(OpenBao::TOKEN));
    let administrator = VaultAdministrator::new(&settings).unwrap();
    administrator.mount_engine().await.unwrap();
    administrator
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_at_openbao_lives_from_creation_to_destruction() {
    let Some(bao) = OpenBao::start() else { return };
    let person = Person::at(|command| {
        bao.lead(command, OpenBao::TOKEN);
    });
    let unmounted = person.fails(&["create", "vault:transit/a", "--algorithm", "p256"], 3);
    assert!(unmounted.contains("bao secrets enable transit"), "{unmounted}");
    administrator(&bao).await;

    let dry = person.gets(&["create", "vault:transit/a", "--dry-run"]);
    assert_eq!(dry["dry_run"], true);
    let made = person.gets(&["create", "vault:transit/a", "--algorithm", "p384"]);
    assert_eq!(
        (&made["key"], &made["algorithm"]),
        (&"vault:transit/a?version=1".into(), &"ec-p384".into())
    );
    let taken = person.fails(&["create", "vault:transit/a"], 3);
    assert!(taken.contains("already exists") && taken.contains("hint:"), "{taken}");
    person.fails(&["create", "vault:transit/b?version=1"], 2);
    person.gets(&["create", "vault:transit/control"]);

    let rotated = person.gets(&["rotate", "vault:transit/a"]);
    assert_eq!(rotated["key"], "vault:transit/a?version=2");
    assert_ne!(rotated["public_key"], made["public_key"]);
    let shown = person.gets(&["show", "vault:transit/a"]);
    assert_eq!((&shown["key"], &shown["state"]), (&rotated["key"], &"enabled".into()));
    assert_eq!(shown["versions"], serde_json::json!([made["key"], rotated["key"]]));
    let pem = person.run(&["show", "vault:transit/a?version=1", "--pem"]).stdout;
    assert_eq!(String::from_utf8(pem).unwrap(), made["public_key"].as_str().unwrap());

    let tried = person.gets(&["test", "vault:transit/a"]);
    assert_eq!(
        (&tried["outcome"], &tried["verified_by_service"]),
        (&"signed".into(), &true.into())
    );
    let ledger = std::fs::read_to_string(person.home.path().join("skink-signatures.log")).unwrap();
    let id = tried["request_id"].as_str().unwrap();
    assert!(ledger.contains(id), "{ledger}");
    assert!(std::fs::read_to_string(bao.audit_log()).unwrap().contains(id));

    let unasked = person.fails(&["disable", "vault:transit/a"], 2);
    assert!(unasked.contains("--yes"), "{unasked}");
    let plan = person.gets(&["disable", "vault:transit/a", "--dry-run"]);
    assert_eq!(plan["versions"].as_array().unwrap().len(), 2);
    assert_eq!(person.gets(&["test", "vault:transit/a"])["outcome"], "signed");
    let control = ["--control-key", "vault:transit/control", "--yes"];
    let disabled = person.gets(&[&["disable", "vault:transit/a"][..], &control].concat());
    assert_eq!(
        (&disabled["proven"], &disabled["refusal_code"]),
        (&true.into(), &"vault:soft-deleted".into())
    );
    assert_eq!(
        (&disabled["before"]["outcome"], &disabled["control"]["outcome"]),
        (&"signed".into(), &"signed".into())
    );
    let (code, refused) = person.asks(&["test", "vault:transit/a"]);
    assert_eq!((code, &refused["code"]), (Some(3), &"vault:soft-deleted".into()));

    assert_eq!(person.gets(&["enable", "vault:transit/a"])["state"], "enabled");
    person.gets(&["test", "vault:transit/a?version=1"]);
    let waits = person.fails(&["destroy", "vault:transit/a", "--after", "7d", "--yes"], 3);
    assert!(waits.contains("leave --after out"), "{waits}");
    assert_eq!(person.gets(&["destroy", "vault:transit/a", "--dry-run"])["state"], "enabled");
    let destroyed = person.gets(&["destroy", "vault:transit/a", "--yes"]);
    assert_eq!((&destroyed["state"], &destroyed["destroyed_at_ms"]), (&Value::Null, &Value::Null));
    let gone = person.fails(&["show", "vault:transit/a"], 3);
    assert!(gone.contains("unknown to its provider"), "{gone}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_credential_is_no_proof_that_a_key_is_disabled() {
    let Some(bao) = OpenBao::start() else { return };
    let administrator = administrator(&bao).await;
    let all = Person::at(|command| {
        bao.lead(command, OpenBao::TOKEN);
    });
    let key = all.gets(&["create", "vault:transit/split"])["key"].as_str().unwrap().to_owned();
    let uri: KeyUri = key.parse().unwrap();
    let signing = administrator.mint_signing("sign", std::slice::from_ref(&uri)).await.unwrap();
    let disabling = administrator.mint_disabling("disable", &uri).await.unwrap();
    let (signing, disabling) = (
        all.write("signing.token", signing.expose()),
        all.write("disabling.token", disabling.expose()),
    );
    let by = |credential| ["--key-credential-file", credential, "--yes"];

    let may_not = all.fails(&[&["disable", &key][..], &by(text(&signing))].concat(), 4);
    assert!(may_not.contains("--key-credential-file"), "{may_not}");
    let alone = [&["disable", &key][..], &by(text(&disabling))].concat();
    let (code, unproven) = all.asks(&alone);
    assert_eq!((code, &unproven["proven"]), (Some(6), &false.into()), "{unproven:#}");
    let together = [&alone[..], &["--signing-credential-file", text(&signing)]].concat();
    let proven = all.gets(&together);
    assert_eq!(proven["refusal_code"], "vault:soft-deleted", "{proven:#}");
    all.fails(&["enable", &key, "--key-credential-file", text(&disabling)], 4);

    // The way of a Vault without soft deletion: a denial in the policy of those who sign.
    all.gets(&["enable", &key]);
    let policy = ["disable", &key, "--signing-policy", "sign", "--yes"];
    let denied = all.gets(&[&policy[..], &["--signing-credential-file", text(&signing)]].concat());
    assert_eq!(
        (&denied["proven"], &denied["refusal_code"]),
        (&true.into(), &"vault:denied".into())
    );
    all.gets(&["enable", &key, "--signing-policy", "sign"]);
    all.gets(&["test", &key, "--key-credential-file", text(&signing)]);
}

#[test]
fn a_key_of_a_token_is_disabled_for_good() {
    let Some(token) = SoftHsm::init("keys") else { return };
    let person = Person::at(|command| {
        token.lead(command);
    });
    let made = person.gets(&["create", "pkcs11:token=keys;object=ca-1", "--algorithm", "rsa-2048"]);
    let key = made["key"].as_str().unwrap();
    assert!(key.contains(";id=%"), "{key}");
    let shown = person.gets(&["show", "pkcs11:token=keys;object=ca-1"]);
    assert_eq!((&shown["key"], &shown["public_key"]), (&made["key"], &made["public_key"]));
    assert_eq!((&shown["exportable"], &shown["origin"]), (&false.into(), &"generated".into()));
    assert_eq!(person.gets(&["test", key])["verified_by_service"], true);
    let rotated = person.fails(&["rotate", key], 3);
    assert!(rotated.contains("skink key create"), "{rotated}");

    let disabled = person.gets(&["disable", key, "--yes"]);
    assert_eq!(disabled["refusal_code"], "pkcs11:KeyFunctionNotPermitted");
    assert_eq!(person.gets(&["disable", key, "--yes"])["before"]["outcome"], "failed");
    let for_good = person.fails(&["enable", key], 4);
    assert!(for_good.contains("for good"), "{for_good}");
    assert_eq!(person.gets(&["destroy", key, "--yes"])["state"], "destroyed");
    let (code, gone) = person.asks(&["test", key]);
    assert_eq!((code, &gone["outcome"]), (Some(3), &"failed".into()));
    let wrong = person.write("pin", "000000");
    person.fails(&["show", key, "--key-credential-file", text(&wrong)], 4);
}

#[test]
fn a_servers_own_keys_are_not_changed_behind_its_back() {
    its_own_keys_stay_as_they_are(&[]);
}

#[test]
fn nor_where_its_database_is_elsewhere() {
    let Some(postgres) = Postgres::start() else { return };
    its_own_keys_stay_as_they_are(&["--database", &postgres.url()]);
}

fn its_own_keys_stay_as_they_are(database: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let skink = Path::new(env!("CARGO_BIN_EXE_skink"));
    let mut server = TestServer::init_with(skink, dir.path(), database, |command| command);
    let folder = server.server_dir();
    let person = Person::at(|_| {});
    let at = |words: &[&'static str]| -> Vec<String> {
        let words = words.iter().map(ToString::to_string);
        words.chain(["--dir".to_owned(), text(&folder).to_owned()]).collect()
    };
    let run = |words: &[&'static str]| {
        let args = at(words);
        person.asks(&args.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let key = "software:workloads-g1";
    server.start();
    assert_eq!(run(&["show", key]).1["state"], "enabled");
    assert_eq!(run(&["test", key]).0, Some(0));
    for change in [
        &["disable", key, "--yes"][..],
        &["destroy", key, "--yes"],
        &["rotate", key],
        &["create", "software:another"],
    ] {
        let args = at(change);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let refused = person.fails(&args, 3);
        assert!(refused.contains("behind its back") && refused.contains("hint:"), "{refused}");
    }
    assert_eq!(server.terminate(), Some(0));

    let (code, disabled) = run(&["disable", key, "--yes"]);
    assert_eq!((code, &disabled["refusal_code"]), (Some(0), &"software:KeyDisabled".into()));
    assert_eq!(run(&["test", key]).0, Some(3));
    let enabling = server.root_dir().join("enabling.key");
    let args = at(&["enable", key]);
    let mut args: Vec<&str> = args.iter().map(String::as_str).collect();
    assert!(person.fails(&args, 2).contains("enabling.key"));
    args.extend(["--key-credential-file", text(&enabling)]);
    assert_eq!(person.gets(&args)["state"], "enabled");
    let (code, tried) = run(&["test", key]);
    assert_eq!((code, &tried["outcome"]), (Some(0), &"signed".into()));
}

/// The server reads the service's record as it grows: what it asked for itself is silent, and what
/// was signed by hand behind its back is an alarm.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_server_sees_what_its_key_signed_behind_its_back() {
    let Some(bao) = OpenBao::start() else { return };
    administrator(&bao).await;
    let person = Person::at(|command| {
        bao.lead(command, OpenBao::TOKEN);
    });
    let key = person.gets(&["create", "vault:transit/issuer-1"])["key"].clone();
    person.gets(&["test", "vault:transit/issuer-1"]);
    let home = person.home.path();
    let skink = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_skink"));
        command.args(args).current_dir(home).stdin(Stdio::null()).stderr(Stdio::null());
        bao.lead(&mut command, OpenBao::TOKEN);
        command
    };
    person.write("passphrases", "root=a long one\nfirst=another long one\nsecond=a third one\n");
    let listen =
        ["--api", "--agents", "--public"].map(|it| [it.to_owned(), free_address().to_string()]);
    let listen: Vec<&str> = listen.iter().flatten().map(String::as_str).collect();
    let init = ["init", "--passphrase-file", "passphrases", "--issuer-key", key.as_str().unwrap()];
    assert!(skink(&[&init[..], &listen].concat()).status().unwrap().success());
    let file = home.join("skink/skink.toml");
    let config = std::fs::read_to_string(&file).unwrap();
    let named = format!("[keys]\naudit_log = \"{}\"", bao.audit_log().display());
    std::fs::write(&file, config.replacen("[keys]", &named, 1)).unwrap();

    let _serving = Stopped(skink(&["serve"]).spawn().unwrap());
    let alarm = |code: &str| -> Option<Value> {
        let operator = ["--operator", "skink/operators/lead.json"];
        let asked = skink(&[&["status", "--json"][..], &operator].concat()).output().unwrap();
        let status: Value = serde_json::from_slice(&asked.stdout).ok()?;
        status["alarms"].as_array()?.iter().find(|one| one["code"] == code).cloned()
    };
    let until = |code: &str| {
        let deadline = Instant::now() + Duration::from_mins(1);
        loop {
            if let Some(alarm) = alarm(code) {
                return alarm;
            }
            assert!(Instant::now() < deadline, "{code} does not come");
            std::thread::sleep(Duration::from_millis(100));
        }
    };
    until("root-beside-server");
    person.gets(&["test", "vault:transit/issuer-1"]);
    let alarm = until("signed-unasked");
    // The hierarchy's own signatures were all asked for.
    let said = alarm["detail"].as_str().unwrap();
    assert!(said.contains(" 1 by vault:transit/issuer-1,"), "{said}");
}

/// A process that does not outlive its test.
struct Stopped(Child);

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_root_in_a_token_signs_ceremonies_there_and_nowhere_else() {
    const ROOT: &str = "pkcs11:token=vault;object=root-1";
    let Some(token) = SoftHsm::init("vault") else { return };
    let person = Person::at(|command| {
        token.lead(command);
    });
    person.gets(&["create", ROOT, "--algorithm", "p384"]);
    let dir = tempfile::tempdir().unwrap();
    let skink = Path::new(env!("CARGO_BIN_EXE_skink"));
    let options = ["--root-key", ROOT];
    let mut server = TestServer::init_with(skink, dir.path(), &options, |one| token.lead(one));
    let (root, passphrases) = (server.root_dir(), server.passphrases());
    assert_eq!(std::fs::read_dir(root.join("keys")).unwrap().filter(is_key).count(), 0);
    server.start();

    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (request, response, kits) = (path("request.json"), path("response.json"), path("kits"));
    let ask = ["authority", "ceremony", "request", "--standby-for", "workloads", "--out", &request];
    server.skink("lead", &ask).unwrap();
    let sign = ["--json", "root", "sign", &request, "--out", &response, "--kits", &kits, "--yes"];
    let who = ["--custodian", "carol", "--custodian", "dave"];
    let at = ["--dir", text(&root), "--passphrase-file", text(&passphrases)];
    let sign: Vec<String> =
        [&sign[..], &who, &at].concat().into_iter().map(str::to_owned).collect();
    let without = server.command(&sign).output().unwrap();
    assert!(!without.status.success() && !Path::new(&response).exists());
    let stderr = String::from_utf8_lossy(&without.stderr);
    assert!(stderr.contains("PKCS11_MODULE_PATH"), "{stderr}");
    let signed = token.lead(&mut server.command(&sign)).output().unwrap();
    assert!(signed.status.success(), "{}", String::from_utf8_lossy(&signed.stderr));
    let imported = server.skink("lead", &["authority", "ceremony", "import", &response]).unwrap();
    assert_eq!(imported["prepared"], serde_json::json!(["workloads-g3"]));

    // A disabled key signs no ceremony, whoever has the passphrase.
    person.gets(&["disable", ROOT, "--yes"]);
    let again = path("again.json");
    let ask = ["authority", "ceremony", "request", "--standby-for", "workloads", "--out", &again];
    server.skink("lead", &ask).unwrap();
    let sign: Vec<String> = sign
        .into_iter()
        .map(|one| if one == request { again.clone() } else { one.replace("response", "second") })
        .collect();
    let refused = token.lead(&mut server.command(&sign)).output().unwrap();
    assert!(!refused.status.success(), "a disabled root signs");
    assert!(!dir.path().join("second.json").exists());
}

fn is_key(entry: &std::io::Result<std::fs::DirEntry>) -> bool {
    entry.as_ref().is_ok_and(|entry| entry.path().to_string_lossy().ends_with(".key.pem"))
}
