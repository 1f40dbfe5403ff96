//! OCSP: good, revoked, never issued, and not ours to say.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::json;
use skink_x509::ocsp::{CertId, CertStatus, HashAlgorithm, OcspRequest, OcspResponse};
use skink_x509::{Certificate, Serial, Time};

use crate::common::{Api, TestKey, TestServer, config};

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

struct Got {
    status: u16,
    headers: reqwest::header::HeaderMap,
    bytes: Vec<u8>,
}

impl Got {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn max_age(&self) -> i64 {
        let (age, rest) = self.header("cache-control").split_once(',').unwrap();
        assert_eq!(rest, "public,no-transform,must-revalidate");
        age.strip_prefix("max-age=").unwrap().parse().unwrap()
    }
}

async fn get(public: &Api, request: &[u8], known: Option<&str>) -> Got {
    let encoded = STANDARD.encode(request).replace('/', "%2F").replace('+', "%2B");
    let mut asking = public.http.get(format!("{}/ocsp/workloads-g1/{encoded}", public.base));
    if let Some(known) = known {
        asking = asking.header("if-none-match", known);
    }
    let answer = asking.send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    Got { status, headers, bytes: answer.bytes().await.unwrap().to_vec() }
}

/// RFC 5019 §6.2: what caches may keep, until when, and how they ask whether it is still so.
#[tokio::test(flavor = "multi_thread")]
async fn caches_are_told_how_long_an_answer_holds_and_a_revocation_ends_it() {
    let server = TestServer::start().await;
    let (oscar, public) = (server.operator("oscar"), server.public());
    let csr = TestKey::new().csr("web", &["web.example.test"]);
    let ask = json!({"issuer": "workloads", "profile": "server", "csr_pem": csr});
    let issued = oscar.post("/api/v1/certificates", &ask).await.ok();
    let leaf = Certificate::from_pem(issued["certificate_pem"].as_str().unwrap()).unwrap();
    let above = Certificate::from_pem(issued["chain_pem"].as_str().unwrap()).unwrap();
    let id = CertId::of(HashAlgorithm::Sha1, &leaf, &above).unwrap();
    let request = |nonce| OcspRequest::new(vec![id.clone()], nonce).to_der().unwrap();
    let plain = request(None);

    let first = get(&public, &plain, None).await;
    let basic = OcspResponse::from_der(&first.bytes).unwrap().basic.unwrap();
    let said = basic.find(&id).unwrap();
    assert_eq!((first.status, said.status), (200, CertStatus::Good));
    assert_eq!(first.header("content-type"), "application/ocsp-response");
    let date = |name: &str| first.header(name).to_owned();
    let of = |time: Time| {
        let since = std::time::Duration::from_secs(u64::try_from(time.as_secs()).unwrap());
        httpdate::fmt_http_date(std::time::SystemTime::UNIX_EPOCH + since)
    };
    assert_eq!(date("last-modified"), of(basic.produced_at()));
    assert_eq!(date("expires"), of(said.next_update.unwrap()));
    let life = said.next_update.unwrap().as_secs() - basic.produced_at().as_secs();
    assert!((1..life).contains(&first.max_age()), "{} of {life}", first.max_age());

    // The same from memory, and nothing at all to whoever has it.
    let again = get(&public, &plain, None).await;
    assert_eq!(
        (again.bytes, again.headers["etag"].clone()),
        (first.bytes.clone(), { first.headers["etag"].clone() })
    );
    let tag = date("etag");
    let unchanged = get(&public, &plain, Some(&format!("\"other\", {tag}"))).await;
    assert_eq!((unchanged.status, unchanged.bytes.len()), (304, 0));
    assert_eq!(unchanged.header("etag"), tag);
    assert!((1..life).contains(&unchanged.max_age()));

    // For one request only: a nonce's answer, one about a serial that may be issued yet, errors.
    let nonce = get(&public, &request(Some(vec![7; 16])), None).await;
    let repeated = OcspResponse::from_der(&nonce.bytes).unwrap().basic.unwrap();
    assert_eq!(repeated.nonce(), Some(&[7; 16][..]));
    let stranger = Serial::from_random([9; 16]);
    let (subject, key) = (above.subject(), above.public_key());
    let stranger = CertId::new(HashAlgorithm::Sha1, subject, key, &stranger).unwrap();
    let stranger = OcspRequest::new(vec![stranger], None).to_der().unwrap();
    for once in [
        nonce,
        get(&public, &stranger, None).await,
        get(&public, &stranger, None).await,
        get(&public, b"garbled", None).await,
    ] {
        assert_eq!((once.status, once.header("cache-control")), (200, "no-store"));
        assert_eq!((once.header("etag"), once.header("expires")), ("", ""));
    }

    let path = format!("/api/v1/certificates/{}/revoke", issued["id"].as_str().unwrap());
    oscar.post(&path, &json!({"reason": "superseded"})).await.ok();
    let revoked = get(&public, &plain, Some(&tag)).await;
    assert_eq!(revoked.status, 200);
    let basic = OcspResponse::from_der(&revoked.bytes).unwrap().basic.unwrap();
    assert!(matches!(basic.find(&id).unwrap().status, CertStatus::Revoked { .. }));
    assert_ne!(revoked.header("etag"), tag);
    assert!(revoked.max_age() > 0);
}

/// Whoever asks does not wait: the answer that is in date is given, and the next one is signed beside.
#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_asked_for_are_signed_ahead_of_their_time() {
    let mut config = config();
    config.lifetimes.ocsp_s = 8;
    let server = TestServer::start_with(config).await;
    let (oscar, public) = (server.operator("oscar"), server.public());
    let csr = TestKey::new().csr("web", &["web.example.test"]);
    let ask = json!({"issuer": "workloads", "profile": "server", "csr_pem": csr});
    let issued = oscar.post("/api/v1/certificates", &ask).await.ok();
    let leaf = Certificate::from_pem(issued["certificate_pem"].as_str().unwrap()).unwrap();
    let above = Certificate::from_pem(issued["chain_pem"].as_str().unwrap()).unwrap();
    let id = CertId::of(HashAlgorithm::Sha1, &leaf, &above).unwrap();
    let request = OcspRequest::new(vec![id], None).to_der().unwrap();
    let (mut tags, since) = (vec![], std::time::Instant::now());
    while tags.len() < 3 {
        let got = get(&public, &request, None).await;
        assert!(got.max_age() < 8, "{}", got.max_age());
        let tag = got.header("etag").to_owned();
        if tags.last() != Some(&tag) {
            assert!(!tags.contains(&tag), "an older answer after a newer one");
            tags.push(tag);
        }
        assert!(since.elapsed().as_secs() < 60, "no new answer: {tags:?}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}
