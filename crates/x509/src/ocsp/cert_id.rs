//! How OCSP names a certificate.

use der::asn1::{AnyRef, ObjectIdentifier};
use der::{Decode, Encode, Sequence, Tag};

use crate::{Certificate, EncodeError, Name, ParseError, PublicKey, Serial, oid};

/// The hash of a [`CertId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HashAlgorithm {
    /// SHA-1: what nearly every client sends. It names here, it protects nothing.
    Sha1,
    /// SHA-256.
    Sha256,
}

/// `CertID`: the issuer's name and key, hashed, and the serial. It holds no key of the subject, so
/// an answer for a serial speaks for every certificate that carries it.
#[derive(Clone, Debug)]
pub struct CertId {
    hash: Option<HashAlgorithm>,
    name_hash: Vec<u8>,
    key_hash: Vec<u8>,
    serial: Serial,
    der: Vec<u8>,
}

#[derive(Sequence)]
struct RawCertId<'a> {
    hash: RawAlgorithm<'a>,
    name_hash: &'a der::asn1::OctetStringRef,
    key_hash: &'a der::asn1::OctetStringRef,
    serial: AnyRef<'a>,
}

#[derive(Sequence)]
struct RawAlgorithm<'a> {
    oid: ObjectIdentifier,
    parameters: Option<AnyRef<'a>>,
}

impl HashAlgorithm {
    pub(super) fn digest(self, bytes: &[u8]) -> Vec<u8> {
        use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
        let algorithm = match self {
            Self::Sha1 => &SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &SHA256,
        };
        digest(algorithm, bytes).as_ref().to_vec()
    }

    fn oid(self) -> ObjectIdentifier {
        match self {
            Self::Sha1 => oid::SHA1,
            Self::Sha256 => oid::SHA256,
        }
    }
}

impl CertId {
    /// Names the certificate with `serial` of the authority with this name and key.
    pub fn new(
        hash: HashAlgorithm,
        issuer: &Name,
        issuer_key: &PublicKey,
        serial: &Serial,
    ) -> Result<Self, EncodeError> {
        let bad = || EncodeError::der("an OCSP certificate id");
        let (name_hash, key_hash) = (hash.digest(issuer.to_der()), hash.digest(issuer_key.raw()));
        let content = serial.der_content();
        let der = RawCertId {
            hash: RawAlgorithm { oid: hash.oid(), parameters: Some(AnyRef::NULL) },
            name_hash: der::asn1::OctetStringRef::new(&name_hash).map_err(bad())?,
            key_hash: der::asn1::OctetStringRef::new(&key_hash).map_err(bad())?,
            serial: AnyRef::new(Tag::Integer, &content).map_err(bad())?,
        };
        let der = der.to_der().map_err(bad())?;
        Ok(Self { hash: Some(hash), name_hash, key_hash, serial: serial.clone(), der })
    }

    /// Names `certificate`, issued by `issuer`.
    pub fn of(
        hash: HashAlgorithm,
        certificate: &Certificate,
        issuer: &Certificate,
    ) -> Result<Self, EncodeError> {
        Self::new(hash, issuer.subject(), issuer.public_key(), certificate.serial())
    }

    /// The certificate's serial.
    pub fn serial(&self) -> &Serial {
        &self.serial
    }

    /// The hash, when it is one that is supported.
    pub fn hash(&self) -> Option<HashAlgorithm> {
        self.hash
    }

    /// Whether it means a certificate of the authority with this name and key.
    pub fn is_issued_by(&self, issuer: &Name, issuer_key: &PublicKey) -> bool {
        self.hash.is_some_and(|hash| {
            self.name_hash == hash.digest(issuer.to_der())
                && self.key_hash == hash.digest(issuer_key.raw())
        })
    }

    /// The DER, as it came in: an answer repeats the question's bytes.
    pub fn to_der(&self) -> &[u8] {
        &self.der
    }

    pub(super) fn from_der(der: &[u8]) -> Result<Self, ParseError> {
        let raw = RawCertId::from_der(der).map_err(ParseError::der("an OCSP certificate id"))?;
        let is_serial = raw.serial.header().tag() == Tag::Integer
            && raw.serial.value().first().is_some_and(|first| *first < 0x80)
            && raw.serial.value().len() <= 20;
        if !is_serial {
            return Err(ParseError::rule("an OCSP certificate id", "has no proper serial"));
        }
        let hash = match raw.hash.oid {
            oid::SHA1 => Some(HashAlgorithm::Sha1),
            oid::SHA256 => Some(HashAlgorithm::Sha256),
            _ => None,
        };
        Ok(Self {
            hash,
            name_hash: raw.name_hash.as_bytes().to_vec(),
            key_hash: raw.key_hash.as_bytes().to_vec(),
            serial: Serial::from_foreign(raw.serial.value()),
            der: der.to_vec(),
        })
    }
}

impl PartialEq for CertId {
    /// The same certificate by the same hash; absent and NULL parameters are one.
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash
            && self.name_hash == other.name_hash
            && self.key_hash == other.key_hash
            && self.serial == other.serial
    }
}

impl Eq for CertId {}
