//! What an incident takes from the offline root: kits, lists that revoke, a ceremony in its midst.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};
use skink_authority::ceremony::{KitFile, Request};
use skink_x509::crl::Crl;
use skink_x509::{Certificate, Fingerprint};

use crate::ceremony::hold;
use crate::common::{Api, TestServer};
use crate::incident::{Party, approve, drive, look, server, share, until};

const PARTITION: &str = "/crl/root/workloads-g1.crl";

fn stolen() -> Value {
    json!({"plan": "authority", "authority": "workloads-g1", "trigger": "copied", "drill": true})
}

async fn declare(lea: &Api) -> String {
    let incident = lea.post("/api/v1/incidents", &stolen()).await.ok();
    incident["id"].as_str().unwrap().to_owned()
}

/// Declared, and tainted by two people.
async fn tainted(server: &TestServer) -> String {
    let lea = server.operator("lea");
    let id = declare(&lea).await;
    until(&lea, &id, |incident| !incident["approvals"].as_array().unwrap().is_empty()).await;
    for name in ["lea", "cid"] {
        let path = format!("/api/v1/incidents/{id}/approve");
        server.operator(name).post(&path, &json!({"step": "taint"})).await.ok();
    }
    until(&lea, &id, |incident| incident["key"]["disabled"] == true).await;
    id
}

async fn request(lea: &Api, standby_for: &[&str]) -> String {
    let made = lea.post("/api/v1/ceremonies", &json!({"standby_for": standby_for})).await.ok();
    made["file"].as_str().unwrap().to_owned()
}

async fn import(lea: &Api, response: String) -> Value {
    let path = "/api/v1/ceremonies/response";
    lea.send(Method::POST, path, Some(response.into_bytes())).await.ok()
}

/// Number of the list that is out for the stolen authority, and whether it revokes it.
async fn partition(server: &TestServer) -> (u64, bool) {
    let list = Crl::from_der(&server.public().get(PARTITION).await.bytes).unwrap();
    let shown = server.operator("lea").get("/api/v1/authorities/workloads-g1").await.ok();
    let stolen = Certificate::from_pem(shown["certificate_pem"].as_str().unwrap()).unwrap();
    (list.number().unwrap().to_u64().unwrap(), list.find(stolen.serial()).is_some())
}

/// The root answered on Monday, the key was stolen on Tuesday, the answer is taken in afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn a_response_from_before_an_incident_takes_no_revocation_back() {
    let server = server().await;
    let mut parties = [Party::join(&server, "web-1").await];
    parties[0].live(&server).await;
    let lea = server.operator("lea");
    let monday = hold(&server, &request(&lea, &[]).await).await;

    let id = declare(&lea).await;
    drive(&server, &mut parties, &id).await;
    assert_eq!(partition(&server).await, (2, true));

    let taken = import(&lea, monday).await;
    assert_eq!(taken["passed_over"], json!(["root/workloads-g1 3"]));
    assert_eq!(taken["crls"].as_array().unwrap().len(), 4, "{taken}");
    assert_eq!(partition(&server).await, (2, true), "the stolen authority came back");

    // Nor is the server cut off from its root: the next ceremony says it once more.
    let next = hold(&server, &request(&lea, &["workloads"]).await).await;
    let taken = import(&lea, next).await;
    assert_eq!(taken["passed_over"], json!([]));
    assert_eq!(partition(&server).await, (5, true));
    assert_eq!(lea.get("/api/v1/journal/verify").await.ok()["verified"], true);
    server.running.stop().await;
}

/// No custodian can be found: the incident waits for a ceremony, and goes on with what it brings.
#[tokio::test(flavor = "multi_thread")]
async fn an_incident_without_a_kit_goes_on_with_a_ceremony() {
    let server = server().await;
    let mut parties = [Party::join(&server, "web-1").await];
    parties[0].live(&server).await;
    let (lea, cid) = (server.operator("lea"), server.operator("cid"));
    let id = tainted(&server).await;
    let path = format!("/api/v1/incidents/{id}/approve");
    lea.post(&path, &json!({"step": "kit"})).await.problem("conflict");

    let response = hold(&server, &request(&lea, &["workloads"]).await).await;
    let taken = import(&lea, response).await;
    assert_eq!(taken["prepared"], json!(["workloads-g3"]));
    // For who goes by the parent's lists this list is distrust: it waits for its step.
    assert_eq!(taken["waiting"], json!(["root/workloads-g1 3"]));
    assert_eq!(partition(&server).await, (1, false));

    lea.post(&path, &json!({"step": "kit"})).await.ok();
    lea.post(&path, &json!({"step": "kit"})).await.problem("same-person");
    assert!(look(&lea, &id).await["successor"].is_null(), "one person is not two");
    cid.post(&path, &json!({"step": "kit"})).await.ok();
    parties[0].successor = "workloads-g3";
    let incident = drive(&server, &mut parties, &id).await;
    assert_eq!(incident["successor"], "workloads-g3");
    assert_eq!(partition(&server).await, (3, true));
    let shown = lea.get("/api/v1/authorities/workloads-g1").await.ok();
    assert_eq!(shown["state"], "distrusted");
    server.running.stop().await;
}

