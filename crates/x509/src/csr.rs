//! Certification requests (PKCS #10, RFC 2986).

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use der::asn1::{AnyRef, ObjectIdentifier};
use der::{Encode, Sequence, Tag};

use crate::certificate::read_name;
use crate::certificate_spec::sequence;
use crate::extension::Known;
use crate::raw_sequence::RawSequence;
use crate::{
    BadSignature, EncodeError, Extension, Extensions, GeneralName, Name, ParseError, PublicKey,
    SignatureAlgorithm, oid, pem, tlv,
};

const LABEL: &str = "CERTIFICATE REQUEST";

/// A request: a key, a wished subject and wished extensions, signed with the key. Cheap to clone.
///
/// Reading one does not believe it: [`Self::verify`] checks the proof of possession.
#[derive(Clone)]
pub struct Csr(Arc<Inner>);

struct Inner {
    der: Box<[u8]>,
    tbs: Range<usize>,
    signature: Range<usize>,
    signature_algorithm: Option<SignatureAlgorithm>,
    subject: Name,
    public_key: PublicKey,
    extensions: Vec<Extension>,
    known: Known,
}

#[derive(Sequence)]
struct RequestInfo<'a> {
    version: u8,
    subject: RawSequence<'a>,
    public_key: RawSequence<'a>,
    attributes: AnyRef<'a>,
}

/// What a request is to say. [`Self::tbs_der`] gives the bytes to sign with the key itself,
/// [`crate::assemble`] puts the signature under them.
#[derive(Clone, Debug)]
pub struct CsrSpec {
    /// The wished subject; may be empty.
    pub subject: Name,
    /// The key that a certificate is wanted for.
    pub public_key: PublicKey,
    /// The wished alternative names; may be empty.
    pub subject_alt_names: Vec<GeneralName>,
}

impl CsrSpec {
    /// The algorithm that the key signs the request with.
    pub fn signature_algorithm(&self) -> SignatureAlgorithm {
        self.public_key.algorithm().signature_algorithm()
    }

    /// The DER of the `CertificationRequestInfo`.
    pub fn tbs_der(&self) -> Result<Vec<u8>, EncodeError> {
        let attributes = if self.subject_alt_names.is_empty() {
            Vec::new()
        } else {
            let names = Extensions::new().subject_alt_names(&self.subject_alt_names);
            extension_request(&names.build(self.subject.is_empty())?)?
        };
        let bad = || EncodeError::der("the request");
        RequestInfo {
            version: 0,
            subject: sequence(self.subject.to_der())?,
            public_key: sequence(self.public_key.spki_der())?,
            attributes: AnyRef::new(tlv::context(0, true), &attributes).map_err(bad())?,
        }
        .to_der()
        .map_err(bad())
    }
}

/// The extensionRequest attribute (RFC 2985 §5.4.2).
fn extension_request(extensions: &[Extension]) -> Result<Vec<u8>, EncodeError> {
    let id = oid::EXTENSION_REQUEST.to_der().map_err(EncodeError::der("an attribute"))?;
    let values = tlv::wrap(Tag::Set, &Extension::sequence_der(extensions)?)?;
    tlv::sequence(&[&id, &values])
}

