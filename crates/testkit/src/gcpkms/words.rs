//! The service's words, with the numbers that its clients may ask for instead of them.

use aws_lc_rs::rsa::KeySize;
use serde_json::Value;

/// One kind of word: its name in the published description, and the words in it.
#[derive(Debug)]
pub struct Words {
    /// The schema in the published description that has it.
    pub schema: &'static str,
    /// The field of that schema.
    pub field: &'static str,
    known: &'static [(&'static str, u8)],
}

/// States of versions.
pub const STATES: Words = Words {
    schema: "CryptoKeyVersion",
    field: "state",
    known: &[
        ("PENDING_GENERATION", 5),
        ("ENABLED", 1),
        ("DISABLED", 2),
        ("DESTROYED", 3),
        ("DESTROY_SCHEDULED", 4),
    ],
};

/// Protection levels.
pub const LEVELS: Words = Words {
    schema: "CryptoKeyVersion",
    field: "protectionLevel",
    known: &[("SOFTWARE", 1), ("HSM", 2)],
};

/// What keys are for.
pub const PURPOSES: Words = Words {
    schema: "CryptoKey",
    field: "purpose",
    known: &[("ENCRYPT_DECRYPT", 1), ("ASYMMETRIC_SIGN", 5)],
};

/// Algorithms of versions.
pub const ALGORITHMS: Words = Words {
    schema: "CryptoKeyVersion",
    field: "algorithm",
    known: &[
        ("GOOGLE_SYMMETRIC_ENCRYPTION", 1),
        ("RSA_SIGN_PSS_2048_SHA256", 2),
        ("RSA_SIGN_PSS_3072_SHA256", 3),
        ("RSA_SIGN_PSS_4096_SHA256", 4),
        ("RSA_SIGN_PKCS1_2048_SHA256", 5),
        ("RSA_SIGN_PKCS1_3072_SHA256", 6),
        ("RSA_SIGN_PKCS1_4096_SHA256", 7),
        ("EC_SIGN_P256_SHA256", 12),
        ("EC_SIGN_P384_SHA384", 13),
        ("RSA_SIGN_PSS_4096_SHA512", 15),
        ("RSA_SIGN_PKCS1_4096_SHA512", 16),
        ("RSA_SIGN_RAW_PKCS1_2048", 28),
        ("RSA_SIGN_RAW_PKCS1_3072", 29),
        ("RSA_SIGN_RAW_PKCS1_4096", 30),
        ("EC_SIGN_ED25519", 40),
    ],
};

/// All of them.
pub const ALL: [Words; 4] = [STATES, LEVELS, PURPOSES, ALGORITHMS];

impl Words {
    /// The words.
    pub fn iter(&self) -> impl Iterator<Item = &'static str> {
        self.known.iter().map(|(word, _)| *word)
    }

    /// The word that a client sent, as a word or as its number.
    pub(super) fn read(&self, value: &Value) -> Option<&'static str> {
        let number = value.as_u64();
        let is = |(word, code): &&(&str, u8)| {
            value.as_str() == Some(word) || number == Some(u64::from(*code))
        };
        self.known.iter().find(is).map(|(word, _)| *word)
    }

    /// The word as the client wants it.
    pub(super) fn write(&self, word: &str, as_number: bool) -> Value {
        let (_, number) = self.known.iter().find(|(one, _)| *one == word).unwrap();
        if as_number { (*number).into() } else { word.into() }
    }
}

pub(super) fn rsa_size(algorithm: &str) -> Option<KeySize> {
    let sizes =
        [("2048", KeySize::Rsa2048), ("3072", KeySize::Rsa3072), ("4096", KeySize::Rsa4096)];
    let size = sizes.into_iter().find(|(digits, _)| algorithm.contains(digits));
    size.filter(|_| algorithm.starts_with("RSA")).map(|(_, size)| size)
}
