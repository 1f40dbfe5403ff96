//! The seam to whatever holds private keys.

use std::time::Duration;

use async_trait::async_trait;
use skink_model::Time;
use skink_x509::{KeyAlgorithm, PublicKey, SignatureAlgorithm};

use crate::uri::KeyUri;
use crate::verify::hash;

mod attributes;
mod error;
mod guard;

pub use attributes::{KeyAttributes, KeyOrigin, KeyPage, PageToken, Protection};
pub use error::{Answer, ProviderError, RequestId};
pub use guard::{Ending, Guard, KeyGrant, Readable, Told, Untold};

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
    /// It refuses, and its material will be gone on a day that is set; until then that can be
    /// cancelled.
    DestructionScheduled,
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
            Self::DestructionScheduled => "destruction-scheduled",
            Self::Destroyed => "destroyed",
        }
    }
}

/// What a provider's signing call gives back. Nobody uses the bytes before they are verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderSignature {
    /// The signature, as X.509 carries it.
    pub bytes: Vec<u8>,
    /// The service's own id of the call, where it gives one.
    pub request_id: Option<RequestId>,
}

/// Holds private keys and signs with them; no call lets one out.
///
/// Every call is one try: no provider repeats anything by itself. A call that the service behind a
/// provider does not have is refused as [`ProviderError::Unsupported`], never passed over.
///
/// Enabling a disabled key is no part of this trait: it takes another credential than signing does,
/// a [`crate::Custody`].
#[async_trait]
pub trait KeyProvider: Send + Sync + 'static {
    /// The provider's name: the scheme of its keys' URIs.
    fn scheme(&self) -> &'static str;

    /// Makes a new key, and names it so that the name will never mean another.
    async fn create(&self, name: &str, algorithm: KeyAlgorithm) -> Result<KeyUri, ProviderError>;

    /// The one key that a URI means now, named so that the name will never mean another: a version
    /// where the service has versions, a key's id where it has aliases that move.
    async fn find(&self, key: &KeyUri) -> Result<KeyUri, ProviderError> {
        self.state(key).await.map(|_| key.clone())
    }

    /// The public half; also of a disabled or destroyed key, where the service still gives it.
    async fn public_key(&self, key: &KeyUri) -> Result<PublicKey, ProviderError>;

    /// One signature, by one attempt. A digest that cannot be the algorithm's is refused here, for
    /// every provider, before anything is sent: there are services that sign it.
    async fn sign(
        &self,
        key: &KeyUri,
        algorithm: SignatureAlgorithm,
        to_sign: ToSign<'_>,
    ) -> Result<ProviderSignature, ProviderError> {
        to_sign.check(algorithm)?;
        self.sign_checked(key, algorithm, to_sign).await
    }

    /// For implementations: [`KeyProvider::sign`], with a digest of the right length.
    async fn sign_checked(
        &self,
        key: &KeyUri,
        algorithm: SignatureAlgorithm,
        to_sign: ToSign<'_>,
    ) -> Result<ProviderSignature, ProviderError>;

    /// Whether the service itself takes the signature for one of this key.
    async fn verify(
        &self,
        key: &KeyUri,
        algorithm: SignatureAlgorithm,
        signed: ToSign<'_>,
        signature: &[u8],
    ) -> Result<bool, ProviderError> {
        let _ = (key, algorithm, signed, signature);
        Err(self.unsupported("verify"))
    }

    /// Whether the key will sign.
    async fn state(&self, key: &KeyUri) -> Result<KeyState, ProviderError>;

    /// What else the service tells about the key.
    async fn attributes(&self, key: &KeyUri) -> Result<KeyAttributes, ProviderError> {
        let _ = key;
        Err(self.unsupported("attributes"))
    }

    /// How the key is guarded, as far as the service tells this credential.
    async fn guard(&self, key: &KeyUri) -> Guard {
        let _ = key;
        Guard::untold(&self.unsupported("guard").to_string())
    }

    /// Disables the key, once and for all as far as the signing credential goes. Idempotent. Where
    /// the signing credential may not even do that, a [`crate::Custody`] does.
    async fn disable(&self, key: &KeyUri) -> Result<(), ProviderError> {
        let _ = key;
        Err(self.unsupported("disable"))
    }

    /// Every version of the key that the service keeps, the oldest first; the one key, pinned, where
    /// it has no versions.
    async fn versions(&self, key: &KeyUri) -> Result<Vec<KeyUri>, ProviderError> {
        Ok(vec![self.find(key).await?])
    }

    /// Adds new material under the same name; the old stays. Gives the URI of the new.
    async fn rotate(&self, key: &KeyUri) -> Result<KeyUri, ProviderError> {
        let _ = key;
        Err(self.unsupported("rotate"))
    }

    /// Whether the service destroys after a wait only: then [`KeyProvider::destroy`] is unsupported.
    fn schedules_destruction(&self) -> bool {
        false
    }

    /// Destroys the key's material now. Idempotent where the service remembers the name.
    async fn destroy(&self, key: &KeyUri) -> Result<(), ProviderError> {
        let _ = key;
        Err(self.unsupported("destroy"))
    }

    /// Has the key's material destroyed after a wait, in which that can be cancelled and the key
    /// does not sign. Gives the time of destruction.
    async fn schedule_destruction(
        &self,
        key: &KeyUri,
        after: Duration,
    ) -> Result<Time, ProviderError> {
        let _ = (key, after);
        Err(self.unsupported("schedule_destruction"))
    }

    /// Takes a scheduled destruction back. The key stays disabled.
    async fn cancel_destruction(&self, key: &KeyUri) -> Result<(), ProviderError> {
        let _ = key;
        Err(self.unsupported("cancel_destruction"))
    }

    /// At most `limit` keys, going on after the page that gave `after`.
    async fn list_page(
        &self,
        after: Option<&PageToken>,
        limit: u16,
    ) -> Result<KeyPage, ProviderError>;

    /// All keys, page by page.
    async fn list(&self) -> Result<Vec<KeyUri>, ProviderError> {
        let mut keys = Vec::new();
        let mut page = self.list_page(None, PAGE).await?;
        loop {
            keys.append(&mut page.keys);
            let Some(after) = page.next else { return Ok(keys) };
            page = self.list_page(Some(&after), PAGE).await?;
        }
    }

    /// The refusal of a call that the service does not have.
    fn unsupported(&self, call: &'static str) -> ProviderError {
        ProviderError::Unsupported { scheme: self.scheme(), call }
    }
}

/// An environment variable that says something.
#[cfg(any(
    feature = "awskms",
    feature = "azurekv",
    feature = "gcpkms",
    feature = "pkcs11",
    feature = "vault"
))]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// How many keys [`KeyProvider::list`] asks for at a time.
const PAGE: u16 = 100;

impl ToSign<'_> {
    /// Refuses a digest that has not the length of `algorithm`'s hash, and every digest for
    /// Ed25519, which signs messages.
    pub(crate) fn check(self, algorithm: SignatureAlgorithm) -> Result<(), ProviderError> {
        let Self::Digest(digest) = self else { return Ok(()) };
        let length = digest.len();
        match hash(algorithm) {
            Some(hash) if hash.output_len() == length => Ok(()),
            _ => Err(ProviderError::WrongDigest { length, algorithm }),
        }
    }
}
