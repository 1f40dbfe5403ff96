//! Stopping a key with a credential that does not sign.

use async_trait::async_trait;
use google_cloud_kms_v1::model::CryptoKeyVersion;
use google_cloud_kms_v1::model::crypto_key_version::CryptoKeyVersionState as State;
use google_cloud_wkt::FieldMask;

use super::client::Client;
use super::name::Name;
use super::{GcpKmsSettings, SCHEME, failure, wire};
use crate::custody::Custody;
use crate::provider::{KeyState, ProviderError};
use crate::uri::KeyUri;

/// Disables and enables versions of keys, by a credential that has
/// `cloudkms.cryptoKeyVersions.update` and `.get` and not `.useToSign`. The service has one
/// permission for both: who can disable can enable.
#[derive(Debug)]
pub struct GcpKmsCustody {
    client: Client,
}

impl GcpKmsCustody {
    /// Custody with the credential in `settings`.
    pub fn new(settings: &GcpKmsSettings) -> Self {
        Self { client: Client::new(settings) }
    }
}

#[async_trait]
impl Custody for GcpKmsCustody {
    fn scheme(&self) -> &'static str {
        SCHEME
    }

    async fn disable(&self, key: &KeyUri) -> Result<(), ProviderError> {
        disable(&self.client, key).await
    }

    async fn enable(&self, key: &KeyUri) -> Result<(), ProviderError> {
        match set(&self.client, key, State::Enabled).await {
            Ok(KeyState::Enabled) => Ok(()),
            Ok(_) => Err(not_done()),
            Err(refused) => unless(&self.client, key, refused, &[KeyState::Enabled]).await,
        }
    }
}

/// A key that waits for its destruction signs nothing, and will be disabled if that is cancelled.
pub(super) async fn disable(client: &Client, key: &KeyUri) -> Result<(), ProviderError> {
    const STOPPED: [KeyState; 2] = [KeyState::Disabled, KeyState::DestructionScheduled];
    match set(client, key, State::Disabled).await {
        Ok(KeyState::Disabled) => Ok(()),
        Ok(_) => Err(not_done()),
        Err(refused) => unless(client, key, refused, &STOPPED).await,
    }
}

async fn set(client: &Client, key: &KeyUri, state: State) -> Result<KeyState, ProviderError> {
    let name = Name::parse(key)?;
    let version = CryptoKeyVersion::new().set_name(name.pinned(key)?).set_state(state);
    let mask = FieldMask::default().set_paths(["state"]);
    let service = client.service().await?;
    let updating =
        service.update_crypto_key_version().set_crypto_key_version(version).set_update_mask(mask);
    let found = client.answer(key, updating.send()).await?;
    name.must_be(key, &found.name, None)?;
    wire::state(&found)
}

/// A refusal, unless the key is as it was to become: the service may not like to do things twice.
async fn unless(
    client: &Client,
    key: &KeyUri,
    refused: ProviderError,
    wanted: &[KeyState],
) -> Result<(), ProviderError> {
    if !failure::is_precondition(&refused) {
        return Err(refused);
    }
    let found = client.describe(key, &Name::parse(key)?).await?;
    if wanted.contains(&wire::state(&found)?) { Ok(()) } else { Err(refused) }
}

fn not_done() -> ProviderError {
    let what = "the service says that it is done, and the key's state is another";
    ProviderError::Corrupted { what, request_id: None }
}
