//! PEM as it is met: with text around, indented, with other line ends, without an end.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::{Kind, Remark};

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// A block between BEGIN and END.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) label: String,
    /// Where it begins, from 1.
    pub(super) line: usize,
    /// The cipher of OpenSSL's own encryption, if it is in use.
    pub(super) legacy: Option<String>,
    /// The content, or the line that is no base64.
    pub(super) der: Result<Vec<u8>, usize>,
    pub(super) remarks: Vec<Remark>,
}

/// Every block of the text.
pub(super) fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut at = 0;
    let mut line = 1;
    while let Some(found) = Mark::find("BEGIN ", &text[at..]) {
        let begin = at + found.end;
        line += newlines(&text[at..begin]);
        let body_and_rest = &text[begin..];
        let end = Mark::find("END ", body_and_rest);
        let next = Mark::find("BEGIN ", body_and_rest);
        let (body, step, mut remarks) = match (end, next) {
            (Some(end), next) if next.as_ref().is_none_or(|next| end.start < next.start) => {
                let dashes = end.five_dashes.then(Vec::new).unwrap_or(vec![Remark::WrongDashes]);
                (&body_and_rest[..end.start], end.end, dashes)
            }
            (_, Some(next)) => (&body_and_rest[..next.start], next.start, vec![Remark::NoEnd]),
            (..) => (body_and_rest, body_and_rest.len(), vec![Remark::NoEnd]),
        };
        if !found.five_dashes && remarks.is_empty() {
            remarks.push(Remark::WrongDashes);
        }
        let (legacy, der) = decode(body, line);
        blocks.push(Block { label: found.label, line, legacy, der, remarks });
        line += newlines(&body_and_rest[..step]);
        at = begin + step;
    }
    blocks
}

/// A BEGIN or END line.
struct Mark {
    start: usize,
    end: usize,
    label: String,
    five_dashes: bool,
}

impl Mark {
    fn find(word: &str, text: &str) -> Option<Self> {
        let mut from = 0;
        loop {
            let word_at = from + text[from..].find(word)?;
            from = word_at + word.len();
            let before = text[..word_at].trim_end_matches('-');
            let leading = word_at - before.len();
            let label = text[from..].split(['-', '\n', '\r']).next().unwrap_or_default();
            let after = &text[from + label.len()..];
            let trailing = after.len() - after.trim_start_matches('-').len();
            if leading >= 2 && trailing >= 2 && label.len() <= 64 {
                return Some(Self {
                    start: before.len(),
                    end: from + label.len() + trailing,
                    label: label.trim().to_owned(),
                    five_dashes: leading == 5 && trailing == 5,
                });
            }
        }
    }
}

fn newlines(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'\n').count()
}

/// The cipher of a legacy header, and the content; an error is the line that is no base64.
fn decode(body: &str, first_line: usize) -> (Option<String>, Result<Vec<u8>, usize>) {
    let mut legacy = None;
    let mut digits = String::with_capacity(body.len());
    for (number, line) in body.lines().enumerate() {
        // Headers of RFC 1421, and what `openssl pkcs12` writes, have a colon; base64 has none.
        if let Some((name, value)) = line.split_once(':') {
            if name.trim() == "DEK-Info" {
                legacy = value.split(',').next().map(|cipher| cipher.trim().to_owned());
            }
            continue;
        }
        let line = line.split_whitespace().collect::<String>();
        if !line.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=')) {
            return (legacy, Err(first_line + number));
        }
        digits.push_str(&line);
    }
    (legacy, LENIENT.decode(digits).map_err(|_| first_line))
}

/// Base64 without anything around it.
pub(super) fn bare(text: &str) -> Option<Vec<u8>> {
    let digits: String = text.split_whitespace().collect();
    (digits.len() >= 16).then(|| LENIENT.decode(digits).ok())?
}

/// What a label promises.
pub(super) fn kind_of(label: &str) -> Kind {
    match label {
        "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE" => Kind::Certificate,
        "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => Kind::Request,
        "X509 CRL" | "CRL" => Kind::Crl,
        "OCSP RESPONSE" => Kind::Ocsp,
        "PRIVATE KEY" | "RSA PRIVATE KEY" | "EC PRIVATE KEY" | "DSA PRIVATE KEY" => {
            Kind::PrivateKey
        }
        "ENCRYPTED PRIVATE KEY" => Kind::EncryptedKey,
        "PUBLIC KEY" | "RSA PUBLIC KEY" => Kind::PublicKey,
        "PKCS7" | "CMS" | "PKCS #7 SIGNED DATA" => Kind::Pkcs7,
        "PKCS12" | "PFX" => Kind::Pkcs12,
        "OPENSSH PRIVATE KEY" => Kind::OpenSsh,
        _ => Kind::Unknown,
    }
}

/// Whether a block with this label may hold this kind, too: many write PKCS #7 as a certificate.
pub(super) fn may_hold(label: &str, kind: Kind) -> bool {
    kind_of(label) == Kind::Unknown && kind == Kind::Unknown
}
