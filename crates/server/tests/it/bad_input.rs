//! Bad input: a clear problem, nothing changed, nothing lost.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use skink_server::{Config, Database, Running, SystemClock, SystemRng};
use skink_testkit::Postgres;
use skink_trust::{Edition, Envelope, Limits, Manifest};
use skink_x509::{Certificate, CsrSpec, GeneralName, Name, assemble};

use crate::common::{Enrolled, TestKey, TestServer, config};

fn csr_signed_by_another(key: &TestKey, other: &TestKey) -> String {
    let spec = CsrSpec {
        subject: Name::from_common_name("web").unwrap(),
        public_key: key.public(),
        subject_alt_names: vec![GeneralName::Dns("web.example.test".into())],
    };
    let tbs = spec.tbs_der().unwrap();
    let der = assemble(&tbs, spec.signature_algorithm(), &other.sign(&tbs)).unwrap();
    skink_x509::Csr::from_der(&der).unwrap().to_pem()
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_cannot_be_granted() {
    let server = TestServer::start().await;
    let oscar = server.operator("oscar");
    let key = TestKey::new();
    let good = key.csr("web", &["web.example.test"]);
    let ask = |csr: &str, more: serde_json::Value| {
        let mut body = json!({"issuer": "workloads", "profile": "server", "csr_pem": csr});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let stolen = csr_signed_by_another(&key, &TestKey::new());
    let cases = [
        (ask(&stolen, json!({})), "bad-csr"),
        (ask("no PEM", json!({})), "bad-csr"),
        (ask(&key.csr("web", &[]), json!({})), "name-not-allowed"),
        (ask(&key.csr("web", &["*.example.test"]), json!({})), "name-not-allowed"),
        (ask(&good, json!({"lifetime_s": 500 * 86_400})), "lifetime-not-allowed"),
        (ask(&good, json!({"profile": "nonsense"})), "unknown-profile"),
        (ask(&good, json!({"profile": "control-agent"})), "unknown-profile"),
        (ask(&good, json!({"issuer": "elsewhere"})), "not-found"),
        (ask(&good, json!({"colour": "green"})), "malformed"),
    ];
    for (body, code) in cases {
        oscar.post("/api/v1/certificates", &body).await.problem(code);
    }
    let page = oscar.get("/api/v1/certificates?prefix=web").await.ok();
    assert_eq!(page["items"].as_array().unwrap().len(), 0, "{page}");
    // The same request, good, is granted after all that.
    oscar.post("/api/v1/certificates", &ask(&good, json!({"dry_run": true}))).await.ok();
    oscar.post("/api/v1/certificates", &ask(&good, json!({}))).await.ok();
    let page = oscar.get("/api/v1/certificates?prefix=web").await.ok();
    assert_eq!(page["items"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_authority_issues_nothing_and_comes_back() {
    let server = TestServer::start().await;
    let (oscar, lea) = (server.operator("oscar"), server.operator("lea"));
    let csr = TestKey::new().csr("web", &["web.example.test"]);
    let ask = json!({"issuer": "workloads", "profile": "server", "csr_pem": csr});
    oscar.post("/api/v1/authorities/workloads-g1/freeze", &json!({"reason": "look"})).await.ok();
    let problem = oscar.post("/api/v1/certificates", &ask).await.problem("authority-frozen");
    assert!(problem["retry_after_s"].as_u64().unwrap() > 0);
    lea.post("/api/v1/authorities/workloads-g1/unfreeze", &json!({"reason": "fine"})).await.ok();
    oscar.post("/api/v1/certificates", &ask).await.ok();
    // A standby whose kit nobody released does not become active.
    let activate = lea.post("/api/v1/authorities/workloads-g2/activate", &json!({})).await;
    activate.problem("conflict");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_has_one_server_wherever_its_database_is() {
    refuses_a_second_one(&TestServer::start().await).await;
    let Some(postgres) = Postgres::start() else { return };
    let database = Database { url: Some(postgres.url()) };
    let server = TestServer::start_with(Config { database, ..config() }).await;
    refuses_a_second_one(&server).await;
    // What changes keys by hand takes the same lock.
    let lock = std::fs::File::open(server.server_dir().join("skink.db.lock")).unwrap();
    assert!(matches!(lock.try_lock(), Err(std::fs::TryLockError::WouldBlock)));
    server.running.stop().await;
    lock.try_lock().unwrap();
}

async fn refuses_a_second_one(server: &TestServer) {
    let dir = server.server_dir();
    let second = Running::start(&dir, Arc::new(SystemClock), Arc::new(SystemRng)).await;
    let error = second.err().unwrap();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(below) = source {
        text.push_str(&below.to_string());
        source = below.source();
    }
    assert!(text.contains("a folder and its database have one server"), "{text}");
    server.operator("vic").get("/api/v1/status").await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_restarted_goes_on_where_it_was() {
    let server = TestServer::start().await;
    let oscar = server.operator("oscar");
    let csr = TestKey::new().csr("web", &["web.example.test"]);
    let ask = json!({"issuer": "workloads", "profile": "server", "csr_pem": csr});
    let before = oscar.post("/api/v1/certificates", &ask).await.ok();
    let (dir, token) = (server.server_dir(), server.token("oscar"));
    let root = server.made.root_pem.clone();
    server.running.stop().await;
    let again = Running::start(&dir, Arc::new(SystemClock), Arc::new(SystemRng)).await.unwrap();
    let oscar = crate::common::Api {
        http: crate::common::client(&root, None),
        base: format!("https://{}", again.ports().api),
        token: Some(token),
    };
    let path = format!("/api/v1/certificates/{}", before["id"].as_str().unwrap());
    assert_eq!(oscar.get(&path).await.ok()["state"], "issued");
    oscar.post("/api/v1/certificates", &ask).await.ok();
    assert_eq!(oscar.get("/api/v1/trust").await.ok()["version"], 1);
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_name_what_they_may_become() {
    let server = TestServer::start().await;
    let oscar = server.operator("oscar");
    let spec = |issuer: &str, profile: &str, names: serde_json::Value| {
        json!({"agent": "web-1", "endpoints": [{
            "name": "web", "role": "server", "mechanism": "deny", "service": "web",
            "issuer": issuer, "profile": profile, "names": names,
        }]})
    };
    let cases = [
        (spec("elsewhere", "server", json!(["a"])), "not-found"),
        (spec("workloads", "control-agent", json!(["a"])), "malformed"),
        (spec("control", "control-agent", json!(["a"])), "malformed"),
        (spec("workloads", "server", json!([])), "malformed"),
        (json!({"agent": "web-1", "endpoints": []}), "malformed"),
        (json!({"agent": "WEB", "endpoints": []}), "malformed"),
    ];
    for (body, code) in cases {
        oscar.post("/api/v1/tokens", &body).await.problem(code);
    }
    assert_eq!(oscar.get("/api/v1/tokens").await.ok(), json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_server_overtakes_what_agents_hold() {
    let server = TestServer::start().await;
    let mut agent = server.enroll("web-1").await;
    let backup = server.dir.path().join("backup.db");
    let database = server.server_dir().join("skink.db");
    let server = server.restart_after(|| copy(&database, &backup)).await;
    agent.api.base = format!("https://{}", server.running.ports().agent);
    let mut signed = vec![];
    for version in 2..=4 {
        let made = server.operator("lea").post("/api/v1/trust", &json!({})).await.ok();
        assert_eq!(made["version"], version);
        signed.push(agent.api.get("/agent/v1/package").await.bytes);
    }
    let server = server.restart_after(|| copy(&backup, &database)).await;
    agent.api.base = format!("https://{}", server.running.ports().agent);
    let vic = server.operator("vic");
    let version = async || vic.get("/api/v1/trust").await.ok()["version"].as_u64().unwrap();

    // A number is nobody's proof, and costs nobody anything.
    for held in [4, 900_000_000] {
        let poll = format!("/agent/v1/poll?epoch=1&version={held}&wait_ms=30000");
        let answer = agent.api.get(&poll).await.ok();
        assert_eq!(answer["package"]["version"], 1, "{answer}");
        assert!(answer["retry_after_ms"].as_u64().unwrap() >= 1000, "{answer}");
    }
    let show = async |envelope: &[u8]| {
        let held = STANDARD.encode(envelope);
        agent.api.post("/agent/v1/report", &json!({"held": held})).await.ok();
    };
    for lie in lies(&agent, &signed[2]) {
        show(&lie).await;
        assert_eq!(version().await, 1);
    }
    // What the trust key signed counts; a second time it does not, and of several only the first
    // is followed at once. The third one has the version of what was published meanwhile.
    show(&signed[0]).await;
    assert_eq!(version().await, 3);
    show(&signed[0]).await;
    show(&signed[1]).await;
    show(&signed[2]).await;
    assert_eq!(version().await, 3);
    let server = server.restart().await;
    let vic = server.operator("vic");
    let began = Instant::now();
    while vic.get("/api/v1/trust").await.ok()["version"] != 5 {
        assert!(began.elapsed() < Duration::from_mins(1), "it was not overtaken");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    server.running.stop().await;
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::copy(from, to).unwrap();
}

/// Packages that a thief on a host can make of a genuine one.
fn lies(agent: &Enrolled, genuine: &[u8]) -> Vec<Vec<u8>> {
    let parsed = Envelope::parse(genuine, &Limits::default()).unwrap();
    let mut manifest = parsed.manifest().clone();
    manifest.edition = Edition::new(1, 50);
    let body = manifest.to_body().unwrap();
    let own = Certificate::from_pem(agent.answer["certificate_pem"].as_str().unwrap()).unwrap();
    let signature = agent.key.sign(&Manifest::signing_input(&body));
    let assemble = |certificate| Envelope::assemble(body.clone(), certificate, &signature).unwrap();
    vec![assemble(&own), assemble(parsed.certificate()), genuine[1..].to_vec(), vec![]]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_server_numbers_its_lists_above_what_agents_have_read() {
    let server = TestServer::start().await;
    let agent = server.enroll("web-1").await;
    let read = |number: &str| {
        let crl = json!({"scope": "/crl/workloads-g1/p0.crl", "number": number,
            "digest": "00".repeat(32), "at_ms": 1});
        json!({"crls": [crl]})
    };
    agent.api.post("/agent/v1/report", &read("41")).await.ok();
    let csr = TestKey::new().csr("web", &["web.example.test"]);
    let ask = json!({"issuer": "workloads", "profile": "server", "csr_pem": csr});
    let oscar = server.operator("oscar");
    let issued = oscar.post("/api/v1/certificates", &ask).await.ok();
    let path = format!("/api/v1/certificates/{}/revoke", issued["id"].as_str().unwrap());
    let revoked = oscar.post(&path, &json!({"reason": "superseded"})).await.ok();
    assert_eq!(revoked["crl_number"], 42);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_fell_behind_signs_nothing_that_loses() {
    let server = TestServer::start().await;
    let lea = server.operator("lea");
    let now = lea.get("/api/v1/status").await.ok()["server_time_ms"].as_i64().unwrap();
    let (dir, token, root) =
        (server.server_dir(), server.token("lea"), server.made.root_pem.clone());
    server.running.stop().await;
    let behind = skink_model::ManualClock::new(skink_model::Time::from_millis(now - 3_600_000));
    let behind = Arc::new(behind);
    let again = Running::start(&dir, behind.clone(), Arc::new(SystemRng)).await.unwrap();
    let lea = crate::common::Api {
        http: crate::common::client(&root, None),
        base: format!("https://{}", again.ports().api),
        token: Some(token),
    };
    lea.post("/api/v1/trust", &json!({})).await.problem("clock-off");
    assert_eq!(lea.get("/api/v1/trust").await.ok()["version"], 1);
    behind.set(skink_model::Time::from_millis(now + 1000));
    lea.post("/api/v1/trust", &json!({})).await.ok();
    again.stop().await;
}

/// Nobody but the hosts can tell a server that its clock is ahead; what it signed in the meantime
/// is never overtaken by an older date.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_ran_ahead_is_said_and_costs_no_date() {
    let server = TestServer::start().await;
    let now = server.operator("lea").get("/api/v1/status").await.ok();
    let now = now["server_time_ms"].as_i64().unwrap();
    let mut agent = server.enroll("web-1").await;
    let (dir, token, root) =
        (server.server_dir(), server.token("lea"), server.made.root_pem.clone());
    server.running.stop().await;
    let hour = 3_600_000;
    let clock = Arc::new(skink_model::ManualClock::new(skink_model::Time::from_millis(now + hour)));
    let again = Running::start(&dir, clock.clone(), Arc::new(SystemRng)).await.unwrap();
    agent.api.base = format!("https://{}", again.ports().agent);
    let lea = crate::common::Api {
        http: crate::common::client(&root, None),
        base: format!("https://{}", again.ports().api),
        token: Some(token),
    };
    agent.api.post("/agent/v1/report", &json!({"clock_offset_ms": -hour})).await.ok();
    let alarms = lea.get("/api/v1/status").await.ok()["alarms"].clone();
    let said = |code: &str| alarms.as_array().unwrap().iter().any(|alarm| alarm["code"] == code);
    assert!(said("server-clock-off"), "{alarms:#}");
    lea.post("/api/v1/trust", &json!({})).await.ok();
    // Corrected, it waits rather than sign something that would lose against what it said before.
    clock.set(skink_model::Time::from_millis(now + 1000));
    lea.post("/api/v1/trust", &json!({})).await.problem("clock-off");
    assert_eq!(lea.get("/api/v1/trust").await.ok()["version"], 2);
    clock.set(skink_model::Time::from_millis(now + hour + 1000));
    lea.post("/api/v1/trust", &json!({})).await.ok();
    again.stop().await;
}
