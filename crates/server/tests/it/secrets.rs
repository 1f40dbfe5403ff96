//! No secret leaves: not into a log, an answer, or the database.

use std::io::Write;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;
use skink_api::{Access, Listener, Method, Operation};

use crate::common::{TestKey, TestServer};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A secret, as it is and as somebody might have written it.
fn encodings(secret: &[u8]) -> Vec<Vec<u8>> {
    let hex = hex::encode(secret);
    vec![
        secret.to_vec(),
        hex.to_uppercase().into_bytes(),
        hex.into_bytes(),
        STANDARD.encode(secret).trim_end_matches('=').as_bytes().to_vec(),
        URL_SAFE_NO_PAD.encode(secret).into_bytes(),
    ]
}

fn contains(hay: &[u8], needle: &[u8]) -> bool {
    hay.windows(needle.len()).any(|window| window == needle)
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_stay_where_they_are() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _ = tracing::subscriber::set_global_default(subscriber);

    let server = TestServer::start().await;
    let agent = server.enroll("web-1").await;
    let key = TestKey::new();
    let oscar = server.operator("oscar");
    let csr = key.csr("web", &["web.example.test"]);
    let ask = json!({"issuer": "workloads", "profile": "server", "csr_pem": csr});
    oscar.post("/api/v1/certificates", &ask).await.ok();
    server.agent(None).post("/agent/v1/enroll", &agent.request).await.problem("token-invalid");

    let dir = server.server_dir();
    let read = |name: &str| std::fs::read(dir.join(name)).unwrap();
    let server_key = String::from_utf8(read("tls/server.key.pem")).unwrap();
    let body: String = server_key.lines().filter(|line| !line.starts_with("---")).collect();
    // The private scalar stands at a fixed place of a P-256 PKCS#8.
    let scalar = STANDARD.decode(&body).unwrap()[36..68].to_vec();
    let mut secrets = vec![
        agent.token.secret.clone().into_bytes(),
        read("credentials/software.key"),
        read("credentials/nonce.key"),
        std::fs::read(&server.made.enabling_credential).unwrap(),
        scalar,
    ];
    for name in ["oscar", "lea", "cid", "vic", "ada"] {
        secrets.push(server.token(name).into_bytes());
    }

    let mut places: Vec<(String, Vec<u8>)> = Vec::new();
    for operation in Operation::ALL {
        let route = operation.route();
        let reads = route.listener == Listener::Api && route.method == Method::Get;
        if reads && matches!(route.access, Access::Roles(_)) && !route.path.contains('{') {
            let answer = server.operator("lea").get(route.path).await;
            assert_eq!(answer.status, 200, "{operation:?}");
            places.push((format!("{operation:?}"), answer.bytes));
        }
    }
    for stream in ["server"] {
        let events = oscar.get(&format!("/api/v1/journal?stream={stream}&limit=1000")).await;
        places.push((format!("journal {stream}"), events.bytes));
    }
    server.running.stop().await;
    places.push(("database".into(), read("skink.db")));
    let logged = log.0.lock().unwrap().clone();
    assert!(contains(&logged, b"a certificate was issued"), "nothing was logged");
    places.push(("log".into(), logged));
    for (place, bytes) in &places {
        for (at, secret) in secrets.iter().enumerate() {
            for encoded in encodings(secret) {
                assert!(!contains(bytes, &encoded), "secret {at} is in {place}");
            }
        }
    }
}
