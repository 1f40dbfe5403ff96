//! Certificates as they are read.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use der::asn1::{AnyRef, BitStringRef, ObjectIdentifier};
use der::{Encode, Sequence, Tag};

use crate::extension::Known;
use crate::raw_sequence::RawSequence;
use crate::{
    BadSignature, Extension, Fingerprint, GeneralName, KeyUsage, Name, ParseError, PublicKey,
    Serial, SignatureAlgorithm, Time, pem, tlv,
};

const LABEL: &str = "CERTIFICATE";

/// An X.509 certificate. Cheap to clone; equal when the bytes are.
#[derive(Clone)]
pub struct Certificate(Arc<Inner>);

struct Inner {
    der: Box<[u8]>,
    tbs: Range<usize>,
    signature: Range<usize>,
    signature_algorithm: Option<SignatureAlgorithm>,
    version: u8,
    unique_identifiers: bool,
    serial: Serial,
    issuer: Name,
    subject: Name,
    not_before: Time,
    not_after: Time,
    public_key: PublicKey,
    extensions: Vec<Extension>,
    known: Known,
    fingerprint: Fingerprint,
}

#[derive(Sequence)]
pub(crate) struct Tbs<'a> {
    #[asn1(context_specific = "0", default = "Default::default")]
    pub(crate) version: u8,
    pub(crate) serial: AnyRef<'a>,
    pub(crate) signature: RawSequence<'a>,
    pub(crate) issuer: RawSequence<'a>,
    pub(crate) validity: Validity<'a>,
    pub(crate) subject: RawSequence<'a>,
    pub(crate) public_key: RawSequence<'a>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    pub(crate) issuer_unique_id: Option<BitStringRef<'a>>,
    #[asn1(context_specific = "2", tag_mode = "IMPLICIT", optional = "true")]
    pub(crate) subject_unique_id: Option<BitStringRef<'a>>,
    #[asn1(context_specific = "3", optional = "true")]
    pub(crate) extensions: Option<RawSequence<'a>>,
}

#[derive(Sequence)]
pub(crate) struct Validity<'a> {
    pub(crate) not_before: AnyRef<'a>,
    pub(crate) not_after: AnyRef<'a>,
}

/// Whether broken rules refuse a certificate or are noted down.
enum Rules {
    Refuse,
    Note(Vec<ParseError>),
}

impl Rules {
    fn broken(&mut self, error: ParseError) -> Result<(), ParseError> {
        match self {
            Self::Refuse => Err(error),
            Self::Note(errors) => {
                errors.push(error);
                Ok(())
            }
        }
    }
}

impl Certificate {
    /// Reads a certificate and enforces the rules that make its fields mean one thing: canonical
    /// serial, one signature algorithm inside and outside, version 3 where there are
    /// extensions, no extension twice, every known extension readable.
    pub fn from_der(der: &[u8]) -> Result<Self, ParseError> {
        Self::read(der, &mut Rules::Refuse)
    }

    /// Reads a certificate that may break those rules, for diagnosis: with what it breaks. An
    /// extension that cannot be read counts as absent. Never decide trust by one of these.
    pub fn from_der_lenient(der: &[u8]) -> Result<(Self, Vec<ParseError>), ParseError> {
        let mut rules = Rules::Note(Vec::new());
        let certificate = Self::read(der, &mut rules)?;
        let Rules::Note(errors) = rules else { return Ok((certificate, Vec::new())) };
        Ok((certificate, errors))
    }

    /// The first certificate of a PEM text.
    pub fn from_pem(text: &str) -> Result<Self, ParseError> {
        Self::from_der(&pem::decode(LABEL, text)?)
    }

    /// Every certificate of a PEM text, in order; other blocks are passed over.
    pub fn all_from_pem(text: &str) -> Result<Vec<Self>, ParseError> {
        pem::decode_all(LABEL, text)?.iter().map(|der| Self::from_der(der)).collect()
    }

    fn read(der: &[u8], rules: &mut Rules) -> Result<Self, ParseError> {
        let signed = tlv::Signed::parse(der, "a certificate")?;
        let tbs = Tbs::decode_from(signed.tbs)?;
        if signed.algorithm != tbs.signature {
            rules.broken(ParseError::AlgorithmMismatch { what: "the certificate" })?;
        }
        let extensions = match tbs.extensions {
            Some(extensions) => Extension::list(extensions.0)?,
            None => Vec::new(),
        };
        check_version(&tbs, rules)?;
        let known = read_known(&extensions, rules)?;
        let signature = signed.signature.raw_bytes();
        Ok(Self(Arc::new(Inner {
            tbs: signed.tbs_range(der),
            signature: tlv::range_in(der, signature),
            signature_algorithm: SignatureAlgorithm::from_identifier_content(signed.algorithm.0),
            version: tbs.version + 1,
            unique_identifiers: tbs.issuer_unique_id.is_some() || tbs.subject_unique_id.is_some(),
            serial: read_serial(tbs.serial, rules)?,
            issuer: read_name(tbs.issuer)?,
            subject: read_name(tbs.subject)?,
            not_before: tlv::read_x509_time(tbs.validity.not_before)?,
            not_after: tlv::read_x509_time(tbs.validity.not_after)?,
            public_key: read_key(tbs.public_key)?,
            extensions,
            known,
            fingerprint: Fingerprint::of(der),
            der: der.into(),
        })))
    }

