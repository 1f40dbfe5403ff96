//! init → serve → a leaf by API → an agent enrols, gets its leaf and canary → a package reaches it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use skink_api::agent::{Ack, PackageRef};
use skink_trust::{Edition, Held, Limits, Parts};
use skink_x509::Certificate;
use skink_x509::crl::Crl;

use crate::common::{TestKey, TestServer};

#[tokio::test(flavor = "multi_thread")]
async fn a_leaf_by_api_and_one_by_agent() {
    let server = TestServer::start().await;
    let oscar = server.operator("oscar");

    // 1. Everything is up, and says what needs a person.
    let status = oscar.get("/api/v1/status").await.ok();
    assert_eq!(status["trust"]["version"], 1);
    assert_eq!(status["alarms"][0]["code"], "root-beside-server", "{status}");
    let issuers = oscar.get("/api/v1/issuers").await.ok();
    let workloads = issuers.as_array().unwrap().iter().find(|i| i["name"] == "workloads").unwrap();
    assert_eq!(workloads["active"], "workloads-g1");
    assert_eq!(workloads["standby"], "workloads-g2");

    // 2. A leaf by API: chain, list and responder fit.
    let key = TestKey::new();
    let request = json!({
        "issuer": "workloads", "profile": "server", "csr_pem": key.csr("web", &["web.example.test"]),
    });
    let issued = oscar.post("/api/v1/certificates", &request).await.ok();
    let leaf = Certificate::from_pem(issued["certificate_pem"].as_str().unwrap()).unwrap();
    let above = Certificate::from_pem(issued["chain_pem"].as_str().unwrap()).unwrap();
    let root = Certificate::from_pem(&server.made.root_pem).unwrap();
    leaf.verify_signed_by(above.public_key()).unwrap();
    above.verify_signed_by(root.public_key()).unwrap();
    assert_eq!(leaf.dns_names().collect::<Vec<_>>(), ["web.example.test"]);
    let path = format!("/api/v1/certificates/{}", issued["id"].as_str().unwrap());
    assert_eq!(oscar.get(&path).await.ok()["state"], "issued");

    // 3. Revoked: the next list says so.
    let path = format!("/api/v1/certificates/{}/revoke", issued["id"].as_str().unwrap());
    let revoked = oscar.post(&path, &json!({"reason": "keyCompromise"})).await.ok();
    assert_eq!(revoked["revoked"], 1);
    let list = server.public().get("/crl/workloads-g1/p0.crl").await;
    let list = Crl::from_der(&list.bytes).unwrap();
    list.verify_signed_by(above.public_key()).unwrap();
    assert!(list.find(leaf.serial()).is_some());
    oscar.post("/api/v1/certificates", &request).await.problem("blocked-key");

    // 4. An agent enrols, once.
    let agent = server.enroll("web-1").await;
    let again = server.agent(None).post("/agent/v1/enroll", &agent.request).await;
    again.problem("token-invalid");
    assert_eq!(agent.answer["endpoints"][0]["name"], "web-1-tls");

    // 5. Its leaf has its names and no others.
    let key = TestKey::new();
    let ask = |names: &[&str]| json!({"purpose": "leaf", "endpoint": "web-1-tls", "csr_pem": key.csr("x", names)});
    let answer = agent.api.post("/agent/v1/certificates", &ask(&["web-1.example.test"])).await.ok();
    assert_eq!(answer["authority"], "workloads-g1");
    assert!(answer["staple"].as_str().is_some());
    let csr = TestKey::new().csr("x", &["web-1.example.test"]);
    let renewal = json!({"purpose": "leaf", "endpoint": "web-1-tls", "csr_pem": csr});
    let renewed = agent.api.post("/agent/v1/certificates", &renewal).await.ok();
    let path = format!("/api/v1/certificates/{}", answer["certificate_id"].as_str().unwrap());
    let shown = oscar.get(&path).await.ok();
    assert_eq!(shown["replaced_by"], renewed["certificate_id"]);
    let other = agent.api.post("/agent/v1/certificates", &ask(&["evil.example.test"])).await;
    other.problem("name-not-allowed");
    let canary = json!({"purpose": "canary", "issuer": "workloads", "csr_pem": key.csr("x", &[])});
    let canary = agent.api.post("/agent/v1/certificates", &canary).await.ok();
    assert_eq!(canary["authority"], "workloads-g1");

    // 6. The package is one that it accepts, knowing the root from its token only.
    let poll = agent.api.get("/agent/v1/poll?epoch=0&version=0&wait_ms=0").await.ok();
    let envelope = agent.api.get("/agent/v1/package").await.bytes;
    let mut parts = Parts::new();
    let parsed = skink_trust::Envelope::parse(&envelope, &Limits::default()).unwrap();
    for digest in [parsed.manifest().anchors, parsed.manifest().status] {
        let part = agent.api.get(&format!("/agent/v1/part/{digest}")).await;
        parts.insert(part.bytes);
    }
    let status = skink_trust::Status::parse(parts.find(parsed.manifest().status).unwrap()).unwrap();
    for crl in &status.crls {
        parts.insert(agent.api.get(&format!("/agent/v1/part/{}", crl.digest)).await.bytes);
    }
    assert_eq!(agent.token.root, root.fingerprint().to_string());
    let held = Held::pinned(&agent.token.domain, "main", root, Edition::new(1, 1));
    let now = skink_x509::Time::from_millis(poll["server_time_ms"].as_i64().unwrap());
    let accepted = held.accept(&envelope, &parts, now, &Limits::default()).unwrap();
    assert!(accepted.overruled.is_empty());

    // 7. It acknowledges with its own key over a fresh nonce; nobody else's signature counts.
    let package = PackageRef {
        epoch: poll["package"]["epoch"].as_u64().unwrap(),
        version: poll["package"]["version"].as_u64().unwrap(),
        digest: poll["package"]["digest"].as_str().unwrap().into(),
    };
    let nonce = poll["nonce"].as_str().unwrap();
    let input = Ack::signing_input("web-1", "web-1-tls", &package, nonce);
    let report = |key: &TestKey| {
        json!({"endpoints": [{"endpoint": "web-1-tls", "ack": {
            "epoch": package.epoch, "version": package.version, "digest": package.digest,
            "nonce": nonce, "signature": STANDARD.encode(key.sign(&input)),
        }}]})
    };
    let forged = agent.api.post("/agent/v1/report", &report(&TestKey::new())).await;
    forged.problem("bad-signature");
    agent.api.post("/agent/v1/report", &report(&agent.key)).await.ok();
    assert_eq!(oscar.get("/api/v1/trust").await.ok()["acknowledged"], 1);

    // 8. A long poll returns as soon as there is a new package.
    let version = package.version;
    let waiting = {
        let api = agent.api.clone();
        tokio::spawn(async move {
            api.get(&format!("/agent/v1/poll?epoch=1&version={version}&wait_ms=30000")).await.ok()
        })
    };
    let began = std::time::Instant::now();
    server.operator("lea").post("/api/v1/trust", &json!({"reason": "test"})).await.ok();
    let answer = waiting.await.unwrap();
    assert_eq!(answer["package"]["version"], version + 1);
    assert!(began.elapsed() < std::time::Duration::from_secs(20), "it waited to the end");

    // 9. The journal is whole, and the server stops in order.
    assert_eq!(oscar.get("/api/v1/journal/verify").await.ok()["verified"], true);
    let dir = server.server_dir();
    server.running.stop().await;
    assert!(!dir.join("ports.json").exists());
}

/// An answer that never arrived is asked for again, with the same key: no second certificate comes
/// of it. Another key is another request, and so is the same one after a revocation.
#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_of_an_agent_gets_the_same_certificate() {
    let server = TestServer::start().await;
    let agent = server.enroll("web-1").await;
    let ask = async |key: &TestKey| {
        let csr = key.csr("x", &["web-1.example.test"]);
        let body = json!({"purpose": "leaf", "endpoint": "web-1-tls", "csr_pem": csr});
        let answer = agent.api.post("/agent/v1/certificates", &body).await.ok();
        answer["certificate_id"].as_str().unwrap().to_owned()
    };
    let key = TestKey::new();
    let first = ask(&key).await;
    assert_eq!(ask(&key).await, first);
    assert_ne!(ask(&TestKey::new()).await, first);
    let path = format!("/api/v1/certificates/{first}/revoke");
    server.operator("oscar").post(&path, &json!({"reason": "superseded"})).await.ok();
    assert_ne!(ask(&key).await, first);
}
