//! Algorithms as data.

mod identifier;

pub(crate) use identifier::read_pss;

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
    /// ML-DSA-44 (FIPS 204, RFC 9881).
    MlDsa44,
    /// ML-DSA-65.
    MlDsa65,
    /// ML-DSA-87.
    MlDsa87,
    /// DSA; read in certificates only, verified by [`PublicKey::danger_verify`](crate::PublicKey)
    /// only.
    Dsa,
    /// An algorithm, a curve or parameters that are not known here; read in certificates only, and
    /// verifies nothing.
    Other,
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
    /// RSASSA-PSS with SHA-256, MGF1 with SHA-256 and a salt of 32 bytes (RFC 4055).
    RsaPssSha256,
    /// RSASSA-PSS with SHA-384, MGF1 with SHA-384 and a salt of 48 bytes.
    RsaPssSha384,
    /// RSASSA-PSS with SHA-512, MGF1 with SHA-512 and a salt of 64 bytes.
    RsaPssSha512,
    /// ML-DSA-44 (RFC 9881).
    MlDsa44,
    /// ML-DSA-65.
    MlDsa65,
    /// ML-DSA-87.
    MlDsa87,
    /// sha1WithRSAEncryption: weak, as SHA-1 has collisions.
    RsaPkcs1Sha1,
    /// ecdsa-with-SHA1: weak.
    EcdsaSha1,
    /// id-dsa-with-sha1 (RFC 3279): weak.
    DsaSha1,
    /// id-dsa-with-sha256 (RFC 5758): weak, as FIPS 186-5 withdrew DSA.
    DsaSha256,
    /// Whatever a key of [`KeyAlgorithm::Other`] may sign with. It has no identifier and is never
    /// verified.
    Other,
}

impl KeyAlgorithm {
    /// Every algorithm that an authority's key can be generated for.
    pub const GENERATED: [Self; 6] =
        [Self::EcP256, Self::EcP384, Self::Ed25519, Self::Rsa2048, Self::Rsa3072, Self::Rsa4096];

    /// Algorithms that keys can be made for to try them; what most relying parties have does not
    /// verify them yet.
    pub const POST_QUANTUM: [Self; 3] = [Self::MlDsa44, Self::MlDsa65, Self::MlDsa87];

    /// The algorithm this kind of key signs certificates and lists with.
    pub const fn signature_algorithm(self) -> SignatureAlgorithm {
        match self {
            Self::EcP256 => SignatureAlgorithm::EcdsaSha256,
            Self::EcP384 => SignatureAlgorithm::EcdsaSha384,
            Self::EcP521 => SignatureAlgorithm::EcdsaSha512,
            Self::Ed25519 => SignatureAlgorithm::Ed25519,
            Self::Rsa2048 | Self::Rsa3072 | Self::RsaOther => SignatureAlgorithm::RsaPkcs1Sha256,
            Self::Rsa4096 => SignatureAlgorithm::RsaPkcs1Sha384,
            Self::MlDsa44 => SignatureAlgorithm::MlDsa44,
            Self::MlDsa65 => SignatureAlgorithm::MlDsa65,
            Self::MlDsa87 => SignatureAlgorithm::MlDsa87,
            Self::Dsa => SignatureAlgorithm::DsaSha256,
            Self::Other => SignatureAlgorithm::Other,
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
            Self::MlDsa44 => "ml-dsa-44",
            Self::MlDsa65 => "ml-dsa-65",
            Self::MlDsa87 => "ml-dsa-87",
            Self::Dsa => "dsa",
            Self::Other => "other",
        }
    }
}

impl SignatureAlgorithm {
    /// Every algorithm that is known, the weak ones last.
    pub const ALL: [Self; 17] = [
        Self::EcdsaSha256,
        Self::EcdsaSha384,
        Self::EcdsaSha512,
        Self::Ed25519,
        Self::RsaPkcs1Sha256,
        Self::RsaPkcs1Sha384,
        Self::RsaPkcs1Sha512,
        Self::RsaPssSha256,
        Self::RsaPssSha384,
        Self::RsaPssSha512,
        Self::MlDsa44,
        Self::MlDsa65,
        Self::MlDsa87,
        Self::RsaPkcs1Sha1,
        Self::EcdsaSha1,
        Self::DsaSha1,
        Self::DsaSha256,
    ];

    /// Whether it is RSASSA-PSS.
    pub const fn is_rsa_pss(self) -> bool {
        matches!(self, Self::RsaPssSha256 | Self::RsaPssSha384 | Self::RsaPssSha512)
    }

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
            Self::RsaPssSha256 => identifier::RSA_PSS_SHA256,
            Self::RsaPssSha384 => identifier::RSA_PSS_SHA384,
            Self::RsaPssSha512 => identifier::RSA_PSS_SHA512,
            Self::MlDsa44 => identifier::ML_DSA_44,
            Self::MlDsa65 => identifier::ML_DSA_65,
            Self::MlDsa87 => identifier::ML_DSA_87,
            Self::RsaPkcs1Sha1 => identifier::RSA_SHA1,
            Self::EcdsaSha1 => identifier::ECDSA_SHA1,
            Self::DsaSha1 => identifier::DSA_SHA1,
            Self::DsaSha256 => identifier::DSA_SHA256,
            Self::Other => &[],
        }
    }

    /// The algorithm whose `AlgorithmIdentifier` has this DER content.
    pub(crate) fn from_identifier_content(content: &[u8]) -> Option<Self> {
        let exact = |algorithm: &Self| &algorithm.identifier_der()[2..] == content;
        Self::ALL.into_iter().find(exact).or_else(|| identifier::read_variant(content))
    }

    /// Whether it is broken or withdrawn: whoever verifies it all the same must say so.
    pub const fn is_weak(self) -> bool {
        matches!(self, Self::RsaPkcs1Sha1 | Self::EcdsaSha1 | Self::DsaSha1 | Self::DsaSha256)
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
            Self::RsaPssSha256 => "RSASSA-PSS with SHA-256",
            Self::RsaPssSha384 => "RSASSA-PSS with SHA-384",
            Self::RsaPssSha512 => "RSASSA-PSS with SHA-512",
            Self::MlDsa44 => "ML-DSA-44",
            Self::MlDsa65 => "ML-DSA-65",
            Self::MlDsa87 => "ML-DSA-87",
            Self::RsaPkcs1Sha1 => "sha1WithRSAEncryption",
            Self::EcdsaSha1 => "ecdsa-with-SHA1",
            Self::DsaSha1 => "dsa-with-sha1",
            Self::DsaSha256 => "dsa-with-sha256",
            Self::Other => "an algorithm that is not known here",
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
