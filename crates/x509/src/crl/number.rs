//! CRL numbers.

use std::fmt;
use std::str::FromStr;

use crate::{BadSerial, EncodeError, Serial, tlv};

/// The number of a CRL (RFC 5280 §5.2.3): non-negative, at most 20 octets of DER, ordered by value.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CrlNumber(Serial);

impl CrlNumber {
    /// From a small number.
    pub fn from_u64(number: u64) -> Self {
        Self(Serial::from_value(&number.to_be_bytes()))
    }

    /// From the big-endian bytes of the value; leading zeros do not matter.
    pub fn from_be_bytes(bytes: &[u8]) -> Result<Self, BadSerial> {
        Serial::from_be_bytes(bytes).map(Self)
    }

    /// The big-endian bytes of the value without leading zeros; one zero byte for zero.
    pub fn as_be_bytes(&self) -> &[u8] {
        self.0.as_be_bytes()
    }

    /// The value where it fits; a thief's need not.
    pub fn to_u64(&self) -> Option<u64> {
        let bytes = self.as_be_bytes();
        let mut value = [0; 8];
        value.get_mut(8usize.checked_sub(bytes.len())?..)?.copy_from_slice(bytes);
        Some(u64::from_be_bytes(value))
    }

    /// The next number; an error when 20 octets hold no larger one.
    pub fn successor(&self) -> Result<Self, BadSerial> {
        let mut bytes = vec![0];
        bytes.extend_from_slice(self.as_be_bytes());
        for byte in bytes.iter_mut().rev() {
            *byte = byte.wrapping_add(1);
            if *byte != 0 {
                break;
            }
        }
        Self::from_be_bytes(&bytes)
    }

    pub(crate) fn to_der(&self) -> Result<Vec<u8>, EncodeError> {
        tlv::unsigned(self.as_be_bytes())
    }
}

impl fmt::Display for CrlNumber {
    /// Decimal where it fits 64 bits, else hexadecimal with `0x` in front.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_u64() {
            Some(number) => number.fmt(f),
            None => write!(f, "0x{}", self.0),
        }
    }
}

impl fmt::Debug for CrlNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CrlNumber({self})")
    }
}

impl FromStr for CrlNumber {
    type Err = BadSerial;

    /// What [`fmt::Display`] writes.
    fn from_str(text: &str) -> Result<Self, BadSerial> {
        if let Some(hex) = text.strip_prefix("0x") {
            return hex.parse().map(Self);
        }
        text.parse().map(Self::from_u64).map_err(|_| BadSerial::Hex(crate::BadHex::Digit))
    }
}
