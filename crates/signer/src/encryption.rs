//! The seam to whatever holds symmetric keys: encrypting, decrypting, and going over from one key
//! to another.
//!
//! Nothing here is asked of a ledger: encryption is no act that somebody relies on later, and may be
//! repeated. What matters instead is where the plaintext goes. [`EncryptionProvider::reencrypt`]
//! leaves it in the service; where the service has no such call, [`Crossing`] decrypts and encrypts
//! in memory that is cleared afterwards.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use zeroize::Zeroizing;

use crate::credential::Credential;
use crate::provider::ProviderError;
use crate::providers::no_provider;
use crate::uri::KeyUri;

mod crossing;
mod patient;

pub use crossing::{Crossing, Opened, Turned};
pub use patient::Patient;

/// What was encrypted, or is to be: cleared when it is dropped, and hidden from `Debug`.
pub struct Plaintext {
    bytes: Zeroizing<Vec<u8>>,
    of_newest: bool,
}

impl Plaintext {
    /// These bytes.
    pub const fn new(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self { bytes, of_newest: false }
    }

    /// The same, which was under its key's newest version, by the service's word.
    pub fn of_newest(self) -> Self {
        Self { of_newest: true, ..self }
    }

    /// Whether the service said so.
    pub const fn is_of_newest(&self) -> bool {
        self.of_newest
    }

    /// The bytes themselves.
    pub fn expose(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether both are the same bytes; how long that takes does not tell where they differ.
    pub fn is_same(&self, other: &Self) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(&self.bytes, &other.bytes).is_ok()
    }
}

impl fmt::Debug for Plaintext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Plaintext({} bytes)", self.bytes.len())
    }
}

/// What is authenticated with a ciphertext and not in it: who does not name the same again cannot
/// decrypt. No secret: services log it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Context {
    /// Nothing.
    #[default]
    None,
    /// Bytes: the associated data of Vault, `OpenBao`, Google and software keys.
    Bytes(Vec<u8>),
    /// Names and values: the encryption context of AWS.
    Pairs(BTreeMap<String, String>),
}

impl Context {
    /// The bytes, for a service that knows no pairs.
    pub(crate) fn bytes(&self, scheme: &'static str) -> Result<&[u8], ProviderError> {
        match self {
            Self::None => Ok(&[]),
            Self::Bytes(bytes) => Ok(bytes),
            Self::Pairs(_) => Err(ProviderError::BadContext {
                scheme,
                reason: "it is bytes there, no names with values",
            }),
        }
    }
}

/// A ciphertext as its service writes it, with the key that it is under by the service's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encrypted {
    /// The ciphertext.
    pub ciphertext: Vec<u8>,
    /// The key, with its version where the service tells that.
    pub key: KeyUri,
    /// Whether what was re-encrypted was under this very material already, where the service tells.
    pub was_current: bool,
}

/// What a ciphertext says of itself, without its service being asked. Nothing in it is proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// It has not the form of this service's ciphertexts.
    None,
    /// It may be one.
    Possible,
    /// It names this version of its key.
    Version(u32),
}