    /// The certificate's bytes.
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }

    /// The certificate as a PEM block.
    pub fn to_pem(&self) -> String {
        pem::encode(LABEL, self.der())
    }

    /// 1, 2 or 3.
    pub fn version(&self) -> u8 {
        self.0.version
    }

    /// Whether it has unique identifiers of issuer or subject (RFC 5280 §4.1.2.8).
    pub fn has_unique_identifiers(&self) -> bool {
        self.0.unique_identifiers
    }

    /// The serial number.
    pub fn serial(&self) -> &Serial {
        &self.0.serial
    }

    /// Who signed it.
    pub fn issuer(&self) -> &Name {
        &self.0.issuer
    }

    /// Whose key it holds.
    pub fn subject(&self) -> &Name {
        &self.0.subject
    }

    /// Whether issuer and subject are the same name.
    pub fn is_self_issued(&self) -> bool {
        self.issuer() == self.subject()
    }

    /// First instant of validity.
    pub fn not_before(&self) -> Time {
        self.0.not_before
    }

    /// Last second of validity.
    pub fn not_after(&self) -> Time {
        self.0.not_after
    }

    /// Whether `time` lies within the validity, both ends included (RFC 5280 §4.1.2.5).
    pub fn is_valid_at(&self, time: Time) -> bool {
        let time = time.truncated_to_secs();
        self.not_before() <= time && time <= self.not_after()
    }

    /// The subject's key.
    pub fn public_key(&self) -> &PublicKey {
        &self.0.public_key
    }

    /// The algorithm of the signature; none when it is one that is not known.
    pub fn signature_algorithm(&self) -> Option<SignatureAlgorithm> {
        self.0.signature_algorithm
    }

    /// The signed bytes.
    pub fn tbs_der(&self) -> &[u8] {
        &self.0.der[self.0.tbs.clone()]
    }

    /// The signature's bytes.
    pub fn signature(&self) -> &[u8] {
        &self.0.der[self.0.signature.clone()]
    }

    /// SHA-256 of the certificate.
    pub fn fingerprint(&self) -> Fingerprint {
        self.0.fingerprint
    }

    /// SHA-1 of the certificate: the name by which older programs and Windows know it.
    pub fn thumbprint(&self) -> [u8; 20] {
        crate::digest::sha1(self.der())
    }

    /// The subject's alternative names; empty when there are none.
    pub fn subject_alt_names(&self) -> &[GeneralName] {
        &self.0.known.subject_alt_names
    }

    /// The DNS names among the alternative names.
    pub fn dns_names(&self) -> impl Iterator<Item = &str> {
        self.subject_alt_names().iter().filter_map(|name| match name {
            GeneralName::Dns(dns) => Some(dns.as_str()),
            _ => None,
        })
    }

    /// Whether basicConstraints say that this is an authority.
    pub fn is_ca(&self) -> bool {
        self.0.known.is_ca
    }

    /// The path length that basicConstraints allow.
    pub fn path_len(&self) -> Option<u8> {
        self.0.known.path_len
    }

    /// keyUsage, where it is given.
    pub fn key_usage(&self) -> Option<KeyUsage> {
        self.0.known.key_usage
    }

    /// The purposes of extKeyUsage; empty when it is not given.
    pub fn extended_key_usages(&self) -> &[ObjectIdentifier] {
        &self.0.known.extended_key_usages
    }

    /// subjectKeyIdentifier.
    pub fn subject_key_id(&self) -> Option<&[u8]> {
        self.0.known.subject_key_id.as_deref()
    }

    /// The key identifier in authorityKeyIdentifier.
    pub fn authority_key_id(&self) -> Option<&[u8]> {
        self.0.known.authority_key_id.as_deref()
    }

    /// The URIs of cRLDistributionPoints.
    pub fn crl_distribution_points(&self) -> Vec<String> {
        self.0.known.crl_distribution_points.clone()
    }

    /// The responders' URIs in authorityInfoAccess.
    pub fn ocsp_uris(&self) -> &[String] {
        &self.0.known.ocsp_uris
    }

    /// The URIs of the issuer's certificate in authorityInfoAccess.
    pub fn ca_issuers_uris(&self) -> &[String] {
        &self.0.known.ca_issuers_uris
    }

    /// Every extension in order.
    pub fn extensions(&self) -> impl Iterator<Item = &Extension> {
        self.0.extensions.iter()
    }

    /// The extension with this OID.
    pub fn extension(&self, oid: ObjectIdentifier) -> Option<&Extension> {
        Extension::find(&self.0.extensions, oid)
    }

    /// The `AlgorithmIdentifier`'s OID in the signature, known or not.
    pub fn signature_algorithm_oid(&self) -> Option<ObjectIdentifier> {
        let signed = tlv::Signed::parse(self.der(), "a certificate").ok()?;
        tlv::members(signed.algorithm.0).ok()?.first()?.decode_as().ok()
    }

    /// Verifies the signature with the issuer's key. A weak one does not verify.
    pub fn verify_signed_by(&self, issuer: &PublicKey) -> Result<(), BadSignature> {
        let algorithm = self.signature_algorithm().ok_or(BadSignature)?;
        issuer.verify(algorithm, self.tbs_der(), self.signature())
    }

    /// Verifies the signature with the issuer's key, be it weak ([`PublicKey::danger_verify`]).
    pub fn danger_verify_signed_by(&self, issuer: &PublicKey) -> Result<(), BadSignature> {
        let algorithm = self.signature_algorithm().ok_or(BadSignature)?;
        issuer.danger_verify(algorithm, self.tbs_der(), self.signature())
    }
}

