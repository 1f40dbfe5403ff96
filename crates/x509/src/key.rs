//! Public keys: one normalised form, and verification.

mod dsa;
mod read;
mod verify;

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use aws_lc_rs::signature::ParsedPublicKey;

use crate::digest::sha256;
use crate::{KeyAlgorithm, KeyDigest, SignatureAlgorithm};

use dsa::DsaNumbers;
pub use verify::Verifiable;

/// A public key in its normalised encoding. Cheap to clone; the verifier's own form is made once.
#[derive(Clone)]
pub struct PublicKey(Arc<Inner>);

struct Inner {
    algorithm: KeyAlgorithm,
    spki_der: Box<[u8]>,
    /// What the algorithm calls the key, in `spki_der`.
    raw: Range<usize>,
    numbers: Numbers,
    digest: KeyDigest,
    /// The verifier's form, for the algorithm that was asked for first.
    parsed: OnceLock<(SignatureAlgorithm, Option<ParsedPublicKey>)>,
}

enum Numbers {
    None,
    Rsa(RsaNumbers),
    Dsa(DsaNumbers),
}

/// Modulus and exponent, big-endian without leading zeros.
pub(crate) struct RsaNumbers {
    pub(crate) modulus: Box<[u8]>,
    pub(crate) exponent: Box<[u8]>,
    /// The one algorithm that an id-RSASSA-PSS key is for, or `Other` where that is not known
    /// here; none for an ordinary key (RFC 4055 §1.2). An id-RSASSA-PSS key without parameters is
    /// for every RSASSA-PSS: `only_pss` alone.
    only: Option<SignatureAlgorithm>,
    only_pss: bool,
}

impl PublicKey {
    fn new(algorithm: KeyAlgorithm, spki_der: &[u8], raw: Range<usize>, numbers: Numbers) -> Self {
        Self(Arc::new(Inner {
            algorithm,
            digest: KeyDigest::from_bytes(sha256(spki_der)),
            spki_der: spki_der.into(),
            raw,
            numbers,
            parsed: OnceLock::new(),
        }))
    }

    /// The normalised `SubjectPublicKeyInfo`.
    pub fn spki_der(&self) -> &[u8] {
        &self.0.spki_der
    }

    /// The same as a PEM block.
    pub fn to_pem(&self) -> String {
        crate::pem::encode("PUBLIC KEY", self.spki_der())
    }

    /// The content of the normalised key: uncompressed point, raw Ed25519 or ML-DSA key,
    /// `RSAPublicKey` DER.
    pub fn raw(&self) -> &[u8] {
        &self.0.spki_der[self.0.raw.clone()]
    }

    /// What kind of key this is.
    pub fn algorithm(&self) -> KeyAlgorithm {
        self.0.algorithm
    }

    /// The size that people quote: of the modulus, of the curve's field, of an ML-DSA key; 0 where
    /// the algorithm is not known.
    pub fn bits(&self) -> usize {
        match (self.algorithm(), &self.0.numbers) {
            (KeyAlgorithm::EcP256 | KeyAlgorithm::Ed25519, _) => 256,
            (KeyAlgorithm::EcP384, _) => 384,
            (KeyAlgorithm::EcP521, _) => 521,
            (KeyAlgorithm::MlDsa44 | KeyAlgorithm::MlDsa65 | KeyAlgorithm::MlDsa87, _) => {
                8 * self.raw().len()
            }
            (_, Numbers::Rsa(rsa)) => bit_len(&rsa.modulus),
            (_, Numbers::Dsa(dsa)) => dsa.bits(),
            _ => 0,
        }
    }

    /// The digest that denial and blocking compare.
    pub fn digest(&self) -> KeyDigest {
        self.0.digest
    }

    /// The key identifier that Skink writes: the leftmost 160 bits of the SHA-256 of the key's bits
    /// (RFC 7093 §2, method 1).
    pub fn key_id(&self) -> [u8; 20] {
        let mut id = [0; 20];
        id.copy_from_slice(&sha256(self.raw())[..20]);
        id
    }

    pub(crate) fn rsa_numbers(&self) -> Option<&RsaNumbers> {
        match &self.0.numbers {
            Numbers::Rsa(numbers) => Some(numbers),
            _ => None,
        }
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.spki_der == other.0.spki_der
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({} {})", self.algorithm(), self.digest())
    }
}

/// Number of bits of a big-endian number without leading zeros.
pub(crate) fn bit_len(bytes: &[u8]) -> usize {
    bytes
        .first()
        .map_or(0, |first| bytes.len() * 8 - usize::try_from(first.leading_zeros()).unwrap_or(0))
}

#[cfg(test)]
mod tests;
