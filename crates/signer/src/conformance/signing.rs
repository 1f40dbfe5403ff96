//! Signatures.

use skink_x509::{KeyAlgorithm, SignatureAlgorithm};

use super::{Call, Checked, Departure, Subject, holds, lacks, must, unsupported};
use crate::provider::{KeyState, ProviderError, ToSign};
use crate::verify::{VerifyingKey, digest_of, hash};

pub(super) async fn signs_what_verifies(subject: &dyn Subject, algorithm: KeyAlgorithm) -> Checked {
    let provider = subject.open();
    let name = format!("signs-{algorithm}");
    let key = must("creating a key", subject.administer().create(&name, algorithm).await)?;
    holds("a key's URI has its provider's scheme", key.scheme() == provider.scheme())?;
    let found = must("finding a key", provider.find(&key).await)?;
    holds("the URI of a new key is pinned", found == key)?;
    let public = must("reading a public key", provider.public_key(&key).await)?;
    if public.algorithm() != algorithm {
        return Err(Departure::BrokenFor("a key has the algorithm asked for", algorithm));
    }
    holds("a new key is enabled", must("state", provider.state(&key).await)? == KeyState::Enabled)?;
    // A provider opened afresh has the same key.
    for provider in [provider, subject.open()] {
        for how in subject.ways(algorithm) {
            let verifying = VerifyingKey::new(&public, how)
                .map_err(|_| Departure::Broken("a public key can be parsed"))?;
            let message = ToSign::Message(b"a message");
            let signature = must("signing", provider.sign(&key, how, message).await)?.bytes;
            let wrong = |rule| Departure::BrokenFor(rule, algorithm);
            verifying.verify(message, &signature).map_err(|_| wrong("a signature verifies"))?;
            let other = verifying.verify(ToSign::Message(b"another"), &signature);
            holds("a signature is of one message", other.is_err())?;
            let verdict = provider.verify(&key, how, message, &signature).await;
            if lacks(subject, Call::Verify) {
                unsupported("verification is refused as unsupported", &verdict)?;
            } else {
                holds("the service takes its signature", must("verifying", verdict)?)?;
                let other = ToSign::Message(b"another");
                let verdict = provider.verify(&key, how, other, &signature).await;
                holds("the service takes no other's", !must("verifying", verdict)?)?;
            }
            if let (true, Some(hash)) = (subject.signs_digests(algorithm), hash(how)) {
                let digest = digest_of(hash, message);
                let signature = provider.sign(&key, how, ToSign::Digest(&digest)).await;
                let signature = must("signing a digest", signature)?.bytes;
                verifying
                    .verify(message, &signature)
                    .map_err(|_| wrong("a digest's signature is the message's"))?;
            }
        }
    }
    let whole = must("listing", subject.open().list().await)?;
    let mut listed = false;
    for one in whole {
        listed |= one == key || subject.open().find(&one).await.is_ok_and(|found| found == key);
    }
    holds("a key is listed", listed)
}

pub(super) async fn keys_sign_with_their_own_algorithms_only(
    subject: &dyn Subject,
    algorithm: KeyAlgorithm,
) -> Checked {
    let name = format!("own-{algorithm}");
    let key = must("creating a key", subject.administer().create(&name, algorithm).await)?;
    let foreign = match algorithm {
        KeyAlgorithm::Ed25519 => SignatureAlgorithm::EcdsaSha256,
        KeyAlgorithm::EcP256 => SignatureAlgorithm::EcdsaSha384,
        _ => SignatureAlgorithm::Ed25519,
    };
    let signed = subject.open().sign(&key, foreign, ToSign::Message(b"m")).await;
    holds("a key refuses another kind of signature", signed.is_err())
}

pub(super) async fn wrong_digests_are_refused(
    subject: &dyn Subject,
    algorithm: KeyAlgorithm,
) -> Checked {
    let name = format!("digest-{algorithm}");
    let key = must("creating a key", subject.administer().create(&name, algorithm).await)?;
    let how = algorithm.signature_algorithm();
    for length in [0, 20, 31, 33, 47, 63, 128] {
        let refused = subject.open().sign(&key, how, ToSign::Digest(&vec![7; length])).await;
        let so = matches!(refused, Err(ProviderError::WrongDigest { .. }));
        holds("a digest of the wrong length is refused", so)?;
    }
    Ok(())
}
