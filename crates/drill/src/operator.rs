//! An operator of the drill: a client of the operators' API and nothing more.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use serde::Serialize;
use serde::de::DeserializeOwned;
use skink_api::Problem;
use skink_x509::Certificate;

use crate::DrillError;

const REQUEST_LIMIT: Duration = Duration::from_secs(20);
/// How long one operation is repeated while the server is down.
pub(crate) const OUTAGE_LIMIT: Duration = Duration::from_secs(20);
pub(crate) const REPEAT_PACE: Duration = Duration::from_millis(50);

/// One person with a bearer token.
pub(crate) struct Operator {
    http: reqwest::Client,
    base: String,
    token: String,
}

/// The answer to a call: the thing asked for, or the server's problem.
pub(crate) type Answer<T> = Result<T, Problem>;

impl Operator {
    /// An operator of the server at `addr` whose certificate names `server_name`.
    pub(crate) fn new(
        root: &Certificate,
        server_name: &str,
        addr: SocketAddr,
        token: String,
    ) -> Result<Self, DrillError> {
        let failed = |reason: &dyn std::fmt::Display| DrillError::Tls {
            what: "an operator".to_owned(),
            reason: reason.to_string(),
        };
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(root.der().to_vec())).map_err(|error| failed(&error))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| failed(&error))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .resolve(server_name, addr)
            .timeout(REQUEST_LIMIT)
            .no_proxy()
            .build()
            .map_err(|error| failed(&error))?;
        Ok(Self { http, base: format!("https://{server_name}:{}/api/v1", addr.port()), token })
    }

    /// GET, repeated while the server is away.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
    ) -> Result<Answer<T>, DrillError> {
        self.persist(path, || self.http.get(format!("{}{path}", self.base))).await
    }

    /// POST, repeated while the server is away; every operation the drill posts bears a repeat.
    pub(crate) async fn post<B: Serialize + Sync, T: DeserializeOwned>(
        &self,
        path: &str,
        body: &B,
    ) -> Result<Answer<T>, DrillError> {
        self.persist(path, || self.http.post(format!("{}{path}", self.base)).json(body)).await
    }

    /// GET of a text.
    pub(crate) async fn text(&self, path: &str) -> Result<String, DrillError> {
        let operation = || path.to_owned();
        let unreachable = |source| DrillError::Unreachable { operation: operation(), source };
        let request = self.http.get(format!("{}{path}", self.base)).bearer_auth(&self.token);
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let body = response.text().await.map_err(unreachable)?;
        if status.is_success() {
            Ok(body)
        } else {
            Err(DrillError::Api { operation: operation(), status: status.as_u16(), detail: body })
        }
    }

    async fn persist<T: DeserializeOwned>(
        &self,
        path: &str,
        request: impl Fn() -> reqwest::RequestBuilder,
    ) -> Result<Answer<T>, DrillError> {
        let deadline = tokio::time::Instant::now() + OUTAGE_LIMIT;
        loop {
            match request().bearer_auth(&self.token).send().await {
                Ok(response) => match read(path, response).await {
                    Err(DrillError::Unreachable { .. })
                        if tokio::time::Instant::now() < deadline => {}
                    answer => return answer,
                },
                Err(source) if tokio::time::Instant::now() >= deadline => {
                    return Err(DrillError::Unreachable { operation: path.to_owned(), source });
                }
                Err(_) => {}
            }
            tokio::time::sleep(REPEAT_PACE).await;
        }
    }
}

async fn read<T: DeserializeOwned>(
    path: &str,
    response: reqwest::Response,
) -> Result<Answer<T>, DrillError> {
    let status = response.status();
    let body = response
        .bytes()
        .await
        .map_err(|source| DrillError::Unreachable { operation: path.to_owned(), source })?;
    let misread = |error: serde_json::Error| DrillError::Api {
        operation: path.to_owned(),
        status: status.as_u16(),
        detail: format!("{error}: {}", String::from_utf8_lossy(&body)),
    };
    if status.is_success() {
        serde_json::from_slice(&body).map(Ok).map_err(misread)
    } else {
        serde_json::from_slice(&body).map(Err).map_err(misread)
    }
}

/// The thing asked for, where a problem means that the drill cannot go on.
pub(crate) fn expect<T>(operation: &str, answer: Answer<T>) -> Result<T, DrillError> {
    answer.map_err(|problem| DrillError::Api {
        operation: operation.to_owned(),
        status: problem.status,
        detail: problem.to_string(),
    })
}
