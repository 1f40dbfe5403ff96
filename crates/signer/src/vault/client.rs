//! One call is one HTTP request: nothing is repeated, redirected or kept.

use std::time::Duration;

use reqwest::{Method, Url, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{SCHEME, VaultSettings, disabled};
use crate::credential::Credential;
use crate::provider::{Answer, ProviderError, RequestId};
use crate::uri::KeyUri;

/// Far above any answer about keys.
const MAX_ANSWER: usize = 8 << 20;

pub(super) struct Client {
    http: reqwest::Client,
    base: Url,
    token: Credential,
    namespace: Option<String>,
    patience: Duration,
}

/// What the service answered.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) request_id: Option<RequestId>,
    data: Value,
    errors: Vec<String>,
    retry_after: Option<Duration>,
    /// A token that was made.
    pub(super) token: Option<Zeroizing<String>>,
}

#[derive(Default, Deserialize)]
struct Body {
    #[serde(default)]
    request_id: String,
    #[serde(default)]
    data: Value,
    #[serde(default)]
    errors: Vec<String>,
    #[serde(default)]
    auth: Option<Auth>,
}

#[derive(Deserialize)]
struct Auth {
    client_token: String,
}

impl Client {
    pub(super) fn new(settings: &VaultSettings) -> Result<Self, ProviderError> {
        let wrong = |what: String| ProviderError::NotConfigured { what };
        let address = settings.address.trim_end_matches('/');
        let base = Url::parse(&format!("{address}/v1/"))
            .map_err(|error| wrong(format!("{address:?} is no address: {error}")))?;
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(crate::tls::client(settings.ca_file.as_deref())?)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(settings.patience)
            .timeout(settings.patience);
        if matches!(base.host_str(), Some("127.0.0.1" | "[::1]" | "localhost")) {
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(|error| wrong(error.to_string()))?;
        let (token, namespace) = (settings.token.clone(), settings.namespace.clone());
        Ok(Self { http, base, token, namespace, patience: settings.patience })
    }

    pub(super) async fn get(&self, path: &str) -> Result<Reply, ProviderError> {
        self.call(Method::GET, path, None).await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Reply, ProviderError> {
        self.call(Method::POST, path, Some(body)).await
    }

    pub(super) async fn delete(&self, path: &str) -> Result<Reply, ProviderError> {
        self.call(Method::DELETE, path, None).await
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Reply, ProviderError> {
        let wrong = |_| ProviderError::NotConfigured { what: format!("no path: {path}") };
        let url = self.base.join(path).map_err(wrong)?;
        let mut token = header::HeaderValue::from_str(self.token.expose())
            .map_err(|_| ProviderError::NotConfigured { what: "the token is none".to_owned() })?;
        token.set_sensitive(true);
        let mut request = self
            .http
            .request(method, url)
            .header("x-vault-token", token)
            .header("x-vault-request", "true");
        if let Some(namespace) = &self.namespace {
            request = request.header("x-vault-namespace", namespace);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let mut response = request.send().await.map_err(|error| self.unanswered(error))?;
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unanswered(error))? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > MAX_ANSWER {
                let what = "the answer has no end";
                return Err(ProviderError::Corrupted { what, request_id: None });
            }
        }
        Reply::read(&response, &bytes)
    }

    /// A connection that never was has carried nothing; any other silence may follow a signature.
    fn unanswered(&self, error: reqwest::Error) -> ProviderError {
        if error.is_connect() {
            ProviderError::unreachable(error.without_url())
        } else if error.is_timeout() {
            ProviderError::Late { after: self.patience }
        } else {
            ProviderError::Interrupted
        }
    }

    /// What a refusal means. `signing` is the path of a call that signs: refused to a credential
    /// that is good for others, the key is disabled by policy.
    pub(super) async fn refusal(
        &self,
        key: &KeyUri,
        reply: Reply,
        signing: Option<&str>,
    ) -> ProviderError {
        let said = |words: &str| reply.says(words);
        match reply.status {
            403 => self.denied(key, reply, signing).await,
            404 => ProviderError::UnknownKey { key: key.clone() },
            400 if said("key not found") => ProviderError::UnknownKey { key: key.clone() },
            // Verification says it with 400, everything else with 500.
            _ if said("soft-deleted") || said("soft deleted") => {
                reply.answered(|answer| disabled(key, "soft-deleted", answer))
            }
            500 if said("requested version for signing is") => {
                ProviderError::UnknownKey { key: key.clone() }
            }
            _ => reply.failure(),
        }
    }

    /// The service has one answer for a token that is gone and for one that may not.
    async fn denied(&self, key: &KeyUri, reply: Reply, signing: Option<&str>) -> ProviderError {
        let path = signing.unwrap_or("sys/capabilities-self");
        match (signing, self.is_denied(path).await) {
            (Some(_), Ok(true)) => reply.answered(|answer| disabled(key, "denied", answer)),
            (_, Err(ProviderError::CredentialExpired { answer })) => {
                ProviderError::CredentialExpired { answer }
            }
            _ => reply.answered(|answer| ProviderError::CredentialRefused { answer }),
        }
    }

    /// Whether this credential is denied a path, by its own account.
    pub(super) async fn is_denied(&self, path: &str) -> Result<bool, ProviderError> {
        #[derive(Deserialize)]
        struct Capabilities {
            capabilities: Vec<String>,
        }
        let reply = self.post("sys/capabilities-self", &json!({ "paths": [path] })).await?;
        match reply.status {
            200 => Ok(reply.data::<Capabilities>()?.capabilities.iter().any(|one| one == "deny")),
            403 => Err(reply.answered(|mut answer| {
                answer.code = format!("{SCHEME}:token-invalid");
                ProviderError::CredentialExpired { answer }
            })),
            _ => Err(reply.failure()),
        }
    }
}

impl Reply {
    /// What a refusal means by its status alone, where it is about no key.
    pub(super) fn failure(self) -> ProviderError {
        let retry_after = self.retry_after;
        match self.status {
            403 => self.answered(|answer| ProviderError::CredentialRefused { answer }),
            429 => self.answered(|answer| ProviderError::Throttled { retry_after, answer }),
            500.. => self.answered(|answer| ProviderError::Faulted { answer }),
            _ => self.answered(|answer| ProviderError::Refused { answer }),
        }
    }

    /// What the service said about one signature of many.
    pub(super) fn refused(request_id: Option<RequestId>, error: String) -> Self {
        let (status, data, errors) = (500, Value::Null, vec![error]);
        Self { status, request_id, data, errors, retry_after: None, token: None }
    }

    fn read(response: &reqwest::Response, bytes: &[u8]) -> Result<Self, ProviderError> {
        let status = response.status().as_u16();
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let seconds = header(header::RETRY_AFTER).and_then(|text| text.parse().ok());
        let retry_after = seconds.map(Duration::from_secs);
        let body: Body = if bytes.is_empty() {
            Body::default()
        } else {
            match serde_json::from_slice(bytes) {
                Ok(body) => body,
                // A proxy's page: the status still says what happened.
                Err(_) if status >= 300 => Body::default(),
                Err(_) => {
                    let what = "the answer is no JSON";
                    return Err(ProviderError::Corrupted { what, request_id: None });
                }
            }
        };
        Ok(Self {
            status,
            request_id: RequestId::new(&body.request_id),
            data: body.data,
            errors: body.errors,
            retry_after,
            token: body.auth.map(|auth| Zeroizing::new(auth.client_token)),
        })
    }

    pub(super) const fn is_success(&self) -> bool {
        matches!(self.status, 200..=299)
    }

    /// Whether an error of the service has these words.
    pub(super) fn says(&self, words: &str) -> bool {
        self.errors.iter().any(|error| error.contains(words))
    }

    pub(super) fn data<T: DeserializeOwned>(self) -> Result<T, ProviderError> {
        serde_json::from_value(self.data).map_err(|_| ProviderError::Corrupted {
            what: "the answer has another shape",
            request_id: self.request_id,
        })
    }

    /// An error out of what the service said.
    pub(super) fn answered(
        self,
        error: impl FnOnce(Box<Answer>) -> ProviderError,
    ) -> ProviderError {
        let words = self.errors.join("; ");
        let message = words.split_whitespace().collect::<Vec<_>>().join(" ");
        let code = format!("{SCHEME}:{}", self.status);
        error(Box::new(Answer { code, message, request_id: self.request_id }))
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("base", &self.base.as_str()).finish_non_exhaustive()
    }
}
