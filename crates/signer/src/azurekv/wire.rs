//! Between what the service says and what X.509 says.

use azure_core::time::OffsetDateTime;
use azure_security_keyvault_keys::models::{
    CurveName, JsonWebKey, Key, KeyAttributes as Told, KeyType,
    SignatureAlgorithm as TheirAlgorithm,
};
use skink_model::Time;
use skink_x509::{KeyAlgorithm, PublicKey, SignatureAlgorithm};

use crate::encoding::{curve, spki_of_point, spki_of_rsa};
use crate::provider::{KeyAttributes, KeyState, Protection, ProviderError};

/// What is asked for when a key is made: its curve, or its length in bits.
pub(super) enum ToMake {
    Curve(CurveName),
    Bits(i32),
}

pub(super) const fn to_make(algorithm: KeyAlgorithm) -> Option<ToMake> {
    Some(match algorithm {
        KeyAlgorithm::EcP256 => ToMake::Curve(CurveName::P256),
        KeyAlgorithm::EcP384 => ToMake::Curve(CurveName::P384),
        KeyAlgorithm::EcP521 => ToMake::Curve(CurveName::P521),
        KeyAlgorithm::Rsa2048 => ToMake::Bits(2048),
        KeyAlgorithm::Rsa3072 => ToMake::Bits(3072),
        KeyAlgorithm::Rsa4096 => ToMake::Bits(4096),
        _ => return None,
    })
}

/// What the service calls a way of signing.
pub(super) const fn theirs(algorithm: SignatureAlgorithm) -> Option<TheirAlgorithm> {
    use SignatureAlgorithm as S;
    Some(match algorithm {
        S::EcdsaSha256 => TheirAlgorithm::Es256,
        S::EcdsaSha384 => TheirAlgorithm::Es384,
        S::EcdsaSha512 => TheirAlgorithm::Es512,
        S::RsaPkcs1Sha256 => TheirAlgorithm::Rs256,
        S::RsaPkcs1Sha384 => TheirAlgorithm::Rs384,
        S::RsaPkcs1Sha512 => TheirAlgorithm::Rs512,
        S::RsaPssSha256 => TheirAlgorithm::Ps256,
        S::RsaPssSha384 => TheirAlgorithm::Ps384,
        S::RsaPssSha512 => TheirAlgorithm::Ps512,
        _ => return None,
    })
}

/// Of an elliptic key, how long each of a signature's two numbers is.
pub(super) const fn scalar(algorithm: KeyAlgorithm) -> Option<usize> {
    Some(match algorithm {
        KeyAlgorithm::EcP256 => 32,
        KeyAlgorithm::EcP384 => 48,
        KeyAlgorithm::EcP521 => 66,
        _ => return None,
    })
}

pub(super) fn public_key(found: &Key) -> Result<PublicKey, ProviderError> {
    let key = found.key.as_ref();
    let spki = key.and_then(|key| match key.kty {
        Some(KeyType::Ec | KeyType::EcHsm) => elliptic(key),
        Some(KeyType::Rsa | KeyType::RsaHsm) => {
            Some(spki_of_rsa(key.n.as_deref()?, key.e.as_deref()?))
        }
        _ => None,
    });
    spki.and_then(|spki| PublicKey::from_spki_der(&spki).ok()).ok_or_else(|| {
        ProviderError::Damaged {
            name: key.and_then(|key| key.kid.clone()).unwrap_or_default(),
            what: "the key's kind is none that signs certificates",
        }
    })
}

fn elliptic(key: &JsonWebKey) -> Option<Vec<u8>> {
    let algorithm = match key.crv.as_ref()? {
        CurveName::P256 => KeyAlgorithm::EcP256,
        CurveName::P384 => KeyAlgorithm::EcP384,
        CurveName::P521 => KeyAlgorithm::EcP521,
        _ => return None,
    };
    let length = scalar(algorithm)?;
    let mut point = vec![4];
    for number in [key.x.as_deref()?, key.y.as_deref()?] {
        point.resize(point.len() + length.checked_sub(number.len())?, 0);
        point.extend_from_slice(number);
    }
    spki_of_point(curve(algorithm)?, &point)
}

pub(super) fn state(found: &Key) -> KeyState {
    let enabled = found.attributes.as_ref().and_then(|told| told.enabled);
    if enabled == Some(true) { KeyState::Enabled } else { KeyState::Disabled }
}

/// Where a key came from the service does not say, nor who may use it: that is asked of Azure's
/// resource manager.
pub(super) fn attributes(
    found: &Key,
    version: Option<&str>,
) -> Result<KeyAttributes, ProviderError> {
    let kind = found.key.as_ref().and_then(|key| key.kty.as_ref());
    let told = found.attributes.as_ref();
    Ok(KeyAttributes {
        protection: kind.map(|kind| match kind {
            KeyType::EcHsm | KeyType::RsaHsm => Protection::SharedHardware,
            _ => Protection::Software,
        }),
        created: told.and_then(created),
        // What may leave it leaves it for attested environments that its release policy names.
        exportable: Some(told.and_then(|told| told.exportable).unwrap_or(false)),
        version: version.map(ToOwned::to_owned),
        ..KeyAttributes::new(public_key(found)?.algorithm(), state(found))
    })
}

pub(super) fn created(told: &Told) -> Option<Time> {
    told.created.and_then(time)
}

pub(super) fn time(at: OffsetDateTime) -> Option<Time> {
    at.unix_timestamp().checked_mul(1000).map(Time::from_millis)
}
