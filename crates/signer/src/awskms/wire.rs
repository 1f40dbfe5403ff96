//! What the service says, in its own words.

use aws_sdk_kms::primitives::DateTime;
use aws_sdk_kms::types::{
    KeyMetadata, KeySpec, KeyState as State, OriginType, SigningAlgorithmSpec as Spec,
};
use skink_model::Time;
use skink_x509::{KeyAlgorithm, SignatureAlgorithm};

use crate::provider::{KeyAttributes, KeyOrigin, KeyState, Protection, ProviderError};

/// A key to be made.
pub(super) struct NewKey<'a> {
    pub(super) region: Option<&'a str>,
    pub(super) kind: KeySpec,
    pub(super) description: &'a str,
}

const KINDS: [(KeyAlgorithm, KeySpec); 7] = [
    (KeyAlgorithm::EcP256, KeySpec::EccNistP256),
    (KeyAlgorithm::EcP384, KeySpec::EccNistP384),
    (KeyAlgorithm::EcP521, KeySpec::EccNistP521),
    (KeyAlgorithm::Ed25519, KeySpec::EccNistEdwards25519),
    (KeyAlgorithm::Rsa2048, KeySpec::Rsa2048),
    (KeyAlgorithm::Rsa3072, KeySpec::Rsa3072),
    (KeyAlgorithm::Rsa4096, KeySpec::Rsa4096),
];

/// What the service calls a kind of key.
pub(super) fn kind(algorithm: KeyAlgorithm) -> Option<KeySpec> {
    KINDS.into_iter().find(|(ours, _)| *ours == algorithm).map(|(_, theirs)| theirs)
}

/// What a kind of key is here.
pub(super) fn known(spec: &KeySpec) -> Option<KeyAlgorithm> {
    KINDS.into_iter().find(|(_, theirs)| theirs == spec).map(|(ours, _)| ours)
}

pub(super) fn algorithm(found: &KeyMetadata) -> Result<KeyAlgorithm, ProviderError> {
    found.key_spec().and_then(known).ok_or_else(|| ProviderError::Damaged {
        name: found.key_id().to_owned(),
        what: "the key's kind is none that signs certificates",
    })
}

/// What the service calls a signature that a key of this kind makes.
pub(super) fn signing(has: KeyAlgorithm, asked: SignatureAlgorithm) -> Option<Spec> {
    use KeyAlgorithm as K;
    use SignatureAlgorithm as S;
    Some(match (has, asked) {
        (K::EcP256, S::EcdsaSha256) => Spec::EcdsaSha256,
        (K::EcP384, S::EcdsaSha384) => Spec::EcdsaSha384,
        (K::EcP521, S::EcdsaSha512) => Spec::EcdsaSha512,
        (K::Ed25519, S::Ed25519) => Spec::Ed25519Sha512,
        (K::Rsa2048 | K::Rsa3072 | K::Rsa4096, asked) => match asked {
            S::RsaPkcs1Sha256 => Spec::RsassaPkcs1V15Sha256,
            S::RsaPkcs1Sha384 => Spec::RsassaPkcs1V15Sha384,
            S::RsaPkcs1Sha512 => Spec::RsassaPkcs1V15Sha512,
            S::RsaPssSha256 => Spec::RsassaPssSha256,
            S::RsaPssSha384 => Spec::RsassaPssSha384,
            S::RsaPssSha512 => Spec::RsassaPssSha512,
            _ => return None,
        },
        _ => return None,
    })
}

/// Whether the key will sign. What the service calls by a word of its own signs nothing now: its
/// material is on the way, or its store is away.
pub(super) fn state(found: &KeyMetadata) -> Result<KeyState, ProviderError> {
    match found.key_state() {
        Some(State::Enabled | State::Updating) => Ok(KeyState::Enabled),
        Some(State::PendingDeletion | State::PendingReplicaDeletion) => {
            Ok(KeyState::DestructionScheduled)
        }
        Some(State::Disabled | State::Creating | State::PendingImport | State::Unavailable) => {
            Ok(KeyState::Disabled)
        }
        _ => Err(ProviderError::Damaged {
            name: found.key_id().to_owned(),
            what: "the state is none that is known here",
        }),
    }
}

pub(super) fn attributes(found: &KeyMetadata) -> Result<KeyAttributes, ProviderError> {
    let (protection, origin) = match found.origin() {
        Some(OriginType::AwsKms) => (Protection::SharedHardware, KeyOrigin::Generated),
        Some(OriginType::External) => (Protection::SharedHardware, KeyOrigin::Imported),
        Some(OriginType::AwsCloudhsm) => (Protection::Hardware, KeyOrigin::Generated),
        Some(OriginType::ExternalKeyStore) => (Protection::External, KeyOrigin::Imported),
        _ => return Ok(KeyAttributes::new(algorithm(found)?, state(found)?)),
    };
    Ok(KeyAttributes {
        protection: Some(protection),
        created: found.creation_date().and_then(time),
        origin: Some(origin),
        // The service has no call that would give a private key out.
        exportable: Some(false),
        destroyed_at: found.deletion_date().and_then(time),
        ..KeyAttributes::new(algorithm(found)?, state(found)?)
    })
}

pub(super) fn time(at: &DateTime) -> Option<Time> {
    at.to_millis().ok().map(Time::from_millis)
}
