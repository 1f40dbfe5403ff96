//! Lower-case hexadecimal, in and out.

use std::fmt;

/// Why a text is not the hexadecimal of a digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadHex {
    /// Another number of digits.
    #[error("{wanted} hexadecimal digits are wanted, not {given}")]
    Length {
        /// How many digits are wanted.
        wanted: usize,
        /// How many bytes of text there are.
        given: usize,
    },
    /// Something that is no hexadecimal digit.
    #[error("a character that is no hexadecimal digit")]
    Digit,
}

/// Bytes as they are written: two lower-case digits for each.
#[derive(Clone, Copy, Debug)]
pub struct Hex<'a>(pub &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, self.0)
    }
}

pub(crate) fn write(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

pub(crate) fn parse_exact<const N: usize>(text: &str) -> Result<[u8; N], BadHex> {
    if text.len() != 2 * N {
        return Err(BadHex::Length { wanted: 2 * N, given: text.len() });
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Ok(bytes)
}

pub(crate) fn parse(text: &str) -> Result<Vec<u8>, BadHex> {
    let padded = if text.len().is_multiple_of(2) { text.to_owned() } else { format!("0{text}") };
    padded
        .as_bytes()
        .chunks_exact(2)
        .map(|pair| Ok(digit(pair[0])? << 4 | digit(pair[1])?))
        .collect()
}

fn digit(letter: u8) -> Result<u8, BadHex> {
    match letter {
        b'0'..=b'9' => Ok(letter - b'0'),
        b'a'..=b'f' => Ok(letter - b'a' + 10),
        b'A'..=b'F' => Ok(letter - b'A' + 10),
        _ => Err(BadHex::Digit),
    }
}
