//! CRLs as they are read.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use der::asn1::{AnyRef, ObjectIdentifier};
use der::{Decode, Reader, Sequence, SliceReader, Tag};

use super::{CrlNumber, IssuingDistributionPoint, RevokedEntry};
use crate::certificate::read_name;
use crate::extension::key_id_of_authority;
use crate::raw_sequence::RawSequence;
use crate::{
    BadSignature, Extension, Fingerprint, Name, ParseError, PublicKey, Serial, SignatureAlgorithm,
    Time, oid, pem, tlv,
};

const LABEL: &str = "X509 CRL";

/// A certificate revocation list. Cheap to clone; its entries stay in their encoding.
#[derive(Clone)]
pub struct Crl(Arc<Inner>);

struct Inner {
    der: Box<[u8]>,
    tbs: Range<usize>,
    signature: Range<usize>,
    entries: Range<usize>,
    entry_count: usize,
    signature_algorithm: Option<SignatureAlgorithm>,
    issuer: Name,
    this_update: Time,
    next_update: Option<Time>,
    number: Option<CrlNumber>,
    authority_key_id: Option<Vec<u8>>,
    point: Option<IssuingDistributionPoint>,
    extensions: Vec<Extension>,
    unknown_critical: Vec<ObjectIdentifier>,
    unknown_critical_in_entries: Vec<ObjectIdentifier>,
}

#[derive(Sequence)]
struct Tbs<'a> {
    version: Option<u8>,
    signature: RawSequence<'a>,
    issuer: RawSequence<'a>,
    this_update: x509_cert::time::Time,
    next_update: Option<x509_cert::time::Time>,
    revoked: Option<RawSequence<'a>>,
    #[asn1(context_specific = "0", optional = "true")]
    extensions: Option<RawSequence<'a>>,
}

/// The extensions of a list.
#[derive(Default)]
struct Known {
    number: Option<CrlNumber>,
    authority_key_id: Option<Vec<u8>>,
    point: Option<IssuingDistributionPoint>,
    unknown_critical: Vec<ObjectIdentifier>,
}

impl Crl {
    /// Reads a CRL. Every entry is checked, so that going through them later cannot fail.
    pub fn from_der(der: &[u8]) -> Result<Self, ParseError> {
        let signed = tlv::Signed::parse(der, "a CRL")?;
        let tbs = AnyRef::new(Tag::Sequence, signed.tbs.0)
            .and_then(AnyRef::decode_as::<Tbs<'_>>)
            .map_err(ParseError::der("a CRL"))?;
        if signed.algorithm != tbs.signature {
            return Err(ParseError::AlgorithmMismatch { what: "the CRL" });
        }
        if !matches!((tbs.version, tbs.extensions), (None, None) | (Some(1), _)) {
            return Err(ParseError::rule("the CRL", "is of no version that fits what is in it"));
        }
        let extensions = match tbs.extensions {
            Some(extensions) => Extension::list(extensions.0)?,
            None => Vec::new(),
        };
        let mut known = Known::read(&extensions)?;
        let revoked = tbs.revoked.map_or(&[][..], |revoked| revoked.0);
        let mut unknown_critical_in_entries = Vec::new();
        let entry_count = check_entries(revoked, &mut unknown_critical_in_entries)?;
        known.unknown_critical.extend(&unknown_critical_in_entries);
        let entries = if revoked.is_empty() { 0..0 } else { tlv::range_in(der, revoked) };
        Ok(Self(Arc::new(Inner {
            tbs: signed.tbs_range(der),
            signature: tlv::range_in(der, signed.signature.raw_bytes()),
            entries,
            entry_count,
            signature_algorithm: SignatureAlgorithm::from_identifier_content(signed.algorithm.0),
            issuer: read_name(tbs.issuer)?,
            this_update: tlv::from_x509_time(tbs.this_update),
            next_update: tbs.next_update.map(tlv::from_x509_time),
            number: known.number,
            authority_key_id: known.authority_key_id,
            point: known.point,
            extensions,
            unknown_critical: known.unknown_critical,
            unknown_critical_in_entries,
            der: der.into(),
        })))
    }

    /// The first CRL of a PEM text.
    pub fn from_pem(text: &str) -> Result<Self, ParseError> {
        Self::from_der(&pem::decode(LABEL, text)?)
    }

    /// Every CRL of a PEM text, in order.
    pub fn all_from_pem(text: &str) -> Result<Vec<Self>, ParseError> {
        pem::decode_all(LABEL, text)?.iter().map(|der| Self::from_der(der)).collect()
    }

    /// The CRL's bytes.
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }

