//! Answers as they are written.

use der::Tag;

use super::request::nonce_extension;
use super::single::time_der;
use super::{CertStatus, HashAlgorithm, SingleResponse};
use crate::{Certificate, EncodeError, Extension, PublicKey, SignatureAlgorithm, Time, oid, tlv};

/// `OCSPResponseStatus` (RFC 6960 §4.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResponseStatus {
    /// There is an answer.
    Successful,
    /// The request cannot be read.
    MalformedRequest,
    /// Something is wrong here.
    InternalError,
    /// Come back later.
    TryLater,
    /// Requests must be signed.
    SigRequired,
    /// The responder does not answer for this issuer.
    Unauthorized,
}

impl ResponseStatus {
    const ALL: [(Self, u8); 6] = [
        (Self::Successful, 0),
        (Self::MalformedRequest, 1),
        (Self::InternalError, 2),
        (Self::TryLater, 3),
        (Self::SigRequired, 5),
        (Self::Unauthorized, 6),
    ];

    pub(super) fn code(self) -> u8 {
        Self::ALL.into_iter().find(|row| row.0 == self).map_or(2, |row| row.1)
    }

    pub(super) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|row| row.1 == code).map(|row| row.0)
    }
}

/// The whole response that says nothing but `status`.
pub fn error_response(status: ResponseStatus) -> Vec<u8> {
    vec![0x30, 3, 0x0a, 1, status.code()]
}

/// Everything that a basic response says. [`Self::tbs_der`] gives the bytes to sign,
/// [`Self::assemble`] the whole `OCSPResponse`.
#[derive(Clone, Debug)]
pub struct OcspResponseSpec {
    /// The responder's key; its hash is the responder's id.
    pub responder: PublicKey,
    /// The algorithm that the responder will sign with.
    pub signature_algorithm: SignatureAlgorithm,
    /// When the response is made.
    pub produced_at: Time,
    /// The answers.
    pub responses: Vec<SingleResponse>,
    /// The request's nonce, repeated.
    pub nonce: Option<Vec<u8>>,
    /// The responder's certificate, when it is not the issuer itself that signs.
    pub certificates: Vec<Certificate>,
}

impl OcspResponseSpec {
    /// The DER of the `ResponseData`. It carries extended-revoke when an answer is
    /// [`CertStatus::NEVER_ISSUED`].
    pub fn tbs_der(&self) -> Result<Vec<u8>, EncodeError> {
        if self.responses.is_empty() {
            return Err(EncodeError::rule("an OCSP response", "must hold an answer"));
        }
        // RFC 6960 §4.2.1: KeyHash is SHA-1 of the key's bits, whatever signs.
        let key_hash = HashAlgorithm::Sha1.digest(self.responder.raw());
        let responder = tlv::wrap(tlv::context(2, true), &tlv::wrap(Tag::OctetString, &key_hash)?)?;
        let responses: Vec<Vec<u8>> =
            self.responses.iter().map(SingleResponse::to_der).collect::<Result<_, _>>()?;
        let responses = tlv::wrap(Tag::Sequence, &responses.concat())?;
        let extensions = match self.extensions()?.as_slice() {
            [] => Vec::new(),
            some => tlv::wrap(tlv::context(1, true), &Extension::sequence_der(some)?)?,
        };
        tlv::sequence(&[&responder, &time_der(self.produced_at)?, &responses, &extensions])
    }

    fn extensions(&self) -> Result<Vec<Extension>, EncodeError> {
        let mut extensions = Vec::new();
        if let Some(nonce) = &self.nonce {
            extensions.push(nonce_extension(nonce)?);
        }
        if self.responses.iter().any(|answer| answer.status == CertStatus::NEVER_ISSUED) {
            let (oid, value) = (oid::OCSP_EXTENDED_REVOKE, vec![5, 0]);
            extensions.push(Extension { oid, critical: false, value });
        }
        Ok(extensions)
    }

    /// Puts the signature and the certificates to the signed bytes: a successful `OCSPResponse`.
    pub fn assemble(&self, tbs_der: &[u8], signature: &[u8]) -> Result<Vec<u8>, EncodeError> {
        let certificates = match &self.certificates[..] {
            [] => Vec::new(),
            some => {
                let ders: Vec<&[u8]> = some.iter().map(Certificate::der).collect();
                tlv::wrap(tlv::context(0, true), &tlv::sequence(&ders)?)?
            }
        };
        let algorithm = self.signature_algorithm.identifier_der();
        let basic =
            tlv::sequence(&[tbs_der, algorithm, &tlv::bit_string(signature)?, &certificates])?;
        let response_type =
            der::Encode::to_der(&oid::OCSP_BASIC).map_err(EncodeError::der("an OCSP response"))?;
        let bytes = tlv::sequence(&[&response_type, &tlv::wrap(Tag::OctetString, &basic)?])?;
        tlv::sequence(&[
            &[0x0a, 1, ResponseStatus::Successful.code()],
            &tlv::wrap(tlv::context(0, true), &bytes)?,
        ])
    }
}
