//! What is in a file: whatever the container, the encoding and the label say.
//!
//! Reading never fails as a whole: what cannot be read is a piece that says so, beside the others.

mod armor;
mod ber;
mod legacy_cipher;
mod pkcs12;
mod pkcs7;
mod private_key;
mod recognise;
mod remark;
mod tlv;
mod wide_text;
mod work;

use std::fmt;

use skink_x509::crl::Crl;
use skink_x509::ocsp::OcspResponse;
use skink_x509::{Certificate, Csr, ParseError, PublicKey};
use zeroize::Zeroizing;

use work::{MOST_ROUNDS, Work};

pub use private_key::{KeyForm, PrivateKey};
pub use remark::Remark;

/// Gives passphrases for what is locked.
pub trait Unlock {
    /// The passphrase for `what`, or none; asked once for each thing that is locked.
    fn passphrase(&mut self, what: &str) -> Option<Zeroizing<String>>;
}

/// Knows no passphrase: what is locked stays so.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoPassphrase;

impl Unlock for NoPassphrase {
    fn passphrase(&mut self, _what: &str) -> Option<Zeroizing<String>> {
        None
    }
}

/// One thing that was found in a file.
#[derive(Clone, Debug)]
pub struct Piece {
    /// The thing itself.
    pub item: Item,
    /// What it stood in.
    pub container: Container,
    /// The line on which its PEM block begins, from 1.
    pub line: Option<usize>,
    /// The name that its container gives it, such as a PKCS #12 friendly name.
    pub alias: Option<String>,
    /// What was unusual about how it was written.
    pub remarks: Vec<Remark>,
}

/// What a thing can be.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Item {
    /// A certificate, with the rules of encoding that it breaks.
    Certificate(Certificate, Vec<ParseError>),
    /// A certification request.
    Request(Csr),
    /// A revocation list.
    Crl(Crl),
    /// An OCSP response.
    Ocsp(Box<OcspResponse>),
    /// A private key.
    PrivateKey(PrivateKey),
    /// A public key.
    PublicKey(PublicKey),
    /// Something that needs a passphrase.
    Locked(Kind, Lock),
    /// Something that was recognised by its shape and cannot be read, or not even that.
    Unreadable(Kind, Unreadable),
}

/// Why something stays locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// No passphrase was given.
    NoPassphrase,
    /// The passphrase that was given is not the right one.
    WrongPassphrase,
}

/// What a thing is by its shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// A certificate.
    Certificate,
    /// A certification request.
    Request,
    /// A revocation list.
    Crl,
    /// An OCSP response.
    Ocsp,
    /// A private key.
    PrivateKey,
    /// An encrypted private key.
    EncryptedKey,
    /// A public key.
    PublicKey,
    /// A PKCS #7 bundle.
    Pkcs7,
    /// A PKCS #12 store.
    Pkcs12,
    /// Parameters of a key exchange or a curve.
    Parameters,
    /// A key in the format of OpenSSH.
    OpenSsh,
    /// A Java key store.
    JavaKeyStore,
    /// Not known.
    Unknown,
}

/// Why a thing cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unreadable {
    /// It breaks the rules of its own structure.
    #[error("{}", with_source(.0))]
    Parse(ParseError),
    /// The shape is the right one, a part of it is not.
    #[error("{0} is malformed")]
    Malformed(&'static str),
    /// An algorithm that is not supported.
    #[error("it uses {0}, which is not supported here")]
    Unsupported(String),
    /// The PEM text is no base64.
    #[error("its text is not base64 at line {0}")]
    NotBase64(usize),
    /// Nothing that is known.
    #[error("it is nothing that is known here")]
    Unknown,
    /// A file without any content.
    #[error("it is empty")]
    Empty,
    /// The work that it asks for is out of proportion.
    #[error("with {0} rounds of key derivation for it the file asks for more than is reasonable")]
    TooMuchWork(u64),
}

fn with_source(error: &ParseError) -> String {
    use std::error::Error as _;
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}

/// What a piece stood in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Container {
    /// A block of PEM text.
    Pem,
    /// Bare DER.
    Der,
    /// Bare base64 without the lines around it.
    Base64,
    /// A PKCS #7 bundle.
    Pkcs7,
    /// A PKCS #12 store.
    Pkcs12,
    /// A file of which nothing is understood.
    Unknown,
}

