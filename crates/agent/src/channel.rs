//! The channel to the server, over control.

mod pin;

use std::collections::BTreeSet;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, Response};
use rustls::ClientConfig;
use rustls::client::danger::ServerCertVerifier;
use serde::de::DeserializeOwned;
use skink_api::Problem;
use skink_api::agent::{
    CertificateAnswer, CertificateRequest, EnrollRequest, Enrolled, PollAnswer, PollQuery, Report,
};
use skink_deploy::tls::provider;
use skink_trust::{Digest, Held, Limits};
use skink_x509::{Fingerprint, KeyDigest};

use crate::pair::Pair;
use crate::state::StateError;

pub(crate) use pin::{PinnedKeys, PinnedRoot};

/// How long a request may take beyond what was asked to wait.
const PATIENCE: Duration = Duration::from_secs(15);

/// Most bytes of an answer that is no package.
const ANSWER: usize = 4 << 20;

/// The server cannot be asked, or says no.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChannelError {
    /// No connection, or none that lasted; or not the server.
    #[error("the server cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    /// The server's answer is a problem.
    #[error("{}: {}", .0.title, .0.detail)]
    Problem(Box<Problem>),
    /// The answer is neither what was asked for nor a problem.
    #[error("the server's answer (status {status}) is not understood")]
    Unintelligible {
        /// The HTTP status.
        status: u16,
    },
    /// The answer is larger than any honest one.
    #[error("the server's answer is larger than {0} bytes")]
    TooLarge(usize),
    /// The URL names no host and port.
    #[error("{0:?} is no https://host:port")]
    Url(String),
    /// The host has no address.
    #[error("the server's host name has no address")]
    Resolve(#[source] std::io::Error),
    /// The agent's own certificate cannot be used.
    #[error("the agent's own certificate cannot be used")]
    Identity(#[source] StateError),
    /// The TLS library does not take the configuration.
    #[error("the channel cannot be set up")]
    Tls(#[source] rustls::Error),
    /// The trust package names no control authority that could be an anchor.
    #[error("no control authority is trusted")]
    NoControl(#[source] rustls::server::VerifierBuilderError),
}

impl ChannelError {
    /// How long the server asks to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Problem(problem) => problem.retry_after_s.map(Duration::from_secs),
            _ => None,
        }
    }
}

/// Requests to the server. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Channel {
    client: Client,
    base: String,
}

impl Channel {
    /// A channel that trusts a server by its chain to control and its key in what is held.
    pub fn pinned(
        url: &str,
        server_name: &str,
        held: &Held,
        identity: &Pair,
    ) -> Result<Self, ChannelError> {
        let verifier = PinnedKeys::new(held)?;
        Self::build(url, server_name, Arc::new(verifier), Some(identity))
    }

    /// What the channel trusts of what is held; while it stays, so may the channel.
    pub(crate) fn hangs_on(held: &Held) -> (BTreeSet<KeyDigest>, Vec<Fingerprint>) {
        let control = pin::control_of(held).map(|authority| authority.certificate.fingerprint());
        (held.server_keys().clone(), control.collect())
    }

    pub(crate) fn build(
        url: &str,
        server_name: &str,
        verifier: Arc<dyn ServerCertVerifier>,
        identity: Option<&Pair>,
    ) -> Result<Self, ChannelError> {
        let tls = tls_config(verifier, identity)?;
        let (address, port) = resolve(url)?;
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .resolve(server_name, address)
            .connect_timeout(Duration::from_secs(5))
            .pool_max_idle_per_host(2)
            .no_proxy()
            .build()
            .map_err(ChannelError::Unreachable)?;
        Ok(Self { client, base: format!("https://{server_name}:{port}/agent/v1") })
    }

    pub(crate) async fn enroll(&self, request: &EnrollRequest) -> Result<Enrolled, ChannelError> {
        self.json(self.request(Method::POST, "enroll").json(request)).await
    }

    /// Asks for news; answered at once when there is some, else after the wait in the query.
    pub async fn poll(&self, query: &PollQuery) -> Result<PollAnswer, ChannelError> {
        let PollQuery { epoch, version, order, wait_ms } = query;
        let path = format!("poll?epoch={epoch}&version={version}&order={order}&wait_ms={wait_ms}");
        let wait = Duration::from_millis(*wait_ms) + PATIENCE;
        self.json(self.request(Method::GET, &path).timeout(wait)).await
    }

    /// The signed envelope of the package that is out.
    pub async fn package(&self, limits: &Limits) -> Result<Vec<u8>, ChannelError> {
        self.bytes(self.request(Method::GET, "package"), limits.envelope).await
    }

    /// A part of a package, by its digest.
    pub async fn part(&self, digest: Digest, limits: &Limits) -> Result<Vec<u8>, ChannelError> {
        self.bytes(self.request(Method::GET, &format!("part/{digest}")), limits.part).await
    }

    /// Asks for a certificate.
    pub async fn certificate(
        &self,
        request: &CertificateRequest,
    ) -> Result<CertificateAnswer, ChannelError> {
        self.json(self.request(Method::POST, "certificates").json(request)).await
    }

    /// Tells what became of what was asked.
    pub async fn report(&self, report: &Report) -> Result<(), ChannelError> {
        self.bytes(self.request(Method::POST, "report").json(report), ANSWER).await.map(drop)
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}/{path}", self.base)).timeout(PATIENCE)
    }

    async fn json<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, ChannelError> {
        let bytes = self.bytes(request, ANSWER).await?;
        serde_json::from_slice(&bytes).map_err(|_| ChannelError::Unintelligible { status: 200 })
    }

    async fn bytes(&self, request: RequestBuilder, limit: usize) -> Result<Vec<u8>, ChannelError> {
        let response = request.send().await.map_err(ChannelError::Unreachable)?;
        let status = response.status();
        if status.is_success() {
            return read(response, limit).await;
        }
        let body = read(response, ANSWER).await?;
        Err(match serde_json::from_slice(&body) {
            Ok(problem) => ChannelError::Problem(Box::new(problem)),
            Err(_) => ChannelError::Unintelligible { status: status.as_u16() },
        })
    }
}

async fn read(mut response: Response, limit: usize) -> Result<Vec<u8>, ChannelError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(ChannelError::Unreachable)? {
        if body.len() + chunk.len() > limit {
            return Err(ChannelError::TooLarge(limit));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn tls_config(
    verifier: Arc<dyn ServerCertVerifier>,
    identity: Option<&Pair>,
) -> Result<ClientConfig, ChannelError> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(ChannelError::Tls)?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let Some(identity) = identity else { return Ok(builder.with_no_client_auth()) };
    let (chain, key) = identity.identity().map_err(ChannelError::Identity)?.into_chain_and_key();
    builder.with_client_auth_cert(chain, key).map_err(ChannelError::Tls)
}

fn resolve(url: &str) -> Result<(SocketAddr, u16), ChannelError> {
    let bad = || ChannelError::Url(url.to_owned());
    let authority = url.strip_prefix("https://").ok_or_else(bad)?.trim_end_matches('/');
    let port = authority.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
    let port: u16 = port.ok_or_else(bad)?;
    let address = authority.to_socket_addrs().map_err(ChannelError::Resolve)?.next();
    Ok((address.ok_or_else(bad)?, port))
}
