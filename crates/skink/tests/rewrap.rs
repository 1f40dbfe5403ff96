//! `skink key rewrap` at real services, over files and columns, killed wherever it may be.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use skink_signer::encryption::{Context, EncryptionProvider, Plaintext};
use skink_signer::vault::{VaultAdministrator, VaultEncryption, VaultSettings};
use skink_signer::{Credential, KeyUri, ProviderError};
use skink_testkit::{OpenBao, Postgres};
use tempfile::TempDir;
use zeroize::Zeroizing;

/// Somebody whose symmetric key has leaked.
struct Owner {
    bao: OpenBao,
    home: TempDir,
    provider: VaultEncryption,
}

impl Owner {
    async fn start() -> Option<Self> {
        let bao = OpenBao::start()?;
        let settings = VaultSettings::new(&bao.url(), Credential::from_text(OpenBao::TOKEN));
        VaultAdministrator::new(&settings).unwrap().mount_engine().await.unwrap();
        let provider = VaultEncryption::new(&settings).unwrap();
        Some(Self { bao, home: tempfile::tempdir().unwrap(), provider })
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_skink"));
        command.arg("key").args(args).current_dir(self.home.path()).stdin(Stdio::null());
        self.bao.lead(&mut command, OpenBao::TOKEN);
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    #[track_caller]
    fn gets(&self, args: &[&str], code: i32) -> Value {
        let done = self.run(&[args, &["--json"]].concat());
        let stderr = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(code), "skink key {args:?}: {stderr}");
        serde_json::from_slice(&done.stdout).unwrap_or(Value::Null)
    }

    async fn encrypts(&self, key: &str, plaintext: &str) -> Vec<u8> {
        let plaintext = Plaintext::new(Zeroizing::new(plaintext.as_bytes().to_vec()));
        let key = key.parse().unwrap();
        self.provider.encrypt(&key, &plaintext, &Context::None).await.unwrap().ciphertext
    }

    /// What `key` opens a ciphertext to.
    async fn opens(&self, key: &str, ciphertext: &[u8]) -> Result<String, ProviderError> {
        let key: KeyUri = key.parse().unwrap();
        let ciphertext = ciphertext.trim_ascii_end();
        let plaintext = self.provider.decrypt(&key, ciphertext, &Context::None).await?;
        Ok(String::from_utf8(plaintext.expose().to_vec()).unwrap())
    }

    /// Files with their plaintexts, under a key.
    async fn files(&self, key: &str, count: usize) -> BTreeMap<PathBuf, String> {
        let folder = self.home.path().join("data");
        std::fs::create_dir_all(&folder).unwrap();
        let mut files = BTreeMap::new();
        for index in 0..count {
            let (path, plaintext) = (folder.join(format!("{index:04}.enc")), format!("s-{index}"));
            let ciphertext = self.encrypts(key, &plaintext).await;
            std::fs::write(&path, [&ciphertext[..], b"\n"].concat()).unwrap();
            files.insert(path, plaintext);
        }
        files
    }