/// Everything that is in a file's `bytes`, in its order.
pub fn read(bytes: &[u8], unlock: &mut dyn Unlock) -> Vec<Piece> {
    let mut reader = Reader { unlock, depth: 0, work: Work::of_rounds(MOST_ROUNDS) };
    let pieces = reader.read(bytes);
    if !pieces.is_empty() {
        return pieces;
    }
    let why = if bytes.iter().all(u8::is_ascii_whitespace) {
        Unreadable::Empty
    } else {
        Unreadable::Unknown
    };
    vec![Piece::new(Item::Unreadable(Kind::Unknown, why), Container::Unknown)]
}

/// The certificates in an answer from where issuers' certificates are published: one in DER, or
/// bundles of PKCS #7 (RFC 5280 §4.2.2.1), in PEM, too. Whatever else the bytes may be is passed
/// over: nobody asked for it, and opening it could be work.
pub fn published(bytes: &[u8]) -> Vec<Piece> {
    let mut reader = Reader { unlock: &mut NoPassphrase, depth: 0, work: Work::of_rounds(0) };
    let is_meant = |it: &Piece| {
        matches!(it.item, Item::Certificate(..))
            && matches!(it.container, Container::Der | Container::Pem | Container::Pkcs7)
    };
    reader.read(bytes).into_iter().filter(is_meant).collect()
}

/// Containers hold containers: base64 of a PEM file, PKCS #7 in PEM. More than this many deep is
/// somebody's joke.
const DEEPEST: usize = 4;

struct Reader<'u> {
    unlock: &'u mut dyn Unlock,
    depth: usize,
    work: Work,
}

impl Reader<'_> {
    fn read(&mut self, bytes: &[u8]) -> Vec<Piece> {
        if self.depth == DEEPEST {
            return Vec::new();
        }
        self.depth += 1;
        let pieces = self.der_sequence(bytes).unwrap_or_else(|| self.text(bytes));
        self.depth -= 1;
        pieces
    }

    /// One or several DER structures after each other, if the first is something that is known.
    fn der_sequence(&mut self, bytes: &[u8]) -> Option<Vec<Piece>> {
        if let Some(kind) = recognise::magic(bytes) {
            let why = Unreadable::Unsupported("a format of its own".to_owned());
            return Some(vec![Piece::new(Item::Unreadable(kind, why), Container::Der)]);
        }
        let mut pieces = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            let (kind, first, after) = match tlv::split_first(rest) {
                Some((first, after)) => (recognise::kind(first), first.to_vec(), after),
                None => match ber::to_der(rest) {
                    Some(der) => (ber_kind(&der), der, &rest[rest.len()..]),
                    None => break,
                },
            };
            if kind == Kind::Unknown {
                break;
            }
            pieces.extend(self.der(&first, kind, Container::Der));
            rest = after;
        }
        let last = pieces.last_mut()?;
        if !rest.is_empty() && !rest.iter().all(u8::is_ascii_whitespace) {
            last.remarks.push(Remark::TrailingBytes(rest.len()));
        }
        Some(pieces)
    }

    fn der(&mut self, der: &[u8], kind: Kind, container: Container) -> Vec<Piece> {
        match kind {
            Kind::Pkcs7 => pkcs7::read(der),
            Kind::Pkcs12 => pkcs12::read(der, self.unlock, &mut self.work),
            Kind::PrivateKey | Kind::EncryptedKey => {
                let item = private_key::read(der, kind, self.unlock, &mut self.work);
                vec![Piece::new(item, container)]
            }
            _ => vec![Piece::new(recognise::item(der, kind), container)],
        }
    }

    fn text(&mut self, bytes: &[u8]) -> Vec<Piece> {
        let (text, general) = wide_text::decode(bytes);
        let blocks = armor::blocks(&text);
        let mut pieces = Vec::new();
        for block in blocks {
            pieces.extend(self.block(block));
        }
        if pieces.is_empty()
            && let Some(inner) = armor::bare(&text)
        {
            pieces = self.read(&inner);
            for piece in &mut pieces {
                piece.container = Container::Base64;
                piece.remarks.push(Remark::BareBase64);
            }
        }
        if let Some(first) = pieces.first_mut() {
            first.remarks.splice(0..0, general);
        }
        pieces
    }

    fn block(&mut self, block: armor::Block) -> Vec<Piece> {
        let armor::Block { label, line, legacy, der, remarks } = block;
        let mut pieces = match der {
            Err(line) => {
                let why = Unreadable::NotBase64(line);
                vec![Piece::new(Item::Unreadable(armor::kind_of(&label), why), Container::Pem)]
            }
            Ok(_) if label == "OPENSSH PRIVATE KEY" => {
                let why = Unreadable::Unsupported("the format of OpenSSH".to_owned());
                vec![Piece::new(Item::Unreadable(Kind::OpenSsh, why), Container::Pem)]
            }
            Ok(_) if matches!(label.as_str(), "EC PARAMETERS" | "DH PARAMETERS") => {
                return Vec::new();
            }
            Ok(_) if legacy.is_some() => {
                let cipher = legacy.unwrap_or_default();
                let why = Unreadable::Unsupported(format!("OpenSSL's old encryption ({cipher})"));
                vec![Piece::new(Item::Unreadable(Kind::EncryptedKey, why), Container::Pem)]
            }
            Ok(der) => self.armored(&label, &der),
        };
        for piece in &mut pieces {
            piece.line = Some(line);
        }
        if let Some(first) = pieces.first_mut() {
            first.remarks.splice(0..0, remarks);
        }
        pieces
    }

    /// What stands between the lines of a PEM block, whatever its label says.
    fn armored(&mut self, label: &str, der: &[u8]) -> Vec<Piece> {
        let said = armor::kind_of(label);
        let closed = || ber::to_der(der).filter(|closed| ber_kind(closed) != Kind::Unknown);
        let (first, rest) = tlv::split_first(der).unwrap_or((der, &[]));
        let is_open = tlv::split_first(der).is_none();
        let first = is_open.then(closed).flatten().unwrap_or_else(|| first.to_vec());
        let mut kind = if is_open { ber_kind(&first) } else { recognise::kind(&first) };
        if kind == Kind::Unknown {
            kind = said;
        }
        let mut pieces = self.der(&first, kind, Container::Pem);
        let Some(head) = pieces.first_mut() else { return pieces };
        if said != kind && !armor::may_hold(label, kind) {
            head.remarks.push(Remark::WrongLabel { said: label.to_owned(), is: kind });
        }
        if label == "TRUSTED CERTIFICATE" {
            head.remarks.push(Remark::OpensslTrust);
        } else if !rest.is_empty() {
            head.remarks.push(Remark::TrailingBytes(rest.len()));
        }
        pieces
    }
}

