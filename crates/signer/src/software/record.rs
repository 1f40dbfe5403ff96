//! What is known of a key without opening it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use skink_x509::KeyAlgorithm;

use super::damaged;
use crate::provider::ProviderError;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Standing {
    Enabled,
    Disabled,
    Destroyed,
}

/// Whose credential opens the key file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Wrapping {
    /// The provider's.
    Provider,
    /// The key's own, kept in a recovery kit.
    Own,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    pub(super) version: u32,
    pub(super) algorithm: String,
    pub(super) public_key: String,
    pub(super) standing: Standing,
    pub(super) wrapping: Wrapping,
}

impl Record {
    pub(super) fn new(algorithm: KeyAlgorithm, spki: &[u8], wrapping: Wrapping) -> Self {
        Self {
            version: 1,
            algorithm: algorithm.as_str().to_owned(),
            public_key: STANDARD.encode(spki),
            standing: Standing::Enabled,
            wrapping,
        }
    }

    pub(super) fn algorithm(&self) -> Result<KeyAlgorithm, ProviderError> {
        let mut all = KeyAlgorithm::GENERATED.into_iter().chain(KeyAlgorithm::POST_QUANTUM);
        let known = all.find(|algorithm| algorithm.as_str() == self.algorithm);
        known.ok_or_else(|| damaged(&self.algorithm, "an unknown algorithm"))
    }

    pub(super) fn spki(&self, name: &str) -> Result<Vec<u8>, ProviderError> {
        STANDARD.decode(&self.public_key).map_err(|_| damaged(name, "an unreadable public key"))
    }
}

pub(super) fn json<T: Serialize>(value: &T) -> Result<Vec<u8>, ProviderError> {
    serde_json::to_vec_pretty(value).map_err(|error| ProviderError::storage(error.into()))
}

pub(super) fn from_json<T: DeserializeOwned>(name: &str, bytes: &[u8]) -> Result<T, ProviderError> {
    serde_json::from_slice(bytes).map_err(|_| damaged(name, "an unreadable file"))
}
