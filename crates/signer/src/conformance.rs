//! What every key provider must do, run by each provider's tests.

use std::sync::Arc;

use async_trait::async_trait;
use skink_x509::{KeyAlgorithm, SignatureAlgorithm};

use crate::provider::{KeyProvider, KeyState, ProviderError, ToSign};
use crate::uri::KeyUri;
use crate::verify::VerifyingKey;

/// A provider under test, with what the seam leaves to each provider.
#[async_trait]
pub trait Subject: Send + Sync {
    /// Opens the provider as a fresh process would: nothing remembered but what is stored.
    fn open(&self) -> Arc<dyn KeyProvider>;

    /// The algorithms it can make keys of.
    fn algorithms(&self) -> Vec<KeyAlgorithm>;

    /// Whether it signs digests of messages that it has not seen.
    fn signs_digests(&self, algorithm: KeyAlgorithm) -> bool;

    /// Tries to enable a disabled key with nothing but the signing credential.
    async fn enable_with_signing_credential(&self, key: &KeyUri) -> Result<(), ProviderError>;

    /// Enables a disabled key with the credential that may.
    async fn enable(&self, key: &KeyUri) -> Result<(), ProviderError>;
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
}

type Checked = Result<(), Departure>;

/// Runs the whole suite.
pub async fn check(subject: &dyn Subject) -> Checked {
    for algorithm in subject.algorithms() {
        signs_what_verifies(subject, algorithm).await?;
    }
    names_are_used_once(subject).await?;
    unknown_keys_are_unknown(subject).await?;
    keys_sign_with_their_own_algorithms_only(subject).await?;
    disabling_lasts(subject).await?;
    destroying_is_final(subject).await
}

async fn signs_what_verifies(subject: &dyn Subject, algorithm: KeyAlgorithm) -> Checked {
    let provider = subject.open();
    let name = format!("signs-{algorithm}");
    let key = must("creating a key", provider.create(&name, algorithm).await)?;
    holds("a key's URI has its provider's scheme", key.scheme() == provider.scheme())?;
    let public = must("reading a public key", provider.public_key(&key).await)?;
    holds("a key has the algorithm asked for", public.algorithm() == algorithm)?;
    holds("a new key is enabled", must("state", provider.state(&key).await)? == KeyState::Enabled)?;

    let how = algorithm.signature_algorithm();
    let verifying = VerifyingKey::new(&public, how)
        .map_err(|_| Departure::Broken("a public key can be parsed"))?;
    // A provider opened afresh has the same key.
    for provider in [provider, subject.open()] {
        let message = ToSign::Message(b"a message");
        let signature = must("signing", provider.sign(&key, how, message).await)?;
        holds("a signature verifies", verifying.verify(message, &signature).is_ok())?;
        let other = verifying.verify(ToSign::Message(b"another"), &signature);
        holds("a signature is of one message", other.is_err())?;
        if subject.signs_digests(algorithm) {
            let digest = digest_of(how, b"a message");
            let signature = provider.sign(&key, how, ToSign::Digest(&digest)).await;
            let signature = must("signing a digest", signature)?;
            holds(
                "a digest's signature is the message's",
                verifying.verify(message, &signature).is_ok(),
            )?;
        }
    }
    let listed = must("listing", subject.open().list().await)?;
    holds("a key is listed", listed.contains(&key))
}

async fn names_are_used_once(subject: &dyn Subject) -> Checked {
    let provider = subject.open();
    let algorithm = first(subject)?;
    let key = must("creating a key", provider.create("once", algorithm).await)?;
    let again = provider.create("once", algorithm).await;
    holds("a name in use is refused", matches!(again, Err(ProviderError::NameTaken { .. })))?;
    must("destroying", provider.destroy(&key).await)?;
    let again = subject.open().create("once", algorithm).await;
    holds(
        "the name of a destroyed key is refused",
        matches!(again, Err(ProviderError::NameTaken { .. })),
    )?;
    let bad = provider.create("../escape", algorithm).await;
    holds("a name that is a path is refused", bad.is_err())
}

async fn unknown_keys_are_unknown(subject: &dyn Subject) -> Checked {
    let provider = subject.open();
    let nobody = KeyUri::new(provider.scheme(), "nobody")
        .map_err(|_| Departure::Broken("a plain name makes a URI"))?;
    let how = first(subject)?.signature_algorithm();
    let errors = [
        provider.sign(&nobody, how, ToSign::Message(b"m")).await.err(),
        provider.public_key(&nobody).await.err(),
        provider.state(&nobody).await.err(),
        provider.disable(&nobody).await.err(),
    ];
    let unknown = |e: &Option<ProviderError>| matches!(e, Some(ProviderError::UnknownKey { .. }));
    holds("an unknown key is called unknown", errors.iter().all(unknown))
}

