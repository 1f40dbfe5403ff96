//! Keys that really sign.

use aws_lc_rs::digest::{self, Digest};
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED,
    ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED, ECDSA_P521_SHA512_FIXED_SIGNING,
    EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair as _, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384,
    RSA_PKCS1_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512,
    RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding, UnparsedPublicKey,
    VerificationAlgorithm,
};
use serde_json::{Value, json};

use super::base64url;
use super::refusal::{Refusal, Refused};

/// What a key is: by its curve, or by its length in bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Ec(&'static str),
    Rsa(u16),
}

pub(super) enum Pair {
    Ec(&'static str, EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

/// One way of signing: its name, the curve that it is for, its hash, and what does it.
struct Way {
    name: &'static str,
    curve: Option<&'static str>,
    hash: &'static digest::Algorithm,
    padding: &'static dyn RsaEncoding,
    verifies: &'static dyn VerificationAlgorithm,
}

const fn rsa(
    name: &'static str,
    hash: &'static digest::Algorithm,
    padding: &'static dyn RsaEncoding,
    verifies: &'static dyn VerificationAlgorithm,
) -> Way {
    Way { name, curve: None, hash, padding, verifies }
}

const fn ec(
    name: &'static str,
    curve: &'static str,
    hash: &'static digest::Algorithm,
    verifies: &'static dyn VerificationAlgorithm,
) -> Way {
    // The padding is for the others.
    Way { name, curve: Some(curve), hash, padding: &RSA_PKCS1_SHA256, verifies }
}

static WAYS: [Way; 9] = [
    rsa("RS256", &digest::SHA256, &RSA_PKCS1_SHA256, &RSA_PKCS1_2048_8192_SHA256),
    rsa("RS384", &digest::SHA384, &RSA_PKCS1_SHA384, &RSA_PKCS1_2048_8192_SHA384),
    rsa("RS512", &digest::SHA512, &RSA_PKCS1_SHA512, &RSA_PKCS1_2048_8192_SHA512),
    rsa("PS256", &digest::SHA256, &RSA_PSS_SHA256, &RSA_PSS_2048_8192_SHA256),
    rsa("PS384", &digest::SHA384, &RSA_PSS_SHA384, &RSA_PSS_2048_8192_SHA384),
    rsa("PS512", &digest::SHA512, &RSA_PSS_SHA512, &RSA_PSS_2048_8192_SHA512),
    ec("ES256", "P-256", &digest::SHA256, &ECDSA_P256_SHA256_FIXED),
    ec("ES384", "P-384", &digest::SHA384, &ECDSA_P384_SHA384_FIXED),
    ec("ES512", "P-521", &digest::SHA512, &ECDSA_P521_SHA512_FIXED),
];

impl Kind {
    /// What the body of a call that creates asks for.
    pub(super) fn asked(body: &Value) -> Result<Self, Refused> {
        let bad = |words: &str| Refusal::BadParameter.because(words);
        match body["kty"].as_str() {
            Some("EC" | "EC-HSM") => {
                let curve = body["crv"].as_str().unwrap_or("P-256");
                let known = ["P-256", "P-384", "P-521"].into_iter().find(|one| *one == curve);
                known.map(Self::Ec).ok_or_else(|| bad("Property crv has invalid value"))
            }
            Some("RSA" | "RSA-HSM") => {
                let size = body["key_size"].as_u64().unwrap_or(2048);
                let known = [2048, 3072, 4096].into_iter().find(|one| u64::from(*one) == size);
                known.map(Self::Rsa).ok_or_else(|| bad("Property key_size has invalid value"))
            }
            None => Err(bad("Property kty is required")),
            Some(other) => Err(bad(&format!("The key type {other} is not supported"))),
        }
    }
}

impl Pair {
    pub(super) fn generate(kind: Kind) -> Self {
        let ec = |curve, how: &'static EcdsaSigningAlgorithm| {
            Self::Ec(curve, EcdsaKeyPair::generate(how).unwrap())
        };
        match kind {
            Kind::Ec(curve @ "P-384") => ec(curve, &ECDSA_P384_SHA384_FIXED_SIGNING),
            Kind::Ec(curve @ "P-521") => ec(curve, &ECDSA_P521_SHA512_FIXED_SIGNING),
            Kind::Ec(curve) => ec(curve, &ECDSA_P256_SHA256_FIXED_SIGNING),
            Kind::Rsa(3072) => Self::Rsa(RsaKeyPair::generate(KeySize::Rsa3072).unwrap()),
            Kind::Rsa(4096) => Self::Rsa(RsaKeyPair::generate(KeySize::Rsa4096).unwrap()),
            Kind::Rsa(_) => Self::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()),
        }
    }