    /// The CRL as a PEM block.
    pub fn to_pem(&self) -> String {
        pem::encode(LABEL, self.der())
    }

    /// SHA-256 of the CRL.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self.der())
    }

    /// Who signed it.
    pub fn issuer(&self) -> &Name {
        &self.0.issuer
    }

    /// The number, where there is one.
    pub fn number(&self) -> Option<&CrlNumber> {
        self.0.number.as_ref()
    }

    /// When this was said.
    pub fn this_update(&self) -> Time {
        self.0.this_update
    }

    /// By when there is a newer one. Every CRL of this profile has it (RFC 5280 §5.1.2.5).
    pub fn next_update(&self) -> Option<Time> {
        self.0.next_update
    }

    /// The key identifier in authorityKeyIdentifier.
    pub fn authority_key_id(&self) -> Option<&[u8]> {
        self.0.authority_key_id.as_deref()
    }

    /// The scope, where it is limited.
    pub fn issuing_distribution_point(&self) -> Option<&IssuingDistributionPoint> {
        self.0.point.as_ref()
    }

    /// Every extension in order.
    pub fn extensions(&self) -> &[Extension] {
        &self.0.extensions
    }

    /// Critical extensions, of the list or of entries, that this reader does not process. A list that
    /// has any decides nothing (RFC 5280 §5.2 and §5.3).
    pub fn unknown_critical_extensions(&self) -> &[ObjectIdentifier] {
        &self.0.unknown_critical
    }

    /// Those of them that stand in entries.
    pub fn unknown_critical_entry_extensions(&self) -> &[ObjectIdentifier] {
        &self.0.unknown_critical_in_entries
    }

    /// A serial that two entries have, where there is one. Not asked of indirect lists, where the
    /// issuers make the difference.
    pub fn duplicate_serial(&self) -> Option<Serial> {
        let mut entries = self.entries();
        let mut serials: Vec<&[u8]> = Vec::with_capacity(self.len());
        while let Some(entry) = entries.next_raw() {
            serials.extend(RevokedEntry::serial_content(entry));
        }
        serials.sort_unstable();
        let twice = serials.windows(2).find(|pair| pair[0] == pair[1])?;
        Some(Serial::from_foreign(twice[0]))
    }

    /// How many certificates it revokes.
    pub fn len(&self) -> usize {
        self.0.entry_count
    }

    /// Whether it revokes none.
    pub fn is_empty(&self) -> bool {
        self.0.entry_count == 0
    }

    /// The revoked certificates, in the list's order.
    pub fn entries(&self) -> Entries<'_> {
        Entries(SliceReader::new(&self.0.der[self.0.entries.clone()]).ok())
    }

    /// What the list says about a serial.
    pub fn find(&self, serial: &Serial) -> Option<RevokedEntry> {
        let content = serial.der_content();
        let mut entries = self.entries();
        while let Some(entry) = entries.next_raw() {
            if RevokedEntry::serial_content(entry).is_some_and(|it| it == content) {
                return RevokedEntry::decode(entry).ok().map(|(entry, _)| entry);
            }
        }
        None
    }

    /// What the list says about a serial of an issuer, where entries may belong to other issuers than
    /// the list's own (indirect CRLs, RFC 5280 §5.3.3). `is_issuer` tells whether a name is the
    /// issuer; an entry stands for the issuer that it or the last one before it names, and for
    /// the list's own until one is named.
    pub fn find_of(
        &self,
        serial: &Serial,
        is_issuer: &mut dyn FnMut(&Name) -> bool,
    ) -> Option<RevokedEntry> {
        let content = serial.der_content();
        let mut entries = self.entries();
        let mut of_issuer = is_issuer(self.issuer());
        while let Some(entry) = entries.next_raw() {
            if let Some(names) = RevokedEntry::certificate_issuer(entry) {
                of_issuer = names.iter().any(&mut *is_issuer);
            }
            if of_issuer && RevokedEntry::serial_content(entry).is_some_and(|it| it == content) {
                return RevokedEntry::decode(entry).ok().map(|(entry, _)| entry);
            }
        }
        None
    }

    /// The algorithm of the signature; none when it is one that is not known.
    pub fn signature_algorithm(&self) -> Option<SignatureAlgorithm> {
        self.0.signature_algorithm
    }

    /// The signed bytes.
    pub fn tbs_der(&self) -> &[u8] {
        &self.0.der[self.0.tbs.clone()]
    }

    /// Verifies the signature with the issuer's key. A weak one does not verify.
    pub fn verify_signed_by(&self, issuer: &PublicKey) -> Result<(), BadSignature> {
        let algorithm = self.signature_algorithm().ok_or(BadSignature)?;
        issuer.verify(algorithm, self.tbs_der(), &self.0.der[self.0.signature.clone()])
    }

    /// Verifies the signature with the issuer's key, be it weak ([`PublicKey::danger_verify`]).
    pub fn danger_verify_signed_by(&self, issuer: &PublicKey) -> Result<(), BadSignature> {
        let algorithm = self.signature_algorithm().ok_or(BadSignature)?;
        issuer.danger_verify(algorithm, self.tbs_der(), &self.0.der[self.0.signature.clone()])
    }
}

