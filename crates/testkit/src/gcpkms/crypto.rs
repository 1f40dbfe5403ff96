//! Keys that really sign.

use aws_lc_rs::digest::{self, Digest};
use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rsa::KeyPair as RsaKeyPair;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256,
    RSA_PSS_SHA512, RsaEncoding,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::words::rsa_size;

pub(super) enum Pair {
    Ec(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

/// What a client wants signed.
pub(super) enum Input {
    /// A digest, and the field that it came in.
    Digest(&'static str, Vec<u8>),
    Data(Vec<u8>),
}

impl Pair {
    pub(super) fn generate(algorithm: &str) -> Self {
        if let Some(size) = rsa_size(algorithm) {
            return Self::Rsa(RsaKeyPair::generate(size).unwrap());
        }
        match algorithm {
            "EC_SIGN_ED25519" => Self::Ed25519(Ed25519KeyPair::generate().unwrap()),
            "EC_SIGN_P384_SHA384" => {
                Self::Ec(EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING).unwrap())
            }
            _ => Self::Ec(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap()),
        }
    }

    /// As the service writes it: lines of 64 characters.
    pub(super) fn public_pem(&self) -> String {
        let der: PublicKeyX509Der<'_> = match self {
            Self::Ec(pair) => pair.public_key().as_der().unwrap(),
            Self::Ed25519(pair) => pair.public_key().as_der().unwrap(),
            Self::Rsa(pair) => pair.public_key().as_der().unwrap(),
        };
        let text = STANDARD.encode(der.as_ref());
        let mut pem = "-----BEGIN PUBLIC KEY-----\n".to_owned();
        for line in text.as_bytes().chunks(64) {
            pem.push_str(std::str::from_utf8(line).unwrap());
            pem.push('\n');
        }
        pem + "-----END PUBLIC KEY-----\n"
    }

    /// A signature; none where the key is not for such an input.
    pub(super) fn sign(&self, algorithm: &str, input: &Input) -> Option<Vec<u8>> {
        match (self, input) {
            (Self::Ed25519(pair), Input::Data(data)) => Some(pair.sign(data).as_ref().to_vec()),
            (Self::Ec(pair), Input::Digest(field, bytes)) => {
                let digest = digest_of(algorithm, field, bytes)?;
                Some(pair.sign_digest(&digest).unwrap().as_ref().to_vec())
            }
            (Self::Rsa(pair), Input::Digest(field, bytes)) => {
                let digest = digest_of(algorithm, field, bytes)?;
                Some(rsa(pair, padding(algorithm)?, &digest))
            }
            (Self::Rsa(pair), Input::Data(data)) if algorithm.contains("_RAW_") => {
                let (padding, digest) = raw(data)?;
                Some(rsa(pair, padding, &digest))
            }
            _ => None,
        }
    }
}

fn rsa(pair: &RsaKeyPair, padding: &'static dyn RsaEncoding, digest: &Digest) -> Vec<u8> {
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign_digest(padding, digest, &mut signature).unwrap();
    signature
}

/// The digest has to be of the hash that the algorithm's name ends with.
fn digest_of(algorithm: &str, field: &str, bytes: &[u8]) -> Option<Digest> {
    if !algorithm.ends_with(&field.to_ascii_uppercase()) {
        return None;
    }
    let hash = match field {
        "sha256" => &digest::SHA256,
        "sha384" => &digest::SHA384,
        _ => &digest::SHA512,
    };
    Digest::import_less_safe(bytes, hash).ok()
}

fn padding(algorithm: &str) -> Option<&'static dyn RsaEncoding> {
    Some(match (algorithm.contains("_PSS_"), algorithm.rsplit('_').next()?) {
        (true, "SHA256") => &RSA_PSS_SHA256,
        (true, "SHA512") => &RSA_PSS_SHA512,
        (false, "SHA256") => &RSA_PKCS1_SHA256,
        (false, "SHA512") => &RSA_PKCS1_SHA512,
        _ => return None,
    })
}

/// The service would pad anything; here it has to be what makes the signature a common one.
fn raw(data: &[u8]) -> Option<(&'static dyn RsaEncoding, Digest)> {
    let prefix = |hash: u8, length: u8| {
        let total = length + 17;
        format!("30{total:02x}300d06096086480165030402{hash:02x}050004{length:02x}")
    };
    let forms: [(String, &'static dyn RsaEncoding, &'static digest::Algorithm); 3] = [
        (prefix(1, 32), &RSA_PKCS1_SHA256, &digest::SHA256),
        (prefix(2, 48), &RSA_PKCS1_SHA384, &digest::SHA384),
        (prefix(3, 64), &RSA_PKCS1_SHA512, &digest::SHA512),
    ];
    let text = hex::encode(data);
    forms.into_iter().find_map(|(prefix, padding, hash)| {
        let digest = hex::decode(text.strip_prefix(&prefix)?).unwrap();
        Some((padding, Digest::import_less_safe(&digest, hash).ok()?))
    })
}

/// CRC32C by its table, a byte at a time.
pub fn crc32c(bytes: &[u8]) -> u32 {
    let table: Vec<u32> = (0..256_u32)
        .map(|byte| {
            (0..8)
                .fold(byte, |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0x82F6_3B78 } else { crc >> 1 })
        })
        .collect();
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        let [low, ..] = (crc ^ u32::from(*byte)).to_le_bytes();
        table[usize::from(low)] ^ (crc >> 8)
    })
}