/// What BER that was made DER is: only bags may come in BER, what is signed must be DER.
fn ber_kind(der: &[u8]) -> Kind {
    match recognise::kind(der) {
        bag @ (Kind::Pkcs7 | Kind::Pkcs12) => bag,
        _ => Kind::Unknown,
    }
}

impl Piece {
    pub(crate) fn new(item: Item, container: Container) -> Self {
        Self { item, container, line: None, alias: None, remarks: Vec::new() }
    }
}

impl Item {
    /// What it is.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Certificate(..) => Kind::Certificate,
            Self::Request(_) => Kind::Request,
            Self::Crl(_) => Kind::Crl,
            Self::Ocsp(_) => Kind::Ocsp,
            Self::PrivateKey(_) => Kind::PrivateKey,
            Self::PublicKey(_) => Kind::PublicKey,
            Self::Locked(kind, _) | Self::Unreadable(kind, _) => *kind,
        }
    }
}

impl Kind {
    /// The word for programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::Request => "request",
            Self::Crl => "crl",
            Self::Ocsp => "ocsp-response",
            Self::PrivateKey => "private-key",
            Self::EncryptedKey => "encrypted-private-key",
            Self::PublicKey => "public-key",
            Self::Pkcs7 => "pkcs7",
            Self::Pkcs12 => "pkcs12",
            Self::Parameters => "parameters",
            Self::OpenSsh => "openssh-key",
            Self::JavaKeyStore => "java-key-store",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Certificate => "a certificate",
            Self::Request => "a certification request",
            Self::Crl => "a revocation list",
            Self::Ocsp => "an OCSP response",
            Self::PrivateKey => "a private key",
            Self::EncryptedKey => "an encrypted private key",
            Self::PublicKey => "a public key",
            Self::Pkcs7 => "a PKCS #7 bundle",
            Self::Pkcs12 => "a PKCS #12 store",
            Self::Parameters => "parameters",
            Self::OpenSsh => "a key of OpenSSH",
            Self::JavaKeyStore => "a Java key store",
            Self::Unknown => "something unknown",
        })
    }
}

impl fmt::Display for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pem => "PEM",
            Self::Der => "DER",
            Self::Base64 => "base64",
            Self::Pkcs7 => "PKCS #7",
            Self::Pkcs12 => "PKCS #12",
            Self::Unknown => "an unknown format",
        })
    }
}

impl fmt::Display for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoPassphrase => "it is locked and no passphrase was given",
            Self::WrongPassphrase => "the passphrase is not the right one",
        })
    }
}

#[cfg(test)]
mod tests;
