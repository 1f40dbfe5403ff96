//! Several servers on one PostgreSQL database.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use skink_server::{Database, Running, SystemClock, SystemRng};
use skink_testkit::Postgres;
use skink_x509::crl::Crl;
use skink_x509::ocsp::{CertId, CertStatus, HashAlgorithm, OcspRequest, OcspResponse};
use skink_x509::{Certificate, Serial};

use crate::common::{Api, TestKey, TestServer, client, config};
use crate::incident::look;

/// Everything else is told within a second; this is for a machine that is busy.
const LIMIT: Duration = Duration::from_secs(20);

/// How long an answer of one server may say what another server has changed.
const STALE: Duration = Duration::from_secs(1);

struct Pair {
    first: TestServer,
    second: Running,
}

impl Pair {
    /// The second server's folder is a copy of the first one's: the same keys and configuration.
    async fn start(postgres: &Postgres) -> Self {
        let mut config = config();
        config.database = Database { url: Some(postgres.url()) };
        config.incident.tick_ms = 100;
        let first = TestServer::start_with(config).await;
        let dir = first.dir.path().join("second");
        copy(&first.server_dir(), &dir);
        // Keys in files are one folder's: what one server disables is disabled for all.
        std::fs::remove_dir_all(dir.join("keys")).unwrap();
        std::os::unix::fs::symlink(first.server_dir().join("keys"), dir.join("keys")).unwrap();
        let second =
            Running::start(&dir, Arc::new(SystemClock), Arc::new(SystemRng)).await.unwrap();
        Self { first, second }
    }

    fn operator_at_second(&self, name: &str) -> Api {
        let http = client(&self.first.made.root_pem, None);
        let base = format!("https://{}", self.second.ports().api);
        Api { http, base, token: Some(self.first.token(name)) }
    }