async fn keys_sign_with_their_own_algorithms_only(subject: &dyn Subject) -> Checked {
    let provider = subject.open();
    for algorithm in subject.algorithms() {
        let name = format!("own-{algorithm}");
        let key = must("creating a key", provider.create(&name, algorithm).await)?;
        let foreign = match algorithm {
            KeyAlgorithm::Ed25519 => SignatureAlgorithm::EcdsaSha256,
            _ => SignatureAlgorithm::Ed25519,
        };
        let signed = provider.sign(&key, foreign, ToSign::Message(b"m")).await;
        holds("a key refuses another kind of signature", signed.is_err())?;
    }
    Ok(())
}

async fn disabling_lasts(subject: &dyn Subject) -> Checked {
    let (provider, algorithm) = (subject.open(), first(subject)?);
    let how = algorithm.signature_algorithm();
    let key = must("creating a key", provider.create("disabled", algorithm).await)?;
    let control = must("creating a key", provider.create("control", algorithm).await)?;
    let elsewhere = subject.open();
    must("signing", elsewhere.sign(&key, how, ToSign::Message(b"m")).await)?;
    must("disabling", provider.disable(&key).await)?;
    must("disabling again", provider.disable(&key).await)?;
    for provider in [provider, elsewhere, subject.open()] {
        let state = must("state", provider.state(&key).await)?;
        holds("a disabled key says so", state == KeyState::Disabled)?;
        let refused = provider.sign(&key, how, ToSign::Message(b"m")).await;
        let Err(ProviderError::Disabled { code, .. }) = refused else {
            return Err(Departure::Broken("a disabled key refuses in every process"));
        };
        let coded = code.starts_with(provider.scheme()) && code.len() > provider.scheme().len() + 1;
        holds("the refusal has the provider's own code", coded)?;
        must("a control signature", provider.sign(&control, how, ToSign::Message(b"m")).await)?;
    }
    let tried = subject.enable_with_signing_credential(&key).await;
    holds("the signing credential cannot enable", tried.is_err())?;
    let refused = subject.open().sign(&key, how, ToSign::Message(b"m")).await;
    holds("trying to enable changes nothing", refused.is_err())?;
    must("enabling", subject.enable(&key).await)?;
    must("signing again", subject.open().sign(&key, how, ToSign::Message(b"m")).await)?;
    Ok(())
}

async fn destroying_is_final(subject: &dyn Subject) -> Checked {
    let (provider, algorithm) = (subject.open(), first(subject)?);
    let how = algorithm.signature_algorithm();
    let key = must("creating a key", provider.create("destroyed", algorithm).await)?;
    must("disabling", provider.disable(&key).await)?;
    must("destroying a disabled key", provider.destroy(&key).await)?;
    must("destroying again", provider.destroy(&key).await)?;
    for provider in [provider, subject.open()] {
        let state = must("state", provider.state(&key).await)?;
        holds("a destroyed key says so", state == KeyState::Destroyed)?;
        let refused = provider.sign(&key, how, ToSign::Message(b"m")).await;
        holds("a destroyed key refuses", refused.is_err())?;
        must("reading a destroyed key's public half", provider.public_key(&key).await)?;
    }
    holds("a destroyed key cannot be enabled", subject.enable(&key).await.is_err())
}

fn first(subject: &dyn Subject) -> Result<KeyAlgorithm, Departure> {
    let none = Departure::Broken("a provider makes keys of some algorithm");
    subject.algorithms().first().copied().ok_or(none)
}

fn must<T>(step: &'static str, result: Result<T, ProviderError>) -> Result<T, Departure> {
    result.map_err(|source| Departure::Fails { step, source })
}

fn holds(rule: &'static str, it_does: bool) -> Checked {
    if it_does { Ok(()) } else { Err(Departure::Broken(rule)) }
}

fn digest_of(how: SignatureAlgorithm, message: &[u8]) -> Vec<u8> {
    use aws_lc_rs::digest::{SHA256, SHA384, SHA512, digest};
    let hash = match how {
        SignatureAlgorithm::EcdsaSha384 | SignatureAlgorithm::RsaPkcs1Sha384 => &SHA384,
        SignatureAlgorithm::EcdsaSha512 | SignatureAlgorithm::RsaPkcs1Sha512 => &SHA512,
        _ => &SHA256,
    };
    digest(hash, message).as_ref().to_vec()
}
