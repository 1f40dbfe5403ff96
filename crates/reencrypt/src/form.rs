//! How a ciphertext is written where it lies: as it is, or as text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

/// What stood around a ciphertext, so that the new one is written the same way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    text: bool,
    /// White space at the end of a text.
    tail: Vec<u8>,
}

/// Whether it is text as it is: Vault and `OpenBao` write such ciphertexts, and software keys.
fn is_text(ciphertext: &[u8]) -> bool {
    [&b"vault:v"[..], b"skink:v"].iter().any(|prefix| ciphertext.starts_with(prefix))
}

impl Form {
    /// Bytes as they are.
    pub const RAW: Self = Self { text: false, tail: Vec::new() };

    /// As text, on a line of its own.
    pub fn line() -> Self {
        Self { text: true, tail: b"\n".to_vec() }
    }

    /// The ciphertext in `bytes`, and how it is written.
    pub fn take(bytes: &[u8]) -> (Vec<u8>, Self) {
        let body = bytes.trim_ascii_end();
        let tail = bytes.get(body.len()..).unwrap_or_default().to_vec();
        let text = Self { text: true, tail };
        if is_text(body) {
            return (body.to_vec(), text);
        }
        match BASE64.decode(body) {
            Ok(ciphertext) if !ciphertext.is_empty() => (ciphertext, text),
            _ => (bytes.to_vec(), Self::RAW),
        }
    }

    /// The bytes that carry `ciphertext` the way the old one was carried.
    pub fn write(&self, ciphertext: &[u8]) -> Vec<u8> {
        if !self.text {
            return ciphertext.to_vec();
        }
        let body = if is_text(ciphertext) {
            ciphertext.to_vec()
        } else {
            BASE64.encode(ciphertext).into_bytes()
        };
        [body, self.tail.clone()].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_ciphertext_is_written_as_the_old_one_was() {
        let cases = [
            ["vault:v1:AAAA\n", "vault:v1:AAAA", "vault:v2:BBBB", "vault:v2:BBBB\n"],
            ["\x01\x02\x00\n", "\x01\x02\x00\n", "\x03", "\x03"],
            ["AQID\r\n", "\x01\x02\x03", "\x04\x05\x06", "BAUG\r\n"],
            ["vault:v1:AAAA", "vault:v1:AAAA", "\x01\x02\x03", "AQID"],
            ["", "", "\x01", "\x01"],
        ];
        for [old, ciphertext, new, written] in cases.map(|case| case.map(str::as_bytes)) {
            let (taken, form) = Form::take(old);
            assert_eq!(taken, ciphertext);
            assert_eq!(form.write(new), written);
        }
    }
}