impl Tbs<'_> {
    pub(crate) fn decode_from(content: RawSequence<'_>) -> Result<Tbs<'_>, ParseError> {
        AnyRef::new(Tag::Sequence, content.0)
            .and_then(AnyRef::decode_as::<Tbs<'_>>)
            .map_err(ParseError::der("a certificate"))
    }
}

fn check_version(tbs: &Tbs<'_>, rules: &mut Rules) -> Result<(), ParseError> {
    if tbs.version > 2 {
        return Err(ParseError::Version { rule: "has a version above 3" });
    }
    if tbs.extensions.is_some() && tbs.version != 2 {
        let rule = "has extensions and is not of version 3";
        rules.broken(ParseError::Version { rule })?;
    }
    Ok(())
}

fn read_known(extensions: &[Extension], rules: &mut Rules) -> Result<Known, ParseError> {
    if let Some(oid) = Extension::duplicate(extensions) {
        rules.broken(ParseError::DuplicateExtension { what: "the certificate", oid })?;
    }
    let mut known = Known::default();
    for extension in extensions {
        if let Err(error) = known.read(extension) {
            let source = Box::new(error);
            rules.broken(ParseError::Extension { oid: extension.oid, source })?;
        }
    }
    Ok(known)
}

fn read_serial(serial: AnyRef<'_>, rules: &mut Rules) -> Result<Serial, ParseError> {
    serial
        .header()
        .tag()
        .assert_eq(Tag::Integer)
        .map_err(|error| ParseError::der("the serial number")(error))?;
    let content = serial.value();
    if let Some(rule) = serial_rule(content) {
        rules.broken(ParseError::Serial { rule })?;
    }
    Ok(Serial::from_foreign(content))
}

/// The rule that the content of a serial's INTEGER breaks. Zero and negative ones are suffered, as
/// readers must (RFC 5280 §4.1.2.2); lint and path validation complain about them.
fn serial_rule(content: &[u8]) -> Option<&'static str> {
    match content {
        [] => Some("is empty"),
        [0, second, ..] if *second < 0x80 => Some("is not in its shortest form"),
        [0xff, second, ..] if *second >= 0x80 => Some("is not in its shortest form"),
        _ if content.len() > 20 => Some("is longer than 20 octets"),
        _ => None,
    }
}

pub(crate) fn read_name(name: RawSequence<'_>) -> Result<Name, ParseError> {
    Name::from_der(&name.to_der().map_err(ParseError::der("a name"))?)
}

pub(crate) fn read_key(key: RawSequence<'_>) -> Result<PublicKey, ParseError> {
    let der = key.to_der().map_err(ParseError::der("the public key"))?;
    PublicKey::from_certificate(&der).map_err(ParseError::Key)
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.0.der == other.0.der
    }
}

impl Eq for Certificate {}

impl std::hash::Hash for Certificate {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.fingerprint().hash(state);
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({} serial {})", self.subject(), self.serial())
    }
}

#[cfg(test)]
mod tests;
