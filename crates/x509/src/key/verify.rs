//! Signatures under a key.

use aws_lc_rs::signature as alg;
use aws_lc_rs::signature::{ParsedPublicKey, UnparsedPublicKey, VerificationAlgorithm};

use super::{Numbers, PublicKey};
use crate::{BadSignature, KeyAlgorithm, SignatureAlgorithm, weak};

/// How far a signature of some algorithm under some key can be verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verifiable {
    /// By [`PublicKey::verify`].
    Yes,
    /// By [`PublicKey::danger_verify`] alone: SHA-1, DSA, or RSA below 2048 bits.
    Weakly,
    /// Not at all, whatever the signature: the key is of another kind.
    Never,
    /// Not here: the key's algorithm, or the algorithm at this size, is not supported.
    Unsupported,
}

impl PublicKey {
    /// Verifies a signature in X.509's encoding over `message`. What is weak does not verify.
    pub fn verify(
        &self,
        algorithm: SignatureAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), BadSignature> {
        match self.verifiable(algorithm) {
            Verifiable::Yes => self.danger_verify(algorithm, message, signature),
            _ => Err(BadSignature),
        }
    }

    /// Verifies a signature that may rest on a weak algorithm. To be used where a person is told
    /// about that.
    pub fn danger_verify(
        &self,
        algorithm: SignatureAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), BadSignature> {
        if !matches!(self.verifiable(algorithm), Verifiable::Yes | Verifiable::Weakly) {
            return Err(BadSignature);
        }
        if let Numbers::Dsa(dsa) = &self.0.numbers {
            return dsa.verify(algorithm, message, signature);
        }
        if let Some(parsed) = self.parsed(algorithm) {
            return parsed.verify_sig(message, signature).map_err(|_| BadSignature);
        }
        let verifier = self.verifier(algorithm).ok_or(BadSignature)?;
        UnparsedPublicKey::new(verifier, self.raw())
            .verify(message, signature)
            .map_err(|_| BadSignature)
    }

    /// How far a signature of that algorithm can be verified.
    pub fn verifiable(&self, algorithm: SignatureAlgorithm) -> Verifiable {
        if !self.goes_with(algorithm) {
            return Verifiable::Never;
        }
        let supported = match &self.0.numbers {
            Numbers::Dsa(dsa) => dsa.has_parameters(),
            _ => self.verifier(algorithm).is_some(),
        };
        if !supported {
            return Verifiable::Unsupported;
        }
        let short = self.rsa_numbers().is_some() && self.bits() < weak::MIN_RSA_BITS;
        if algorithm.is_weak() || short { Verifiable::Weakly } else { Verifiable::Yes }
    }

    /// Whether a key of this kind can have made such a signature.
    fn goes_with(&self, algorithm: SignatureAlgorithm) -> bool {
        use KeyAlgorithm as Key;
        use SignatureAlgorithm as Sig;
        match (self.algorithm(), algorithm) {
            (Key::Other, _)
            | (
                Key::EcP256 | Key::EcP384 | Key::EcP521,
                Sig::EcdsaSha1 | Sig::EcdsaSha256 | Sig::EcdsaSha384 | Sig::EcdsaSha512,
            )
            | (Key::Ed25519, Sig::Ed25519)
            | (Key::MlDsa44, Sig::MlDsa44)
            | (Key::MlDsa65, Sig::MlDsa65)
            | (Key::MlDsa87, Sig::MlDsa87)
            | (Key::Dsa, Sig::DsaSha1 | Sig::DsaSha256) => true,
            (
                Key::Rsa2048 | Key::Rsa3072 | Key::Rsa4096 | Key::RsaOther,
                Sig::RsaPssSha256 | Sig::RsaPssSha384 | Sig::RsaPssSha512,
            ) => {
                let only = self.rsa_numbers().and_then(|numbers| numbers.only);
                only.is_none_or(|only| only == algorithm || only == Sig::Other)
            }
            (
                Key::Rsa2048 | Key::Rsa3072 | Key::Rsa4096 | Key::RsaOther,
                Sig::RsaPkcs1Sha1 | Sig::RsaPkcs1Sha256 | Sig::RsaPkcs1Sha384 | Sig::RsaPkcs1Sha512,
            ) => self.rsa_numbers().is_some_and(|numbers| !numbers.only_pss),
            _ => false,
        }
    }

