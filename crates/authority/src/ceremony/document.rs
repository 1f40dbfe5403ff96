//! A signed file: the text that was signed, exactly as it was, and the signature beside it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use skink_x509::{Fingerprint, KeyDigest, PublicKey};

/// Larger files are no ceremony's.
const MAX_BYTES: usize = 16 * 1024 * 1024;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    /// What kind of file, and its version; part of what is signed.
    format: String,
    /// The JSON text of the body.
    payload: String,
    /// The signer's key: base64 of its `SubjectPublicKeyInfo`.
    key: String,
    /// Base64 of the signature over [`signing_input`].
    signature: String,
}

/// Why a file is not the document it should be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// It is too large.
    #[error("the file is larger than a ceremony file ever is")]
    TooLarge,
    /// It is no such file, or one of another version.
    #[error("the file is no {wanted}")]
    NotOne {
        /// What it should be.
        wanted: &'static str,
    },
    /// It cannot be read.
    #[error("the file cannot be read as {wanted}")]
    Malformed {
        /// What it should be.
        wanted: &'static str,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// It cannot be written.
    #[error("the file cannot be written")]
    Unwritable(#[source] serde_json::Error),
    /// Its signature does not verify with the key that it names.
    #[error("the file was altered, or its signature is not by the key that it names")]
    Signature,
}

/// What is signed: the format separates it from everything else that the same key signs.
pub(super) fn signing_input(format: &str, payload: &str) -> Vec<u8> {
    format!("{format}\n{payload}").into_bytes()
}

pub(super) fn payload(body: &impl Serialize) -> Result<String, DocumentError> {
    serde_json::to_string(body).map_err(DocumentError::Unwritable)
}

impl Document {
    pub(super) fn new(format: &str, payload: String, key: &PublicKey, signature: &[u8]) -> Self {
        Self {
            format: format.to_owned(),
            payload,
            key: STANDARD.encode(key.spki_der()),
            signature: STANDARD.encode(signature),
        }
    }

    pub(super) fn to_json(&self) -> Result<String, DocumentError> {
        serde_json::to_string_pretty(self).map_err(DocumentError::Unwritable)
    }

    /// Reads the file, and its body once the signature verifies with the key that the file names.
    /// Whether that key may sign such files is the caller's question.
    pub(super) fn read<T: DeserializeOwned>(
        json: &str,
        format: &str,
        wanted: &'static str,
    ) -> Result<(Self, PublicKey, T), DocumentError> {
        if json.len() > MAX_BYTES {
            return Err(DocumentError::TooLarge);
        }
        let malformed = |source| DocumentError::Malformed { wanted, source };
        let document: Self = serde_json::from_str(json).map_err(malformed)?;
        if document.format != format {
            return Err(DocumentError::NotOne { wanted });
        }
        let bytes = |text: &str| STANDARD.decode(text).map_err(|_| DocumentError::Signature);
        let key = PublicKey::from_spki_der(&bytes(&document.key)?)
            .map_err(|_| DocumentError::Signature)?;
        let input = signing_input(format, &document.payload);
        key.verify(key.algorithm().signature_algorithm(), &input, &bytes(&document.signature)?)
            .map_err(|_| DocumentError::Signature)?;
        let body = serde_json::from_str(&document.payload).map_err(malformed)?;
        Ok((document, key, body))
    }

    /// SHA-256 of what was signed.
    pub(super) fn digest(&self) -> Fingerprint {
        Fingerprint::of(&signing_input(&self.format, &self.payload))
    }
}

/// A key's digest in files.
pub(super) fn digest_text(digest: &KeyDigest) -> String {
    digest.to_string()
}
