//! What was stolen: the key itself, or the use of it.

use std::sync::Arc;

use serde::Serialize;
use skink_signer::{Credential, Custody, KeyProvider, KeyUri, ProviderError, ToSign};
use skink_x509::SignatureAlgorithm;

use super::key::{StolenKey, thwarted};
use crate::DrillError;

/// Which thief it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ThiefKind {
    /// He has a copy of the key, and nobody can take it back.
    #[default]
    Copy,
    /// He signs through the key's provider, with the server's own credential, for as long as the
    /// provider signs.
    Use,
}

/// An authority's key in the thief's hands.
pub(crate) enum Stolen {
    Copy(StolenKey),
    Use(StolenUse),
}

/// The use of a key at its provider.
pub(crate) struct StolenUse {
    key: KeyUri,
    algorithm: SignatureAlgorithm,
    provider: Arc<dyn KeyProvider>,
    custody: Arc<dyn Custody>,
}

impl StolenUse {
    /// Signs with `key` as the server does: by `credential`, or by what is in its environment.
    pub(crate) async fn take(
        key: KeyUri,
        credential: Option<Credential>,
    ) -> Result<Self, DrillError> {
        let failed = |error: ProviderError| thwarted("using the key where it is", &error);
        let provider = skink_signer::open(&key, credential.clone()).map_err(failed)?;
        let custody = skink_signer::open_custody(&key, credential).map_err(failed)?;
        let algorithm = provider.public_key(&key).await.map_err(failed)?.algorithm();
        Ok(Self { key, algorithm: algorithm.signature_algorithm(), provider, custody })
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, ProviderError> {
        // Forging is plain code between calls of async code; this one call in it is slow.
        tokio::task::block_in_place(|| {
            let signing = self.provider.sign(&self.key, self.algorithm, ToSign::Message(message));
            tokio::runtime::Handle::current().block_on(signing)
        })
        .map(|signature| signature.bytes)
    }
}

impl Stolen {
    pub(crate) const fn kind(&self) -> ThiefKind {
        match self {
            Self::Copy(_) => ThiefKind::Copy,
            Self::Use(_) => ThiefKind::Use,
        }
    }

    pub(crate) const fn algorithm(&self) -> SignatureAlgorithm {
        match self {
            Self::Copy(key) => key.algorithm(),
            Self::Use(service) => service.algorithm,
        }
    }

    /// A signature outside every ledger.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, DrillError> {
        match self {
            Self::Copy(key) => key.sign(message),
            Self::Use(service) => {
                service.sign(message).map_err(|error| thwarted("signing at the provider", &error))
            }
        }
    }

    /// The code with which the provider refuses him; none if he signs, or if it is down.
    pub(crate) fn refusal(&self) -> Option<String> {
        match self {
            Self::Copy(_) => None,
            Self::Use(service) => match service.sign(b"whether he still may") {
                Err(error @ ProviderError::Disabled { .. }) => {
                    Some(error.code(service.key.scheme()))
                }
                _ => None,
            },
        }
    }

    /// The code with which the provider refuses to enable the key for him; none if it did, or if it
    /// is down.
    pub(crate) async fn enabling_refusal(&self) -> Option<String> {
        let Self::Use(service) = self else { return None };
        match service.custody.enable(&service.key).await {
            Err(
                error @ (ProviderError::CredentialRefused { .. }
                | ProviderError::EnablingRefused { .. }),
            ) => Some(error.code(service.key.scheme())),
            _ => None,
        }
    }
}
