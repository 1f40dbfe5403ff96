//! Stopping a key with a credential that does not sign.

use async_trait::async_trait;
use azure_security_keyvault_keys::models::{
    KeyAttributes, KeyClientUpdateKeyPropertiesOptions, UpdateKeyPropertiesParameters,
};

use super::client::Client;
use super::name::Name;
use super::{AzureKvSettings, SCHEME, failure, wire};
use crate::custody::Custody;
use crate::provider::{KeyState, ProviderError};
use crate::uri::KeyUri;

/// Disables and enables versions of keys, by a credential that has `keys/update` and not
/// `keys/sign`. The service has one permission for both: who can disable can enable.
#[derive(Debug)]
pub struct AzureKvCustody {
    client: Client,
}

impl AzureKvCustody {
    /// Custody with the credential in `settings`.
    pub fn new(settings: &AzureKvSettings) -> Self {
        Self { client: Client::new(settings) }
    }
}

#[async_trait]
impl Custody for AzureKvCustody {
    fn scheme(&self) -> &'static str {
        SCHEME
    }

    async fn disable(&self, key: &KeyUri) -> Result<(), ProviderError> {
        set(&self.client, key, false).await
    }

    async fn enable(&self, key: &KeyUri) -> Result<(), ProviderError> {
        set(&self.client, key, true).await
    }
}

pub(super) async fn set(client: &Client, key: &KeyUri, enabled: bool) -> Result<(), ProviderError> {
    let name = Name::parse(key)?;
    let options = KeyClientUpdateKeyPropertiesOptions {
        key_version: Some(name.pinned(key)?.to_owned()),
        ..Default::default()
    };
    let attributes = KeyAttributes { enabled: Some(enabled), ..Default::default() };
    let wanted =
        UpdateKeyPropertiesParameters { key_attributes: Some(attributes), ..Default::default() };
    let wanted = wanted.try_into().map_err(|error| failure::refusal(key, error))?;
    let service = client.service().await?;
    let updating = service.update_key_properties(name.key(key)?, wanted, Some(options));
    let found = client.answer(key, async { updating.await?.into_model() }).await?;
    let kid = found.key.as_ref().and_then(|key| key.kid.as_deref());
    name.answered(key, kid, None)?;
    if (wire::state(&found) == KeyState::Enabled) == enabled {
        return Ok(());
    }
    let what = "the service says that it is done, and the key's state is another";
    Err(ProviderError::Corrupted { what, request_id: None })
}
