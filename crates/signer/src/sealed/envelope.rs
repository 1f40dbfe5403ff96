//! Sealed for the holder of a key: X25519, HKDF-SHA-256, AES-256-GCM.

use std::fmt;

use aws_lc_rs::agreement::{self, PrivateKey, UnparsedPublicKey, X25519};
use aws_lc_rs::encoding::{AsBigEndian, Curve25519SeedBin};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::SealError;
use super::cipher::{Base64, decrypt, encrypt};

const DOMAIN: &[u8] = b"skink sealed envelope 1";

/// The public half: anybody can seal for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SealingKey(Base64);

/// The private half: opens what was sealed for it.
pub struct OpeningKey(Zeroizing<[u8; 32]>);

/// Sealed bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    version: u32,
    ephemeral: Base64,
    sealed: Base64,
}

impl SealingKey {
    /// Seals `plain`; only the opening key, told the same `context`, gets it back.
    pub fn seal(&self, plain: &[u8], context: &[u8]) -> Result<Envelope, SealError> {
        let ephemeral = PrivateKey::generate(&X25519).map_err(|_| SealError::Crypto)?;
        let public = ephemeral.compute_public_key().map_err(|_| SealError::Crypto)?;
        let key = agreed(&ephemeral, &self.0.0, public.as_ref(), &self.0.0)?;
        Ok(Envelope {
            version: 1,
            ephemeral: Base64(public.as_ref().to_vec()),
            sealed: encrypt(&key, context, plain)?,
        })
    }
}

impl OpeningKey {
    /// A new key pair.
    pub fn generate() -> Result<Self, SealError> {
        let private = PrivateKey::generate(&X25519).map_err(|_| SealError::Crypto)?;
        let seed: Curve25519SeedBin<'_> = private.as_be_bytes().map_err(|_| SealError::Crypto)?;
        let bytes = <[u8; 32]>::try_from(seed.as_ref()).map_err(|_| SealError::Crypto)?;
        Ok(Self(Zeroizing::new(bytes)))
    }

    /// The public half.
    pub fn sealing_key(&self) -> SealingKey {
        let public =
            self.private().and_then(|key| key.compute_public_key().map_err(|_| SealError::Crypto));
        SealingKey(Base64(public.map(|key| key.as_ref().to_vec()).unwrap_or_default()))
    }

    /// Opens an envelope.
    pub fn open(
        &self,
        envelope: &Envelope,
        context: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SealError> {
        if envelope.version != 1 {
            return Err(SealError::Malformed("an envelope of an unknown version"));
        }
        let ephemeral = &envelope.ephemeral.0;
        let own = self.sealing_key().0.0;
        let key = agreed(&self.private()?, ephemeral, ephemeral, &own)?;
        decrypt(&key, context, &envelope.sealed)
    }

    /// The key as text, for the place it is kept in.
    pub fn expose(&self) -> Zeroizing<String> {
        Zeroizing::new(hex::encode(self.0.as_slice()))
    }

    /// Reads the text back.
    pub fn from_text(text: &str) -> Result<Self, SealError> {
        let mut bytes = Zeroizing::new([0; 32]);
        hex::decode_to_slice(text.trim(), bytes.as_mut_slice())
            .map_err(|_| SealError::Malformed("an opening key is 64 hexadecimal digits"))?;
        Ok(Self(bytes))
    }

    fn private(&self) -> Result<PrivateKey, SealError> {
        PrivateKey::from_private_key(&X25519, self.0.as_slice()).map_err(|_| SealError::Crypto)
    }
}

impl fmt::Debug for OpeningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpeningKey(…)")
    }
}

fn agreed(
    private: &PrivateKey,
    peer: &[u8],
    ephemeral: &[u8],
    recipient: &[u8],
) -> Result<Zeroizing<[u8; 32]>, SealError> {
    let peer = UnparsedPublicKey::new(&X25519, peer);
    agreement::agree(private, peer, SealError::DoesNotOpen, |shared| {
        let mut key = Zeroizing::new([0; 32]);
        Salt::new(HKDF_SHA256, DOMAIN)
            .extract(shared)
            .expand(&[ephemeral, recipient], HKDF_SHA256)
            .and_then(|okm| okm.fill(key.as_mut_slice()))
            .map_err(|_| SealError::Crypto)?;
        Ok(key)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_for_its_key_and_context_only() {
        let key = OpeningKey::generate().unwrap();
        let envelope = key.sealing_key().seal(b"credential", b"standby").unwrap();
        let read = OpeningKey::from_text(&key.expose()).unwrap();
        assert_eq!(read.open(&envelope, b"standby").unwrap().as_slice(), b"credential");
        assert_eq!(read.open(&envelope, b"other"), Err(SealError::DoesNotOpen));
        let other = OpeningKey::generate().unwrap();
        assert_eq!(other.open(&envelope, b"standby"), Err(SealError::DoesNotOpen));
        assert!(!format!("{key:?}").contains(&key.expose()[..8]));
    }
}
