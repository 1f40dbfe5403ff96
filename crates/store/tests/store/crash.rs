//! The writer is killed at any instant: nothing that was acknowledged is lost, nothing is half there.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;
use skink_store::{Store, StoreError, journal, settings};

use crate::fixture::NOW;

const ROLE: &str = "SKINK_STORE_CRASH_WRITER";

/// The child: writes for ever and says on stdout what is committed.
#[tokio::test]
async fn writer() {
    let Ok(path) = std::env::var(ROLE) else { return };
    let store = Store::open(Path::new(&path)).await.unwrap();
    let mut r = store.read().await.unwrap();
    let mut number = journal::head(&mut r, "crash").await.unwrap().seq;
    drop(r);
    loop {
        number += 1;
        let done = store.run_tx("write", |tx| {
            Box::pin(async move {
                settings::set(tx, "number", &number.to_string()).await?;
                journal::append(tx, "crash", NOW, "n", &json!({"n": number})).await?;
                Ok::<_, StoreError>(())
            })
        });
        done.await.unwrap();
        let mut out = std::io::stdout().lock();
        writeln!(out, "committed {number}").unwrap();
        out.flush().unwrap();
    }
}

#[tokio::test]
async fn what_was_acknowledged_survives_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("skink.db");
    for round in 1..=5_u64 {
        let acknowledged = run_and_kill(&path, 20 * round);
        let store = Store::open(&path).await.unwrap();
        let mut r = store.read().await.unwrap();
        let head = journal::head(&mut r, "crash").await.unwrap().seq;
        let number = settings::find(&mut r, "number").await.unwrap().unwrap();
        assert!(head >= acknowledged, "{head} is there, {acknowledged} was acknowledged");
        assert!(head <= acknowledged + 1, "one transaction can be committed and not yet said");
        assert_eq!(number, head.to_string(), "a transaction is there as a whole or not at all");
        assert!(journal::verify(&mut r).await.unwrap().is_whole());
        drop(r);
        store.close().await;
    }
}

/// Starts this test program as a writer, kills it after `commits` commits, and returns the last
/// number that it said it had committed.
fn run_and_kill(path: &Path, commits: u64) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["crash::writer", "--exact", "--nocapture", "--test-threads=1"])
        .env(ROLE, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (mut acknowledged, mut seen) = (0, 0);
    for line in lines {
        // The test harness writes its own words before the first of ours.
        if let Some((_, number)) = line.unwrap().split_once("committed ") {
            acknowledged = number.parse().unwrap();
            seen += 1;
        }
        if seen == commits {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(seen >= commits, "the writer died by itself");
    acknowledged
}
