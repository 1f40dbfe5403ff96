//! OCSP: good, revoked, never issued, and not ours to say.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::json;
use skink_x509::ocsp::{CertId, CertStatus, HashAlgorithm, OcspRequest, OcspResponse};
use skink_x509::{Certificate, Serial, Time};

use crate::common::{TestKey, TestServer};

fn status(answer: &[u8], issuer: &Certificate, id: &CertId, now: Time) -> CertStatus {
    let Some(basic) = OcspResponse::from_der(answer).unwrap().basic else { panic!("no answer") };
    basic.verify(issuer, now).unwrap();
    let status = basic.find(id).unwrap().status;
    assert_eq!(basic.has_extended_revoke(), status == CertStatus::NEVER_ISSUED);
    status
}

#[tokio::test(flavor = "multi_thread")]
async fn the_responder_knows_its_serials() {
    let server = TestServer::start().await;
    let (oscar, public) = (server.operator("oscar"), server.public());
    let csr = TestKey::new().csr("web", &["web.example.test"]);
    let ask = json!({"issuer": "workloads", "profile": "server", "csr_pem": csr});
    let issued = oscar.post("/api/v1/certificates", &ask).await.ok();
    let leaf = Certificate::from_pem(issued["certificate_pem"].as_str().unwrap()).unwrap();
    let above = Certificate::from_pem(issued["chain_pem"].as_str().unwrap()).unwrap();
    let now = Time::from_millis(
        oscar.get("/api/v1/status").await.ok()["server_time_ms"].as_i64().unwrap(),
    );
    assert_eq!(leaf.ocsp_uris(), ["http://pki.example.test/ocsp/workloads-g1"]);
    let id = |serial: &Serial| {
        CertId::new(HashAlgorithm::Sha256, above.subject(), above.public_key(), serial).unwrap()
    };
    let ask = async |id: &CertId| {
        let request = OcspRequest::new(vec![id.clone()], None).to_der().unwrap();
        let posted = public.send(Method::POST, "/ocsp/workloads-g1", Some(request.clone())).await;
        let encoded = STANDARD.encode(&request).replace('/', "%2F").replace('+', "%2B");
        let got = public.get(&format!("/ocsp/workloads-g1/{encoded}")).await;
        assert_eq!(posted.bytes, got.bytes);
        posted.bytes
    };
    let known = id(leaf.serial());
    assert_eq!(status(&ask(&known).await, &above, &known, now), CertStatus::Good);
    let stranger = id(&Serial::from_random([9; 16]));
    let answer = ask(&stranger).await;
    assert_eq!(status(&answer, &above, &stranger, now), CertStatus::NEVER_ISSUED);
    let path = format!("/api/v1/certificates/{}/revoke", issued["id"].as_str().unwrap());
    oscar.post(&path, &json!({"reason": "superseded"})).await.ok();
    let answer = ask(&known).await;
    assert!(matches!(status(&answer, &above, &known, now), CertStatus::Revoked { .. }));
    // Neither a garbled request nor another authority's serials get an answer that says something.
    for (path, body) in [
        ("/ocsp/workloads-g1", b"x".to_vec()),
        ("/ocsp/control-g1", { OcspRequest::new(vec![known.clone()], None).to_der().unwrap() }),
    ] {
        let answer = public.send(Method::POST, path, Some(body)).await;
        let parsed = OcspResponse::from_der(&answer.bytes).unwrap();
        assert!(parsed.basic.is_none(), "{path}");
    }
}

/// Padding makes one question look like many; each would cost a signature and stay in memory.
#[tokio::test(flavor = "multi_thread")]
async fn padded_questions_are_one_question_and_long_ones_are_refused() {
    let server = TestServer::start().await;
    let (vic, public) = (server.operator("vic"), server.public());
    let authority = vic.get("/api/v1/authorities/workloads-g1").await.ok();
    let above = Certificate::from_pem(authority["certificate_pem"].as_str().unwrap()).unwrap();
    let serial = Serial::from_random([7; 16]);
    let id = CertId::new(HashAlgorithm::Sha256, above.subject(), above.public_key(), &serial);
    let plain = OcspRequest::new(vec![id.unwrap()], None).to_der().unwrap();
    // An explicit requestor name, [1], which says nothing about what is asked.
    let padded = |byte: u8| {
        let inner = &plain[4..];
        let tbs: Vec<u8> = [&[0xa1, 0x03, 0x86, 0x01, byte][..], inner].concat();
        let short = |tag: u8, body: &[u8]| {
            let length = u8::try_from(body.len()).unwrap();
            assert!(length < 0x80);
            [&[tag, length][..], body].concat()
        };
        short(0x30, &short(0x30, &tbs))
    };
    let ask = async |body: Vec<u8>| {
        public.send(Method::POST, "/ocsp/workloads-g1", Some(body)).await.bytes
    };
    let first = ask(plain.clone()).await;
    assert!(OcspResponse::from_der(&first).unwrap().basic.is_some());
    assert_eq!(ask(padded(b'a')).await, first);
    assert_eq!(ask(padded(b'b')).await, first);
    let long = public.send(Method::POST, "/ocsp/workloads-g1", Some(vec![0; 9000])).await;
    assert_eq!(long.status, 413);
}
