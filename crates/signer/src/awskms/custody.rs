//! Stopping a key with a credential that does not sign.

use async_trait::async_trait;

use super::client::Clients;
use super::name::Name;
use super::{KmsSettings, SCHEME};
use crate::custody::Custody;
use crate::provider::{KeyState, ProviderError};
use crate::uri::KeyUri;

/// Disables and enables keys, by a credential that has `kms:DisableKey` and `kms:EnableKey` and not
/// `kms:Sign`. One without `kms:EnableKey` disables and cannot take that back.
#[derive(Debug)]
pub struct KmsCustody {
    clients: Clients,
}

impl KmsCustody {
    /// Custody with the credential in `settings`.
    pub fn new(settings: &KmsSettings) -> Self {
        Self { clients: Clients::new(settings) }
    }
}

#[async_trait]
impl Custody for KmsCustody {
    fn scheme(&self) -> &'static str {
        SCHEME
    }

    async fn disable(&self, key: &KeyUri) -> Result<(), ProviderError> {
        disable(&self.clients, key).await
    }

    async fn enable(&self, key: &KeyUri) -> Result<(), ProviderError> {
        let name = pinned(key)?;
        let client = self.clients.of(name.region()).await;
        let enabled = client.enable_key().key_id(name.key_id()).send().await;
        enabled.map(|_| ()).map_err(|error| self.clients.refusal(key, error))
    }
}

/// A key that waits for its destruction signs nothing, and will be disabled if that is cancelled.
pub(super) async fn disable(clients: &Clients, key: &KeyUri) -> Result<(), ProviderError> {
    let name = pinned(key)?;
    let client = clients.of(name.region()).await;
    let disabled = client.disable_key().key_id(name.key_id()).send().await;
    let Err(error) = disabled else { return Ok(()) };
    match clients.refusal(key, error) {
        refused @ ProviderError::Disabled { .. } => {
            let state = super::wire::state(&clients.describe(key, &name).await?)?;
            if state == KeyState::DestructionScheduled { Ok(()) } else { Err(refused) }
        }
        refused => Err(refused),
    }
}

fn pinned(key: &KeyUri) -> Result<Name, ProviderError> {
    let name = Name::parse(key)?;
    name.pinned(key)?;
    Ok(name)
}
