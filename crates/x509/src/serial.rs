//! Certificate serial numbers.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use crate::hexadecimal::{self, BadHex};

/// A certificate's serial number: a non-negative integer of at most 20 octets of DER content.
///
/// Ordered by value. Serials that Skink makes come from [`Serial::in_order`], and from
/// [`Serial::from_random`] where there is no clock to trust. A foreign
/// certificate may carry a negative one, which readers must suffer (RFC 5280 §4.1.2.2): it equals
/// no other, least of all the positive one with the same bits.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Serial {
    /// Without leading zeros; the DER content where it is negative.
    bytes: Box<[u8]>,
    negative: bool,
}

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
        Self { bytes: bytes.into(), negative: false }
    }

    /// A serial of the same length that carries the low 48 bits of `millis`, an instant, and all 80 of
    /// `random`: the later, the greater, so that an index over serials grows at its end. What nobody
    /// can foresee is longer than the 64 bits that the CA/Browser Forum demands.
    pub fn in_order(millis: u64, random: [u8; 10]) -> Self {
        let mut bytes = Vec::with_capacity(17);
        bytes.push(1);
        bytes.extend_from_slice(&millis.to_be_bytes()[2..]);
        bytes.extend_from_slice(&random);
        Self { bytes: bytes.into(), negative: false }
    }

    /// From the big-endian bytes of the value; leading zeros do not matter.
    pub fn from_be_bytes(bytes: &[u8]) -> Result<Self, BadSerial> {
        let value = minimal(bytes);
        let fits = value.len() < 20 || (value.len() == 20 && value[0] < 0x80);
        if fits { Ok(Self::from_value(value)) } else { Err(BadSerial::TooLong(value.len())) }
    }

    /// From the big-endian bytes of a value, however long.
    pub(crate) fn from_value(bytes: &[u8]) -> Self {
        Self { bytes: minimal(bytes).into(), negative: false }
    }

    /// From the content of an INTEGER in whatever a foreign certificate carries.
    pub(crate) fn from_foreign(content: &[u8]) -> Self {
        match content.first() {
            Some(first) if *first >= 0x80 => Self { bytes: content.into(), negative: true },
            _ => Self::from_value(content),
        }
    }

    /// Whether it is negative, as none must be.
    pub fn is_negative(&self) -> bool {
        self.negative
    }

    /// The big-endian bytes of the value without leading zeros; one zero byte for zero; the two's
    /// complement where it is negative.
    pub fn as_be_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Lower-case hexadecimal of [`Self::as_be_bytes`], two digits a byte; a `-` in front where it is
    /// negative.
    pub fn to_hex(&self) -> String {
        self.to_string()
    }

    /// The content octets of the DER INTEGER.
    pub(crate) fn der_content(&self) -> Vec<u8> {
        let mut content = Vec::with_capacity(self.bytes.len() + 1);
        if self.bytes[0] >= 0x80 && !self.negative {
            content.push(0);
        }
        content.extend_from_slice(&self.bytes);
        content
    }
}

fn minimal(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    if zeros == bytes.len() { &[0] } else { &bytes[zeros..] }
}

impl Ord for Serial {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_value = |one: &Self, other: &Self| {
            one.bytes.len().cmp(&other.bytes.len()).then_with(|| one.bytes.cmp(&other.bytes))
        };
        // Negative ones first; among them any order will do.
        other.negative.cmp(&self.negative).then_with(|| by_value(self, other))
    }
}

impl PartialOrd for Serial {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.negative { "-" } else { "" })?;
        hexadecimal::write(f, &self.bytes)
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
    fn serials_in_order_grow_with_time_and_keep_every_random_bit() {
        let early = Serial::in_order(1_764_000_000_255, [0xff; 10]);
        let late = Serial::in_order(1_764_000_000_256, [0; 10]);
        assert!(early < late);
        assert_eq!(early.as_be_bytes().len(), 17);
        assert_eq!(early.as_be_bytes()[7..], [0xff; 10]);
        assert_eq!(early.to_hex()[..14], *"01019ab697e8ff");
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
    fn a_negative_serial_equals_no_positive_one() {
        let (minus_one, max) = (Serial::from_foreign(&[0xff]), Serial::from_foreign(&[0, 0xff]));
        assert!(minus_one.is_negative() && !max.is_negative());
        assert!(minus_one != max && minus_one < Serial::from_foreign(&[0]));
        assert_eq!((minus_one.der_content(), max.der_content()), (vec![0xff], vec![0, 0xff]));
        assert_eq!(minus_one.to_hex(), "-ff");
    }

    #[test]
    fn twenty_octets_of_der_are_the_limit() {
        assert!(Serial::from_be_bytes(&[0x7f; 20]).is_ok());
        assert_eq!(Serial::from_be_bytes(&[0x80; 20]), Err(BadSerial::TooLong(20)));
        assert_eq!(Serial::from_be_bytes(&[1; 21]), Err(BadSerial::TooLong(21)));
        assert!(Serial::from_be_bytes(&[0; 40]).is_ok());
    }
}