    /// The verifier's own form of the key, where it is the one for this algorithm.
    pub(super) fn parsed(&self, algorithm: SignatureAlgorithm) -> Option<&ParsedPublicKey> {
        let (of, parsed) = self.0.parsed.get_or_init(|| {
            let verifier = self.verifier(algorithm);
            let parsed = verifier.and_then(|it| ParsedPublicKey::new(it, self.raw()).ok());
            (algorithm, parsed)
        });
        if *of == algorithm { parsed.as_ref() } else { None }
    }

    /// Whether the library takes the key for this algorithm.
    pub(super) fn parses_for(&self, algorithm: SignatureAlgorithm) -> bool {
        let verifier = self.verifier(algorithm);
        verifier.is_some_and(|it| ParsedPublicKey::new(it, self.raw()).is_ok())
    }

    /// The library's verifier, where it has one. RSA above 8192 bits has none.
    fn verifier(
        &self,
        algorithm: SignatureAlgorithm,
    ) -> Option<&'static dyn VerificationAlgorithm> {
        use KeyAlgorithm as Key;
        use SignatureAlgorithm as Sig;
        Some(match (self.algorithm(), algorithm) {
            (Key::EcP256, Sig::EcdsaSha1) => &alg::ECDSA_P256_SHA1_ASN1,
            (Key::EcP256, Sig::EcdsaSha256) => &alg::ECDSA_P256_SHA256_ASN1,
            (Key::EcP256, Sig::EcdsaSha384) => &alg::ECDSA_P256_SHA384_ASN1,
            (Key::EcP256, Sig::EcdsaSha512) => &alg::ECDSA_P256_SHA512_ASN1,
            (Key::EcP384, Sig::EcdsaSha256) => &alg::ECDSA_P384_SHA256_ASN1,
            (Key::EcP384, Sig::EcdsaSha384) => &alg::ECDSA_P384_SHA384_ASN1,
            (Key::EcP384, Sig::EcdsaSha512) => &alg::ECDSA_P384_SHA512_ASN1,
            (Key::EcP521, Sig::EcdsaSha1) => &alg::ECDSA_P521_SHA1_ASN1,
            (Key::EcP521, Sig::EcdsaSha256) => &alg::ECDSA_P521_SHA256_ASN1,
            (Key::EcP521, Sig::EcdsaSha384) => &alg::ECDSA_P521_SHA384_ASN1,
            (Key::EcP521, Sig::EcdsaSha512) => &alg::ECDSA_P521_SHA512_ASN1,
            (Key::Ed25519, Sig::Ed25519) => &alg::ED25519,
            (Key::MlDsa44, Sig::MlDsa44) => &alg::ML_DSA_44,
            (Key::MlDsa65, Sig::MlDsa65) => &alg::ML_DSA_65,
            (Key::MlDsa87, Sig::MlDsa87) => &alg::ML_DSA_87,
            (Key::Rsa2048 | Key::Rsa3072 | Key::Rsa4096 | Key::RsaOther, _) => {
                return rsa_verifier(algorithm, self.bits());
            }
            _ => return None,
        })
    }
}

fn rsa_verifier(
    algorithm: SignatureAlgorithm,
    bits: usize,
) -> Option<&'static dyn VerificationAlgorithm> {
    use SignatureAlgorithm as Sig;
    let verifier: &'static dyn VerificationAlgorithm = match algorithm {
        Sig::RsaPkcs1Sha1 => &alg::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
        Sig::RsaPkcs1Sha256 => &alg::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
        Sig::RsaPkcs1Sha512 => &alg::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
        Sig::RsaPkcs1Sha384 => &alg::RSA_PKCS1_2048_8192_SHA384,
        Sig::RsaPssSha256 => &alg::RSA_PSS_2048_8192_SHA256,
        Sig::RsaPssSha384 => &alg::RSA_PSS_2048_8192_SHA384,
        Sig::RsaPssSha512 => &alg::RSA_PSS_2048_8192_SHA512,
        _ => return None,
    };
    let least = match algorithm {
        Sig::RsaPkcs1Sha1 | Sig::RsaPkcs1Sha256 | Sig::RsaPkcs1Sha512 => 1024,
        _ => 2048,
    };
    (least..=weak::MAX_RSA_BITS).contains(&bits).then_some(verifier)
}
