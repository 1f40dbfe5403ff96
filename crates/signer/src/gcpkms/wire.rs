//! What the service says, in its own words.

use google_cloud_kms_v1::model::crypto_key_version::{
    CryptoKeyVersionAlgorithm as Algorithm, CryptoKeyVersionState as State,
};
use google_cloud_kms_v1::model::digest::Digest as Hashed;
use google_cloud_kms_v1::model::{
    AsymmetricSignRequest, CryptoKeyVersion, Digest, ProtectionLevel,
};
use google_cloud_wkt::Timestamp;
use skink_model::Time;
use skink_x509::{KeyAlgorithm, SignatureAlgorithm};

use super::crc32c::crc32c;
use crate::provider::{KeyAttributes, KeyOrigin, KeyState, Protection, ProviderError, ToSign};
use crate::verify::{digest_of, hash};

/// The longest message that the service signs.
const MAX_MESSAGE: usize = 64 * 1024;

/// What a version of a key is: the service has versions sign in one way only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) key: KeyAlgorithm,
    way: Way,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    One(SignatureAlgorithm),
    /// PKCS #1 v1.5 around whatever is sent, which has to be a `DigestInfo` (RFC 8017 section 9.2).
    RawPkcs1,
}

const KINDS: [(Algorithm, KeyAlgorithm, Way); 14] = {
    use KeyAlgorithm as K;
    use SignatureAlgorithm as S;
    [
        (Algorithm::EcSignP256Sha256, K::EcP256, Way::One(S::EcdsaSha256)),
        (Algorithm::EcSignP384Sha384, K::EcP384, Way::One(S::EcdsaSha384)),
        (Algorithm::EcSignEd25519, K::Ed25519, Way::One(S::Ed25519)),
        (Algorithm::RsaSignPkcs12048Sha256, K::Rsa2048, Way::One(S::RsaPkcs1Sha256)),
        (Algorithm::RsaSignPkcs13072Sha256, K::Rsa3072, Way::One(S::RsaPkcs1Sha256)),
        (Algorithm::RsaSignPkcs14096Sha256, K::Rsa4096, Way::One(S::RsaPkcs1Sha256)),
        (Algorithm::RsaSignPkcs14096Sha512, K::Rsa4096, Way::One(S::RsaPkcs1Sha512)),
        (Algorithm::RsaSignPss2048Sha256, K::Rsa2048, Way::One(S::RsaPssSha256)),
        (Algorithm::RsaSignPss3072Sha256, K::Rsa3072, Way::One(S::RsaPssSha256)),
        (Algorithm::RsaSignPss4096Sha256, K::Rsa4096, Way::One(S::RsaPssSha256)),
        (Algorithm::RsaSignPss4096Sha512, K::Rsa4096, Way::One(S::RsaPssSha512)),
        (Algorithm::RsaSignRawPkcs12048, K::Rsa2048, Way::RawPkcs1),
        (Algorithm::RsaSignRawPkcs13072, K::Rsa3072, Way::RawPkcs1),
        (Algorithm::RsaSignRawPkcs14096, K::Rsa4096, Way::RawPkcs1),
    ]
};

/// What the service calls a key that signs as keys of this kind sign here. For RSA-4096, which
/// signs with SHA-384 here, it has but the raw form.
pub(super) fn to_make(algorithm: KeyAlgorithm) -> Option<Algorithm> {
    let way = match algorithm {
        KeyAlgorithm::Rsa4096 => Way::RawPkcs1,
        _ => Way::One(algorithm.signature_algorithm()),
    };
    let wanted = |key: KeyAlgorithm, does: Way| key == algorithm && does == way;
    KINDS.into_iter().find(|(_, key, does)| wanted(*key, *does)).map(|(theirs, ..)| theirs)
}

pub(super) fn known(algorithm: &Algorithm) -> Option<Kind> {
    let (_, key, way) = KINDS.into_iter().find(|(theirs, ..)| theirs == algorithm)?;
    Some(Kind { key, way })
}

pub(super) fn kind(found: &CryptoKeyVersion) -> Result<Kind, ProviderError> {
    known(&found.algorithm).ok_or_else(|| ProviderError::Damaged {
        name: found.name.clone(),
        what: "the key's kind is none that signs certificates",
    })
}

