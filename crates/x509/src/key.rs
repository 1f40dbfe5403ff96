//! Public keys: one normalised form, and verification.

use std::fmt;
use std::sync::{Arc, OnceLock};

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::signature as alg;
use aws_lc_rs::signature::{ParsedPublicKey, UnparsedPublicKey, VerificationAlgorithm};
use der::asn1::{AnyRef, BitStringRef, ObjectIdentifier, UintRef};
use der::{Decode, Encode, Sequence};

use crate::digest::sha256;
use crate::{BadSignature, KeyAlgorithm, KeyDigest, KeyError, SignatureAlgorithm, oid};

const MAX_RSA_BITS: usize = 16_384;

/// A public key in its normalised encoding. Cheap to clone; the verifier's own form is made once.
#[derive(Clone)]
pub struct PublicKey(Arc<Inner>);

struct Inner {
    algorithm: KeyAlgorithm,
    spki_der: Box<[u8]>,
    /// What the algorithm calls the key: uncompressed point, raw Ed25519 key, `RSAPublicKey`.
    raw: Box<[u8]>,
    rsa: Option<RsaNumbers>,
    digest: KeyDigest,
    parsed: OnceLock<Option<ParsedPublicKey>>,
}

/// Modulus and exponent, big-endian without leading zeros.
pub(crate) struct RsaNumbers {
    pub(crate) modulus: Box<[u8]>,
    pub(crate) exponent: Box<[u8]>,
}

#[derive(Sequence)]
struct Spki<'a> {
    algorithm: SpkiAlgorithm<'a>,
    key: BitStringRef<'a>,
}

#[derive(Sequence)]
struct SpkiAlgorithm<'a> {
    oid: ObjectIdentifier,
    parameters: Option<AnyRef<'a>>,
}

#[derive(Sequence)]
struct RsaPublicKey<'a> {
    modulus: UintRef<'a>,
    exponent: UintRef<'a>,
}

impl PublicKey {
    /// Reads a `SubjectPublicKeyInfo`. Elliptic curve points may be compressed; they are checked to
    /// lie on their curve. Curves are named ones: P-256, P-384, P-521.
    pub fn from_spki_der(der: &[u8]) -> Result<Self, KeyError> {
        let spki = Spki::from_der(der).map_err(KeyError::Der)?;
        let key = spki.key.as_bytes().ok_or(KeyError::InvalidValue)?;
        match spki.algorithm.oid {
            oid::EC_PUBLIC_KEY => Self::from_ec(&spki.algorithm, key),
            oid::ED25519 => Self::from_ed25519(&spki.algorithm, key),
            oid::RSA_ENCRYPTION => Self::from_rsa(&spki.algorithm, key),
            other => Err(KeyError::UnsupportedAlgorithm(other)),
        }
    }

    fn from_ec(algorithm: &SpkiAlgorithm<'_>, point: &[u8]) -> Result<Self, KeyError> {
        let unsupported = KeyError::UnsupportedAlgorithm(algorithm.oid);
        let curve: ObjectIdentifier = algorithm
            .parameters
            .and_then(|parameters| parameters.decode_as().ok())
            .ok_or(unsupported)?;
        let (algorithm, verifier): (_, &'static dyn VerificationAlgorithm) = match curve {
            oid::SECP256R1 => (KeyAlgorithm::EcP256, &alg::ECDSA_P256_SHA256_ASN1),
            oid::SECP384R1 => (KeyAlgorithm::EcP384, &alg::ECDSA_P384_SHA384_ASN1),
            oid::SECP521R1 => (KeyAlgorithm::EcP521, &alg::ECDSA_P521_SHA512_ASN1),
            other => return Err(KeyError::UnsupportedAlgorithm(other)),
        };
        if !matches!(point.first(), Some(2..=4)) {
            return Err(KeyError::InvalidValue);
        }
        let parsed = ParsedPublicKey::new(verifier, point).map_err(|_| KeyError::InvalidValue)?;
        let normal = parsed.as_der().map_err(|_| KeyError::InvalidValue)?;
        let raw = Spki::from_der(normal.as_ref()).map_err(KeyError::Der)?;
        let raw = raw.key.as_bytes().ok_or(KeyError::InvalidValue)?;
        let key = Self::new(algorithm, normal.as_ref(), raw, None);
        // The same verifier serves signatures later.
        let _ = key.0.parsed.set(Some(parsed));
        Ok(key)
    }

    fn from_ed25519(algorithm: &SpkiAlgorithm<'_>, key: &[u8]) -> Result<Self, KeyError> {
        if algorithm.parameters.is_some() {
            return Err(KeyError::UnsupportedAlgorithm(algorithm.oid));
        }
        if key.len() != 32 || !ed25519_is_canonical(key) {
            return Err(KeyError::InvalidValue);
        }
        let der = spki_der(algorithm.oid, None, key)?;
        Ok(Self::new(KeyAlgorithm::Ed25519, &der, key, None))
    }

    fn from_rsa(algorithm: &SpkiAlgorithm<'_>, key: &[u8]) -> Result<Self, KeyError> {
        if algorithm.parameters.is_some_and(|parameters| !parameters.is_null()) {
            return Err(KeyError::UnsupportedAlgorithm(algorithm.oid));
        }
        let rsa = RsaPublicKey::from_der(key).map_err(KeyError::Der)?;
        let numbers = RsaNumbers {
            modulus: rsa.modulus.as_bytes().into(),
            exponent: rsa.exponent.as_bytes().into(),
        };
        let bits = bit_len(&numbers.modulus);
        if bits > MAX_RSA_BITS {
            return Err(KeyError::TooLarge(bits));
        }
        if numbers.modulus.last().is_none_or(|last| last % 2 == 0) {
            return Err(KeyError::InvalidValue);
        }
        let algorithm = match bits {
            2048 => KeyAlgorithm::Rsa2048,
            3072 => KeyAlgorithm::Rsa3072,
            4096 => KeyAlgorithm::Rsa4096,
            _ => KeyAlgorithm::RsaOther,
        };
        let der = spki_der(oid::RSA_ENCRYPTION, Some(AnyRef::NULL), key)?;
        Ok(Self::new(algorithm, &der, key, Some(numbers)))
    }

