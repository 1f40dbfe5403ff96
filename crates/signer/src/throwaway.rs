//! Signatures by keys that nobody keeps, to look at a structure whole before the real key signs it.

use std::sync::OnceLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    ML_DSA_44_SIGNING, ML_DSA_65_SIGNING, ML_DSA_87_SIGNING, PqdsaKeyPair, PqdsaSigningAlgorithm,
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, RsaEncoding,
};
use skink_x509::SignatureAlgorithm;

/// No throwaway key signs like this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no throwaway key signs with {0:?}")]
pub struct NoThrowaway(pub SignatureAlgorithm);

/// Signs `message` with a key made for it and forgotten. RSA keys take seconds to make: one is made
/// for the process and never leaves this function.
pub fn sign(algorithm: SignatureAlgorithm, message: &[u8]) -> Result<Vec<u8>, NoThrowaway> {
    let none = NoThrowaway(algorithm);
    let ec = |curve| {
        let pair = EcdsaKeyPair::generate(curve).map_err(|_| none)?;
        let signature = pair.sign(&SystemRandom::new(), message).map_err(|_| none)?;
        Ok(signature.as_ref().to_vec())
    };
    match algorithm {
        SignatureAlgorithm::EcdsaSha256 => ec(&ECDSA_P256_SHA256_ASN1_SIGNING),
        SignatureAlgorithm::EcdsaSha384 => ec(&ECDSA_P384_SHA384_ASN1_SIGNING),
        SignatureAlgorithm::Ed25519 => {
            let pair = Ed25519KeyPair::generate().map_err(|_| none)?;
            Ok(pair.try_sign(message).map_err(|_| none)?.as_ref().to_vec())
        }
        SignatureAlgorithm::RsaPkcs1Sha256 => rsa(&RSA_PKCS1_SHA256, message).ok_or(none),
        SignatureAlgorithm::RsaPkcs1Sha384 => rsa(&RSA_PKCS1_SHA384, message).ok_or(none),
        SignatureAlgorithm::RsaPkcs1Sha512 => rsa(&RSA_PKCS1_SHA512, message).ok_or(none),
        SignatureAlgorithm::RsaPssSha256 => rsa(&RSA_PSS_SHA256, message).ok_or(none),
        SignatureAlgorithm::RsaPssSha384 => rsa(&RSA_PSS_SHA384, message).ok_or(none),
        SignatureAlgorithm::RsaPssSha512 => rsa(&RSA_PSS_SHA512, message).ok_or(none),
        SignatureAlgorithm::MlDsa44 => ml_dsa(&ML_DSA_44_SIGNING, message).ok_or(none),
        SignatureAlgorithm::MlDsa65 => ml_dsa(&ML_DSA_65_SIGNING, message).ok_or(none),
        SignatureAlgorithm::MlDsa87 => ml_dsa(&ML_DSA_87_SIGNING, message).ok_or(none),
        _ => Err(none),
    }
}

fn ml_dsa(parameters: &'static PqdsaSigningAlgorithm, message: &[u8]) -> Option<Vec<u8>> {
    let pair = PqdsaKeyPair::generate(parameters).ok()?;
    let mut signature = vec![0; parameters.signature_len()];
    let length = pair.sign(message, &mut signature).ok()?;
    signature.truncate(length);
    Some(signature)
}

fn rsa(padding: &'static dyn RsaEncoding, message: &[u8]) -> Option<Vec<u8>> {
    static PAIR: OnceLock<Option<RsaKeyPair>> = OnceLock::new();
    let pair = PAIR.get_or_init(|| RsaKeyPair::generate(KeySize::Rsa2048).ok()).as_ref()?;
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(padding, &SystemRandom::new(), message, &mut signature).ok()?;
    Some(signature)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_like_every_key_that_is_generated() {
        let all = skink_x509::KeyAlgorithm::GENERATED.into_iter();
        for key in all.chain(skink_x509::KeyAlgorithm::POST_QUANTUM) {
            assert!(!sign(key.signature_algorithm(), b"m").unwrap().is_empty());
        }
        assert!(sign(SignatureAlgorithm::EcdsaSha512, b"m").is_err());
    }
}