impl Known {
    fn read(extensions: &[Extension]) -> Result<Self, ParseError> {
        if let Some(oid) = Extension::duplicate(extensions) {
            return Err(ParseError::DuplicateExtension { what: "the CRL", oid });
        }
        let mut known = Self::default();
        for extension in extensions {
            match extension.oid {
                oid::CRL_NUMBER => known.number = Some(read_number(&extension.value)?),
                oid::AUTHORITY_KEY_IDENTIFIER => {
                    known.authority_key_id = key_id_of_authority(&extension.value)?;
                }
                oid::ISSUING_DISTRIBUTION_POINT => {
                    known.point = Some(IssuingDistributionPoint::from_der(&extension.value)?);
                }
                other if extension.critical => known.unknown_critical.push(other),
                _ => {}
            }
        }
        Ok(known)
    }
}

fn read_number(value: &[u8]) -> Result<CrlNumber, ParseError> {
    let content = tlv::content(value, Tag::Integer).map_err(ParseError::der("the CRL number"))?;
    match content {
        [] => Err(ParseError::rule("the CRL number", "is empty")),
        [first, ..] if *first >= 0x80 => Err(ParseError::rule("the CRL number", "is negative")),
        _ => CrlNumber::from_be_bytes(content)
            .map_err(|_| ParseError::rule("the CRL number", "is longer than 20 octets")),
    }
}

fn check_entries(content: &[u8], unknown: &mut Vec<ObjectIdentifier>) -> Result<usize, ParseError> {
    let mut reader = SliceReader::new(content).map_err(ParseError::der("the CRL's entries"))?;
    let mut count = 0;
    while !reader.is_finished() {
        let entry = AnyRef::decode(&mut reader).map_err(ParseError::der("a CRL entry"))?;
        for oid in RevokedEntry::decode(entry)?.1 {
            if !unknown.contains(&oid) {
                unknown.push(oid);
            }
        }
        count += 1;
    }
    Ok(count)
}

/// Goes through a CRL's entries.
#[derive(Clone, Debug)]
pub struct Entries<'a>(Option<SliceReader<'a>>);

impl<'a> Entries<'a> {
    fn next_raw(&mut self) -> Option<AnyRef<'a>> {
        let reader = self.0.as_mut()?;
        if reader.is_finished() { None } else { AnyRef::decode(reader).ok() }
    }
}

impl Iterator for Entries<'_> {
    type Item = RevokedEntry;

    fn next(&mut self) -> Option<RevokedEntry> {
        RevokedEntry::decode(self.next_raw()?).ok().map(|(entry, _)| entry)
    }
}

impl PartialEq for Crl {
    fn eq(&self, other: &Self) -> bool {
        self.0.der == other.0.der
    }
}

impl Eq for Crl {}

impl fmt::Debug for Crl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Crl({} number {:?}, {} revoked)", self.issuer(), self.number(), self.len())
    }
}
