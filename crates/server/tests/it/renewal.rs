//! "Renew now": said by a person or by an incident, and done.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use skink_x509::Certificate;

use crate::common::{Enrolled, TestKey, TestServer};
use crate::incident::{Party, approve, drive, events_of, look, server};

const LIMIT: Duration = Duration::from_mins(1);

/// What an agent is told to renew.
async fn told(agent: &Enrolled) -> Vec<Value> {
    let poll = agent.api.get("/agent/v1/poll?wait_ms=0").await.ok();
    poll["renew"].as_array().unwrap().clone()
}

async fn ask(agent: &Enrolled, key: &TestKey) -> Value {
    let csr = key.csr("x", &["web-1.example.test"]);
    let body = json!({"purpose": "leaf", "endpoint": "web-1-tls", "csr_pem": csr});
    agent.api.post("/agent/v1/certificates", &body).await.ok()
}

async fn install(agent: &Enrolled, answer: &Value, rolled_back: bool) {
    let certificate = Certificate::from_pem(answer["certificate_pem"].as_str().unwrap()).unwrap();
    let poll = agent.api.get("/agent/v1/poll?wait_ms=0").await.ok();
    let installed = json!({"fingerprint": certificate.fingerprint().to_string(),
        "authority": answer["authority"], "proven_at_ms": poll["server_time_ms"],
        "rolled_back": rolled_back});
    let report = json!({"endpoints": [{"endpoint": "web-1-tls", "installed": installed}]});
    agent.api.post("/agent/v1/report", &report).await.ok();
}

async fn renew(server: &TestServer, endpoint: &str) {
    let path = format!("/api/v1/endpoints/{endpoint}/renew");
    server.operator("oscar").post(&path, &json!({"reason": "a test"})).await.ok();
}

/// The leaf key was stolen and its certificate revoked: the next one is of the same authority.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_to_renew_is_fulfilled_by_what_is_newer_and_by_nothing_else() {
    let server = TestServer::start().await;
    let agent = server.enroll("web-1").await;
    let first = ask(&agent, &TestKey::new()).await;
    install(&agent, &first, false).await;
    assert!(told(&agent).await.is_empty());

    let mut last = 0;
    for _ in 0..2 {
        renew(&server, "web-1-tls").await;
        let orders = told(&agent).await;
        assert_eq!(orders.len(), 1);
        assert_eq!(orders[0]["authority"], "workloads-g1");
        assert_eq!(orders[0]["anew"], true);
        assert!(orders[0]["number"].as_u64().unwrap() > last);
        last = orders[0]["number"].as_u64().unwrap();
        // What was there before does not fulfil it, however often it is told of.
        install(&agent, &first, false).await;
        assert_eq!(told(&agent).await, orders);
        let next = ask(&agent, &TestKey::new()).await;
        assert_eq!(told(&agent).await, orders, "issued is not installed");
        install(&agent, &next, false).await;
        assert!(told(&agent).await.is_empty());
    }
}

/// A host whose clock was years ahead once is believed again when it is right.
#[tokio::test(flavor = "multi_thread")]
async fn news_from_the_future_keeps_no_later_news_out() {
    let server = TestServer::start().await;
    let agent = server.enroll("web-1").await;
    let installed = |answer: &Value, at: i64| {
        let pem = answer["certificate_pem"].as_str().unwrap();
        let print = Certificate::from_pem(pem).unwrap().fingerprint().to_string();
        json!({"endpoints": [{"endpoint": "web-1-tls", "installed": {
            "fingerprint": print, "authority": "workloads-g1", "proven_at_ms": at}}]})
    };
    let first = ask(&agent, &TestKey::new()).await;
    agent.api.post("/agent/v1/report", &installed(&first, i64::MAX)).await.ok();
    let second = ask(&agent, &TestKey::new()).await;
    install(&agent, &second, false).await;
    let shown = server.operator("vic").get("/api/v1/endpoints/web-1-tls").await.ok();
    assert_eq!(shown["certificate"], second["certificate_id"]);
}

