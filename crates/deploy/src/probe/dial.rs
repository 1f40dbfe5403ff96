//! A client's probe of a listener.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, HandshakeKind};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{Outcome, presented};
use crate::tls::{ConfigError, Identity, provider};

/// How long to listen for an alert before sending anything, once an answer was lost.
const PATIENCE: Duration = Duration::from_millis(500);

/// Most of an answer that is read.
const ANSWER: usize = 8 << 10;

/// One probe of a listener by a client.
#[derive(Clone, Debug)]
pub struct Dial {
    /// Where it listens.
    pub address: SocketAddr,
    /// By which name it is asked.
    pub server_name: String,
    /// The path of the GET.
    pub path: String,
    /// How long the whole may take.
    pub timeout: Duration,
}

impl Dial {
    /// A probe of the listener at `address`, for `/`, within five seconds.
    pub fn new(address: SocketAddr, server_name: &str) -> Self {
        Self {
            address,
            server_name: server_name.to_owned(),
            path: "/".to_owned(),
            timeout: Duration::from_secs(5),
        }
    }

    /// Presents `identity` (nothing, without one), with a full handshake and data. What the
    /// listener presents is not judged: it is in the outcome.
    pub async fn present(&self, identity: Option<Identity>) -> Result<Outcome, ConfigError> {
        let config = Arc::new(client_config(identity)?);
        Ok(dial(self, &config).await)
    }
}

fn client_config(identity: Option<Identity>) -> Result<ClientConfig, ConfigError> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(ConfigError::Rustls)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(presented::DangerAnyCertificate));
    let mut config = match identity {
        Some(identity) => {
            let (chain, key, _) = identity.into_parts();
            builder.with_client_auth_cert(chain, key).map_err(ConfigError::Rustls)?
        }
        None => builder.with_no_client_auth(),
    };
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// Connects by a configuration of the caller's, handshakes, and exchanges data.
///
/// An alert can be lost: a peer that closes with our request unread sends a reset, which overtakes
/// it. So when a connection ends without a word, one more listens before it sends.
pub async fn dial(probe: &Dial, config: &Arc<ClientConfig>) -> Outcome {
    let first = attempt_in_time(probe, config, Duration::ZERO).await;
    match first {
        Attempt::CutOff(_) => match attempt_in_time(probe, config, PATIENCE).await {
            Attempt::CutOff(reason) => Outcome::Failed { reason },
            Attempt::Told(outcome) => outcome,
        },
        Attempt::Told(outcome) => outcome,
    }
}

enum Attempt {
    Told(Outcome),
    /// The connection ended without a word.
    CutOff(String),
}

impl Attempt {
    fn of_error(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::UnexpectedEof => Self::CutOff(error.to_string()),
            _ => Self::Told(Outcome::of_error(error)),
        }
    }
}

async fn attempt_in_time(probe: &Dial, config: &Arc<ClientConfig>, listen: Duration) -> Attempt {
    let attempt = tokio::time::timeout(probe.timeout, attempt(probe, config, listen)).await;
    attempt.unwrap_or_else(|_| {
        let reason = format!("no answer within {:?}", probe.timeout);
        Attempt::Told(Outcome::Unreachable { reason })
    })
}

async fn attempt(probe: &Dial, config: &Arc<ClientConfig>, listen: Duration) -> Attempt {
    let told = |outcome| Attempt::Told(outcome);
    let name = match ServerName::try_from(probe.server_name.clone()) {
        Ok(name) => name,
        Err(error) => return told(Outcome::Failed { reason: error.to_string() }),
    };
    let tcp = match TcpStream::connect(probe.address).await {
        Ok(tcp) => tcp,
        Err(error) => return told(Outcome::Unreachable { reason: error.to_string() }),
    };
    let connector = TlsConnector::from(Arc::clone(config));
    let mut tls = match connector.connect(name, tcp).await {
        Ok(tls) => tls,
        Err(error) => return Attempt::of_error(&error),
    };
    match exchange(&mut tls, probe, listen).await {
        Ok(head) => told(judge(&head, &tls)),
        Err(error) => Attempt::of_error(&error),
    }
}

async fn exchange(
    tls: &mut TlsStream<TcpStream>,
    probe: &Dial,
    listen: Duration,
) -> io::Result<String> {
    let mut early = [0; 1];
    if !listen.is_zero()
        && let Ok(read) = tokio::time::timeout(listen, tls.read(&mut early)).await
    {
        read?;
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
        probe.path, probe.server_name
    );
    tls.write_all(request.as_bytes()).await?;
    tls.flush().await?;
    let mut answer = Vec::new();
    let mut chunk = [0; 1024];
    while answer.len() < ANSWER {
        match tls.read(&mut chunk).await {
            Ok(0) => break,
            Ok(count) => answer.extend_from_slice(&chunk[..count]),
            // Many close without a close_notify; what they said counts.
            Err(_) if has_status(&answer) => break,
            Err(error) => return Err(error),
        }
        if answer.starts_with(b"HTTP/1.1 2") && answer.windows(4).any(|it| it == b"\r\n\r\n") {
            break;
        }
    }
    if !has_status(&answer) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn has_status(answer: &[u8]) -> bool {
    answer.starts_with(b"HTTP/1.") && answer.contains(&b'\n')
}

fn judge(answer: &str, tls: &TlsStream<TcpStream>) -> Outcome {
    let (_, connection) = tls.get_ref();
    if connection.handshake_kind() == Some(HandshakeKind::Resumed) {
        return Outcome::Failed { reason: "the handshake was resumed, not full".to_owned() };
    }
    let status = answer.split_whitespace().nth(1).unwrap_or_default();
    if status.starts_with('2') {
        return Outcome::Accepted { presented: presented::of(connection.peer_certificates()) };
    }
    // nginx completes the handshake and refuses the certificate in a 400.
    if status.starts_with('4') && answer.contains("SSL certificate") {
        let title = answer.split("<title>").nth(1).and_then(|rest| rest.split('<').next());
        let reason = format!("http {}", title.unwrap_or(status));
        return Outcome::CertificateRefused { reason };
    }
    Outcome::Failed { reason: format!("http status {status}") }
}
