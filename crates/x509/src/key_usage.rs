//! The keyUsage bits.

use std::fmt;
use std::ops::BitOr;

use der::asn1::BitStringRef;
use der::{Decode, Encode};

use crate::{EncodeError, ParseError};

/// What a key may be used for (RFC 5280 §4.2.1.3): a set of bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct KeyUsage(u16);

impl KeyUsage {
    /// No use at all.
    pub const NONE: Self = Self(0);
    /// digitalSignature (0).
    pub const DIGITAL_SIGNATURE: Self = Self(0x8000);
    /// nonRepudiation or contentCommitment (1).
    pub const NON_REPUDIATION: Self = Self(0x4000);
    /// keyEncipherment (2).
    pub const KEY_ENCIPHERMENT: Self = Self(0x2000);
    /// dataEncipherment (3).
    pub const DATA_ENCIPHERMENT: Self = Self(0x1000);
    /// keyAgreement (4).
    pub const KEY_AGREEMENT: Self = Self(0x0800);
    /// keyCertSign (5).
    pub const KEY_CERT_SIGN: Self = Self(0x0400);
    /// cRLSign (6).
    pub const CRL_SIGN: Self = Self(0x0200);
    /// encipherOnly (7).
    pub const ENCIPHER_ONLY: Self = Self(0x0100);
    /// decipherOnly (8).
    pub const DECIPHER_ONLY: Self = Self(0x0080);

    const NAMES: [(Self, &'static str); 9] = [
        (Self::DIGITAL_SIGNATURE, "digitalSignature"),
        (Self::NON_REPUDIATION, "nonRepudiation"),
        (Self::KEY_ENCIPHERMENT, "keyEncipherment"),
        (Self::DATA_ENCIPHERMENT, "dataEncipherment"),
        (Self::KEY_AGREEMENT, "keyAgreement"),
        (Self::KEY_CERT_SIGN, "keyCertSign"),
        (Self::CRL_SIGN, "cRLSign"),
        (Self::ENCIPHER_ONLY, "encipherOnly"),
        (Self::DECIPHER_ONLY, "decipherOnly"),
    ];

    /// Whether every bit of `other` is set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether no bit is set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The use that a RFC name like `digitalSignature` stands for.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.into_iter().find(|(_, known)| *known == name).map(|(usage, _)| usage)
    }

    /// The value of the extension: a BIT STRING without trailing zero bits.
    pub(crate) fn to_der(self) -> Result<Vec<u8>, EncodeError> {
        let bytes = self.0.to_be_bytes();
        let used = 16 - self.0.trailing_zeros();
        let len = usize::from(used > 0) + usize::from(used > 8);
        let unused = u8::try_from(self.0.trailing_zeros() % 8).unwrap_or(0);
        let unused = if len == 0 { 0 } else { unused };
        BitStringRef::new(unused, &bytes[..len])
            .and_then(|bits| bits.to_der())
            .map_err(EncodeError::der("the key usage"))
    }

    pub(crate) fn from_der(der: &[u8]) -> Result<Self, ParseError> {
        let bits = BitStringRef::from_der(der).map_err(ParseError::der("the key usage"))?;
        let raw = bits.raw_bytes();
        let byte = |at: usize| raw.get(at).copied().unwrap_or(0);
        Ok(Self(u16::from_be_bytes([byte(0), byte(1) & 0x80])))
    }
}

impl BitOr for KeyUsage {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Display for KeyUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = Self::NAMES.into_iter().filter(|(usage, _)| self.contains(*usage));
        for (at, (_, name)) in set.enumerate() {
            write!(f, "{}{name}", if at == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl fmt::Debug for KeyUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyUsage({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_have_their_der() {
        let ca = KeyUsage::KEY_CERT_SIGN | KeyUsage::CRL_SIGN;
        assert_eq!(ca.to_der().unwrap(), [3, 2, 1, 0x06]);
        assert_eq!(KeyUsage::DIGITAL_SIGNATURE.to_der().unwrap(), [3, 2, 7, 0x80]);
        assert_eq!(KeyUsage::DECIPHER_ONLY.to_der().unwrap(), [3, 3, 7, 0, 0x80]);
        assert_eq!(KeyUsage::NONE.to_der().unwrap(), [3, 1, 0]);
        for (usage, name) in KeyUsage::NAMES {
            assert_eq!(KeyUsage::from_der(&usage.to_der().unwrap()).unwrap(), usage);
            assert_eq!(KeyUsage::from_name(name), Some(usage));
        }
        assert_eq!(ca.to_string(), "keyCertSign, cRLSign");
    }
}