    /// Another of the same kind.
    pub(super) fn another(&self) -> Self {
        Self::generate(match self {
            Self::Ec(curve, _) => Kind::Ec(curve),
            Self::Rsa(pair) => Kind::Rsa(u16::try_from(pair.public_modulus_len() * 8).unwrap()),
        })
    }

    /// The public half, as RFC 7518 writes it.
    pub(super) fn jwk(&self) -> Value {
        match self {
            Self::Ec(curve, pair) => {
                let point = pair.public_key().as_ref();
                // The first byte says that both coordinates follow, in full.
                let (x, y) = point[1..].split_at(point.len() / 2);
                json!({ "crv": curve, "x": base64url(x), "y": base64url(y) })
            }
            Self::Rsa(pair) => {
                let (n, e) = numbers(pair.public_key().as_ref());
                json!({ "n": base64url(n), "e": base64url(e) })
            }
        }
    }

    pub(super) const fn kty(&self) -> &'static str {
        match self {
            Self::Ec(..) => "EC",
            Self::Rsa(_) => "RSA",
        }
    }

    /// Both numbers of a signature side by side, where it has two.
    pub(super) fn sign(&self, alg: &str, digest: &[u8]) -> Result<Vec<u8>, Refused> {
        let (way, digest) = self.way(alg, digest)?;
        Ok(match self {
            Self::Ec(_, pair) => pair.sign_digest(&digest).unwrap().as_ref().to_vec(),
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign_digest(way.padding, &digest, &mut signature).unwrap();
                signature
            }
        })
    }

    pub(super) fn verify(
        &self,
        alg: &str,
        digest: &[u8],
        signature: &[u8],
    ) -> Result<bool, Refused> {
        let (way, digest) = self.way(alg, digest)?;
        let public = match self {
            Self::Ec(_, pair) => pair.public_key().as_ref(),
            Self::Rsa(pair) => pair.public_key().as_ref(),
        };
        let public = UnparsedPublicKey::new(way.verifies, public);
        Ok(public.verify_digest(&digest, signature).is_ok())
    }

    /// The way of this name, if it is one of this key's, and a digest for it.
    fn way(&self, alg: &str, digest: &[u8]) -> Result<(&'static Way, Digest), Refused> {
        let bad = |words: &str| Err(Refusal::BadParameter.because(words));
        let Some(way) = WAYS.iter().find(|way| way.name == alg) else {
            return bad("Property alg has invalid value");
        };
        let wants = if way.curve.is_some() { "EC" } else { "RSA" };
        let fits = match self {
            Self::Ec(curve, _) => way.curve == Some(curve),
            Self::Rsa(_) => way.curve.is_none(),
        };
        if !fits {
            return bad(&format!(
                "Key and signing algorithm are incompatible. The key is of type '{}', and algorithm \
                 '{alg}' can only be used with a key of type '{wants}' that fits it.",
                self.kty()
            ));
        }
        match Digest::import_less_safe(digest, way.hash) {
            Ok(digest) => Ok((way, digest)),
            Err(_) => bad(&format!(
                "Invalid length of 'value': {} bytes. {alg} requires {} bytes, encoded with base64url.",
                digest.len(),
                way.hash.output_len()
            )),
        }
    }
}

/// The modulus and the exponent in an RSA key's DER (RFC 8017, A.1.1), without leading zeros.
fn numbers(der: &[u8]) -> (&[u8], &[u8]) {
    let (sequence, _) = element(der);
    let (n, rest) = element(sequence);
    let (e, _) = element(rest);
    let plain = |number: &'_ [u8]| number.iter().take_while(|byte| **byte == 0).count();
    (&n[plain(n)..], &e[plain(e)..])
}

/// What is in the first element, and what follows it.
fn element(der: &[u8]) -> (&[u8], &[u8]) {
    let first = usize::from(der[1]);
    let (start, length) = if first < 0x80 {
        (2, first)
    } else {
        let end = 2 + (first & 0x7f);
        (end, der[2..end].iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
    };
    (&der[start..start + length], &der[start + length..])
}
