//! Answers as they are read.

use der::asn1::{AnyRef, BitStringRef, ObjectIdentifier};
use der::{Decode, Encode, Sequence, Tag};

use super::request::read_nonce;
use super::single::{read_time, refuse_critical};
use super::{CertId, HashAlgorithm, ResponseStatus, SingleResponse};
use crate::raw_sequence::RawSequence;
use crate::{
    BadSignature, Certificate, Extension, KeyUsage, Name, ParseError, PublicKey,
    SignatureAlgorithm, Time, oid, tlv,
};

/// An OCSP response: a status and, when it is successful, a basic response.
#[derive(Clone, Debug)]
pub struct OcspResponse {
    /// What the responder says about the request.
    pub status: ResponseStatus,
    /// The answers, where there are any.
    pub basic: Option<BasicResponse>,
}

/// Who signed a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResponderId {
    /// By subject name.
    ByName(Name),
    /// By SHA-1 of the key's bits.
    ByKey(Vec<u8>),
}

/// Why a response is not to be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OcspRefusal {
    /// Neither the issuer nor a responder that it delegated to signed the response
    /// (RFC 6960 §4.2.2.2). A responder certified by anybody else counts for nothing.
    #[error("the OCSP response is signed neither by the issuer nor by its delegate")]
    NotAuthorised,
    /// The responder is the right one, the signature is not.
    #[error("the OCSP response's signature does not verify")]
    BadSignature(#[source] BadSignature),
}

/// A basic response (RFC 6960 §4.2.1). Reading one does not believe it: see [`Self::verify`].
#[derive(Clone, Debug)]
pub struct BasicResponse {
    tbs: Vec<u8>,
    signature_algorithm: Option<SignatureAlgorithm>,
    signature: Vec<u8>,
    responder: ResponderId,
    produced_at: Time,
    responses: Vec<SingleResponse>,
    extensions: Vec<Extension>,
    nonce: Option<Vec<u8>>,
    certificates: Vec<Certificate>,
}

#[derive(Sequence)]
struct RawBasic<'a> {
    tbs: RawSequence<'a>,
    algorithm: RawSequence<'a>,
    signature: BitStringRef<'a>,
    #[asn1(context_specific = "0", optional = "true")]
    certificates: Option<RawSequence<'a>>,
}

fn malformed() -> impl FnOnce(der::Error) -> ParseError {
    ParseError::der("an OCSP response")
}

impl OcspResponse {
    /// Reads a response.
    pub fn from_der(der: &[u8]) -> Result<Self, ParseError> {
        let fields = tlv::content(der, Tag::Sequence).and_then(tlv::members);
        let fields = fields.map_err(malformed())?;
        let strange =
            || ParseError::rule("an OCSP response", "has no status and bytes that fit it");
        let (status, bytes) = match &fields[..] {
            [status] => (status, None),
            [status, bytes] => (status, Some(bytes)),
            _ => return Err(strange()),
        };
        status.header().tag().assert_eq(Tag::Enumerated).map_err(malformed())?;
        let status = match status.value() {
            [code] => ResponseStatus::from_code(*code).ok_or_else(strange)?,
            _ => return Err(strange()),
        };
        let basic = match (status, bytes) {
            (ResponseStatus::Successful, Some(bytes)) => Some(BasicResponse::read(*bytes)?),
            (ResponseStatus::Successful, None) => return Err(strange()),
            _ => None,
        };
        Ok(Self { status, basic })
    }
}

impl BasicResponse {
    fn read(bytes: AnyRef<'_>) -> Result<Self, ParseError> {
        bytes.header().tag().assert_eq(tlv::context(0, true)).map_err(malformed())?;
        let fields = tlv::content(bytes.value(), Tag::Sequence).and_then(tlv::members);
        let fields = fields.map_err(malformed())?;
        let [kind, response] = &fields[..] else {
            return Err(ParseError::rule("an OCSP response", "has no type and value"));
        };
        let kind: ObjectIdentifier = kind.decode_as().map_err(malformed())?;
        if kind != oid::OCSP_BASIC || response.header().tag() != Tag::OctetString {
            return Err(ParseError::rule("an OCSP response", "is of a type that is not read"));
        }
        let raw = RawBasic::from_der(response.value()).map_err(malformed())?;
        let certificates = match raw.certificates {
            Some(list) => read_certificates(list.0)?,
            None => Vec::new(),
        };
        let data = Data::read(raw.tbs.0)?;
        refuse_critical(&data.extensions)?;
        Ok(Self {
            tbs: raw.tbs.to_der().map_err(malformed())?,
            signature_algorithm: SignatureAlgorithm::from_identifier_content(raw.algorithm.0),
            signature: raw.signature.raw_bytes().to_vec(),
            responder: data.responder,
            produced_at: data.produced_at,
            responses: data.responses,
            nonce: read_nonce(&data.extensions)?,
            extensions: data.extensions,
            certificates,
        })
    }

    /// Who says to have signed.
    pub fn responder(&self) -> &ResponderId {
        &self.responder
    }

    /// When the response was made.
    pub fn produced_at(&self) -> Time {
        self.produced_at
    }

