//! The offline root's files, checked on the server's side.

use std::sync::Arc;

use reqwest::Method;
use serde_json::json;
use skink_authority::ceremony::{OfflineRoot, Request, SignOptions};
use skink_server::{SystemClock, SystemRng, anchors};
use skink_signer::sealed::Custodian;
use skink_signer::{Credential, KeyProvider as _, KeyState, SoftwareProvider};
use skink_x509::KeyAlgorithm;

use crate::common::TestServer;

/// The offline root's answer to a request.
pub(crate) async fn hold(server: &TestServer, request: &str) -> String {
    let dir = server.dir.path().join("root");
    let credential = Credential::from_text("the root's own passphrase");
    let (clock, rng) = (Arc::new(SystemClock), Arc::new(SystemRng));
    let mut root = OfflineRoot::open(&dir, credential, clock, rng).await.unwrap();
    let person = |name: &str| Custodian {
        name: name.into(),
        passphrase: format!("passphrase of {name}").into(),
    };
    let request = Request::from_json(request).unwrap();
    let options = SignOptions {
        custodians: &[person("lea"), person("cid")],
        confirmed_requester: None,
        anchors: Some(&anchors),
    };
    root.sign(&request, &options).await.unwrap().response.to_json().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_is_taken_in_once_and_unchanged() {
    let server = TestServer::start().await;
    let lea = server.operator("lea");
    let import = async |file: &str| {
        let body = Some(file.as_bytes().to_vec());
        lea.send(Method::POST, "/api/v1/ceremonies/response", body).await
    };
    let ask = json!({"standby_for": ["workloads"]});
    let first = lea.post("/api/v1/ceremonies", &ask).await.ok();
    let response = hold(&server, first["file"].as_str().unwrap()).await;

    import("{}").await.problem("ceremony-refused");
    let altered = response.replacen("workloads-g3", "workloads-g4", 1);
    assert_ne!(altered, response);
    import(&altered).await.problem("ceremony-refused");
    let before = lea.get("/api/v1/authorities/workloads-g3").await.ok();
    assert_eq!(before["state"], "pending");

    let taken = import(&response).await.ok();
    assert_eq!(taken["prepared"], json!(["workloads-g3"]));
    assert_eq!(lea.get("/api/v1/authorities/workloads-g3").await.ok()["state"], "prepared");
    import(&response).await.problem("ceremony-replayed");
    // The standby and its list travel at once.
    let trust = lea.get("/api/v1/trust").await.ok();
    assert_eq!(trust["version"], 2);
    assert!(trust["authorities"].as_array().unwrap().contains(&json!("workloads-g3 prepared")));
    let list = server.public().get("/crl/workloads-g3/p0.crl").await;
    assert_eq!(list.status, 200);
}

/// A server that was killed between making a key and recording it left keys without rows.
#[tokio::test(flavor = "multi_thread")]
async fn keys_without_rows_do_not_stop_the_next_ceremony() {
    let server = TestServer::start().await;
    let dir = server.server_dir();
    let credential = std::fs::read_to_string(dir.join("credentials/software.key")).unwrap();
    let keys = SoftwareProvider::open(&dir.join("keys"), Credential::from_text(&credential));
    let keys = keys.unwrap();
    let (left, _) = keys.create_standby("workloads-g3", KeyAlgorithm::EcP256).await.unwrap();
    keys.create("ocsp-workloads-g4", KeyAlgorithm::EcP256).await.unwrap();

    let lea = server.operator("lea");
    let ask = json!({"standby_for": ["workloads"]});
    let request = lea.post("/api/v1/ceremonies", &ask).await.ok();
    let response = hold(&server, request["file"].as_str().unwrap()).await;
    let body = Some(response.into_bytes());
    let taken = lea.send(Method::POST, "/api/v1/ceremonies/response", body).await.ok();
    assert_eq!(taken["prepared"], json!(["workloads-g4"]));
    assert_eq!(keys.state(&left).await.unwrap(), KeyState::Destroyed);
}