impl Csr {
    /// Reads a request.
    pub fn from_der(der: &[u8]) -> Result<Self, ParseError> {
        let signed = tlv::Signed::parse(der, "a request")?;
        let info = AnyRef::new(Tag::Sequence, signed.tbs.0)
            .and_then(AnyRef::decode_as::<RequestInfo<'_>>)
            .map_err(ParseError::der("a request"))?;
        if info.version != 0 {
            return Err(ParseError::rule("the request", "is not of version 1"));
        }
        let extensions = requested_extensions(info.attributes)?;
        if Extension::duplicate(&extensions).is_some() {
            return Err(ParseError::rule("the request", "asks for an extension twice"));
        }
        let mut known = Known::default();
        extensions.iter().try_for_each(|extension| known.read(extension))?;
        Ok(Self(Arc::new(Inner {
            tbs: signed.tbs_range(der),
            signature: tlv::range_in(der, signed.signature.raw_bytes()),
            signature_algorithm: SignatureAlgorithm::from_identifier_content(signed.algorithm.0),
            subject: read_name(info.subject)?,
            public_key: read_new_key(info.public_key)?,
            extensions,
            known,
            der: der.into(),
        })))
    }

    /// The first request of a PEM text, under the label `CERTIFICATE REQUEST` or, as old tools
    /// write, `NEW CERTIFICATE REQUEST`.
    pub fn from_pem(text: &str) -> Result<Self, ParseError> {
        let der = pem::decode(LABEL, text)
            .or_else(|error| pem::decode("NEW CERTIFICATE REQUEST", text).map_err(|_| error))?;
        Self::from_der(&der)
    }

    /// The request's bytes.
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }

    /// The request as a PEM block.
    pub fn to_pem(&self) -> String {
        pem::encode(LABEL, self.der())
    }

    /// The wished subject.
    pub fn subject(&self) -> &Name {
        &self.0.subject
    }

    /// The key that a certificate is wanted for.
    pub fn public_key(&self) -> &PublicKey {
        &self.0.public_key
    }

    /// The wished alternative names.
    pub fn subject_alt_names(&self) -> &[GeneralName] {
        &self.0.known.subject_alt_names
    }

    /// Whether basicConstraints of an authority are wished.
    pub fn wants_ca(&self) -> bool {
        self.0.known.is_ca
    }

    /// The wished purposes.
    pub fn extended_key_usages(&self) -> &[ObjectIdentifier] {
        &self.0.known.extended_key_usages
    }

    /// Every wished extension.
    pub fn requested_extensions(&self) -> &[Extension] {
        &self.0.extensions
    }

    /// The signed bytes.
    pub fn tbs_der(&self) -> &[u8] {
        &self.0.der[self.0.tbs.clone()]
    }

    /// Proof of possession: the signature verifies with the key inside.
    pub fn verify(&self) -> Result<(), BadSignature> {
        let algorithm = self.0.signature_algorithm.ok_or(BadSignature)?;
        let signature = &self.0.der[self.0.signature.clone()];
        self.public_key().verify(algorithm, self.tbs_der(), signature)
    }
}

fn requested_extensions(attributes: AnyRef<'_>) -> Result<Vec<Extension>, ParseError> {
    let malformed = || ParseError::der("the request's attributes");
    let tag = attributes.header().tag();
    tag.assert_eq(tlv::context(0, true)).map_err(|error| malformed()(error))?;
    let mut extensions = Vec::new();
    for attribute in tlv::members(attributes.value()).map_err(malformed())? {
        let fields = tlv::members(attribute.value()).map_err(malformed())?;
        let [id, values] = &fields[..] else {
            return Err(ParseError::rule("the request", "has an attribute that is no pair"));
        };
        let id: ObjectIdentifier = id.decode_as().map_err(malformed())?;
        if id != oid::EXTENSION_REQUEST {
            continue;
        }
        let list = tlv::content(values.value(), Tag::Sequence).map_err(malformed())?;
        extensions.extend(Extension::list(list)?);
    }
    Ok(extensions)
}

/// A key that a certificate is asked for, which must be one that can be judged.
fn read_new_key(key: RawSequence<'_>) -> Result<PublicKey, ParseError> {
    let der = key.to_der().map_err(ParseError::der("the public key"))?;
    PublicKey::from_spki_der(&der).map_err(ParseError::Key)
}

impl PartialEq for Csr {
    fn eq(&self, other: &Self) -> bool {
        self.0.der == other.0.der
    }
}

impl Eq for Csr {}

impl fmt::Debug for Csr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Csr({} {:?})", self.subject(), self.public_key())
    }
}

#[cfg(test)]
mod tests;
