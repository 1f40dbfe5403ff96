//! A box that a passphrase opens: Argon2id and AES-256-GCM.

use argon2::{Algorithm, Argon2, Params, Version};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::SealError;
use super::cipher::{Base64, decrypt, encrypt, random};

/// OWASP's first choice for Argon2id: 46 MiB, one pass, one lane.
const MEMORY_KIB: u32 = 46 * 1024;
const PASSES: u32 = 1;
const LANES: u32 = 1;
/// More than this is no parameter of ours but an attempt to exhaust the reader.
const MEMORY_KIB_MAX: u32 = 1024 * 1024;
const PASSES_MAX: u32 = 16;

/// A secret sealed under a passphrase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedBox {
    version: u32,
    kdf: Kdf,
    sealed: Base64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kdf {
    name: String,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: Base64,
}

/// A key derived from a passphrase once, to seal several boxes with.
pub(super) struct SealingPassphrase {
    kdf: Kdf,
    key: Zeroizing<[u8; 32]>,
}

impl SealingPassphrase {
    pub(super) fn derive(passphrase: &SecretString) -> Result<Self, SealError> {
        if passphrase.expose_secret().chars().count() < 8 {
            return Err(SealError::WeakPassphrase);
        }
        let kdf = Kdf {
            name: "argon2id".to_owned(),
            memory_kib: MEMORY_KIB,
            passes: PASSES,
            lanes: LANES,
            salt: Base64(random::<16>()?.to_vec()),
        };
        let key = kdf.derive(passphrase)?;
        Ok(Self { kdf, key })
    }

    pub(super) fn seal(&self, secret: &[u8], context: &str) -> Result<SealedBox, SealError> {
        let sealed = encrypt(&self.key, context.as_bytes(), secret)?;
        Ok(SealedBox { version: 1, kdf: self.kdf.clone(), sealed })
    }
}

impl SealedBox {
    /// Seals `secret` for `context`.
    pub fn seal(
        secret: &[u8],
        passphrase: &SecretString,
        context: &str,
    ) -> Result<Self, SealError> {
        SealingPassphrase::derive(passphrase)?.seal(secret, context)
    }

    /// Opens what was sealed for `context`.
    pub fn open(
        &self,
        passphrase: &SecretString,
        context: &str,
    ) -> Result<Zeroizing<Vec<u8>>, SealError> {
        if self.version != 1 {
            return Err(SealError::Malformed("a box of an unknown version"));
        }
        decrypt(&*self.kdf.derive(passphrase)?, context.as_bytes(), &self.sealed)
    }
}

impl Kdf {
    fn derive(&self, passphrase: &SecretString) -> Result<Zeroizing<[u8; 32]>, SealError> {
        let sensible = self.name == "argon2id"
            && self.memory_kib <= MEMORY_KIB_MAX
            && self.passes <= PASSES_MAX
            && self.lanes == LANES;
        if !sensible {
            return Err(SealError::Malformed("unknown or excessive key derivation"));
        }
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(32))
            .map_err(|_| SealError::Malformed("impossible key derivation"))?;
        let mut key = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(
                passphrase.expose_secret().as_bytes(),
                &self.salt.0,
                key.as_mut_slice(),
            )
            .map_err(|_| SealError::Crypto)?;
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_with_its_passphrase_and_context_only() {
        let passphrase: SecretString = "correct horse".into();
        let sealed = SealedBox::seal(b"secret", &passphrase, "kit").unwrap();
        let text = serde_json::to_string(&sealed).unwrap();
        let read: SealedBox = serde_json::from_str(&text).unwrap();
        assert_eq!(read.open(&passphrase, "kit").unwrap().as_slice(), b"secret");
        assert_eq!(read.open(&passphrase, "other"), Err(SealError::DoesNotOpen));
        assert_eq!(read.open(&"wrong horse".into(), "kit"), Err(SealError::DoesNotOpen));
        assert_eq!(
            SealedBox::seal(b"secret", &"short".into(), "kit"),
            Err(SealError::WeakPassphrase)
        );
    }

    #[test]
    fn excessive_parameters_are_refused_before_any_memory_is_taken() {
        let mut sealed = SealedBox::seal(b"s", &"correct horse".into(), "kit").unwrap();
        sealed.kdf.memory_kib = u32::MAX;
        assert!(matches!(
            sealed.open(&"correct horse".into(), "kit"),
            Err(SealError::Malformed(_))
        ));
    }
}
