//! One call is one HTTP request: the vendor's client with its own repetitions off.

use std::future::Future;

use google_cloud_auth::credentials::Credentials;
use google_cloud_gax::error::Error;
use google_cloud_gax::retry_policy::NeverRetry;
use google_cloud_kms_v1::client::KeyManagementService;
use http::{Extensions, HeaderName, HeaderValue};
use tokio::sync::OnceCell;
use tokio::time::timeout;

use super::{GcpKmsSettings, failure};
use crate::provider::{ProviderError, RequestId};
use crate::uri::KeyUri;

/// What the service writes into its audit log along with a call.
pub(super) const REASON: HeaderName = HeaderName::from_static("x-goog-request-reason");

/// The vendor's client, made when it is first used: finding credentials may take calls.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) settings: GcpKmsSettings,
    opened: OnceCell<(KeyManagementService, Credentials)>,
}

/// An id for one call that signs. The service gives none; this one goes into its audit log.
pub(super) struct CallId {
    pub(super) id: Option<RequestId>,
    pub(super) header: HeaderValue,
}

impl Client {
    pub(super) fn new(settings: &GcpKmsSettings) -> Self {
        Self { settings: settings.clone(), opened: OnceCell::new() }
    }

    /// The service, once it is known who we are to it: what fails before has sent nothing.
    pub(super) async fn service(&self) -> Result<&KeyManagementService, ProviderError> {
        let identified = async {
            let (service, credentials) =
                self.opened.get_or_try_init(|| open(&self.settings)).await?;
            let headers = credentials.headers(Extensions::new()).await;
            headers.map(|_| service).map_err(failure::of_credentials)
        };
        match timeout(self.settings.patience, identified).await {
            Ok(service) => service,
            Err(elapsed) => Err(ProviderError::unreachable(elapsed)),
        }
    }

    /// What became of a call about a key.
    pub(super) async fn answer<T>(
        &self,
        key: &KeyUri,
        call: impl Future<Output = Result<T, Error>> + Send,
    ) -> Result<T, ProviderError> {
        let patience = self.settings.patience;
        match timeout(patience, call).await {
            Ok(answer) => answer.map_err(|error| failure::refusal(key, patience, error)),
            Err(_) => Err(ProviderError::Late { after: patience }),
        }
    }
}

impl CallId {
    pub(super) fn new() -> Result<Self, ProviderError> {
        let mut bytes = [0_u8; 16];
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_| ProviderError::Crypto("randomness"))?;
        let text = format!("skink-{}", hex::encode(bytes));
        let header = HeaderValue::from_str(&text).map_err(|_| ProviderError::Crypto("an id"))?;
        Ok(Self { id: RequestId::new(&text), header })
    }
}

async fn open(
    settings: &GcpKmsSettings,
) -> Result<(KeyManagementService, Credentials), ProviderError> {
    // The vendor's client takes whatever the process has; most of the time it has one already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let credentials = settings.credentials()?;
    let mut builder = KeyManagementService::builder()
        .with_credentials(credentials.clone())
        .with_retry_policy(NeverRetry)
        .with_attempt_timeout(settings.patience);
    if let Some(endpoint) = settings.endpoint()? {
        builder = builder.with_endpoint(endpoint);
    }
    let service = builder.build().await;
    let service =
        service.map_err(|error| ProviderError::NotConfigured { what: error.to_string() })?;
    Ok((service, credentials))
}