    fn new(algorithm: KeyAlgorithm, der: &[u8], raw: &[u8], rsa: Option<RsaNumbers>) -> Self {
        Self(Arc::new(Inner {
            algorithm,
            spki_der: der.into(),
            raw: raw.into(),
            rsa,
            digest: KeyDigest::from_bytes(sha256(der)),
            parsed: OnceLock::new(),
        }))
    }

    /// The normalised `SubjectPublicKeyInfo`.
    pub fn spki_der(&self) -> &[u8] {
        &self.0.spki_der
    }

    /// The content of the normalised key: uncompressed point, raw Ed25519 key, `RSAPublicKey` DER.
    pub fn raw(&self) -> &[u8] {
        &self.0.raw
    }

    /// What kind of key this is.
    pub fn algorithm(&self) -> KeyAlgorithm {
        self.0.algorithm
    }

    /// The size that people quote: of the modulus, of the curve's field.
    pub fn bits(&self) -> usize {
        match self.algorithm() {
            KeyAlgorithm::EcP256 | KeyAlgorithm::Ed25519 => 256,
            KeyAlgorithm::EcP384 => 384,
            KeyAlgorithm::EcP521 => 521,
            _ => self.0.rsa.as_ref().map_or(0, |rsa| bit_len(&rsa.modulus)),
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
        id.copy_from_slice(&sha256(&self.0.raw)[..20]);
        id
    }

    pub(crate) fn rsa_numbers(&self) -> Option<&RsaNumbers> {
        self.0.rsa.as_ref()
    }

    /// Verifies a signature in X.509's encoding over `message`.
    pub fn verify(
        &self,
        algorithm: SignatureAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), BadSignature> {
        let verifier = verification(self.algorithm(), algorithm).ok_or(BadSignature)?;
        if algorithm == self.algorithm().signature_algorithm() {
            let parsed =
                self.0.parsed.get_or_init(|| ParsedPublicKey::new(verifier, &self.0.raw).ok());
            let parsed = parsed.as_ref().ok_or(BadSignature)?;
            return parsed.verify_sig(message, signature).map_err(|_| BadSignature);
        }
        UnparsedPublicKey::new(verifier, &self.0.raw)
            .verify(message, signature)
            .map_err(|_| BadSignature)
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

/// The y coordinate is below the field's prime 2^255 - 19 (RFC 8032 §5.1.3).
fn ed25519_is_canonical(key: &[u8]) -> bool {
    key[31] & 0x7f != 0x7f || key[1..31].iter().any(|byte| *byte != 0xff) || key[0] < 0xed
}

fn spki_der(
    oid: ObjectIdentifier,
    parameters: Option<AnyRef<'_>>,
    key: &[u8],
) -> Result<Vec<u8>, KeyError> {
    let key = BitStringRef::from_bytes(key).map_err(KeyError::Der)?;
    Spki { algorithm: SpkiAlgorithm { oid, parameters }, key }.to_der().map_err(KeyError::Der)
}

/// The verifier for a signature algorithm under a kind of key, where the two go together.
fn verification(
    key: KeyAlgorithm,
    signature: SignatureAlgorithm,
) -> Option<&'static dyn VerificationAlgorithm> {
    use KeyAlgorithm as Key;
    use SignatureAlgorithm as Sig;
    Some(match (key, signature) {
        (Key::EcP256, Sig::EcdsaSha256) => &alg::ECDSA_P256_SHA256_ASN1,
        (Key::EcP256, Sig::EcdsaSha384) => &alg::ECDSA_P256_SHA384_ASN1,
        (Key::EcP256, Sig::EcdsaSha512) => &alg::ECDSA_P256_SHA512_ASN1,
        (Key::EcP384, Sig::EcdsaSha256) => &alg::ECDSA_P384_SHA256_ASN1,
        (Key::EcP384, Sig::EcdsaSha384) => &alg::ECDSA_P384_SHA384_ASN1,
        (Key::EcP384, Sig::EcdsaSha512) => &alg::ECDSA_P384_SHA512_ASN1,
        (Key::EcP521, Sig::EcdsaSha256) => &alg::ECDSA_P521_SHA256_ASN1,
        (Key::EcP521, Sig::EcdsaSha384) => &alg::ECDSA_P521_SHA384_ASN1,
        (Key::EcP521, Sig::EcdsaSha512) => &alg::ECDSA_P521_SHA512_ASN1,
        (Key::Ed25519, Sig::Ed25519) => &alg::ED25519,
        (Key::Rsa2048 | Key::Rsa3072 | Key::Rsa4096 | Key::RsaOther, Sig::RsaPkcs1Sha256) => {
            &alg::RSA_PKCS1_2048_8192_SHA256
        }
        (Key::Rsa2048 | Key::Rsa3072 | Key::Rsa4096 | Key::RsaOther, Sig::RsaPkcs1Sha384) => {
            &alg::RSA_PKCS1_2048_8192_SHA384
        }
        (Key::Rsa2048 | Key::Rsa3072 | Key::Rsa4096 | Key::RsaOther, Sig::RsaPkcs1Sha512) => {
            &alg::RSA_PKCS1_2048_8192_SHA512
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
