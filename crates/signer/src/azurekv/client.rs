//! One call is one HTTP request: the vendor's client with its own repetitions off. The very first
//! one is refused, and says where tokens for the vault are made.

use std::future::Future;

use azure_core::http::request::options::ClientRequestId;
use azure_core::http::{ClientMethodOptions, Context};
use azure_security_keyvault_keys::models::{Key, KeyClientGetKeyOptions};
use azure_security_keyvault_keys::{KeyClient, KeyClientOptions};
use tokio::sync::OnceCell;
use tokio::time::timeout;

use super::name::Name;
use super::settings::wrong;
use super::{AzureKvSettings, failure};
use crate::provider::{ProviderError, RequestId};
use crate::uri::KeyUri;

/// The vendor's client, made when it is first used.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) settings: AzureKvSettings,
    opened: OnceCell<Opened>,
}

struct Opened(KeyClient);

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Opened").field(&self.0.endpoint().as_str()).finish()
    }
}

/// An id of ours for one call that signs: the service writes it into its log.
pub(super) struct CallId {
    pub(super) id: Option<RequestId>,
    text: String,
}

impl Client {
    pub(super) fn new(settings: &AzureKvSettings) -> Self {
        Self { settings: settings.clone(), opened: OnceCell::new() }
    }

    pub(super) async fn service(&self) -> Result<&KeyClient, ProviderError> {
        self.opened.get_or_try_init(|| async { open(&self.settings) }).await.map(|Opened(one)| one)
    }

    /// What became of a call about a key.
    pub(super) async fn answer<T>(
        &self,
        key: &KeyUri,
        call: impl Future<Output = azure_core::Result<T>> + Send,
    ) -> Result<T, ProviderError> {
        let patience = self.settings.patience;
        match timeout(patience, call).await {
            Ok(answer) => answer.map_err(|error| failure::refusal(key, error)),
            Err(_) => Err(ProviderError::Late { after: patience }),
        }
    }

    /// What the service says about a key, and which version of it that is.
    pub(super) async fn describe(
        &self,
        uri: &KeyUri,
        name: &Name,
    ) -> Result<(Key, Name), ProviderError> {
        let service = self.service().await?;
        let options = KeyClientGetKeyOptions {
            key_version: name.version().map(ToOwned::to_owned),
            ..Default::default()
        };
        let asked = service.get_key(name.key(uri)?, Some(options));
        let found = self.answer(uri, async { asked.await?.into_model() }).await?;
        let kid = found.key.as_ref().and_then(|key| key.kid.as_deref());
        let which = name.answered(uri, kid, None)?;
        Ok((found, which))
    }
}

impl CallId {
    pub(super) fn new() -> Result<Self, ProviderError> {
        let mut bytes = [0_u8; 16];
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_| ProviderError::Crypto("randomness"))?;
        let hex = hex::encode(bytes);
        // The service wants a GUID; one of random numbers has its version and variant in it.
        let part = |range: std::ops::Range<usize>| hex.get(range).unwrap_or_default();
        let text = format!(
            "{}-{}-4{}-a{}-{}",
            part(0..8),
            part(8..12),
            part(13..16),
            part(17..20),
            part(20..32)
        );
        Ok(Self { id: RequestId::new(&text), text })
    }

    pub(super) fn options(&self) -> ClientMethodOptions<'static> {
        let mut context = Context::new();
        context.insert(ClientRequestId::new(self.text.clone()));
        ClientMethodOptions { context }
    }
}

fn open(settings: &AzureKvSettings) -> Result<Opened, ProviderError> {
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(crate::tls::client(settings.ca_file.as_deref())?)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .connect_timeout(settings.patience);
    if settings.place().is_local() {
        builder = builder.no_proxy();
    }
    let http = builder.build().map_err(|error| wrong(error.to_string()))?;
    let options = KeyClientOptions {
        client_options: AzureKvSettings::options(&http),
        // A vault elsewhere may ask for tokens for itself only.
        verify_challenge_resource: Some(!settings.place().is_local()),
        ..KeyClientOptions::default()
    };
    let credentials = settings.credentials(&http)?;
    let service = KeyClient::new(settings.place().vault(), credentials, Some(options));
    service.map(Opened).map_err(|error| wrong(error.to_string()))
}