/// The kit was made after the triage: a request from before the taint, answered after it.
#[tokio::test(flavor = "multi_thread")]
async fn a_kit_that_comes_during_the_incident_is_used() {
    let server = server().await;
    let lea = server.operator("lea");
    let id = declare(&lea).await;
    until(&lea, &id, |incident| !incident["triage"].is_null()).await;
    let asked = request(&lea, &["workloads"]).await;
    let response = hold(&server, &asked).await;
    let taken = import(&lea, response).await;
    assert_eq!(taken["prepared"], json!(["workloads-g3"]));
    assert_eq!(partition(&server).await, (3, false));
    // The kit of the first day is waste paper now.
    approve_taint(&server, &id).await;
    let path = format!("/api/v1/incidents/{id}/kit");
    lea.post(&path, &share(&server, "lea")).await.problem("kit-refused");
    server.running.stop().await;
}

async fn approve_taint(server: &TestServer, id: &str) {
    for name in ["lea", "cid"] {
        let path = format!("/api/v1/incidents/{id}/approve");
        server.operator(name).post(&path, &json!({"step": "taint"})).await.ok();
    }
    let tainted = |incident: &Value| incident["key"]["disabled"] == true;
    until(&server.operator("lea"), id, tainted).await;
}

fn kit(server: &TestServer) -> KitFile {
    let kit = server.made.kits.iter().find(|path| path.to_string_lossy().contains("workloads-g1"));
    KitFile::from_json(&std::fs::read_to_string(kit.unwrap()).unwrap()).unwrap()
}

/// The list that the kit seals, as somebody who has both shares reads it.
fn escrow(server: &TestServer) -> Vec<u8> {
    let file = kit(server);
    let share = |name: &str| {
        file.sealed().open_share(name, &format!("passphrase of {name}").into()).unwrap()
    };
    file.open(&share("lea"), &share("cid")).unwrap().escrow
}

/// A thief on one host tells of lists that the root never signed.
#[tokio::test(flavor = "multi_thread")]
async fn a_lying_agent_keeps_no_kit_shut() {
    let server = server().await;
    let party = Party::join(&server, "web-1").await;
    let lies = [None, Some("AAAA".to_owned()), Some(STANDARD.encode(forged(&server).await))];
    for der in lies {
        let mut lie = json!({"scope": PARTITION, "number": "9000000000000000000",
                             "digest": "00".repeat(32), "at_ms": 0});
        if let Some(der) = der {
            let bytes = STANDARD.decode(&der).unwrap();
            lie["digest"] = json!(Fingerprint::of(&bytes).to_string());
            lie["der"] = json!(der);
        }
        party.report(json!({}), vec![lie]).await;
    }
    let id = tainted(&server).await;
    for name in ["lea", "cid"] {
        let path = format!("/api/v1/incidents/{id}/kit");
        server.operator(name).post(&path, &share(&server, name)).await.ok();
    }
    let lea = server.operator("lea");
    until(&lea, &id, |incident| incident["successor"] == "workloads-g2").await;
    let floors = Request::from_json(&request(&lea, &[]).await).unwrap();
    assert!(floors.body().floors.iter().all(|floor| floor.number == 1));
    server.running.stop().await;
}

/// A list of the authority's own, under the name of the root's scope.
async fn forged(server: &TestServer) -> Vec<u8> {
    server.public().get("/crl/workloads-g1/p0.crl").await.bytes
}

/// The server was restored from a backup of the day before; the agents were not.
#[tokio::test(flavor = "multi_thread")]
async fn a_restored_server_does_not_ask_the_root_to_take_a_revocation_back() {
    let server = server().await;
    let party = Party::join(&server, "web-1").await;
    let lea = server.operator("lea");
    let released = escrow(&server);
    let read = json!({"scope": PARTITION, "number": "2", "at_ms": 0,
                      "digest": Fingerprint::of(&released).to_string(),
                      "der": STANDARD.encode(&released)});
    party.report(json!({}), vec![read]).await;

    let ask = json!({"standby_for": []});
    let refused = lea.post("/api/v1/ceremonies", &ask).await.problem("conflict");
    assert!(refused["detail"].as_str().unwrap().contains("workloads-g1 is revoked by list 2"));
    let status = lea.get("/api/v1/status").await.ok();
    let alarms = status["alarms"].as_array().unwrap();
    assert!(alarms.iter().any(|alarm| alarm["code"] == "root-list-forgotten"), "{alarms:?}");

    // What was revoked is revoked again, and the very same kit serves.
    let id = tainted(&server).await;
    let asked = request(&lea, &[]).await;
    let parsed = Request::from_json(&asked).unwrap();
    let floor = parsed.body().floors.iter().find(|floor| floor.scope == "workloads-g1").unwrap();
    assert_eq!(floor.number, 2);
    assert_eq!(parsed.body().revoke.len(), 1);
    for name in ["lea", "cid"] {
        let path = format!("/api/v1/incidents/{id}/kit");
        server.operator(name).post(&path, &share(&server, name)).await.ok();
    }
    let taken = import(&lea, hold(&server, &asked).await).await;
    assert_eq!(taken["waiting"], json!(["root/workloads-g1 3"]));
    approve(&server, &look(&lea, &id).await).await;
    server.running.stop().await;
}
