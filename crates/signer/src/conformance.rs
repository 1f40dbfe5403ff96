//! What every key provider must do, run by each provider's tests.

use std::sync::Arc;

use async_trait::async_trait;
use skink_x509::{KeyAlgorithm, SignatureAlgorithm};

use crate::custody::Custody;
use crate::provider::{KeyProvider, ProviderError};
use crate::uri::KeyUri;

mod life;
mod signing;

/// A provider under test, with what the seam leaves to each provider.
#[async_trait]
pub trait Subject: Send + Sync {
    /// Opens the provider as a fresh process would, with the credential that signs: nothing
    /// remembered but what is stored.
    fn open(&self) -> Arc<dyn KeyProvider>;

    /// The same with a credential that makes, rotates and destroys keys, where that is another.
    fn administer(&self) -> Arc<dyn KeyProvider> {
        self.open()
    }

    /// The credential that disables and enables.
    fn custody(&self) -> Arc<dyn Custody>;

    /// The algorithms it can make keys of.
    fn algorithms(&self) -> Vec<KeyAlgorithm>;

    /// As many ways as it signs with such a key; the first is the key's own.
    fn ways(&self, algorithm: KeyAlgorithm) -> Vec<SignatureAlgorithm> {
        use SignatureAlgorithm as S;
        match algorithm {
            KeyAlgorithm::Rsa2048 => vec![
                S::RsaPkcs1Sha256,
                S::RsaPkcs1Sha384,
                S::RsaPkcs1Sha512,
                S::RsaPssSha256,
                S::RsaPssSha384,
                S::RsaPssSha512,
            ],
            _ => vec![algorithm.signature_algorithm()],
        }
    }

    /// Whether it signs digests of messages that it has not seen.
    fn signs_digests(&self, algorithm: KeyAlgorithm) -> bool {
        algorithm != KeyAlgorithm::Ed25519
    }

    /// Whether its attributes say where a key came from.
    fn tells_origin(&self) -> bool {
        true
    }

    /// The calls that the service does not have: each must be refused as unsupported, and every
    /// other must work.
    fn lacks(&self) -> &'static [Call];

    /// What is left of a destroyed key.
    fn destroyed(&self) -> Destroyed;

    /// Tries to enable a disabled key with nothing but the signing credential.
    async fn enable_with_signing_credential(&self, key: &KeyUri) -> Result<(), ProviderError>;
}

/// A call that a service may not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// [`Custody::enable`]: disabling is for good.
    Enable,
    /// [`KeyProvider::verify`].
    Verify,
    /// [`KeyProvider::attributes`].
    Attributes,
    /// [`KeyProvider::rotate`].
    Rotate,
    /// [`KeyProvider::destroy`].
    Destroy,
    /// [`KeyProvider::schedule_destruction`] and [`KeyProvider::cancel_destruction`].
    ScheduleDestruction,
}

/// What a service keeps of a destroyed key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destroyed {
    /// Its name, so that nobody takes it, and its public half.
    Remembered,
    /// Nothing: its name is as unknown as any.
    Forgotten,
}

/// What a provider does that it must not, or the other way round.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Departure {
    /// A call failed that must not fail.
    #[error("{step} fails")]
    Fails {
        /// What was tried.
        step: &'static str,
        /// The provider's error.
        #[source]
        source: ProviderError,
    },
    /// A rule does not hold.
    #[error("it does not hold that {0}")]
    Broken(&'static str),
    /// A rule does not hold, for an algorithm.
    #[error("with {1} it does not hold that {0}")]
    BrokenFor(&'static str, KeyAlgorithm),
}

type Checked = Result<(), Departure>;

/// Runs the whole suite.
pub async fn check(subject: &dyn Subject) -> Checked {
    for algorithm in subject.algorithms() {
        signing::signs_what_verifies(subject, algorithm).await?;
        signing::keys_sign_with_their_own_algorithms_only(subject, algorithm).await?;
        signing::wrong_digests_are_refused(subject, algorithm).await?;
    }
    life::names_are_used_once(subject).await?;
    life::unknown_keys_are_unknown(subject).await?;
    life::attributes_are_told(subject).await?;
    life::lists_come_in_pages(subject).await?;
    life::rotation_leaves_the_old_key(subject).await?;
    life::disabling_lasts(subject).await?;
    life::destroying_is_final(subject).await?;
    life::destruction_can_wait(subject).await
}

/// The error of a departure with everything below it, for a test's output.
pub fn explain(departure: &Departure) -> String {
    skink_model::with_causes(departure)
}

fn lacks(subject: &dyn Subject, call: Call) -> bool {
    subject.lacks().contains(&call)
}

fn unsupported<T>(rule: &'static str, result: &Result<T, ProviderError>) -> Checked {
    holds(rule, matches!(result, Err(ProviderError::Unsupported { .. })))
}

fn first(subject: &dyn Subject) -> Result<(KeyAlgorithm, SignatureAlgorithm), Departure> {
    let none = Departure::Broken("a provider makes keys of some algorithm");
    let first = subject.algorithms().first().copied().ok_or(none)?;
    Ok((first, first.signature_algorithm()))
}

fn must<T>(step: &'static str, result: Result<T, ProviderError>) -> Result<T, Departure> {
    result.map_err(|source| Departure::Fails { step, source })
}

fn holds(rule: &'static str, it_does: bool) -> Checked {
    if it_does { Ok(()) } else { Err(Departure::Broken(rule)) }
}