    fn public_at_second(&self) -> Api {
        let http = client(&self.first.made.root_pem, None);
        Api { http, base: format!("http://{}", self.second.ports().public), token: None }
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// Whether OCSP says at `public` that the serial is revoked.
async fn is_revoked(public: &Api, above: &Certificate, serial: &Serial) -> bool {
    let id = CertId::new(HashAlgorithm::Sha256, above.subject(), above.public_key(), serial);
    let id = id.unwrap();
    let request = OcspRequest::new(vec![id.clone()], None).to_der().unwrap();
    let answer = public.send(Method::POST, "/ocsp/workloads-g1", Some(request)).await;
    let basic = OcspResponse::from_der(&answer.bytes).unwrap().basic.unwrap();
    matches!(basic.find(&id).unwrap().status, CertStatus::Revoked { .. })
}

async fn lists(public: &Api, serial: &Serial) -> bool {
    let list = Crl::from_der(&public.get("/crl/workloads-g1/p0.crl").await.bytes).unwrap();
    list.find(serial).is_some()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_server_does_the_other_says_at_once() {
    let Some(postgres) = Postgres::start() else { return };
    let pair = Pair::start(&postgres).await;
    let (oscar, second) = (pair.first.operator("oscar"), pair.operator_at_second("oscar"));
    let csr = TestKey::new().csr("web", &["web.example.test"]);
    let ask = json!({"issuer": "workloads", "profile": "server", "csr_pem": csr});
    let issued = oscar.post("/api/v1/certificates", &ask).await.ok();
    let path = format!("/api/v1/certificates/{}", issued["id"].as_str().unwrap());
    let seen = second.get(&path).await.ok();
    assert_eq!(seen["id"], issued["id"]);
    let leaf = Certificate::from_pem(issued["certificate_pem"].as_str().unwrap()).unwrap();
    let above = Certificate::from_pem(issued["chain_pem"].as_str().unwrap()).unwrap();
    for public in [pair.first.public(), pair.public_at_second()] {
        assert!(!is_revoked(&public, &above, leaf.serial()).await);
    }
    second.post(&format!("{path}/revoke"), &json!({"reason": "superseded"})).await.ok();
    let revoked = Instant::now();
    assert!(is_revoked(&pair.public_at_second(), &above, leaf.serial()).await);
    // The other one hears of it, or does not trust its memory.
    loop {
        let asked = revoked.elapsed();
        if is_revoked(&pair.first.public(), &above, leaf.serial()).await {
            break;
        }
        assert!(asked < STALE, "not revoked after {asked:?}");
    }
    while !lists(&pair.first.public(), leaf.serial()).await {
        assert!(revoked.elapsed() < LIMIT, "the first server never heard of the list");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    pair.second.stop().await;
}

/// Both give answers from memory while they hear of each other.
#[tokio::test(flavor = "multi_thread")]
async fn remembered_answers_are_forgotten_within_a_second_of_a_revocation_elsewhere() {
    let Some(postgres) = Postgres::start() else { return };
    let pair = Pair::start(&postgres).await;
    let (oscar, first) = (pair.first.operator("oscar"), pair.first.public());
    for round in 0..3 {
        let csr = TestKey::new().csr("web", &["web.example.test"]);
        let ask = json!({"issuer": "workloads", "profile": "server", "csr_pem": csr});
        let issued = oscar.post("/api/v1/certificates", &ask).await.ok();
        let leaf = Certificate::from_pem(issued["certificate_pem"].as_str().unwrap()).unwrap();
        let above = Certificate::from_pem(issued["chain_pem"].as_str().unwrap()).unwrap();
        let since = Instant::now();
        // Long enough for echoes to come back.
        while since.elapsed() < STALE {
            assert!(!is_revoked(&first, &above, leaf.serial()).await);
        }
        let (app, path) = (pair.first.running.app(), format!("round {round}"));
        assert!(app.remembers_statuses(), "{path}: nothing was heard of the other server");
        let path = format!("/api/v1/certificates/{}/revoke", issued["id"].as_str().unwrap());
        let second = pair.operator_at_second("oscar");
        second.post(&path, &json!({"reason": "superseded"})).await.ok();
        let revoked = Instant::now();
        loop {
            let asked = revoked.elapsed();
            if is_revoked(&first, &above, leaf.serial()).await {
                break;
            }
            assert!(asked < STALE, "not revoked after {asked:?}");
        }
    }
    pair.second.stop().await;
}

/// An agent that asks two servers at the same time gets one certificate.
#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_at_two_servers_is_one_certificate() {
    let Some(postgres) = Postgres::start() else { return };
    let pair = Pair::start(&postgres).await;
    let agent = pair.first.enroll("web-1").await;
    let elsewhere =
        Api { base: format!("https://{}", pair.second.ports().agent), ..agent.api.clone() };
    for _ in 0..4 {
        let csr = TestKey::new().csr("x", &["web-1.example.test"]);
        let body = json!({"purpose": "leaf", "endpoint": "web-1-tls", "csr_pem": csr});
        let mut asking = tokio::task::JoinSet::new();
        for at in 0..6 {
            let api = if at % 2 == 0 { agent.api.clone() } else { elsewhere.clone() };
            let body = body.clone();
            asking.spawn(async move { api.post("/agent/v1/certificates", &body).await.ok() });
        }
        let answers = asking.join_all().await;
        let ids: BTreeSet<String> =
            answers.iter().map(|answer| answer["certificate_id"].to_string()).collect();
        assert_eq!(ids.len(), 1, "{ids:?}");
    }
    pair.second.stop().await;
}

/// Who drives an incident may go away at any time.
#[tokio::test(flavor = "multi_thread")]
async fn an_incident_is_driven_by_whoever_is_there() {
    let Some(postgres) = Postgres::start() else { return };
    let pair = Pair::start(&postgres).await;
    let declare = json!({"plan": "authority", "authority": "workloads-g1", "trigger": "copied",
                         "drill": true});
    let declared = pair.first.operator("lea").post("/api/v1/incidents", &declare).await.ok();
    let id = declared["id"].as_str().unwrap();
    let people = [pair.operator_at_second("lea"), pair.operator_at_second("cid")];
    assert_eq!(look(&people[0], id).await["id"], declared["id"]);
    // Like a process that is killed: nothing is given up, and the lease has to run out.
    drop(pair.first.running);
    let since = Instant::now();
    loop {
        let shown = look(&people[0], id).await;
        for wanted in shown["approvals"].as_array().unwrap() {
            for person in people.iter().filter(|_| wanted["step"] != "kit") {
                // The second time it is refused, and that is well.
                let path = format!("/api/v1/incidents/{id}/approve");
                person.post(&path, &json!({"step": wanted["step"]})).await;
            }
        }
        let authority = people[0].get("/api/v1/authorities/workloads-g1").await.ok();
        if authority["state"] == "tainted" && shown["key"]["disabled"] == true {
            break;
        }
        assert!(since.elapsed() < Duration::from_mins(1), "{shown:#}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    pair.second.stop().await;
}
