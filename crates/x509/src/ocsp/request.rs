//! Questions.

use der::asn1::AnyRef;
use der::{Decode, Encode, Tag};

use super::{CertId, MAX_NONCE};
use crate::{EncodeError, Extension, ParseError, oid, tlv};

/// An unsigned OCSP request; a signature on one that is read is passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OcspRequest {
    cert_ids: Vec<CertId>,
    nonce: Option<Vec<u8>>,
}

impl OcspRequest {
    /// Asks about these certificates; a nonce has 1 to [`MAX_NONCE`] bytes.
    pub fn new(cert_ids: Vec<CertId>, nonce: Option<Vec<u8>>) -> Self {
        Self { cert_ids, nonce }
    }

    /// What is asked about.
    pub fn cert_ids(&self) -> &[CertId] {
        &self.cert_ids
    }

    /// The nonce to repeat in the answer.
    pub fn nonce(&self) -> Option<&[u8]> {
        self.nonce.as_deref()
    }

    /// The DER of the request.
    pub fn to_der(&self) -> Result<Vec<u8>, EncodeError> {
        let requests: Vec<Vec<u8>> = self
            .cert_ids
            .iter()
            .map(|id| tlv::sequence(&[id.to_der()]))
            .collect::<Result<_, _>>()?;
        let mut tbs = tlv::wrap(Tag::Sequence, &requests.concat())?;
        if let Some(nonce) = &self.nonce {
            let extensions = Extension::sequence_der(&[nonce_extension(nonce)?])?;
            tbs.extend(tlv::wrap(tlv::context(2, true), &extensions)?);
        }
        tlv::sequence(&[&tlv::wrap(Tag::Sequence, &tbs)?])
    }

    /// Reads a request. One without a question, or with a nonce of a wrong size, is malformed.
    pub fn from_der(der: &[u8]) -> Result<Self, ParseError> {
        let malformed = || ParseError::der("an OCSP request");
        let fields = tlv::content(der, Tag::Sequence).and_then(tlv::members);
        let fields = fields.map_err(malformed())?;
        let tbs = fields.first().filter(|tbs| tbs.header().tag() == Tag::Sequence);
        let tbs = tbs.ok_or(ParseError::rule("an OCSP request", "asks nothing"))?;
        let mut request = Self { cert_ids: Vec::new(), nonce: None };
        for field in tlv::members(tbs.value()).map_err(malformed())? {
            request.read_field(field)?;
        }
        if request.cert_ids.is_empty() {
            return Err(ParseError::rule("an OCSP request", "asks nothing"));
        }
        Ok(request)
    }

    fn read_field(&mut self, field: AnyRef<'_>) -> Result<(), ParseError> {
        let malformed = || ParseError::der("an OCSP request");
        if field.header().tag() == Tag::Sequence {
            for request in tlv::members(field.value()).map_err(malformed())? {
                let parts = tlv::members(request.value()).map_err(malformed())?;
                let id = parts.first().map(Encode::to_der).transpose().map_err(malformed())?;
                self.cert_ids.push(CertId::from_der(&id.unwrap_or_default())?);
            }
        } else if field.header().tag() == tlv::context(2, true) {
            let list = tlv::content(field.value(), Tag::Sequence).map_err(malformed())?;
            self.nonce = read_nonce(&Extension::list(list)?)?;
        }
        Ok(())
    }
}

/// The nonce among the extensions of a request or a response.
pub(super) fn read_nonce(extensions: &[Extension]) -> Result<Option<Vec<u8>>, ParseError> {
    let Some(extension) = Extension::find(extensions, oid::OCSP_NONCE) else { return Ok(None) };
    let nonce = <&der::asn1::OctetStringRef>::from_der(&extension.value)
        .map_err(ParseError::der("an OCSP nonce"))?
        .as_bytes();
    if nonce.is_empty() || nonce.len() > MAX_NONCE {
        return Err(ParseError::rule("an OCSP nonce", "must have 1 to 128 bytes"));
    }
    Ok(Some(nonce.to_vec()))
}

pub(super) fn nonce_extension(nonce: &[u8]) -> Result<Extension, EncodeError> {
    if nonce.is_empty() || nonce.len() > MAX_NONCE {
        return Err(EncodeError::rule("an OCSP nonce", "must have 1 to 128 bytes"));
    }
    let value = tlv::wrap(Tag::OctetString, nonce)?;
    Ok(Extension { oid: oid::OCSP_NONCE, critical: false, value })
}
