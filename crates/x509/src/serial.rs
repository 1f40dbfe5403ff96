//! Certificate serial numbers.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use crate::hexadecimal::{self, BadHex};

/// A certificate's serial number: a non-negative integer of at most 20 octets of DER content.
///
/// Ordered by value. Serials that Skink makes come from [`Serial::from_random`].
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Serial(Box<[u8]>);

/// Why bytes are no serial number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadSerial {
    /// RFC 5280 §4.1.2.2 allows 20 octets, sign bit included.
    #[error("a serial of {0} bytes is longer than 20 octets of DER allow")]
    TooLong(usize),
    /// The text is not hexadecimal.
    #[error("a serial is written in hexadecimal")]
    Hex(#[source] BadHex),
}

impl Serial {
    /// A serial that carries all 128 bits of `random` and is positive: a byte 0x01 stands in front,
    /// so that its length never varies and the value is never zero.
    pub fn from_random(random: [u8; 16]) -> Self {
        let mut bytes = Vec::with_capacity(17);
        bytes.push(1);
        bytes.extend_from_slice(&random);
        Self(bytes.into())
    }

    /// From the big-endian bytes of the value; leading zeros do not matter.
    pub fn from_be_bytes(bytes: &[u8]) -> Result<Self, BadSerial> {
        let value = minimal(bytes);
        let fits = value.len() < 20 || (value.len() == 20 && value[0] < 0x80);
        if fits { Ok(Self(value.into())) } else { Err(BadSerial::TooLong(value.len())) }
    }

    /// From whatever a foreign certificate carries, however long; for diagnosis.
    pub(crate) fn from_foreign(content: &[u8]) -> Self {
        Self(minimal(content).into())
    }

    /// The big-endian bytes of the value without leading zeros; one zero byte for zero.
    pub fn as_be_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Lower-case hexadecimal of [`Self::as_be_bytes`], two digits a byte.
    pub fn to_hex(&self) -> String {
        self.to_string()
    }

    /// The content octets of the DER INTEGER.
    pub(crate) fn der_content(&self) -> Vec<u8> {
        let mut content = Vec::with_capacity(self.0.len() + 1);
        if self.0[0] >= 0x80 {
            content.push(0);
        }
        content.extend_from_slice(&self.0);
        content
    }
}

fn minimal(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    if zeros == bytes.len() { &[0] } else { &bytes[zeros..] }
}

impl Ord for Serial {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.len().cmp(&other.0.len()).then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for Serial {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hexadecimal::write(f, &self.0)
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Serial({self})")
    }
}

impl FromStr for Serial {
    type Err = BadSerial;

    fn from_str(text: &str) -> Result<Self, BadSerial> {
        if text.is_empty() || text.len() > 64 {
            return Err(BadSerial::TooLong(text.len() / 2));
        }
        Self::from_be_bytes(&hexadecimal::parse(text).map_err(BadSerial::Hex)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_serials_are_positive_and_keep_every_bit() {
        for random in [[0; 16], [0xff; 16], [0x80; 16]] {
            let serial = Serial::from_random(random);
            assert_eq!(serial.as_be_bytes().len(), 17);
            assert_eq!(serial.as_be_bytes()[1..], random);
            assert!(serial.der_content()[0] < 0x80);
        }
    }

    #[test]
    fn order_is_by_value_and_hex_is_canonical() {
        let serial = |bytes: &[u8]| Serial::from_be_bytes(bytes).unwrap();
        assert!(serial(&[0xff]) < serial(&[1, 0]));
        assert!(serial(&[0]) < serial(&[1]));
        assert_eq!(serial(&[0, 0, 5]), serial(&[5]));
        assert_eq!(serial(&[0, 0]).to_hex(), "00");
        assert_eq!(serial(&[0x0a, 0xbc]).to_hex(), "0abc");
        assert_eq!("abc".parse::<Serial>().unwrap().to_hex(), "0abc");
        assert!("".parse::<Serial>().is_err());
        assert!("xy".parse::<Serial>().is_err());
    }

    #[test]
    fn twenty_octets_of_der_are_the_limit() {
        assert!(Serial::from_be_bytes(&[0x7f; 20]).is_ok());
        assert_eq!(Serial::from_be_bytes(&[0x80; 20]), Err(BadSerial::TooLong(20)));
        assert_eq!(Serial::from_be_bytes(&[1; 21]), Err(BadSerial::TooLong(21)));
        assert!(Serial::from_be_bytes(&[0; 40]).is_ok());
    }
}
