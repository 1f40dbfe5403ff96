//! What stands between a client and AWS: it knows access keys and what each may do, as IAM does,
//! and can be told to misbehave. What it lets through goes to a service behind it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use skink_signer::Credential;
use skink_signer::awskms::KmsSettings;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What happens to every attempt at a signature.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// It is answered with this status line, with further headers, and this body.
    Answer(&'static str, &'static str),
    /// It is taken and never answered.
    Silence,
    /// It is taken, and the connection ends.
    Cut,
}

pub(crate) struct Gate {
    pub(crate) address: SocketAddr,
    fault: Arc<Mutex<Option<Fault>>>,
    seen: Arc<Mutex<Vec<String>>>,
}

/// What each access key may do.
const SIGNER: [&str; 5] = ["DescribeKey", "GetPublicKey", "ListKeys", "Sign", "Verify"];
const CUSTODIAN: [&str; 4] = ["DescribeKey", "GetPublicKey", "DisableKey", "EnableKey"];
const DISABLER: [&str; 2] = ["DescribeKey", "DisableKey"];

impl Gate {
    pub(crate) async fn open(service: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (fault, seen) = (Arc::<Mutex<Option<Fault>>>::default(), Arc::<Mutex<_>>::default());
        let (shared, calls) = (Arc::clone(&fault), Arc::clone(&seen));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let fault = *shared.lock().unwrap();
                tokio::spawn(pass(stream, service, fault, Arc::clone(&calls)));
            }
        });
        Self { address, fault, seen }
    }

    pub(crate) fn misbehave(&self, fault: Fault) {
        *self.fault.lock().unwrap() = Some(fault);
    }

    /// How many calls of this name came.
    pub(crate) fn calls(&self, name: &str) -> usize {
        self.seen.lock().unwrap().iter().filter(|call| *call == name).count()
    }

    pub(crate) fn settings(&self, access_key: &str) -> KmsSettings {
        let mut settings = KmsSettings::from_environment();
        settings.region = Some("us-east-1".to_owned());
        settings.endpoint = Some(format!("http://{}", self.address));
        settings.patience = Duration::from_secs(20);
        settings.with_access_key(&Credential::from_text(&format!("{access_key}:secret"))).unwrap()
    }
}

async fn pass(
    mut client: TcpStream,
    service: SocketAddr,
    fault: Option<Fault>,
    calls: Arc<Mutex<Vec<String>>>,
) {
    let Some(request) = read_request(&mut client).await else { return };
    let head = String::from_utf8_lossy(&request).into_owned();
    let after = |mark: &str, end: &[char]| {
        let rest = head.split_once(mark).map(|(_, rest)| rest).unwrap_or_default();
        rest.split(end).next().unwrap_or_default().to_owned()
    };
    let call = after("TrentService.", &['\r']);
    let access_key = after("Credential=", &['/']);
    calls.lock().unwrap().push(call.clone());
    let allowed = match access_key.as_str() {
        "ADMINISTRATOR" => true,
        "SIGNER" => SIGNER.contains(&call.as_str()),
        "CUSTODIAN" => CUSTODIAN.contains(&call.as_str()),
        "DISABLER" => DISABLER.contains(&call.as_str()),
        _ => {
            let body = r#"{"__type":"UnrecognizedClientException","message":"The security token included in the request is invalid."}"#;
            return say(client, "400 Bad Request", body).await;
        }
    };
    if !allowed {
        let body = r#"{"__type":"AccessDeniedException","Message":"User is not authorized to perform this on this resource"}"#;
        return say(client, "400 Bad Request", body).await;
    }
    if call == "ListKeys" {
        return list(client, service, &request).await;
    }
    match fault.filter(|_| call == "Sign") {
        Some(Fault::Answer(head, body)) => say(client, head, body).await,
        Some(Fault::Silence) => std::future::pending().await,
        Some(Fault::Cut) => {}
        None => forward(client, service, &request).await,
    }
}

async fn forward(mut client: TcpStream, service: SocketAddr, request: &[u8]) {
    if let Some(answer) = ask(service, request).await {
        let _ = client.write_all(&answer).await;
    }
}

/// The service behind gives the first page only, and no marker to go on from; so it is asked for
/// all, and cut here.
async fn list(client: TcpStream, service: SocketAddr, request: &[u8]) {
    #[derive(Default, serde::Deserialize)]
    #[serde(default, rename_all = "PascalCase")]
    struct Asked {
        limit: Option<usize>,
        marker: Option<String>,
    }
    let text = String::from_utf8_lossy(request);
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let asked: Asked = serde_json::from_str(body).unwrap();
    let length = format!("content-length: {}", body.len());
    let whole = format!("{}\r\n\r\n{{}}", head.replace(&length, "content-length: 2"));
    let Some(answer) = ask(service, whole.as_bytes()).await else { return };
    let answer = String::from_utf8(answer).unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let all: serde_json::Value = serde_json::from_str(body).unwrap();
    let all = all["Keys"].as_array().unwrap();
    let from = asked.marker.map_or(0, |marker| marker.parse().unwrap());
    let to = all.len().min(from + asked.limit.unwrap_or(100));
    let page = if to < all.len() {
        serde_json::json!({ "Keys": all[from..to], "Truncated": true, "NextMarker": to.to_string() })
    } else {
        serde_json::json!({ "Keys": all[from..], "Truncated": false })
    };
    say(client, "200 OK", &page.to_string()).await;
}

/// One request on each connection.
pub(crate) async fn ask(service: SocketAddr, request: &[u8]) -> Option<Vec<u8>> {
    let mut server = TcpStream::connect(service).await.ok()?;
    let line = request.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let (line, rest) = request.split_at(line);
    server.write_all(&[line, b"connection: close\r\n", rest].concat()).await.unwrap();
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).await.unwrap();
    Some(answer)
}

async fn say(mut client: TcpStream, head: &str, body: &str) {
    let answer = format!(
        "HTTP/1.1 {head}\r\ncontent-type: application/x-amz-json-1.1\r\n\
         x-amzn-requestid: r-gate\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let _ = client.write_all(answer.as_bytes()).await;
}

async fn read_request(client: &mut TcpStream) -> Option<Vec<u8>> {
    let mut request = Vec::new();
    loop {
        if client.read_buf(&mut request).await.ok()? == 0 {
            return None;
        }
        let text = String::from_utf8_lossy(&request).to_ascii_lowercase();
        let Some((head, _)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.split_once("content-length: ").map(|(_, rest)| rest);
        let length = length.and_then(|rest| rest.split("\r\n").next()?.parse().ok());
        if request.len() >= head.len() + 4 + length.unwrap_or(0) {
            return Some(request);
        }
    }
}
