//! A server to which a client under test connects.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use rustls::server::NoServerSessionStorage;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::{Outcome, presented};
use crate::tls::{ConfigError, Identity, provider};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nskink\n";

/// Presents a certificate to whoever connects, answers a GET, and tells what the client made of it.
#[derive(Debug)]
pub struct ProbeServer {
    listener: TcpListener,
}

impl ProbeServer {
    /// Binds a free port on loopback.
    pub async fn bind() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        Ok(Self { listener })
    }

    /// Where it listens.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves one client with `identity`. The refusal is the client's own: its alert, over the
    /// wire. No session can be resumed.
    pub async fn serve_one(
        &self,
        identity: Identity,
        timeout: Duration,
    ) -> Result<Outcome, ConfigError> {
        let config = Arc::new(server_config(identity)?);
        Ok(match tokio::time::timeout(timeout, self.serve(config)).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => Outcome::of_error(&error),
            Err(_) => Outcome::Unreachable { reason: format!("no client within {timeout:?}") },
        })
    }

    async fn serve(&self, config: Arc<ServerConfig>) -> io::Result<Outcome> {
        let (tcp, _): (TcpStream, _) = self.listener.accept().await?;
        let mut tls = TlsAcceptor::from(config).accept(tcp).await?;
        let mut request = Vec::new();
        let mut chunk = [0; 1024];
        while !request.windows(4).any(|it| it == b"\r\n\r\n") && request.len() < 8 << 10 {
            match tls.read(&mut chunk).await? {
                0 if request.is_empty() => return Err(io::ErrorKind::UnexpectedEof.into()),
                0 => break,
                count => request.extend_from_slice(&chunk[..count]),
            }
        }
        tls.write_all(ANSWER).await?;
        tls.shutdown().await?;
        let presented = presented::of(tls.get_ref().1.peer_certificates());
        Ok(Outcome::Accepted { presented })
    }
}

fn server_config(identity: Identity) -> Result<ServerConfig, ConfigError> {
    let (chain, key, staple) = identity.into_parts();
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(ConfigError::Rustls)?
        .with_client_cert_verifier(Arc::new(presented::DangerAnyCertificate))
        .with_single_cert_with_ocsp(chain, key, staple.unwrap_or_default())
        .map_err(ConfigError::Rustls)?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}
