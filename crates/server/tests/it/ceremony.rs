//! The offline root's files, checked on the server's side.

use std::sync::Arc;

use reqwest::Method;
use serde_json::json;
use skink_authority::ceremony::{OfflineRoot, Request, SignOptions};
use skink_server::{SystemClock, SystemRng, anchors};
use skink_signer::Credential;
use skink_signer::sealed::Custodian;

use crate::common::TestServer;

async fn hold(server: &TestServer, request: &str) -> String {
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
