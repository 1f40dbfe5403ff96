//! The seam to whatever holds private keys.

use async_trait::async_trait;
use skink_x509::{KeyAlgorithm, PublicKey, SignatureAlgorithm};

use crate::uri::KeyUri;

/// What is to be signed.
#[derive(Clone, Copy, Debug)]
pub enum ToSign<'a> {
    /// The message; the provider hashes it as the signature algorithm says.
    Message(&'a [u8]),
    /// The message's digest under the signature algorithm's hash, for messages too long to hold.
    /// Ed25519 has no such form.
    Digest(&'a [u8]),
}

/// Whether a key will sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// It signs.
    Enabled,
    /// A standby: its own credential, kept elsewhere, must be given first.
    Locked,
    /// It refuses until it is enabled by another credential than the one that signs.
    Disabled,
    /// Its material is gone.
    Destroyed,
}

impl KeyState {
    /// The state's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Locked => "locked",
            Self::Disabled => "disabled",
            Self::Destroyed => "destroyed",
        }
    }
}

/// Why a provider did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProviderError {
    /// No such key.
    #[error("key {key} is unknown to its provider")]
    UnknownKey {
        /// The key asked for.
        key: KeyUri,
    },
    /// The key is disabled.
    #[error("key {key} is disabled ({code})")]
    Disabled {
        /// The key asked for.
        key: KeyUri,
        /// The provider's own code for it.
        code: String,
    },
    /// The key is a standby whose credential has not been given.
    #[error("key {key} is locked: its credential is in the recovery kit")]
    Locked {
        /// The key asked for.
        key: KeyUri,
    },
    /// The key has been destroyed.
    #[error("key {key} has been destroyed")]
    Destroyed {
        /// The key asked for.
        key: KeyUri,
    },
    /// The name is taken, perhaps by a destroyed key: names are never used twice.
    #[error("key {key} already exists; a key's name is never used twice")]
    NameTaken {
        /// The key that has the name.
        key: KeyUri,
    },
    /// The name cannot be used with this provider.
    #[error("{name:?} cannot name a key here: use 1 to 64 of a-z, 0-9, '-', '_', '.'")]
    BadName {
        /// The name given.
        name: String,
    },
    /// The credential does not open the key.
    #[error("the credential does not open key {key}")]
    WrongCredential {
        /// The key asked for.
        key: KeyUri,
    },
    /// The key cannot make this kind of signature.
    #[error("key {key} ({has}) cannot sign with {asked:?}")]
    WrongAlgorithm {
        /// The key asked for.
        key: KeyUri,
        /// What the key is.
        has: KeyAlgorithm,
        /// The signature asked for.
        asked: SignatureAlgorithm,
    },
    /// The provider cannot make such a key.
    #[error("this provider makes no {0} keys")]
    UnsupportedAlgorithm(KeyAlgorithm),
    /// The digest has not the length of the signature algorithm's hash.
    #[error("a digest of {length} bytes does not fit {algorithm:?}")]
    WrongDigest {
        /// The length given.
        length: usize,
        /// The signature asked for.
        algorithm: SignatureAlgorithm,
    },
    /// A key cannot be enabled here: nobody holds a credential that enables.
    #[error("key {key} cannot be enabled with this credential")]
    EnablingRefused {
        /// The key asked for.
        key: KeyUri,
    },
    /// A file could not be read or written.
    #[error("cannot use key storage")]
    Storage(#[source] std::io::Error),
    /// What is stored is not what was written.
    #[error("key storage is damaged: {what} of {name}")]
    Damaged {
        /// The key or file.
        name: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The cryptographic library refused.
    #[error("the cryptographic operation failed: {0}")]
    Crypto(&'static str),
    /// The provider did not answer: it may or may not have signed.
    #[error("the provider's answer never came; it may or may not have signed")]
    Interrupted,
}

impl ProviderError {
    /// A stable code: the provider's own where it has one, `SCHEME:Name` otherwise.
    pub fn code(&self, scheme: &str) -> String {
        let name = match self {
            Self::Disabled { code, .. } => return code.clone(),
            Self::UnknownKey { .. } => "UnknownKey",
            Self::Locked { .. } => "KeyLocked",
            Self::Destroyed { .. } => "KeyDestroyed",
            Self::NameTaken { .. } => "NameTaken",
            Self::BadName { .. } => "BadName",
            Self::WrongCredential { .. } => "WrongCredential",
            Self::WrongAlgorithm { .. } => "WrongAlgorithm",
            Self::UnsupportedAlgorithm(_) => "UnsupportedAlgorithm",
            Self::WrongDigest { .. } => "WrongDigest",
            Self::EnablingRefused { .. } => "EnablingRefused",
            Self::Storage(_) => "Storage",
            Self::Damaged { .. } => "Damaged",
            Self::Crypto(_) => "Crypto",
            Self::Interrupted => "Interrupted",
        };
        format!("{scheme}:{name}")
    }

    /// Whether the provider may have signed all the same.
    pub const fn may_have_signed(&self) -> bool {
        matches!(self, Self::Interrupted)
    }
}

/// Holds private keys and signs with them; no call lets one out.
///
/// Enabling a disabled key is no part of this trait: it takes another credential than signing does,
/// in a shape that differs from provider to provider.
#[async_trait]
pub trait KeyProvider: Send + Sync + 'static {
    /// The provider's name: the scheme of its keys' URIs.
    fn scheme(&self) -> &'static str;

    /// Makes a new key.
    async fn create(&self, name: &str, algorithm: KeyAlgorithm) -> Result<KeyUri, ProviderError>;

    /// The public half; also of a disabled or destroyed key.
    async fn public_key(&self, key: &KeyUri) -> Result<PublicKey, ProviderError>;

    /// One signature, by one attempt; the provider does not retry.
    async fn sign(
        &self,
        key: &KeyUri,
        algorithm: SignatureAlgorithm,
        to_sign: ToSign<'_>,
    ) -> Result<Vec<u8>, ProviderError>;

    /// Whether the key will sign.
    async fn state(&self, key: &KeyUri) -> Result<KeyState, ProviderError>;

    /// Disables the key, once and for all as far as the signing credential goes. Idempotent.
    async fn disable(&self, key: &KeyUri) -> Result<(), ProviderError>;

    /// Destroys the key's material; its name stays taken. Idempotent.
    async fn destroy(&self, key: &KeyUri) -> Result<(), ProviderError>;

    /// All keys that were ever made here, in order of their names.
    async fn list(&self) -> Result<Vec<KeyUri>, ProviderError>;
}
