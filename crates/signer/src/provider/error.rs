//! What goes wrong between a provider and its service, told apart by what to do about it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use skink_x509::{KeyAlgorithm, SignatureAlgorithm};

use crate::uri::KeyUri;

/// A service's own id of one call: what its log is paired with the ledger by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RequestId(String);

impl RequestId {
    /// The id that `text` is: 1 to 200 printable characters without spaces.
    pub fn new(text: &str) -> Option<Self> {
        let fits = !text.is_empty() && text.len() <= 200;
        (fits && text.bytes().all(|b| b.is_ascii_graphic())).then(|| Self(text.to_owned()))
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a service answered when it did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The service's code for it, after the provider's scheme: `awskms:DisabledException`.
    pub code: String,
    /// The service's words, where it has some.
    pub message: String,
    /// The service's id of the call, where it gives one.
    pub request_id: Option<RequestId>,
}

impl Answer {
    /// An answer of nothing but a code.
    pub fn of_code(code: impl Into<String>) -> Self {
        Self { code: code.into(), message: String::new(), request_id: None }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.code)?;
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        Ok(())
    }
}

/// Why a provider did not do what it was asked. Cheap to clone: one answer may be about many
/// signatures.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProviderError {
    /// No such key.
    #[error("key {key} is unknown to its provider")]
    UnknownKey {
        /// The key asked for.
        key: KeyUri,
    },
    /// The key is disabled.
    #[error("key {key} is disabled ({answer})")]
    Disabled {
        /// The key asked for.
        key: KeyUri,
        /// The service's refusal.
        answer: Box<Answer>,
    },
    /// The key is a standby whose credential has not been given.
    #[error("key {key} is locked: its credential is in the recovery kit")]
    Locked {
        /// The key asked for.
        key: KeyUri,
    },
    /// The key has been destroyed, or will be on a day that is set.
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
    /// The URI is none of this provider's.
    #[error("{key} is no key of this provider: {reason}")]
    BadUri {
        /// The URI.
        key: KeyUri,
        /// What is wrong with it.
        reason: &'static str,
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
    /// The service behind the provider has no such call.
    #[error("{scheme} has no call {call:?}")]
    Unsupported {
        /// The provider.
        scheme: &'static str,
        /// The call.
        call: &'static str,
    },
    /// The digest has not the length of the signature algorithm's hash.
    #[error("a digest of {length} bytes does not fit {algorithm:?}")]
    WrongDigest {
        /// The length given.
        length: usize,
        /// The signature asked for.
        algorithm: SignatureAlgorithm,
    },
    /// The service takes shorter messages only, and this algorithm signs no digests.
    #[error("a message of {length} bytes is longer than the {limit} that the service signs")]
    MessageTooLong {
        /// The length given.
        length: usize,
        /// The service's limit.
        limit: usize,
    },
    /// The service encrypts shorter plaintexts only; longer ones go under a data key.
    #[error("a plaintext of {length} bytes is longer than the {limit} that the service encrypts")]
    PlaintextTooLong {
        /// The length given.
        length: usize,
        /// The service's limit.
        limit: usize,
    },
    /// It was not encrypted with this key, or not with this context; services do not tell which.
    #[error("this is no ciphertext of {key} and its context")]
    ForeignCiphertext {
        /// The key asked for.
        key: KeyUri,
    },
    /// The service knows no such context.
    #[error("{scheme} takes no such context: {reason}")]
    BadContext {
        /// The provider.
        scheme: &'static str,
        /// What it takes.
        reason: &'static str,
    },
    /// A key cannot be enabled here: nobody holds a credential that enables.
    #[error("key {key} cannot be enabled with this credential")]
    EnablingRefused {
        /// The key asked for.
        key: KeyUri,
    },
    /// The provider is not told what it needs to know.
    #[error("the key provider is not configured: {what}")]
    NotConfigured {
        /// What is missing, or what is wrong with it.
        what: String,
    },
    /// The service has had enough of us for now. It did not sign.
    #[error("the key service refuses more calls for now ({answer})")]
    Throttled {
        /// When it will take the next call, where it says so.
        retry_after: Option<Duration>,
        /// The service's refusal.
        answer: Box<Answer>,
    },
    /// The key could not be looked at, and so nothing was asked to sign.
    #[error("the key could not be read, and nothing was signed")]
    KeyNotRead(#[source] Box<Self>),
    /// The service was not reached, and has not seen the call: it certainly did not sign.
    #[error("the key service cannot be reached")]
    Unreachable(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// The service's answer never came: it may or may not have signed.
    #[error("the provider's answer never came; it may or may not have signed")]
    Interrupted,
    /// The service did not answer in time: it may or may not have signed.
    #[error("no answer within {} ms; the key service may or may not have signed", after.as_millis())]
    Late {
        /// How long was waited.
        after: Duration,
    },
    /// The credential was good once and is no longer.
    #[error("the credential for the key service has expired ({answer})")]
    CredentialExpired {
        /// The service's refusal.
        answer: Box<Answer>,
    },
    /// The credential may not do this.
    #[error("the key service refuses the credential ({answer})")]
    CredentialRefused {
        /// The service's refusal.
        answer: Box<Answer>,
    },
    /// The service answered for another key than was asked: it signed, with whatever key that is.
    #[error("asked for {key}, the key service answered for {answered}")]
    AnotherKey {
        /// The key asked for.
        key: KeyUri,
        /// What the service says it used.
        answered: String,
        /// The service's id of the call.
        request_id: Option<RequestId>,
    },
    /// What the service got or gave is not what was sent: it may have signed.
    #[error("the exchange with the key service was corrupted: {what}")]
    Corrupted {
        /// What does not fit.
        what: &'static str,
        /// The service's id of the call.
        request_id: Option<RequestId>,
    },
    /// The service refused, for a reason that has no variant of its own. It did not sign.
    #[error("the key service refused ({answer})")]
    Refused {
        /// The service's refusal.
        answer: Box<Answer>,
    },
    /// The service failed inside: it may have signed.
    #[error("the key service failed ({answer})")]
    Faulted {
        /// What it said.
        answer: Box<Answer>,
    },
    /// The token that holds the key is not there, or its session ended. It did not sign.
    #[error("the token of {key} is not there ({answer})")]
    TokenAbsent {
        /// The key asked for.
        key: KeyUri,
        /// The module's code.
        answer: Box<Answer>,
    },
    /// A file could not be read or written.
    #[error("cannot use key storage")]
    Storage(#[source] Arc<std::io::Error>),
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
}

impl ProviderError {
    /// The service was not reached, for this reason.
    #[cfg(any(
        test,
        feature = "vault",
        feature = "awskms",
        feature = "azurekv",
        feature = "gcpkms"
    ))]
    pub(crate) fn unreachable(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Unreachable(Arc::new(error))
    }

    /// A file could not be read or written, for this reason.
    pub(crate) fn storage(error: std::io::Error) -> Self {
        Self::Storage(Arc::new(error))
    }

    /// A stable code: the service's own where it has one, `SCHEME:Name` otherwise.
    pub fn code(&self, scheme: &str) -> String {
        if let Some(answer) = self.answer() {
            return answer.code.clone();
        }
        format!("{scheme}:{}", self.name())
    }

    /// What the service answered, where it did.
    pub fn answer(&self) -> Option<&Answer> {
        match self {
            Self::Disabled { answer, .. }
            | Self::Throttled { answer, .. }
            | Self::CredentialExpired { answer }
            | Self::CredentialRefused { answer }
            | Self::Refused { answer }
            | Self::Faulted { answer }
            | Self::TokenAbsent { answer, .. } => Some(answer),
            Self::KeyNotRead(source) => source.answer(),
            _ => None,
        }
    }

    /// The service's id of the call that failed, where it gave one.
    pub fn request_id(&self) -> Option<&RequestId> {
        match self {
            Self::AnotherKey { request_id, .. } | Self::Corrupted { request_id, .. } => {
                request_id.as_ref()
            }
            _ => self.answer().and_then(|answer| answer.request_id.as_ref()),
        }
    }

    /// The same of a call that only looks at the key, made before one that signs: whatever became of
    /// it, nothing was signed.
    pub(crate) fn before_signing(self) -> Self {
        if self.may_have_signed() { Self::KeyNotRead(Box::new(self)) } else { self }
    }

    /// Whether the provider may have signed all the same.
    pub const fn may_have_signed(&self) -> bool {
        matches!(
            self,
            Self::Interrupted
                | Self::Late { .. }
                | Self::AnotherKey { .. }
                | Self::Corrupted { .. }
                | Self::Faulted { .. }
        )
    }

    /// Whether the same call may well succeed later, with nothing changed on our side.
    pub fn may_pass(&self) -> bool {
        if let Self::KeyNotRead(source) = self {
            return source.may_pass();
        }
        matches!(
            self,
            Self::Throttled { .. }
                | Self::Unreachable(_)
                | Self::Interrupted
                | Self::Late { .. }
                | Self::Faulted { .. }
                | Self::TokenAbsent { .. }
        )
    }

    fn name(&self) -> &'static str {
        match self {
            Self::UnknownKey { .. } => "UnknownKey",
            Self::Disabled { .. } => "KeyDisabled",
            Self::Locked { .. } => "KeyLocked",
            Self::Destroyed { .. } => "KeyDestroyed",
            Self::NameTaken { .. } => "NameTaken",
            Self::BadName { .. } => "BadName",
            Self::BadUri { .. } => "BadUri",
            Self::WrongCredential { .. } => "WrongCredential",
            Self::WrongAlgorithm { .. } => "WrongAlgorithm",
            Self::UnsupportedAlgorithm(_) => "UnsupportedAlgorithm",
            Self::Unsupported { .. } => "Unsupported",
            Self::WrongDigest { .. } => "WrongDigest",
            Self::MessageTooLong { .. } => "MessageTooLong",
            Self::PlaintextTooLong { .. } => "PlaintextTooLong",
            Self::ForeignCiphertext { .. } => "ForeignCiphertext",
            Self::BadContext { .. } => "BadContext",
            Self::EnablingRefused { .. } => "EnablingRefused",
            Self::NotConfigured { .. } => "NotConfigured",
            Self::Throttled { .. } => "Throttled",
            Self::Unreachable(_) => "Unreachable",
            Self::Interrupted => "Interrupted",
            Self::Late { .. } => "Late",
            Self::KeyNotRead(source) => source.name(),
            Self::CredentialExpired { .. } => "CredentialExpired",
            Self::CredentialRefused { .. } => "CredentialRefused",
            Self::AnotherKey { .. } => "AnotherKey",
            Self::Corrupted { .. } => "Corrupted",
            Self::Refused { .. } => "Refused",
            Self::Faulted { .. } => "Faulted",
            Self::TokenAbsent { .. } => "TokenAbsent",
            Self::Storage(_) => "Storage",
            Self::Damaged { .. } => "Damaged",
            Self::Crypto(_) => "Crypto",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(request_id: &str) -> Answer {
        let request_id = RequestId::new(request_id);
        let (code, message) = ("awskms:Some".to_owned(), "some words".to_owned());
        Answer { code, message, request_id }
    }

    #[test]
    fn what_may_have_signed_is_told_from_what_certainly_did_not() {
        let key = || "awskms:alias/a".parse::<KeyUri>().unwrap();
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let certainly_not = [
            ProviderError::Throttled { retry_after: None, answer: answer("r").into() },
            ProviderError::unreachable(refused),
            ProviderError::CredentialExpired { answer: answer("r").into() },
            ProviderError::CredentialRefused { answer: answer("r").into() },
            ProviderError::Refused { answer: answer("r").into() },
            ProviderError::Disabled { key: key(), answer: answer("r").into() },
            ProviderError::TokenAbsent { key: key(), answer: answer("r").into() },
        ];
        for error in certainly_not {
            assert!(!error.may_have_signed(), "{error}");
        }
        let answered = "another".to_owned();
        let perhaps = [
            ProviderError::Interrupted,
            ProviderError::Late { after: Duration::from_secs(5) },
            ProviderError::AnotherKey { key: key(), answered, request_id: RequestId::new("r") },
            ProviderError::Corrupted { what: "the digest", request_id: RequestId::new("r") },
            ProviderError::Faulted { answer: answer("r").into() },
        ];
        for error in perhaps {
            assert!(error.may_have_signed(), "{error}");
        }
    }

    #[test]
    fn the_services_code_and_id_come_through() {
        let error = ProviderError::Throttled { retry_after: None, answer: answer("r-1").into() };
        assert_eq!(error.code("awskms"), "awskms:Some");
        assert_eq!(error.request_id().unwrap().as_str(), "r-1");
        assert_eq!(
            error.to_string(),
            "the key service refuses more calls for now (awskms:Some: some words)"
        );
        assert_eq!(ProviderError::Interrupted.code("vault"), "vault:Interrupted");
        assert!(RequestId::new("").is_none() && RequestId::new("a b").is_none());
    }
}