    /// Every answer.
    pub fn responses(&self) -> &[SingleResponse] {
        &self.responses
    }

    /// The repeated nonce.
    pub fn nonce(&self) -> Option<&[u8]> {
        self.nonce.as_deref()
    }

    /// Whether the responder says `revoked` for what was never issued.
    pub fn has_extended_revoke(&self) -> bool {
        Extension::find(&self.extensions, oid::OCSP_EXTENDED_REVOKE).is_some()
    }

    /// The certificates that came with it.
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// The answer to a question.
    pub fn find(&self, question: &CertId) -> Option<&SingleResponse> {
        self.responses.iter().find(|answer| answer.cert_id == *question)
    }

    /// The answer about `certificate`, issued by `issuer`, whatever hash names it.
    pub fn find_certificate(
        &self,
        certificate: &Certificate,
        issuer: &Certificate,
    ) -> Option<&SingleResponse> {
        self.responses.iter().find(|answer| {
            answer.cert_id.serial() == certificate.serial()
                && answer.cert_id.is_issued_by(issuer.subject(), issuer.public_key())
        })
    }

    /// Checks that the issuer signed, or a responder to whom it delegated by a certificate that it
    /// issued itself, with the OCSP signing purpose, valid at `time`. How fresh an answer is stands
    /// in the answer ([`SingleResponse::is_current`]).
    pub fn verify(&self, issuer: &Certificate, time: Time) -> Result<(), OcspRefusal> {
        if self.is_responder(issuer.subject(), issuer.public_key()) {
            return self.verify_signed_by(issuer.public_key()).map_err(OcspRefusal::BadSignature);
        }
        let delegate = self.certificates.iter().find(|certificate| {
            self.is_responder(certificate.subject(), certificate.public_key())
                && is_delegate(certificate, issuer, time)
        });
        let delegate = delegate.ok_or(OcspRefusal::NotAuthorised)?;
        self.verify_signed_by(delegate.public_key()).map_err(OcspRefusal::BadSignature)
    }

    /// Verifies the signature with a key.
    pub fn verify_signed_by(&self, key: &PublicKey) -> Result<(), BadSignature> {
        let algorithm = self.signature_algorithm.ok_or(BadSignature)?;
        key.verify(algorithm, &self.tbs, &self.signature)
    }

    fn is_responder(&self, name: &Name, key: &PublicKey) -> bool {
        match &self.responder {
            ResponderId::ByName(responder) => responder == name,
            ResponderId::ByKey(hash) => *hash == HashAlgorithm::Sha1.digest(key.raw()),
        }
    }
}

fn is_delegate(certificate: &Certificate, issuer: &Certificate, time: Time) -> bool {
    certificate.issuer() == issuer.subject()
        && certificate.extended_key_usages().contains(&oid::OCSP_SIGNING)
        && certificate.key_usage().is_none_or(|usage| usage.contains(KeyUsage::DIGITAL_SIGNATURE))
        && certificate.is_valid_at(time)
        && certificate.verify_signed_by(issuer.public_key()).is_ok()
}

struct Data {
    responder: ResponderId,
    produced_at: Time,
    responses: Vec<SingleResponse>,
    extensions: Vec<Extension>,
}

impl Data {
    fn read(content: &[u8]) -> Result<Self, ParseError> {
        let fields = tlv::members(content).map_err(malformed())?;
        let fields = match &fields[..] {
            [version, rest @ ..] if version.header().tag() == tlv::context(0, true) => rest,
            all => all,
        };
        let (responder, produced_at, responses, extensions) = match fields {
            [responder, at, responses] => (responder, at, responses, None),
            [responder, at, responses, extensions] => (responder, at, responses, Some(extensions)),
            _ => {
                return Err(ParseError::rule("an OCSP response", "has too few or too many fields"));
            }
        };
        responses.header().tag().assert_eq(Tag::Sequence).map_err(malformed())?;
        let responses = tlv::members(responses.value()).map_err(malformed())?;
        let extensions = match extensions {
            Some(field) => {
                let list = tlv::content(field.value(), Tag::Sequence).map_err(malformed())?;
                Extension::list(list)?
            }
            None => Vec::new(),
        };
        Ok(Self {
            responder: read_responder(*responder)?,
            produced_at: read_time(*produced_at)?,
            responses: responses.into_iter().map(SingleResponse::read).collect::<Result<_, _>>()?,
            extensions,
        })
    }
}

fn read_responder(field: AnyRef<'_>) -> Result<ResponderId, ParseError> {
    match field.header().tag() {
        tag if tag == tlv::context(1, true) => {
            Name::from_der(field.value()).map(ResponderId::ByName)
        }
        tag if tag == tlv::context(2, true) => tlv::content(field.value(), Tag::OctetString)
            .map(|hash| ResponderId::ByKey(hash.to_vec()))
            .map_err(malformed()),
        _ => Err(ParseError::rule("an OCSP response", "names no responder")),
    }
}

fn read_certificates(content: &[u8]) -> Result<Vec<Certificate>, ParseError> {
    tlv::members(content)
        .map_err(malformed())?
        .into_iter()
        .map(|certificate| Certificate::from_der(&certificate.to_der().map_err(malformed())?))
        .collect()
}