/// Of requests that are the same and come at once, all get one certificate.
#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_twice_at_once_is_one_certificate() {
    let server = TestServer::start().await;
    let agent = server.enroll("web-1").await;
    for _ in 0..4 {
        let key = TestKey::new();
        let csr = key.csr("x", &["web-1.example.test"]);
        let body = json!({"purpose": "leaf", "endpoint": "web-1-tls", "csr_pem": csr});
        let mut asking = tokio::task::JoinSet::new();
        for _ in 0..6 {
            let (api, body) = (agent.api.clone(), body.clone());
            asking.spawn(async move { api.post("/agent/v1/certificates", &body).await.ok() });
        }
        let answers = asking.join_all().await;
        let ids: std::collections::BTreeSet<String> =
            answers.iter().map(|answer| answer["certificate_id"].to_string()).collect();
        assert_eq!(ids.len(), 1, "{ids:?}");
    }
}

async fn declare(server: &TestServer) -> String {
    let declare = json!({"plan": "authority", "authority": "workloads-g1", "trigger": "copied",
                         "drill": true});
    let made = server.operator("lea").post("/api/v1/incidents", &declare).await.ok();
    made["id"].as_str().unwrap().to_owned()
}

/// Ordered by hand between activation and the wave: the wave orders it all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_wave_reaches_an_endpoint_that_a_person_told_to_renew_before() {
    let server = server().await;
    let mut parties = [Party::join(&server, "web-1").await, Party::join(&server, "web-2").await];
    for party in &mut parties {
        party.live(&server).await;
    }
    renew(&server, "web-1-tls").await;
    let id = declare(&server).await;
    let (lea, began) = (server.operator("lea"), Instant::now());
    loop {
        let incident = look(&lea, &id).await;
        if incident["successor"] == "workloads-g2" {
            break;
        }
        assert!(began.elapsed() < LIMIT, "{incident:#}");
        approve(&server, &incident).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    renew(&server, "web-2-tls").await;
    let orders = told(&parties[1].enrolled).await;
    assert_eq!(orders[0]["authority"], "workloads-g2", "{orders:?}");
    let closed = drive(&server, &mut parties, &id).await;
    assert_eq!(closed["certificates"]["reissued"], 2, "{closed:#}");
    let events = events_of(&server, &id).await;
    let waves = events.iter().filter(|event| {
        let subject = event["body"]["key"]["subject"].as_str().unwrap_or_default();
        event["kind"] == "done" && subject.starts_with("reissue-wave:")
    });
    let ordered: u64 =
        waves.map(|event| event["body"]["outcome"]["endpoints"].as_u64().unwrap()).sum();
    assert_eq!(ordered, 2, "an endpoint is in no wave");
    server.running.stop().await;
}

/// Back, forward and back again: each time the agent is told.
#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_is_rolled_back_twice_and_goes_forward_in_between() {
    let server = server().await;
    let mut parties = [Party::join(&server, "web-1").await];
    parties[0].live(&server).await;
    // It goes on seeing an old peer, so that the incident stays where it is.
    parties[0].sees_old_ms = Some(1);
    let old = parties[0].leaf.clone();
    let id = declare(&server).await;
    let (lea, began) = (server.operator("lea"), Instant::now());
    while parties[0].leaf["authority"] != "workloads-g2" {
        let incident = look(&lea, &id).await;
        assert!(began.elapsed() < LIMIT, "{incident:#}");
        approve(&server, &incident).await;
        parties[0].live(&server).await;
    }
    let agent = &parties[0].enrolled;
    let path = format!("/api/v1/incidents/{id}/roll-back/web-1-tls");
    for _ in 0..2 {
        lea.post(&path, &json!({"reason": "it misbehaves"})).await.ok();
        let orders = loop {
            let orders = told(agent).await;
            if !orders.is_empty() {
                break orders;
            }
            assert!(began.elapsed() < LIMIT, "the agent is not told to go back");
        };
        assert_eq!(orders[0]["authority"], "workloads-g1");
        assert_eq!(orders[0]["anew"], false, "back is to what it holds");
        install(agent, &old, true).await;
        assert!(told(agent).await.is_empty());
        renew(&server, "web-1-tls").await;
        assert_eq!(told(agent).await[0]["authority"], "workloads-g2");
        let next = ask(agent, &TestKey::new()).await;
        install(agent, &next, false).await;
        assert!(told(agent).await.is_empty());
    }
    server.running.stop().await;
}
