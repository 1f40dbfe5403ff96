//! Verification with a parsed public key, over messages and digests.

use aws_lc_rs::digest::{self, Digest};
use aws_lc_rs::signature::{self, ParsedPublicKey, VerificationAlgorithm};
use skink_x509::{KeyAlgorithm, PublicKey, SignatureAlgorithm};

use crate::provider::ToSign;

/// A public key, parsed once for one signature algorithm.
pub(crate) struct VerifyingKey {
    parsed: ParsedPublicKey,
    algorithm: SignatureAlgorithm,
}

/// The signature is not one of this key over this message.
#[derive(Debug)]
pub(crate) struct NotVerified;

impl VerifyingKey {
    pub(crate) fn new(key: &PublicKey, algorithm: SignatureAlgorithm) -> Result<Self, NotVerified> {
        let verification = verification(key.algorithm(), algorithm).ok_or(NotVerified)?;
        let parsed = ParsedPublicKey::new(verification, key.spki_der()).map_err(|_| NotVerified)?;
        Ok(Self { parsed, algorithm })
    }

    pub(crate) fn verify(&self, signed: ToSign<'_>, signature: &[u8]) -> Result<(), NotVerified> {
        match signed {
            ToSign::Message(message) => self.parsed.verify_sig(message, signature),
            ToSign::Digest(bytes) => {
                let digest = imported(self.algorithm, bytes).ok_or(NotVerified)?;
                self.parsed.verify_digest_sig(&digest, signature)
            }
        }
        .map_err(|_| NotVerified)
    }
}

/// `bytes` as a digest for `algorithm`; `None` where the length is wrong or there is no such form.
pub(crate) fn imported(algorithm: SignatureAlgorithm, bytes: &[u8]) -> Option<Digest> {
    Digest::import_less_safe(bytes, hash(algorithm)?).ok()
}

/// What a service that signs digests is sent: the digest of a message, or the digest given.
pub(crate) fn digest_of<'a>(
    algorithm: &'static digest::Algorithm,
    to_sign: ToSign<'a>,
) -> std::borrow::Cow<'a, [u8]> {
    match to_sign {
        ToSign::Message(message) => digest::digest(algorithm, message).as_ref().to_vec().into(),
        ToSign::Digest(digest) => digest.into(),
    }
}

/// The hash of a signature algorithm that has one of its own; Ed25519 has none.
pub(crate) fn hash(algorithm: SignatureAlgorithm) -> Option<&'static digest::Algorithm> {
    use SignatureAlgorithm as S;
    match algorithm {
        S::EcdsaSha256 | S::RsaPkcs1Sha256 | S::RsaPssSha256 => Some(&digest::SHA256),
        S::EcdsaSha384 | S::RsaPkcs1Sha384 | S::RsaPssSha384 => Some(&digest::SHA384),
        S::EcdsaSha512 | S::RsaPkcs1Sha512 | S::RsaPssSha512 => Some(&digest::SHA512),
        _ => None,
    }
}

/// Whether a key of this kind makes this kind of signature, where the service has all of them.
#[cfg(any(feature = "vault", feature = "pkcs11", feature = "azurekv"))]
pub(crate) fn fits(has: KeyAlgorithm, asked: SignatureAlgorithm) -> bool {
    match has {
        KeyAlgorithm::Rsa2048 | KeyAlgorithm::Rsa3072 | KeyAlgorithm::Rsa4096 => {
            verification(has, asked).is_some()
        }
        _ => asked == has.signature_algorithm() && verification(has, asked).is_some(),
    }
}

fn verification(
    key: KeyAlgorithm,
    algorithm: SignatureAlgorithm,
) -> Option<&'static dyn VerificationAlgorithm> {
    use KeyAlgorithm as K;
    use SignatureAlgorithm as S;
    Some(match (key, algorithm) {
        (K::EcP256, S::EcdsaSha256) => &signature::ECDSA_P256_SHA256_ASN1,
        (K::EcP384, S::EcdsaSha384) => &signature::ECDSA_P384_SHA384_ASN1,
        (K::EcP521, S::EcdsaSha512) => &signature::ECDSA_P521_SHA512_ASN1,
        (K::Ed25519, S::Ed25519) => &signature::ED25519,
        (K::MlDsa44, S::MlDsa44) => &signature::ML_DSA_44,
        (K::MlDsa65, S::MlDsa65) => &signature::ML_DSA_65,
        (K::MlDsa87, S::MlDsa87) => &signature::ML_DSA_87,
        (K::Rsa2048 | K::Rsa3072 | K::Rsa4096, S::RsaPkcs1Sha256) => {
            &signature::RSA_PKCS1_2048_8192_SHA256
        }
        (K::Rsa2048 | K::Rsa3072 | K::Rsa4096, S::RsaPssSha256) => {
            &signature::RSA_PSS_2048_8192_SHA256
        }
        (K::Rsa2048 | K::Rsa3072 | K::Rsa4096, S::RsaPkcs1Sha384) => {
            &signature::RSA_PKCS1_2048_8192_SHA384
        }
        (K::Rsa2048 | K::Rsa3072 | K::Rsa4096, S::RsaPssSha384) => {
            &signature::RSA_PSS_2048_8192_SHA384
        }
        (K::Rsa2048 | K::Rsa3072 | K::Rsa4096, S::RsaPkcs1Sha512) => {
            &signature::RSA_PKCS1_2048_8192_SHA512
        }
        (K::Rsa2048 | K::Rsa3072 | K::Rsa4096, S::RsaPssSha512) => {
            &signature::RSA_PSS_2048_8192_SHA512
        }
        _ => return None,
    })
}
