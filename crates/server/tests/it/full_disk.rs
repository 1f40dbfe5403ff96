//! A full disk: the API says so, changes nothing, and goes on when there is space again.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use serde_json::json;
use skink_server::{Running, SystemClock, SystemRng};
use skink_testkit::Tmpfs;

use crate::common::{Api, TestKey, TestServer, client};

fn copy(from: &Path, to: &Path) {
    let done = Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(done.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_a_problem_and_no_loss() {
    let Some(tmpfs) = Tmpfs::mount("16m") else { return };
    let server = TestServer::start().await;
    let (dir, token, root) =
        (server.server_dir(), server.token("oscar"), server.made.root_pem.clone());
    server.running.stop().await;
    copy(&dir, tmpfs.path());
    let small = tmpfs.path().join("server");
    let running = Running::start(&small, Arc::new(SystemClock), Arc::new(SystemRng)).await.unwrap();
    let oscar = Api {
        http: client(&root, None),
        base: format!("https://{}", running.ports().api),
        token: Some(token),
    };
    let issue = async || {
        let csr = TestKey::new().csr("web", &["web.example.test"]);
        let ask = json!({"issuer": "workloads", "profile": "server", "csr_pem": csr});
        oscar.post("/api/v1/certificates", &ask).await
    };
    issue().await.ok();

    let filler = tmpfs.fill();
    let mut issued = 1;
    // What the log had room for already still fits.
    let refused = loop {
        let answer = issue().await;
        if answer.status >= 400 {
            break answer;
        }
        issued += 1;
        assert!(issued < 1000, "the disk never filled");
    };
    assert_eq!(refused.status, 507);
    let problem = refused.problem("storage-full");
    assert!(problem["hint"].as_str().unwrap().contains("space"), "{problem}");
    oscar.get("/api/v1/status").await.ok();

    std::fs::remove_file(filler).unwrap();
    issue().await.ok();
    issued += 1;
    let page = oscar.get("/api/v1/certificates?prefix=web&limit=1000").await.ok();
    let items = page["items"].as_array().unwrap();
    let released = items.iter().filter(|one| one["state"] == "issued").count();
    assert_eq!(released, issued, "{page}");
    assert_eq!(oscar.get("/api/v1/journal/verify").await.ok()["verified"], true);
    running.stop().await;
    let again = Running::start(&small, Arc::new(SystemClock), Arc::new(SystemRng)).await.unwrap();
    again.stop().await;
}
