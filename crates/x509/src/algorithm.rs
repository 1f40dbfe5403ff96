//! Algorithms as data.

use std::fmt;
use std::str::FromStr;

/// What a key pair is: the algorithm and, where it has one, the size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum KeyAlgorithm {
    /// ECDSA on NIST P-256.
    EcP256,
    /// ECDSA on NIST P-384.
    EcP384,
    /// ECDSA on NIST P-521; verified, never generated.
    EcP521,
    /// Ed25519 (RFC 8410).
    Ed25519,
    /// RSA with a modulus of 2048 bits.
    Rsa2048,
    /// RSA with a modulus of 3072 bits.
    Rsa3072,
    /// RSA with a modulus of 4096 bits.
    Rsa4096,
    /// RSA with a modulus of any other size; verified where it is strong enough, never generated.
    RsaOther,
}

/// How a signature is made, as an `AlgorithmIdentifier` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum SignatureAlgorithm {
    /// ecdsa-with-SHA256 (RFC 5758).
    EcdsaSha256,
    /// ecdsa-with-SHA384 (RFC 5758).
    EcdsaSha384,
    /// ecdsa-with-SHA512 (RFC 5758).
    EcdsaSha512,
    /// Ed25519 (RFC 8410).
    Ed25519,
    /// sha256WithRSAEncryption (RFC 4055).
    RsaPkcs1Sha256,
    /// sha384WithRSAEncryption (RFC 4055).
    RsaPkcs1Sha384,
    /// sha512WithRSAEncryption (RFC 4055).
    RsaPkcs1Sha512,
}

impl KeyAlgorithm {
    /// Every algorithm a key can be generated for.
    pub const GENERATED: [Self; 6] =
        [Self::EcP256, Self::EcP384, Self::Ed25519, Self::Rsa2048, Self::Rsa3072, Self::Rsa4096];

    /// The algorithm this kind of key signs certificates and lists with.
    pub const fn signature_algorithm(self) -> SignatureAlgorithm {
        match self {
            Self::EcP256 => SignatureAlgorithm::EcdsaSha256,
            Self::EcP384 => SignatureAlgorithm::EcdsaSha384,
            Self::EcP521 => SignatureAlgorithm::EcdsaSha512,
            Self::Ed25519 => SignatureAlgorithm::Ed25519,
            Self::Rsa2048 | Self::Rsa3072 | Self::RsaOther => SignatureAlgorithm::RsaPkcs1Sha256,
            Self::Rsa4096 => SignatureAlgorithm::RsaPkcs1Sha384,
        }
    }

    /// The name in configuration and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EcP256 => "ec-p256",
            Self::EcP384 => "ec-p384",
            Self::EcP521 => "ec-p521",
            Self::Ed25519 => "ed25519",
            Self::Rsa2048 => "rsa-2048",
            Self::Rsa3072 => "rsa-3072",
            Self::Rsa4096 => "rsa-4096",
            Self::RsaOther => "rsa-other",
        }
    }
}

/// Encoded `AlgorithmIdentifier`s. RSA's carry NULL parameters (RFC 4055 §5), the others none.
mod identifier {
    pub(super) const ECDSA_SHA256: &[u8] = b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02";
    pub(super) const ECDSA_SHA384: &[u8] = b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x03";
    pub(super) const ECDSA_SHA512: &[u8] = b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x04";
    pub(super) const ED25519: &[u8] = b"\x30\x05\x06\x03\x2b\x65\x70";
    pub(super) const RSA_SHA256: &[u8] =
        b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00";
    pub(super) const RSA_SHA384: &[u8] =
        b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c\x05\x00";
    pub(super) const RSA_SHA512: &[u8] =
        b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d\x05\x00";
}

impl SignatureAlgorithm {
    /// Every algorithm that is accepted.
    pub const ALL: [Self; 7] = [
        Self::EcdsaSha256,
        Self::EcdsaSha384,
        Self::EcdsaSha512,
        Self::Ed25519,
        Self::RsaPkcs1Sha256,
        Self::RsaPkcs1Sha384,
        Self::RsaPkcs1Sha512,
    ];

    /// The DER of the `AlgorithmIdentifier`.
    pub const fn identifier_der(self) -> &'static [u8] {
        match self {
            Self::EcdsaSha256 => identifier::ECDSA_SHA256,
            Self::EcdsaSha384 => identifier::ECDSA_SHA384,
            Self::EcdsaSha512 => identifier::ECDSA_SHA512,
            Self::Ed25519 => identifier::ED25519,
            Self::RsaPkcs1Sha256 => identifier::RSA_SHA256,
            Self::RsaPkcs1Sha384 => identifier::RSA_SHA384,
            Self::RsaPkcs1Sha512 => identifier::RSA_SHA512,
        }
    }

    /// The algorithm whose `AlgorithmIdentifier` has this DER content, byte for byte.
    pub(crate) fn from_identifier_content(content: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| &algorithm.identifier_der()[2..] == content)
    }

    /// The name in logs and reports, as the RFCs write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EcdsaSha256 => "ecdsa-with-SHA256",
            Self::EcdsaSha384 => "ecdsa-with-SHA384",
            Self::EcdsaSha512 => "ecdsa-with-SHA512",
            Self::Ed25519 => "Ed25519",
            Self::RsaPkcs1Sha256 => "sha256WithRSAEncryption",
            Self::RsaPkcs1Sha384 => "sha384WithRSAEncryption",
            Self::RsaPkcs1Sha512 => "sha512WithRSAEncryption",
        }
    }
}

impl fmt::Display for SignatureAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The name is none that [`KeyAlgorithm`] knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown key algorithm {0:?}; known are ec-p256, ec-p384, ed25519, rsa-2048, rsa-3072, rsa-4096"
)]
pub struct UnknownKeyAlgorithm(pub String);

impl FromStr for KeyAlgorithm {
    type Err = UnknownKeyAlgorithm;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::GENERATED
            .into_iter()
            .find(|algorithm| algorithm.as_str() == name)
            .ok_or_else(|| UnknownKeyAlgorithm(name.to_owned()))
    }
}

/// The name is none that [`SignatureAlgorithm`] knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown signature algorithm {0:?}; ecdsa-with-SHA256 is one")]
pub struct UnknownSignatureAlgorithm(pub String);

impl FromStr for SignatureAlgorithm {
    type Err = UnknownSignatureAlgorithm;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.as_str() == name)
            .ok_or_else(|| UnknownSignatureAlgorithm(name.to_owned()))
    }
}
