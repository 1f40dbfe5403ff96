//! Revocation by owner, by a list of serials, and of everything that a found key was certified for.

use serde_json::{Value, json};
use skink_x509::crl::Crl;
use skink_x509::{Certificate, Serial};

use crate::common::{Api, TestKey, TestServer};

async fn issue(oscar: &Api, key: &TestKey, name: &str, endpoint: Option<&str>) -> Value {
    let request = json!({
        "issuer": "workloads", "profile": "server", "csr_pem": key.csr(name, &[name]),
        "endpoint": endpoint,
    });
    oscar.post("/api/v1/certificates", &request).await.ok()
}

fn serial(issued: &Value) -> Serial {
    let pem = issued["certificate_pem"].as_str().unwrap();
    Certificate::from_pem(pem).unwrap().serial().clone()
}

async fn is_listed(server: &TestServer, serial: &Serial) -> bool {
    let list = server.public().get("/crl/workloads-g1/p0.crl").await.bytes;
    Crl::from_der(&list).unwrap().find(serial).is_some()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_loses_what_is_his_and_nobody_else() {
    let server = TestServer::start().await;
    let oscar = server.operator("oscar");
    for (name, owner) in [("pay-1", "payments"), ("pay-2", "payments"), ("web-1", "shop")] {
        let endpoint = json!({
            "name": name, "role": "server", "mechanism": "anchor", "service": "any",
            "issuer": "workloads", "profile": "server", "names": [format!("{name}.example.test")],
            "owner": owner, "criticality": "normal",
        });
        oscar.post("/api/v1/endpoints", &endpoint).await.ok();
    }
    let key = TestKey::new();
    let pay = issue(&oscar, &key, "pay-1.example.test", Some("pay-1")).await;
    let web = issue(&oscar, &key, "web-1.example.test", Some("web-1")).await;
    let set = |dry_run: bool| {
        json!({
            "authority": "workloads-g1", "owner": "payments", "reason": "cessationOfOperation",
            "dry_run": dry_run,
        })
    };
    let counted = oscar.post("/api/v1/certificates/revoke", &set(true)).await.ok();
    assert_eq!((counted["revoked"].as_u64(), counted["crl_number"].as_u64()), (Some(1), None));
    assert!(!is_listed(&server, &serial(&pay)).await);
    let revoked = oscar.post("/api/v1/certificates/revoke", &set(false)).await.ok();
    assert_eq!(revoked["revoked"], 1);
    assert!(is_listed(&server, &serial(&pay)).await);
    assert!(!is_listed(&server, &serial(&web)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_serials_is_revoked_at_once_or_not_at_all() {
    let server = TestServer::start().await;
    let oscar = server.operator("oscar");
    let key = TestKey::new();
    let mut serials = Vec::new();
    for number in 0..3 {
        let name = format!("web-{number}.example.test");
        serials.push(serial(&issue(&oscar, &key, &name, None).await));
    }
    let path = "/api/v1/authorities/workloads-g1/revoke?reason=superseded";
    let colons: Vec<String> =
        serials[1].as_be_bytes().iter().map(|byte| format!("{byte:02X}")).collect();
    let list = format!(
        "# found in the logs\n{}\n\n{}  # the same as openssl writes it\n{}\n01ff\n",
        serials[0].to_hex(),
        colons.join(":"),
        serials[0].to_hex()
    );
    let send = async |path: &str, list: &str| {
        oscar.send(reqwest::Method::POST, path, Some(list.as_bytes().to_vec())).await
    };

    // A line that is none changes nothing, and is named.
    let bad = format!("{}\nno serial\n", serials[0].to_hex());
    let problem = send(path, &bad).await.problem("malformed");
    assert!(problem["detail"].as_str().unwrap().contains("line 2"), "{problem}");
    send(path, "# nothing\n").await.problem("malformed");
    assert!(!is_listed(&server, &serials[0]).await);

    let counted = send(&format!("{path}&dry_run=true"), &list).await.ok();
    assert_eq!((counted["revoked"].as_u64(), counted["unknown"].as_u64()), (Some(2), Some(1)));
    assert!(!is_listed(&server, &serials[0]).await);
    let done = send(path, &list).await.ok();
    assert_eq!((done["revoked"].as_u64(), done["revoked_before"].as_u64()), (Some(2), Some(0)));
    assert!(done["crl_number"].as_u64().is_some());
    for (serial, listed) in serials.iter().zip([true, true, false]) {
        assert_eq!(is_listed(&server, serial).await, listed);
    }
    let again = send(path, &list).await.ok();
    assert_eq!((again["revoked"].as_u64(), again["revoked_before"].as_u64()), (Some(0), Some(2)));
    assert_eq!(oscar.get("/api/v1/journal/verify").await.ok()["verified"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_found_key_loses_everything_and_is_never_certified_again() {
    let server = TestServer::start().await;
    let oscar = server.operator("oscar");
    let (leaked, other) = (TestKey::new(), TestKey::new());
    let first = issue(&oscar, &leaked, "web-1.example.test", None).await;
    let second = issue(&oscar, &leaked, "web-2.example.test", None).await;
    let kept = issue(&oscar, &other, "web-3.example.test", None).await;
    let found = |key: &TestKey, dry_run: bool| {
        json!({
            "public_key_pem": key.public().to_pem(), "found": "a repository", "dry_run": dry_run,
        })
    };
    let pretended = oscar.post("/api/v1/keys/found", &found(&leaked, true)).await.ok();
    assert_eq!(pretended["revoked"], 2);
    assert!(!is_listed(&server, &serial(&first)).await);
    let done = oscar.post("/api/v1/keys/found", &found(&leaked, false)).await.ok();
    assert_eq!(done["certificates"].as_array().unwrap().len(), 2);
    assert_eq!(done["revoked"], 2);
    assert!(is_listed(&server, &serial(&first)).await);
    assert!(is_listed(&server, &serial(&second)).await);
    assert!(!is_listed(&server, &serial(&kept)).await);
    let request = json!({
        "issuer": "workloads", "profile": "server",
        "csr_pem": leaked.csr("web-4", &["web-4.example.test"]),
    });
    oscar.post("/api/v1/certificates", &request).await.problem("blocked-key");

    // One that was never certified is blocked all the same.
    let stranger = TestKey::new();
    let done = oscar.post("/api/v1/keys/found", &found(&stranger, false)).await.ok();
    assert_eq!(done["revoked"], 0);
    let request = json!({
        "issuer": "workloads", "profile": "server",
        "csr_pem": stranger.csr("web-5", &["web-5.example.test"]),
    });
    oscar.post("/api/v1/certificates", &request).await.problem("blocked-key");

    // An authority's own key takes more than this.
    let above = Certificate::from_pem(first["chain_pem"].as_str().unwrap()).unwrap();
    let own = json!({"public_key_pem": above.public_key().to_pem(), "found": "a dump"});
    let problem = oscar.post("/api/v1/keys/found", &own).await.problem("conflict");
    assert!(problem["hint"].as_str().unwrap().contains("incident"), "{problem}");
    let nowhere = json!({"public_key_pem": leaked.public().to_pem(), "found": " "});
    oscar.post("/api/v1/keys/found", &nowhere).await.problem("malformed");
    server
        .operator("vic")
        .post("/api/v1/keys/found", &found(&other, false))
        .await
        .problem("forbidden");
    assert!(!is_listed(&server, &serial(&kept)).await);
}