    async fn all_open(&self, key: &str, files: &BTreeMap<PathBuf, String>) {
        for (path, plaintext) in files {
            let ciphertext = std::fs::read(path).unwrap();
            let opened = self.opens(key, &ciphertext).await.unwrap();
            assert_eq!(opened, *plaintext, "{}", path.display());
        }
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leaked_key_is_left_behind() {
    let Some(owner) = Owner::start().await else { return };
    let made = owner.gets(&["create", "vault:transit/customers", "--for", "encryption"], 0);
    assert_eq!(made["key"], "vault:transit/customers?version=1");
    owner.gets(&["create", "vault:transit/customers", "--for", "encryption"], 3);
    owner.gets(&["create", "vault:transit/other", "--for", "encryption"], 0);
    let secret = owner.home.path().join("secret");
    std::fs::write(&secret, "four words of text").unwrap();
    let (old, back) = (owner.home.path().join("a.enc"), owner.home.path().join("back"));
    let customers = "vault:transit/customers";
    owner.gets(&["encrypt", customers, "--in", text(&secret), "--out", text(&old)], 0);
    let copied = std::fs::read(&old).unwrap();
    let foreign = owner.home.path().join("foreign.enc");
    std::fs::write(&foreign, owner.encrypts("vault:transit/other", "not ours").await).unwrap();
    let rubbish = owner.home.path().join("rubbish.enc");
    std::fs::write(&rubbish, "no ciphertext at all").unwrap();
    let before = (std::fs::read(&foreign).unwrap(), std::fs::read(&rubbish).unwrap());

    let nothing = owner.run(&["rewrap", "--from", "vault:transit/customers?version=1", "*.enc"]);
    assert_eq!(nothing.status.code(), Some(2), "there is no newer version yet");
    let rotated = owner.gets(&["rotate", customers, "--for", "encryption"], 0);
    assert_eq!(rotated["key"], "vault:transit/customers?version=2");
    let rewrap = ["rewrap", "--from", customers, "*.enc"];
    let dry = owner.gets(&[&rewrap[..], &["--dry-run"]].concat(), 0);
    assert_eq!((&dry["done"], &dry["foreign"]), (&Value::from(1), &Value::from(2)), "{dry:#}");
    assert_eq!(std::fs::read(&old).unwrap(), copied);
    assert!(!owner.home.path().join("skink-rewrap.state").exists());
    let done = owner.gets(&rewrap, 0);
    assert_eq!(done["in_service"], true);
    assert_eq!(done["opened"], 1);
    let listed: Vec<&str> = done["listed"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["id"].as_str().unwrap().rsplit('/').next().unwrap())
        .collect();
    assert_eq!(listed, ["foreign.enc", "rubbish.enc"], "{done:#}");
    assert_eq!((std::fs::read(&foreign).unwrap(), std::fs::read(&rubbish).unwrap()), before);
    let again = owner.gets(&rewrap, 0);
    assert_eq!((&again["before"], &again["done"]), (&Value::from(1), &Value::from(0)));
    // Without the state the ciphertexts themselves tell.
    let other_state = [&rewrap[..], &["--state", "other"]].concat();
    assert_eq!(owner.gets(&other_state, 0)["already"], 1);

    owner.gets(&["retire", customers, "--yes"], 2);
    owner.gets(&["retire", "vault:transit/customers?version=2", "--yes"], 0);
    let refused = owner.opens(customers, &copied).await.unwrap_err();
    assert!(matches!(refused, ProviderError::Refused { .. }), "{refused}");
    owner.gets(&["decrypt", customers, "--in", text(&old), "--out", text(&back)], 0);
    assert_eq!(std::fs::read_to_string(&back).unwrap(), "four words of text");
    let log = std::fs::read_to_string(owner.bao.audit_log()).unwrap();
    assert!(!log.contains("four words"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_anywhere_and_started_again_it_loses_nothing() {
    const FILES: usize = 600;
    let Some(owner) = Owner::start().await else { return };
    let key = "vault:transit/customers";
    owner.provider.create("customers").await.unwrap();
    let files = owner.files(key, FILES).await;
    owner.provider.rotate(&key.parse().unwrap()).await.unwrap();
    let state = owner.home.path().join("skink-rewrap.state");
    let rewrap = ["rewrap", "--from", key, "--at-once", "1", "data"];
    let mut kills = 0;
    // Each time it is stopped a little later than it came before.
    for written in [1, 150, 350, 520] {
        let mut child = owner.command(&rewrap).stdout(Stdio::null()).spawn().unwrap();
        let deadline = Instant::now() + Duration::from_mins(1);
        while std::fs::read_to_string(&state).unwrap_or_default().lines().count() <= written {
            assert!(Instant::now() < deadline, "the run does not get on");
            if child.try_wait().unwrap().is_some() {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        if child.try_wait().unwrap().is_none() {
            child.kill().unwrap();
            kills += 1;
        }
        child.wait().unwrap();
        owner.all_open(key, &files).await;
    }
    assert!(kills >= 2, "it was too fast to be killed");
    let done = owner.gets(&rewrap, 0);
    let count = |name: &str| done[name].as_u64().unwrap();
    assert_eq!(count("seen"), 600);
    assert_eq!(count("done") + count("before"), 600, "{done:#}");
    assert!(count("before") > 100, "{done:#}");
    owner.all_open("vault:transit/customers?version=2", &files).await;
    // What was stopped may have left files beside, which are none of the data.
    let again = owner.gets(&rewrap, 0);
    assert_eq!((&again["seen"], &again["before"]), (&Value::from(600), &Value::from(600)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_key_takes_over_and_what_is_compared_is_the_same() {
    let Some(owner) = Owner::start().await else { return };
    for name in ["old", "new"] {
        owner.provider.create(name).await.unwrap();
    }
    let files = owner.files("vault:transit/old", 20).await;
    let rewrap = ["rewrap", "--from", "vault:transit/old", "--to", "vault:transit/new", "data"];
    let done = owner.gets(&rewrap, 0);
    assert_eq!((&done["in_service"], &done["compared"]), (&Value::from(false), &Value::from(20)));
    owner.all_open("vault:transit/new", &files).await;
    let again = owner.gets(&[&rewrap[..], &["--state", "other"]].concat(), 0);
    assert_eq!((&again["already"], &again["foreign"]), (&Value::from(20), &Value::from(0)));
    // The same state file does not serve another way.
    let back = ["rewrap", "--from", "vault:transit/new", "--to", "vault:transit/old", "data"];
    let said = owner.run(&back);
    assert_eq!(said.status.code(), Some(2), "{}", String::from_utf8_lossy(&said.stderr));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_column_is_killed_and_started_again_as_well() {
    let Some(owner) = Owner::start().await else { return };
    let Some(postgres) = Postgres::start() else { return };
    let key = "vault:transit/customers";
    owner.provider.create("customers").await.unwrap();
    postgres.run("CREATE TABLE people (id int PRIMARY KEY, secret text)");
    let mut insert = String::new();
    for row in 0..600 {
        let ciphertext = owner.encrypts(key, &format!("s-{row}")).await;
        let ciphertext = String::from_utf8(ciphertext).unwrap();
        write!(insert, "INSERT INTO people VALUES ({row}, '{ciphertext}');").unwrap();
    }
    postgres.run(&insert);
    owner.provider.rotate(&key.parse().unwrap()).await.unwrap();
    let target = format!("{}?table=people&column=secret&key=id", postgres.url());
    let rewrap = ["rewrap", "--from", key, "--at-once", "1", &target];
    let state = owner.home.path().join("skink-rewrap.state");
    for written in [1, 200, 400] {
        let mut child = owner.command(&rewrap).stdout(Stdio::null()).spawn().unwrap();
        while std::fs::read_to_string(&state).unwrap_or_default().lines().count() <= written
            && child.try_wait().unwrap().is_none()
        {
            std::thread::sleep(Duration::from_millis(1));
        }
        let _ = child.kill();
        child.wait().unwrap();
    }
    let done = owner.gets(&rewrap, 0);
    assert_eq!(done["done"].as_u64().unwrap() + done["before"].as_u64().unwrap(), 600, "{done:#}");
    for line in postgres.run("SELECT id, secret FROM people").lines() {
        let (row, ciphertext) = line.split_once('|').unwrap();
        let opened = owner.opens("vault:transit/customers?version=2", ciphertext.as_bytes()).await;
        assert_eq!(opened.unwrap(), format!("s-{row}"));
    }
}

#[test]
fn it_can_be_tried_without_any_service() {
    let home = tempfile::tempdir().unwrap();
    let run = |args: &[&str], code: i32| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_skink"));
        command.arg("key").args(args).arg("--json").current_dir(home.path()).stdin(Stdio::null());
        let done = command.output().unwrap();
        let stderr = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(code), "skink key {args:?}: {stderr}");
        serde_json::from_slice(&done.stdout).unwrap_or(Value::Null)
    };
    let key = "software:try-1";
    run(&["create", key, "--for", "encryption"], 0);
    std::fs::write(home.path().join("secret"), "words").unwrap();
    run(&["encrypt", key, "--in", "secret", "--out", "a.enc", "--aad", "row-1"], 0);
    run(&["decrypt", key, "--in", "a.enc"], 3);
    assert_eq!(run(&["rotate", key, "--for", "encryption"], 0)["key"], "software:try-1?version=2");
    let rewrap = ["rewrap", "--from", key, "a.enc", "--aad", "row-1"];
    let done = run(&rewrap, 0);
    assert_eq!((&done["done"], &done["compared"]), (&Value::from(1), &Value::from(1)), "{done:#}");
    run(&["retire", "software:try-1?version=2", "--yes"], 0);
    run(&["decrypt", key, "--in", "a.enc", "--out", "back", "--aad", "row-1"], 0);
    assert_eq!(std::fs::read_to_string(home.path().join("back")).unwrap(), "words");
    assert_eq!(run(&["data-key", key, "--out", "data.key"], 0)["key"], "software:try-1?version=2");
    assert_eq!(std::fs::read(home.path().join("data.key")).unwrap().len(), 32);
}
