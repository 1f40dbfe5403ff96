//! Things of several files, sorted by what they are.

use skink_x509::crl::Crl;
use skink_x509::ocsp::OcspResponse;
use skink_x509::{Certificate, Csr, ParseError, PublicKey};

use crate::Finding;
use crate::input::{Item, Piece, PrivateKey, Remark};

/// A certificate as it was read, with the rules of encoding that it breaks.
#[derive(Clone, Debug)]
pub struct Read {
    /// The certificate; an extension that cannot be read counts as absent in it.
    pub certificate: Certificate,
    /// What it breaks.
    pub broken: Vec<ParseError>,
}

/// What was found in files, by kind; each in the order in which it was found.
#[derive(Clone, Debug, Default)]
pub struct Bag {
    /// Certificates.
    pub certificates: Vec<Read>,
    /// Requests.
    pub requests: Vec<Csr>,
    /// Revocation lists.
    pub crls: Vec<Crl>,
    /// OCSP responses.
    pub ocsp: Vec<OcspResponse>,
    /// Private keys.
    pub keys: Vec<PrivateKey>,
    /// Public keys.
    pub public_keys: Vec<PublicKey>,
    /// What is there and could not be read, as findings.
    pub unread: Vec<Finding>,
}

impl Bag {
    /// Sorts pieces; `source` is where they are from, for people.
    pub fn add(&mut self, pieces: Vec<Piece>, source: &str) {
        for Piece { item, remarks, .. } in pieces {
            match item {
                Item::Certificate(certificate, mut broken) => {
                    if remarks.iter().any(|it| matches!(it, Remark::TrailingBytes(_))) {
                        let rule = "is followed by bytes that do not belong to it";
                        broken.push(ParseError::Rule { what: "the certificate", rule });
                    }
                    self.certificates.push(Read { certificate, broken });
                }
                Item::Request(request) => self.requests.push(request),
                Item::Crl(crl) => self.crls.push(crl),
                Item::Ocsp(response) => self.ocsp.push(*response),
                Item::PrivateKey(key) => self.keys.push(key),
                Item::PublicKey(key) => self.public_keys.push(key),
                Item::Locked(kind, lock) => {
                    self.unread.push(Finding::unread(format!("{source}: {kind}: {lock}")));
                }
                Item::Unreadable(kind, why) => {
                    self.unread.push(Finding::unread(format!("{source}: {kind}: {why}")));
                }
            }
        }
    }

    /// Adds everything of another bag.
    pub fn append(&mut self, other: Self) {
        self.certificates.extend(other.certificates);
        self.requests.extend(other.requests);
        self.crls.extend(other.crls);
        self.ocsp.extend(other.ocsp);
        self.keys.extend(other.keys);
        self.public_keys.extend(other.public_keys);
        self.unread.extend(other.unread);
    }

    /// The certificates alone.
    pub fn plain_certificates(&self) -> Vec<Certificate> {
        self.certificates.iter().map(|it| it.certificate.clone()).collect()
    }

    /// What broke no rule of encoding.
    pub(crate) fn sound(certificates: &[Read]) -> Vec<Certificate> {
        let sound = certificates.iter().filter(|it| it.broken.is_empty());
        sound.map(|it| it.certificate.clone()).collect()
    }
}

impl Read {
    /// One finding for each rule of encoding that is broken.
    pub fn findings(&self) -> impl Iterator<Item = Finding> {
        self.broken.iter().map(|error| Finding::broken(&self.certificate, error))
    }
}
