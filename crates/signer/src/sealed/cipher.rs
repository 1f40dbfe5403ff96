//! AES-256-GCM with a random nonce in front.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use zeroize::Zeroizing;

use super::SealError;

/// Bytes that JSON carries in base64.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Base64(pub(super) Vec<u8>);

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map(Self).map_err(de::Error::custom)
    }
}

pub(super) fn random<const N: usize>() -> Result<[u8; N], SealError> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| SealError::Crypto)?;
    Ok(bytes)
}

pub(super) fn encrypt(key: &[u8; 32], context: &[u8], plain: &[u8]) -> Result<Base64, SealError> {
    let nonce: [u8; NONCE_LEN] = random()?;
    let mut body = Zeroizing::new(plain.to_vec());
    let tag = cipher(key)?
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(context),
            body.as_mut_slice(),
        )
        .map_err(|_| SealError::Crypto)?;
    Ok(Base64([&nonce, body.as_slice(), tag.as_ref()].concat()))
}

pub(super) fn decrypt(
    key: &[u8; 32],
    context: &[u8],
    sealed: &Base64,
) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let (nonce, body) = sealed
        .0
        .split_first_chunk::<NONCE_LEN>()
        .ok_or(SealError::Malformed("too short for a nonce"))?;
    let mut plain = Zeroizing::new(body.to_vec());
    let length = cipher(key)?
        .open_in_place(
            Nonce::assume_unique_for_key(*nonce),
            Aad::from(context),
            plain.as_mut_slice(),
        )
        .map_err(|_| SealError::DoesNotOpen)?
        .len();
    plain.truncate(length);
    Ok(plain)
}

fn cipher(key: &[u8; 32]) -> Result<LessSafeKey, SealError> {
    UnboundKey::new(&AES_256_GCM, key).map(LessSafeKey::new).map_err(|_| SealError::Crypto)
}
