//! PEM blocks.

use der::pem::{self, LineEnding};

use crate::ParseError;

pub(crate) fn encode(label: &'static str, der: &[u8]) -> String {
    // The label is one of ours and memory the only limit; there is nothing a caller could do.
    pem::encode_string(label, LineEnding::LF, der).unwrap_or_default()
}

/// The DER of the first block with `label`.
pub(crate) fn decode(label: &'static str, text: &str) -> Result<Vec<u8>, ParseError> {
    let mut blocks = decode_all(label, text)?;
    if blocks.is_empty() {
        return Err(ParseError::Pem { label, source: None });
    }
    Ok(blocks.swap_remove(0))
}

/// The DER of every block with `label`; other blocks and text between are passed over.
pub(crate) fn decode_all(label: &'static str, text: &str) -> Result<Vec<Vec<u8>>, ParseError> {
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(&begin) {
        let Some(length) = rest[start..].find(&end) else {
            return Err(ParseError::Pem { label, source: None });
        };
        let stop = start + length + end.len();
        let (_, der) = pem::decode_vec(&rest.as_bytes()[start..stop])
            .map_err(|source| ParseError::Pem { label, source: Some(source) })?;
        blocks.push(der);
        rest = &rest[stop..];
    }
    Ok(blocks)
}
