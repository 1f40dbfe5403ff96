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
    let mut marks = marks(text).into_iter().peekable();
    let (mut counted, mut line) = (0, 1);
    while let Some(begin) = marks.next() {
        if begin.word != Word::Begin {
            continue;
        }
        line += newlines(&text[counted..begin.end]);
        counted = begin.end;
        let end = marks.next_if(|it| it.word == Word::End);
        let next = end.as_ref().or(marks.peek()).map_or(text.len(), |it| it.start);
        let remark = match end {
            None => Some(Remark::NoEnd),
            Some(end) => (!begin.five_dashes || !end.five_dashes).then_some(Remark::WrongDashes),
        };
        let (legacy, der) = decode(&text[begin.end..next], line);
        let (label, remarks) = (begin.label, Vec::from_iter(remark));
        blocks.push(Block { label, line, legacy, der, remarks });
    }
    blocks
}

/// What a mark is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Begin,
    End,
}

/// A BEGIN or END line.
struct Mark {
    word: Word,
    start: usize,
    end: usize,
    label: String,
    five_dashes: bool,
}

/// The longest label that is one.
const LONGEST_LABEL: usize = 64;

/// All marks, in one pass: whatever the text is, each byte of it is looked at a few times.
fn marks(text: &str) -> Vec<Mark> {
    let mut marks = Vec::new();
    let mut at = 0;
    while let Some(found) = text[at..].find("--") {
        let start = at + found;
        let mark = Mark::at(text, start);
        at = mark.as_ref().map_or_else(|| start + dashes(&text[start..]), |it| it.end);
        marks.extend(mark);
    }
    marks
}

impl Mark {
    /// The mark whose dashes begin here.
    fn at(text: &str, start: usize) -> Option<Self> {
        let leading = dashes(&text[start..]);
        let after = &text[start + leading..];
        let (word, after) = match after.strip_prefix("BEGIN ") {
            Some(after) => (Word::Begin, after),
            None => (Word::End, after.strip_prefix("END ")?),
        };
        let ends = |byte: &u8| matches!(byte, b'-' | b'\n' | b'\r');
        let len = after.bytes().take(LONGEST_LABEL + 1).position(|byte| ends(&byte))?;
        let (label, after) = after.split_at(len);
        let trailing = dashes(after);
        (trailing >= 2).then(|| Self {
            word,
            start,
            end: text.len() - after.len() + trailing,
            label: label.trim().to_owned(),
            five_dashes: leading == 5 && trailing == 5,
        })
    }
}

fn dashes(text: &str) -> usize {
    text.bytes().take_while(|byte| *byte == b'-').count()
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
