//! `SubjectPublicKeyInfo` as it is read.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::signature as alg;
use aws_lc_rs::signature::{ParsedPublicKey, VerificationAlgorithm};
use der::asn1::{AnyRef, BitStringRef, ObjectIdentifier, UintRef};
use der::{Decode as _, Encode as _, Sequence};

use super::dsa::DsaNumbers;
use super::{Numbers, PublicKey, RsaNumbers, bit_len};
use crate::algorithm::read_pss;
use crate::{KeyAlgorithm, KeyError, ParseError, SignatureAlgorithm, oid, tlv};

const MAX_RSA_BITS: usize = 16_384;

#[derive(Sequence)]
pub(super) struct Spki<'a> {
    pub(super) algorithm: SpkiAlgorithm<'a>,
    pub(super) key: BitStringRef<'a>,
}

#[derive(Sequence)]
pub(super) struct SpkiAlgorithm<'a> {
    oid: ObjectIdentifier,
    pub(super) parameters: Option<AnyRef<'a>>,
}

#[derive(Sequence)]
struct RsaPublicKey<'a> {
    modulus: UintRef<'a>,
    exponent: UintRef<'a>,
}

impl PublicKey {
    /// Reads a `SubjectPublicKeyInfo` that a certificate is to be issued for. Elliptic curve points
    /// may be compressed; they are checked to lie on their curve. Curves are named ones: P-256,
    /// P-384, P-521. DSA is not among the algorithms.
    pub fn from_spki_der(der: &[u8]) -> Result<Self, KeyError> {
        let key = Self::read(der)?;
        if key.algorithm() == KeyAlgorithm::Dsa {
            return Err(KeyError::UnsupportedAlgorithm(oid::DSA));
        }
        if key.is_sound() { Ok(key) } else { Err(KeyError::InvalidValue) }
    }

    /// The same of a PEM block `PUBLIC KEY`.
    pub fn from_pem(text: &str) -> Result<Self, ParseError> {
        Self::from_spki_der(&crate::pem::decode("PUBLIC KEY", text)?).map_err(ParseError::Key)
    }

    /// Reads the key of a certificate that somebody issued. An algorithm that is not known makes
    /// [`KeyAlgorithm::Other`]; whether a point lies on its curve shows when it is used
    /// ([`Self::is_sound`]).
    pub(crate) fn from_certificate(der: &[u8]) -> Result<Self, KeyError> {
        match Self::read(der) {
            Err(KeyError::UnsupportedAlgorithm(_)) => Self::of_other(der),
            read => read,
        }
    }

    /// Whether the key is one: its point lies on its curve, its numbers fit its algorithm. Nothing
    /// can be said about a key whose algorithm is not known.
    pub fn is_sound(&self) -> bool {
        match self.algorithm() {
            KeyAlgorithm::EcP256 | KeyAlgorithm::EcP384 | KeyAlgorithm::EcP521 => {
                // What is kept may be for another hash, whose first signature came before.
                let usual = self.algorithm().signature_algorithm();
                self.parsed(usual).is_some() || self.parses_for(usual)
            }
            _ => true,
        }
    }

    /// Whether this is an elliptic curve key whose curve is spelt out, or left out, and so is not read
    /// (RFC 5480 §2.1.1).
    pub fn has_explicit_curve(&self) -> bool {
        let spki = Spki::from_der(self.spki_der()).ok();
        self.algorithm() == KeyAlgorithm::Other
            && spki.is_some_and(|spki| {
                let curve = spki.algorithm.parameters.map(AnyRef::decode_as::<ObjectIdentifier>);
                spki.algorithm.oid == oid::EC_PUBLIC_KEY && !matches!(curve, Some(Ok(_)))
            })
    }

    fn read(der: &[u8]) -> Result<Self, KeyError> {
        let spki = Spki::from_der(der).map_err(KeyError::Der)?;
        let key = spki.key.as_bytes().ok_or(KeyError::InvalidValue)?;
        match spki.algorithm.oid {
            oid::EC_PUBLIC_KEY => Self::from_ec(der, &spki.algorithm, key),
            oid::RSA_ENCRYPTION | oid::RSASSA_PSS => Self::from_rsa(der, &spki.algorithm, key),
            oid::DSA => {
                let numbers = DsaNumbers::read(spki.algorithm.parameters, key)?;
                let raw = tlv::range_in(der, key);
                Ok(Self::new(KeyAlgorithm::Dsa, der, raw, Numbers::Dsa(numbers)))
            }
            other => Self::from_bare(der, other, spki.algorithm.parameters, key),
        }
    }

    fn of_other(der: &[u8]) -> Result<Self, KeyError> {
        let spki = Spki::from_der(der).map_err(KeyError::Der)?;
        let raw = tlv::range_in(der, spki.key.raw_bytes());
        Ok(Self::new(KeyAlgorithm::Other, der, raw, Numbers::None))
    }

