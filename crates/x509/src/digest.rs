//! SHA-256 digests that name a certificate and a key.

use std::fmt;
use std::str::FromStr;

use crate::hexadecimal::{self, BadHex};

/// SHA-256 of some bytes.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut digest = [0; 32];
    digest.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes).as_ref());
    digest
}

/// SHA-1 of some bytes, for naming alone.
pub(crate) fn sha1(bytes: &[u8]) -> [u8; 20] {
    let algorithm = &aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY;
    let mut digest = [0; 20];
    digest.copy_from_slice(aws_lc_rs::digest::digest(algorithm, bytes).as_ref());
    digest
}

macro_rules! digest_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 32]);

        impl $name {
            /// From the 32 bytes of the digest.
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The 32 bytes of the digest.
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                hexadecimal::write(f, &self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = BadHex;

            fn from_str(text: &str) -> Result<Self, BadHex> {
                hexadecimal::parse_exact(text).map(Self)
            }
        }
    };
}

digest_type! {
    /// SHA-256 of a certificate's or another document's DER.
    Fingerprint
}

digest_type! {
    /// SHA-256 of a public key's *normalised* `SubjectPublicKeyInfo`: named curve and uncompressed
    /// point, modulus and exponent in DER with NULL parameters, raw Ed25519 key.
    ///
    /// Two encodings of one key have one digest, so a denied key cannot come back as a compressed
    /// point. `openssl pkey -pubin -outform DER | sha256sum` gives the same for ordinary keys.
    KeyDigest
}

impl Fingerprint {
    /// The fingerprint of `der`.
    pub fn of(der: &[u8]) -> Self {
        Self(sha256(der))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_goes_both_ways() {
        let fingerprint = Fingerprint::of(b"abc");
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(fingerprint.to_string(), text);
        assert_eq!(text.parse::<Fingerprint>().unwrap(), fingerprint);
        assert_eq!(text.to_uppercase().parse::<Fingerprint>().unwrap(), fingerprint);
        assert!("ba78".parse::<Fingerprint>().is_err());
        assert_eq!("g".repeat(64).parse::<Fingerprint>(), Err(BadHex::Digit));
        assert!("é".repeat(32).parse::<Fingerprint>().is_err());
    }
}
