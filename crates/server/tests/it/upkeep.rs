//! What the server does by itself, and what it keeps, when something broke before.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use skink_model::{Evidence, IncidentId, ManualClock, Stamp, Time};
use skink_server::{Initialised, Running, SystemClock, SystemRng};
use skink_store::{Store, StoreError, records};
use skink_x509::crl::Crl;
use skink_x509::{Certificate, Fingerprint};

use crate::common::{Api, TestServer, client};
use crate::incident::{events_of, server, until};

const LIMIT: Duration = Duration::from_mins(1);
const DAY: i64 = 24 * 3_600_000;

/// A server that is stopped.
struct Stopped {
    dir: tempfile::TempDir,
    made: Initialised,
}

impl Stopped {
    async fn new(server: TestServer) -> Self {
        let TestServer { dir, made, running } = server;
        running.stop().await;
        Self { dir, made }
    }

    fn server_dir(&self) -> PathBuf {
        self.dir.path().join("server")
    }

    async fn start_at(&self, at: i64) -> Running {
        let clock = Arc::new(ManualClock::new(Time::from_millis(at)));
        Running::start(&self.server_dir(), clock, Arc::new(SystemRng)).await.unwrap()
    }

    async fn start(self) -> TestServer {
        let dir = self.server_dir();
        let running =
            Running::start(&dir, Arc::new(SystemClock), Arc::new(SystemRng)).await.unwrap();
        TestServer { dir: self.dir, made: self.made, running }
    }

    async fn trust(&self, running: &Running) -> Value {
        let lead = self.made.operators.iter().find(|one| one.operator.name == "lea").unwrap();
        let base = format!("https://{}", running.ports().api);
        let lead = Api { http: self.client(), base, token: lead.token.clone() };
        lead.get("/api/v1/trust").await.ok()
    }

    fn client(&self) -> reqwest::Client {
        client(&self.made.root_pem, None)
    }

    /// When the list of a scope that is served ends.
    async fn end_of(&self, running: &Running, scope: &str) -> i64 {
        let base = format!("http://{}", running.ports().public);
        let public = Api { http: self.client(), base, token: None };
        let list = public.get(&format!("/crl/{scope}.crl")).await;
        Crl::from_der(&list.bytes).unwrap().next_update().unwrap().as_millis()
    }
}

