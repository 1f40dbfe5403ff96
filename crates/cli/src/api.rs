//! The operators' API as a client sees it.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use reqwest::{Method, RequestBuilder, Response, Url};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use serde::Serialize;
use serde::de::DeserializeOwned;
use skink_api::{Page, Problem};

use crate::{Failure, OperatorFile};

const TIMEOUT: Duration = Duration::from_mins(1);

/// A connection to one server as one operator.
pub(crate) struct Api {
    http: reqwest::Client,
    base: Url,
    token: Option<String>,
}

/// What to ask for, as name and value.
pub(crate) type Query<'a> = &'a [(&'a str, Option<String>)];

impl Api {
    /// Trusts the file's root and nothing else.
    pub(crate) fn connect(operator: &OperatorFile) -> Result<Self> {
        let mut base = Url::parse(&operator.url).context("the operator file's url")?;
        let mut http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls(operator)?)
            .timeout(TIMEOUT)
            .no_proxy();
        if let Some(name) = &operator.server_name {
            http = http.resolve(name, address(&base)?);
            base.set_host(Some(name)).context("the operator file's server_name")?;
        }
        Ok(Self { http: http.build()?, base, token: operator.token.clone() })
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str, query: Query<'_>) -> Result<T> {
        self.json(path, self.identified(self.http.get(self.url(path, query)?))).await
    }

    fn url(&self, path: &str, query: Query<'_>) -> Result<Url> {
        let mut url = self.base.join(path)?;
        for (name, value) in query {
            if let Some(value) = value {
                url.query_pairs_mut().append_pair(name, value);
            }
        }
        Ok(url)
    }

    /// Reads page after page until the list, or `limit`, ends.
    pub(crate) async fn pages<T: DeserializeOwned>(
        &self,
        path: &str,
        query: Query<'_>,
        limit: usize,
    ) -> Result<Vec<T>> {
        let mut items = Vec::new();
        let mut after = None;
        loop {
            let size = limit.saturating_sub(items.len()).min(1000);
            let mut paged = query.to_vec();
            paged.push(("limit", Some(size.to_string())));
            paged.push(("after", after));
            let page: Page<T> = self.get(path, &paged).await?;
            items.extend(page.items);
            after = page.next;
            if after.is_none() || items.len() >= limit {
                return Ok(items);
            }
        }
    }

    pub(crate) async fn post<B: Serialize + Sync, T: DeserializeOwned>(
        &self,
        path: &str,
        body: &B,
    ) -> Result<T> {
        self.json(path, self.request(Method::POST, path)?.json(body)).await
    }

    /// Sends a file exactly as it is.
    pub(crate) async fn post_file<T: DeserializeOwned>(
        &self,
        path: &str,
        file: Vec<u8>,
    ) -> Result<T> {
        let request = self.request(Method::POST, path)?;
        self.json(path, request.header("content-type", "application/json").body(file)).await
    }

    /// Sends a list of things, one in a line.
    pub(crate) async fn post_list<T: DeserializeOwned>(
        &self,
        path: &str,
        query: Query<'_>,
        list: Vec<u8>,
    ) -> Result<T> {
        let request = self.identified(self.http.post(self.url(path, query)?));
        self.json(path, request.header("content-type", "text/plain").body(list)).await
    }

    pub(crate) async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.json(path, self.request(Method::DELETE, path)?).await
    }

    /// For operations that answer with nothing.
    pub(crate) async fn delete_quietly(&self, path: &str) -> Result<()> {
        self.send(path, self.request(Method::DELETE, path)?).await.map(drop)
    }

    pub(crate) async fn text(&self, path: &str) -> Result<String> {
        let response = self.send(path, self.request(Method::GET, path)?).await?;
        let bytes = self.body(response).await?;
        String::from_utf8(bytes).context("the answer is not UTF-8")
    }

    fn request(&self, method: Method, path: &str) -> Result<RequestBuilder> {
        Ok(self.identified(self.http.request(method, self.base.join(path)?)))
    }

    fn identified(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn json<T: DeserializeOwned>(&self, path: &str, request: RequestBuilder) -> Result<T> {
        let response = self.send(path, request).await?;
        let status = response.status().as_u16();
        let body = self.body(response).await?;
        serde_json::from_slice(&body).map_err(|source| {
            let failure = Failure::Answer { operation: path.to_owned(), status };
            anyhow::Error::new(source).context(failure)
        })
    }

    /// Turns everything but success into an error.
    async fn send(&self, path: &str, request: RequestBuilder) -> Result<Response> {
        let response = request.send().await.map_err(|source| self.unreachable(source))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = self.body(response).await?;
        Err(match serde_json::from_slice::<Problem>(&body) {
            Ok(problem) => Failure::Problem(problem).into(),
            Err(source) => {
                let failure =
                    Failure::Answer { operation: path.to_owned(), status: status.as_u16() };
                anyhow::Error::new(source).context(failure)
            }
        })
    }

    async fn body(&self, response: Response) -> Result<Vec<u8>> {
        Ok(response.bytes().await.map_err(|source| self.unreachable(source))?.to_vec())
    }

    fn unreachable(&self, source: reqwest::Error) -> Failure {
        Failure::Unreachable { url: self.base.to_string(), source: source.without_url() }
    }
}

/// One part of a path, safe for whatever a person typed.
pub(crate) fn segment(text: &str) -> Result<&str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if text.is_empty() || !text.chars().all(plain) || text.starts_with('.') {
        bail!(Failure::Usage {
            what: format!("{text:?} is not a name"),
            hint: "names are made of letters, digits, '-', '_' and '.'".into(),
        });
    }
    Ok(text)
}

fn tls(operator: &OperatorFile) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&operator.root).context("the operator file's root")? {
        roots.add(certificate).context("the operator file's root")?;
    }
    if roots.is_empty() {
        bail!("the operator file's root holds no certificate");
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    let (Some(chain), Some(key)) = (&operator.client_certificate, &operator.client_key) else {
        return Ok(config.with_no_client_auth());
    };
    let key =
        PrivateKeyDer::from_pem_slice(key.as_bytes()).context("the operator file's client_key")?;
    let chain = certificates(chain).context("the operator file's client_certificate")?;
    Ok(config.with_client_auth_cert(chain, key)?)
}

fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>> {
    Ok(CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<_, _>>()?)
}

fn address(base: &Url) -> Result<SocketAddr> {
    let host = base.host_str().context("the url has no host")?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = base.port_or_known_default().context("the url has no port")?;
    let mut found =
        (host, port).to_socket_addrs().with_context(|| format!("cannot find {host}"))?;
    found.next().with_context(|| format!("{host} has no address"))
}