/// What is sent to sign, with its checksum; none where the key does not sign so.
pub(super) fn request(
    kind: Kind,
    asked: SignatureAlgorithm,
    to_sign: ToSign<'_>,
) -> Result<Option<AsymmetricSignRequest>, ProviderError> {
    let request = AsymmetricSignRequest::new();
    let Some(hash) = hash(asked) else {
        if kind.way != Way::One(asked) {
            return Ok(None);
        }
        let (ToSign::Message(message) | ToSign::Digest(message)) = to_sign;
        let length = message.len();
        if length > MAX_MESSAGE {
            return Err(ProviderError::MessageTooLong { length, limit: MAX_MESSAGE });
        }
        return Ok(Some(request.set_data(message.to_vec()).set_data_crc32c(crc32c(message))));
    };
    let digest = digest_of(hash, to_sign);
    Ok(match kind.way {
        Way::One(one) if one == asked => {
            let checksum = crc32c(&digest);
            let digest = hashed(asked, digest.into_owned());
            Some(request.set_digest(digest).set_digest_crc32c(checksum))
        }
        Way::RawPkcs1 => digest_info(asked, &digest)
            .map(|data| request.set_data_crc32c(crc32c(&data)).set_data(data)),
        Way::One(_) => None,
    })
}

/// Whether the service looked at the checksum of what it was sent.
pub(super) const fn was_checked(request: &AsymmetricSignRequest, digest: bool, data: bool) -> bool {
    if request.digest.is_some() { digest } else { data }
}

fn hashed(algorithm: SignatureAlgorithm, digest: Vec<u8>) -> Digest {
    use SignatureAlgorithm as S;
    let digest = digest.into();
    Digest::new().set_digest(match algorithm {
        S::EcdsaSha384 | S::RsaPkcs1Sha384 | S::RsaPssSha384 => Hashed::Sha384(digest),
        S::EcdsaSha512 | S::RsaPkcs1Sha512 | S::RsaPssSha512 => Hashed::Sha512(digest),
        _ => Hashed::Sha256(digest),
    })
}

/// The `DigestInfo` of a digest (RFC 8017 section 9.2, note 1).
fn digest_info(algorithm: SignatureAlgorithm, digest: &[u8]) -> Option<Vec<u8>> {
    let (hash, length) = match algorithm {
        SignatureAlgorithm::RsaPkcs1Sha256 => (1, 32),
        SignatureAlgorithm::RsaPkcs1Sha384 => (2, 48),
        SignatureAlgorithm::RsaPkcs1Sha512 => (3, 64),
        _ => return None,
    };
    let mut der = vec![
        0x30,
        0x11 + length,
        0x30,
        0x0D,
        0x06,
        0x09,
        0x60,
        0x86,
        0x48,
        0x01,
        0x65,
        0x03,
        0x04,
        0x02,
        hash,
        0x05,
        0x00,
        0x04,
        length,
    ];
    der.extend_from_slice(digest);
    (digest.len() == usize::from(length)).then_some(der)
}

/// Whether the key will sign. What the service calls by a word of its own signs nothing now: its
/// material is on the way, or never came.
pub(super) fn state(found: &CryptoKeyVersion) -> Result<KeyState, ProviderError> {
    Ok(match found.state {
        State::Enabled => KeyState::Enabled,
        State::DestroyScheduled => KeyState::DestructionScheduled,
        State::Destroyed | State::PendingExternalDestruction => KeyState::Destroyed,
        State::Disabled
        | State::PendingGeneration
        | State::PendingImport
        | State::ImportFailed
        | State::GenerationFailed
        | State::ExternalDestructionFailed => KeyState::Disabled,
        _ => {
            let what = "the state is none that is known here";
            return Err(ProviderError::Damaged { name: found.name.clone(), what });
        }
    })
}

/// Whether the service is still making the key.
pub(super) fn is_pending(found: &CryptoKeyVersion) -> bool {
    found.state == State::PendingGeneration
}

pub(super) fn attributes(
    found: &CryptoKeyVersion,
    version: Option<u64>,
) -> Result<KeyAttributes, ProviderError> {
    let protection = match found.protection_level {
        ProtectionLevel::Software => Some(Protection::Software),
        ProtectionLevel::Hsm => Some(Protection::SharedHardware),
        ProtectionLevel::HsmSingleTenant => Some(Protection::Hardware),
        ProtectionLevel::External | ProtectionLevel::ExternalVpc => Some(Protection::External),
        _ => None,
    };
    let imported = found.import_time.is_some()
        || !found.import_job.is_empty()
        || protection == Some(Protection::External);
    let gone = found.destroy_time.as_ref().or(found.destroy_event_time.as_ref());
    Ok(KeyAttributes {
        protection,
        created: found.create_time.as_ref().and_then(time),
        origin: Some(if imported { KeyOrigin::Imported } else { KeyOrigin::Generated }),
        // Only what may be wrapped by one of the service's trusted keys ever leaves it.
        exportable: Some(found.trusted_wrapping_enabled),
        version: version.map(|version| version.to_string()),
        destroyed_at: gone.and_then(time),
        ..KeyAttributes::new(kind(found)?.key, state(found)?)
    })
}

pub(super) fn time(at: &Timestamp) -> Option<Time> {
    let millis = at.seconds().checked_mul(1000)?;
    millis.checked_add(i64::from(at.nanos() / 1_000_000)).map(Time::from_millis)
}
