//! A full disk: the API says so, changes nothing, and goes on when there is space again.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use serde_json::json;
use skink_server::{Running, SystemClock, SystemRng};

use crate::common::{Api, TestKey, TestServer, client};

/// A small file system of its own, unmounted when dropped.
struct Tmpfs(tempfile::TempDir);

impl Tmpfs {
    /// `None` where nobody may mount.
    fn mount(size: &str) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(dir.path())
            .output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self(dir))
    }

    /// Writes until nothing fits any more.
    fn fill(&self) -> std::path::PathBuf {
        use std::io::Write as _;
        let path = self.0.path().join("filler");
        let mut file = std::fs::File::create(&path).unwrap();
        while file.write_all(&[0; 4096]).is_ok() {}
        path
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).output();
    }
}

fn copy(from: &Path, to: &Path) {
    let done = Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(done.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_a_problem_and_no_loss() {
    let Some(tmpfs) = Tmpfs::mount("16m") else {
        assert!(std::env::var_os("CI").is_none(), "CI must be able to mount a tmpfs");
        println!("SKIPPED: only root may mount a small file system to fill");
        return;
    };
    let server = TestServer::start().await;
    let (dir, token, root) =
        (server.server_dir(), server.token("oscar"), server.made.root_pem.clone());
    server.running.stop().await;
    copy(&dir, tmpfs.0.path());
    let small = tmpfs.0.path().join("server");
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