/// Encrypts and decrypts with keys that no call lets out.
///
/// Every call is one try, as with [`crate::KeyProvider`]. All of them may be repeated.
#[async_trait]
pub trait EncryptionProvider: Send + Sync + 'static {
    /// The provider's name: the scheme of its keys' URIs.
    fn scheme(&self) -> &'static str;

    /// The longest plaintext that the service encrypts, in bytes.
    fn longest_plaintext(&self) -> usize;

    /// Makes a new key.
    async fn create(&self, name: &str) -> Result<KeyUri, ProviderError>;

    /// What the URI means now: what would be encrypted with, its version named where the service
    /// has versions.
    async fn find(&self, key: &KeyUri) -> Result<KeyUri, ProviderError>;

    /// For implementations: [`EncryptionProvider::encrypt`], of a length that the service takes.
    async fn encrypt_checked(
        &self,
        key: &KeyUri,
        plaintext: &Plaintext,
        context: &Context,
    ) -> Result<Encrypted, ProviderError>;

    /// Encrypts. A plaintext that is too long is refused before anything is sent.
    async fn encrypt(
        &self,
        key: &KeyUri,
        plaintext: &Plaintext,
        context: &Context,
    ) -> Result<Encrypted, ProviderError> {
        let (length, limit) = (plaintext.expose().len(), self.longest_plaintext());
        if length > limit {
            return Err(ProviderError::PlaintextTooLong { length, limit });
        }
        self.encrypt_checked(key, plaintext, context).await
    }

    /// Decrypts what `key` encrypted, in whatever version; in the named one alone, if one is named.
    async fn decrypt(
        &self,
        key: &KeyUri,
        ciphertext: &[u8],
        context: &Context,
    ) -> Result<Plaintext, ProviderError>;

    /// A new data key, in the clear and wrapped with `key`; [`EncryptionProvider::decrypt`] unwraps
    /// it.
    async fn data_key(
        &self,
        key: &KeyUri,
        context: &Context,
    ) -> Result<(Plaintext, Encrypted), ProviderError> {
        let mut bytes = Zeroizing::new(vec![0; 32]);
        let failed = |_| ProviderError::Crypto("no randomness");
        aws_lc_rs::rand::fill(&mut bytes).map_err(failed)?;
        let plaintext = Plaintext::new(bytes);
        let wrapped = self.encrypt(key, &plaintext, context).await?;
        Ok((plaintext, wrapped))
    }

    /// What a ciphertext says of itself.
    fn shape(&self, ciphertext: &[u8]) -> Shape {
        if ciphertext.is_empty() { Shape::None } else { Shape::Possible }
    }

    /// Whether the service itself turns a ciphertext of the one key into one of the other, so that
    /// the plaintext stays there.
    fn turns(&self, from: &KeyUri, to: &KeyUri, context: &Context) -> bool {
        let _ = (from, to, context);
        false
    }

    /// Has the service turn ciphertexts of `from` into ones of `to`, in order, where
    /// [`EncryptionProvider::turns`] says that it can. One result for each, unless the call itself
    /// was refused.
    async fn reencrypt(
        &self,
        ciphertexts: &[&[u8]],
        from: &KeyUri,
        to: &KeyUri,
        context: &Context,
    ) -> Result<Vec<Result<Encrypted, ProviderError>>, ProviderError> {
        let _ = (ciphertexts, from, to, context);
        Err(self.unsupported("reencrypt"))
    }

    /// Whether a rotated key keeps its URI, so that a ciphertext can go over from a key to itself.
    fn renews_in_place(&self) -> bool {
        false
    }

    /// How many ciphertexts go into one call of [`EncryptionProvider::reencrypt`].
    fn batch(&self) -> usize {
        1
    }

    /// New material under the same name; what is encrypted from now on is encrypted with it. The
    /// old goes on decrypting.
    async fn rotate(&self, key: &KeyUri) -> Result<KeyUri, ProviderError> {
        let _ = key;
        Err(self.unsupported("rotate"))
    }

    /// Stops all versions before the one that `key` names: the service decrypts nothing with them
    /// any more. What is under them then is lost until that is taken back.
    async fn retire(&self, key: &KeyUri) -> Result<(), ProviderError> {
        let _ = key;
        Err(self.unsupported("retire"))
    }

    /// The refusal of a call that the service does not have.
    fn unsupported(&self, call: &'static str) -> ProviderError {
        ProviderError::Unsupported { scheme: self.scheme(), call }
    }
}

/// The provider that holds the symmetric key, with this credential; without one, with what the
/// environment gives. Software keys have a directory instead.
pub fn open_encryption(
    key: &KeyUri,
    credential: Option<Credential>,
) -> Result<Arc<dyn EncryptionProvider>, ProviderError> {
    match key.scheme() {
        #[cfg(feature = "awskms")]
        "awskms" => {
            let settings = crate::awskms::KmsSettings::of_uri(key, credential.as_ref())?;
            Ok(Arc::new(crate::awskms::KmsEncryption::new(&settings)))
        }
        #[cfg(feature = "gcpkms")]
        "gcpkms" => {
            let settings = crate::gcpkms::GcpKmsSettings::of_uri(key, credential.as_ref())?;
            Ok(Arc::new(crate::gcpkms::GcpKmsEncryption::new(&settings)))
        }
        #[cfg(feature = "vault")]
        "vault" => {
            let settings = crate::vault::VaultSettings::of_uri(key, credential)?;
            Ok(Arc::new(crate::vault::VaultEncryption::new(&settings)?))
        }
        scheme => {
            let _ = credential;
            Err(no_provider(scheme))
        }
    }
}