/// The first in the order of scopes has lost its key: the others are renewed all the same; and when
/// its list has ended, packages go on without it.
#[tokio::test(flavor = "multi_thread")]
async fn one_key_that_does_not_sign_stops_nobody_else() {
    let server = TestServer::start().await;
    let now = server.operator("lea").get("/api/v1/status").await.ok();
    let now = now["server_time_ms"].as_i64().unwrap();
    let server = Stopped::new(server).await;
    std::fs::remove_file(server.server_dir().join("keys/control-g1.key.pem")).unwrap();

    for later in [now + DAY + DAY / 24, now + 8 * DAY] {
        let running = server.start_at(later).await;
        let began = Instant::now();
        while server.end_of(&running, "workloads-g1/p0").await < later + 6 * DAY {
            assert!(began.elapsed() < LIMIT, "the list is not renewed");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let trust = loop {
            let trust = server.trust(&running).await;
            if trust["issued_at_ms"] == later {
                break trust;
            }
            assert!(began.elapsed() < LIMIT, "no package was published");
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        assert!(trust["not_after_ms"].as_i64().unwrap() > later + 4 * DAY, "{trust}");
        let ended = server.end_of(&running, "control-g1/p0").await < later;
        assert_eq!(ended, later > now + 7 * DAY);
        running.stop().await;
    }
}

async fn alarms(server: &TestServer) -> Vec<String> {
    let status = server.operator("vic").get("/api/v1/status").await.ok();
    let alarms = status["alarms"].as_array().unwrap().iter();
    alarms.map(|alarm| format!("{}: {}", alarm["code"], alarm["detail"])).collect()
}

/// The files by which two people are two must not lie in one place.
#[tokio::test(flavor = "multi_thread")]
async fn operators_files_in_the_servers_folder_are_an_alarm_until_they_are_handed_out() {
    let server = TestServer::start().await;
    let told = async || {
        let alarms = alarms(&server).await;
        alarms.into_iter().find(|alarm| alarm.starts_with("\"operator-files-on-server\""))
    };
    assert_eq!(told().await, None);
    let folder = server.server_dir().join("operators");
    std::fs::create_dir(&folder).unwrap();
    for name in ["lea.json", "cid.json", "README"] {
        std::fs::write(folder.join(name), "{}").unwrap();
    }
    let alarm = told().await.unwrap();
    assert!(alarm.contains("cid.json, lea.json") && !alarm.contains("README"), "{alarm}");
    std::fs::remove_file(folder.join("cid.json")).unwrap();
    assert!(told().await.unwrap().contains(": lea.json"));
    std::fs::remove_file(folder.join("lea.json")).unwrap();
    assert_eq!(told().await, None);
    server.running.stop().await;
}

/// What a server recorded of its evidence before it was killed.
async fn record(server: &Stopped, id: &str, names: [&str; 2]) {
    let store = Store::open(&server.server_dir().join("skink.db")).await.unwrap();
    let incident: IncidentId = id.parse().unwrap();
    let row = |name: &str| Evidence {
        incident: incident.clone(),
        name: format!("containment/{name}"),
        file: format!("{id}/evidence/containment/{name}"),
        size: u64::try_from(name.len()).unwrap(),
        digest: Fingerprint::of(name.as_bytes()),
        at: Time::from_millis(1),
    };
    let rows = &names.map(row);
    let preserved = store.run_tx("test", move |tx| {
        Box::pin(async move {
            for row in rows {
                records::preserve(tx, &Stamp::server(row.at), row).await?;
            }
            Ok::<_, StoreError>(())
        })
    });
    preserved.await.unwrap();
}

/// The files of the containment pass, as the journal has them.
async fn kept(server: &TestServer, id: &str) -> Vec<Value> {
    let events = events_of(server, id).await;
    let key = "snapshot-evidence:containment";
    let done = events.iter().find(|event| event["body"]["key"]["subject"] == key).unwrap();
    done["body"]["outcome"]["files"].as_array().unwrap().clone()
}

/// Killed after the evidence was recorded and before the journal said so; `tampered` afterwards.
async fn killed_in_between(tampered: bool) -> (TestServer, String, PathBuf) {
    let server = server().await;
    let lea = server.operator("lea");
    let declare = json!({"plan": "authority", "authority": "workloads-g1", "trigger": "copied"});
    let incident = lea.post("/api/v1/incidents", &declare).await.ok();
    let id = incident["id"].as_str().unwrap().to_owned();
    until(&lea, &id, |incident| !incident["approvals"].as_array().unwrap().is_empty()).await;
    let server = Stopped::new(server).await;
    let all = server.server_dir().join("incidents").join(&id).join("evidence");
    let names = ["journal.jsonl", "manifest.json"];
    record(&server, &id, names).await;
    std::fs::create_dir_all(all.join("containment")).unwrap();
    for name in names {
        std::fs::write(all.join("containment").join(name), name).unwrap();
    }
    if tampered {
        std::fs::write(all.join("containment/journal.jsonl"), "nothing happened").unwrap();
    }
    let server = server.start().await;
    for name in ["lea", "cid"] {
        let path = format!("/api/v1/incidents/{id}/approve");
        server.operator(name).post(&path, &json!({"step": "taint"})).await.ok();
    }
    let evident = |incident: &Value| {
        let steps = incident["steps"].as_array().unwrap();
        steps.iter().any(|step| step["name"] == "evidence" && step["state"] == "done")
    };
    until(&server.operator("lea"), &id, evident).await;
    (server, id, all)
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_that_was_recorded_is_not_written_over() {
    let (server, id, all) = killed_in_between(false).await;
    let kept = kept(&server, &id).await;
    assert_eq!(kept.len(), 2);
    assert_eq!(kept[1]["name"], "containment/manifest.json");
    assert_eq!(kept[1]["digest"], Fingerprint::of(b"manifest.json").to_string());
    assert_eq!(
        std::fs::read_to_string(all.join("containment/journal.jsonl")).unwrap(),
        "journal.jsonl"
    );
    server.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_that_was_altered_stays_beside_a_new_copy_with_a_signed_manifest() {
    let (server, id, all) = killed_in_between(true).await;
    let kept = kept(&server, &id).await;
    assert!(kept.iter().all(|file| file["name"].as_str().unwrap().starts_with("containment-2/")));
    for file in &kept {
        let bytes = std::fs::read(all.join(file["name"].as_str().unwrap())).unwrap();
        assert_eq!(file["digest"], Fingerprint::of(&bytes).to_string());
    }
    let altered = std::fs::read_to_string(all.join("containment/journal.jsonl")).unwrap();
    assert_eq!(altered, "nothing happened");
    verify(&server, &all.join("containment-2")).await;
    server.running.stop().await;
}

async fn verify(server: &TestServer, dir: &Path) {
    let manifest = std::fs::read(dir.join("manifest.json")).unwrap();
    let signature = std::fs::read(dir.join("manifest.json.sig")).unwrap();
    let said: Value = serde_json::from_slice(&manifest).unwrap();
    let path = format!("/api/v1/authorities/{}", said["signed_by"].as_str().unwrap());
    let signer = server.operator("lea").get(&path).await.ok();
    let signer = Certificate::from_pem(signer["certificate_pem"].as_str().unwrap()).unwrap();
    let key = signer.public_key();
    key.verify(key.algorithm().signature_algorithm(), &manifest, &signature).unwrap();
    assert!(key.verify(key.algorithm().signature_algorithm(), b"{}", &signature).is_err());
}
