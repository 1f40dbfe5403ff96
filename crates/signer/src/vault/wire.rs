//! What the service says, in its own words.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use serde_json::{Value, json};
use skink_model::Time;
use skink_x509::{KeyAlgorithm, PublicKey, SignatureAlgorithm};

use crate::provider::ProviderError;
use crate::uri::KeyUri;
use crate::verify::hash;

/// A transit key with its versions.
#[derive(Debug, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "the service's own shape")]
pub(super) struct Key {
    #[serde(rename = "type")]
    kind: String,
    keys: BTreeMap<String, Version>,
    pub(super) latest_version: u32,
    /// `OpenBao` only.
    #[serde(default)]
    pub(super) soft_deleted: bool,
    #[serde(default)]
    pub(super) exportable: bool,
    #[serde(default)]
    pub(super) allow_plaintext_backup: bool,
    #[serde(default, rename = "imported_key")]
    pub(super) imported: bool,
}

/// One version of a key.
#[derive(Debug, Deserialize)]
pub(super) struct Version {
    creation_time: String,
    public_key: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Names {
    pub(super) keys: Vec<String>,
}

/// `vault:v1:BASE64`.
#[derive(Debug, Deserialize)]
pub(super) struct Signature {
    pub(super) signature: String,
}

/// The answer to a list of inputs, in its order.
#[derive(Debug, Deserialize)]
pub(super) struct Signatures {
    pub(super) batch_results: Vec<Part>,
}

/// A signature, or why there is none.
#[derive(Debug, Deserialize)]
pub(super) struct Part {
    pub(super) signature: Option<String>,
    #[serde(default)]
    pub(super) error: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Verdict {
    pub(super) valid: bool,
}

impl Key {
    pub(super) fn algorithm(&self) -> Result<KeyAlgorithm, ProviderError> {
        let found = KeyAlgorithm::GENERATED
            .into_iter()
            .chain([KeyAlgorithm::EcP521])
            .find(|algorithm| kind(*algorithm) == Some(self.kind.as_str()));
        found.ok_or_else(|| ProviderError::Damaged {
            name: self.kind.clone(),
            what: "the type is none that signs certificates",
        })
    }

    pub(super) fn version(&self, key: &KeyUri, number: u32) -> Result<&Version, ProviderError> {
        let found = self.keys.get(&number.to_string());
        found.ok_or_else(|| ProviderError::UnknownKey { key: key.clone() })
    }

    /// The numbers of the versions that are kept.
    pub(super) fn versions(&self) -> Vec<u32> {
        let mut numbers: Vec<u32> = self.keys.keys().filter_map(|key| key.parse().ok()).collect();
        numbers.sort_unstable();
        numbers
    }

    /// Whether a version that there was is usable; it comes back when the engine's minimum is set
    /// down. One that there never was is unknown.
    pub(super) fn shows(&self, key: &KeyUri, number: u32) -> Result<bool, ProviderError> {
        if number > self.latest_version {
            return Err(ProviderError::UnknownKey { key: key.clone() });
        }
        Ok(self.version(key, number).is_ok())
    }

    pub(super) fn public_key(&self, key: &KeyUri, number: u32) -> Result<PublicKey, ProviderError> {
        let text = &self.version(key, number)?.public_key;
        let algorithm = self.algorithm()?;
        let der = if algorithm == KeyAlgorithm::Ed25519 {
            BASE64.decode(text).ok().map(|raw| [&ED25519_SPKI[..], &raw].concat())
        } else {
            pkcs8::der::Document::from_pem(text).ok().map(|(_, document)| document.into_vec())
        };
        der.and_then(|der| PublicKey::from_spki_der(&der).ok())
            .filter(|public| public.algorithm() == algorithm)
            .ok_or(ProviderError::Corrupted {
                what: "the public key is none of the key's type",
                request_id: None,
            })
    }
}

impl Version {
    pub(super) fn created(&self) -> Option<Time> {
        let at: jiff::Timestamp = self.creation_time.parse().ok()?;
        Some(Time::from_millis(at.as_millisecond()))
    }
}

impl Signature {
    /// The signature in base64, if it is the wanted version's.
    pub(super) fn of_version(&self, version: u32) -> Option<&str> {
        self.signature.strip_prefix(&format!("vault:v{version}:"))
    }

    /// What the signature says of itself, without the signature.
    pub(super) fn version_named(&self) -> String {
        self.signature.rsplit_once(':').map_or("nothing", |(version, _)| version).to_owned()
    }
}

/// What stands before the key in the `SubjectPublicKeyInfo` of Ed25519 (RFC 8410 §4).
const ED25519_SPKI: [u8; 12] =
    [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// What the service calls a kind of key.
pub(super) const fn kind(algorithm: KeyAlgorithm) -> Option<&'static str> {
    Some(match algorithm {
        KeyAlgorithm::EcP256 => "ecdsa-p256",
        KeyAlgorithm::EcP384 => "ecdsa-p384",
        KeyAlgorithm::EcP521 => "ecdsa-p521",
        KeyAlgorithm::Ed25519 => "ed25519",
        KeyAlgorithm::Rsa2048 => "rsa-2048",
        KeyAlgorithm::Rsa3072 => "rsa-3072",
        KeyAlgorithm::Rsa4096 => "rsa-4096",
        _ => return None,
    })
}

/// How the service is to sign or verify, which is told beside the input.
pub(super) fn how(algorithm: SignatureAlgorithm) -> Value {
    if hash(algorithm).is_none() {
        return json!({});
    }
    json!({
        "prehashed": true,
        "hash_algorithm": hash_name(algorithm),
        "marshaling_algorithm": "asn1",
        // Both are for RSA keys alone.
        "signature_algorithm": if algorithm.is_rsa_pss() { "pss" } else { "pkcs1v15" },
        "salt_length": "hash",
    })
}

const fn hash_name(algorithm: SignatureAlgorithm) -> &'static str {
    match algorithm {
        SignatureAlgorithm::EcdsaSha384
        | SignatureAlgorithm::RsaPkcs1Sha384
        | SignatureAlgorithm::RsaPssSha384 => "sha2-384",
        SignatureAlgorithm::EcdsaSha512
        | SignatureAlgorithm::RsaPkcs1Sha512
        | SignatureAlgorithm::RsaPssSha512 => "sha2-512",
        _ => "sha2-256",
    }
}