    /// Keys that are plain bytes, without parameters.
    fn from_bare(
        der: &[u8],
        oid: ObjectIdentifier,
        parameters: Option<AnyRef<'_>>,
        key: &[u8],
    ) -> Result<Self, KeyError> {
        let (algorithm, length) = match oid {
            oid::ED25519 => (KeyAlgorithm::Ed25519, 32),
            oid::ML_DSA_44 => (KeyAlgorithm::MlDsa44, 1312),
            oid::ML_DSA_65 => (KeyAlgorithm::MlDsa65, 1952),
            oid::ML_DSA_87 => (KeyAlgorithm::MlDsa87, 2592),
            other => return Err(KeyError::UnsupportedAlgorithm(other)),
        };
        if parameters.is_some() {
            return Err(KeyError::UnsupportedAlgorithm(oid));
        }
        let canonical = algorithm != KeyAlgorithm::Ed25519 || ed25519_is_canonical(key);
        if key.len() != length || !canonical {
            return Err(KeyError::InvalidValue);
        }
        Ok(Self::new(algorithm, der, tlv::range_in(der, key), Numbers::None))
    }

    fn from_ec(der: &[u8], algorithm: &SpkiAlgorithm<'_>, point: &[u8]) -> Result<Self, KeyError> {
        let curve: ObjectIdentifier = algorithm
            .parameters
            .and_then(|parameters| parameters.decode_as().ok())
            .ok_or(KeyError::UnsupportedAlgorithm(algorithm.oid))?;
        let (algorithm, verifier, size): (_, &'static dyn VerificationAlgorithm, _) = match curve {
            oid::SECP256R1 => (KeyAlgorithm::EcP256, &alg::ECDSA_P256_SHA256_ASN1, 32),
            oid::SECP384R1 => (KeyAlgorithm::EcP384, &alg::ECDSA_P384_SHA384_ASN1, 48),
            oid::SECP521R1 => (KeyAlgorithm::EcP521, &alg::ECDSA_P521_SHA512_ASN1, 66),
            other => return Err(KeyError::UnsupportedAlgorithm(other)),
        };
        match point.first() {
            Some(4) if point.len() == 2 * size + 1 => {
                Ok(Self::new(algorithm, der, tlv::range_in(der, point), Numbers::None))
            }
            Some(2 | 3) if point.len() == size + 1 => {
                let parsed =
                    ParsedPublicKey::new(verifier, point).map_err(|_| KeyError::InvalidValue)?;
                let normal = parsed.as_der().map_err(|_| KeyError::InvalidValue)?;
                let normal = normal.as_ref();
                let spki = Spki::from_der(normal).map_err(KeyError::Der)?;
                let raw = tlv::range_in(normal, spki.key.raw_bytes());
                Ok(Self::new(algorithm, normal, raw, Numbers::None))
            }
            _ => Err(KeyError::InvalidValue),
        }
    }

    fn from_rsa(der: &[u8], algorithm: &SpkiAlgorithm<'_>, key: &[u8]) -> Result<Self, KeyError> {
        let only_pss = algorithm.oid == oid::RSASSA_PSS;
        let only = match algorithm.parameters {
            Some(parameters) if only_pss => {
                Some(read_pss(parameters).map_or(SignatureAlgorithm::Other, |(only, _)| only))
            }
            Some(parameters) if !parameters.is_null() => {
                return Err(KeyError::UnsupportedAlgorithm(algorithm.oid));
            }
            _ => None,
        };
        let rsa = RsaPublicKey::from_der(key).map_err(KeyError::Der)?;
        let numbers = RsaNumbers {
            modulus: rsa.modulus.as_bytes().into(),
            exponent: rsa.exponent.as_bytes().into(),
            only,
            only_pss,
        };
        let bits = bit_len(&numbers.modulus);
        if bits > MAX_RSA_BITS {
            return Err(KeyError::TooLarge(bits));
        }
        if numbers.modulus.last().is_none_or(|last| last % 2 == 0) {
            return Err(KeyError::InvalidValue);
        }
        let kind = match bits {
            2048 => KeyAlgorithm::Rsa2048,
            3072 => KeyAlgorithm::Rsa3072,
            4096 => KeyAlgorithm::Rsa4096,
            _ => KeyAlgorithm::RsaOther,
        };
        if !only_pss && algorithm.parameters.is_some() {
            return Ok(Self::new(kind, der, tlv::range_in(der, key), Numbers::Rsa(numbers)));
        }
        // Whatever it says it is for, a key is the same key when it is denied.
        let normal = spki_der(oid::RSA_ENCRYPTION, Some(AnyRef::NULL), key)?;
        let raw = normal.len() - key.len()..normal.len();
        Ok(Self::new(kind, &normal, raw, Numbers::Rsa(numbers)))
    }
}

/// The y coordinate is below the field's prime 2^255 - 19 (RFC 8032 §5.1.3).
fn ed25519_is_canonical(key: &[u8]) -> bool {
    key.len() == 32
        && (key[31] & 0x7f != 0x7f || key[1..31].iter().any(|byte| *byte != 0xff) || key[0] < 0xed)
}

pub(super) fn spki_der(
    oid: ObjectIdentifier,
    parameters: Option<AnyRef<'_>>,
    key: &[u8],
) -> Result<Vec<u8>, KeyError> {
    let key = BitStringRef::from_bytes(key).map_err(KeyError::Der)?;
    Spki { algorithm: SpkiAlgorithm { oid, parameters }, key }.to_der().map_err(KeyError::Der)
}
