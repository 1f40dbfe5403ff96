//! One answer.

use der::asn1::{AnyRef, GeneralizedTime};
use der::{Decode, Encode, Tag};

use super::CertId;
use crate::crl::Reason;
use crate::{EncodeError, Extension, ParseError, Time, oid, tlv};

/// What is known about a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertStatus {
    /// Issued and not revoked.
    Good,
    /// Revoked.
    Revoked {
        /// Since when.
        at: Time,
        /// Why; none means unspecified.
        reason: Option<Reason>,
    },
    /// The responder does not answer for the issuer.
    Unknown,
}

impl CertStatus {
    /// What is said about a serial that was never issued: revoked since the epoch, on hold. The
    /// response then carries extended-revoke (RFC 6960 §2.2 and §4.4.8).
    pub const NEVER_ISSUED: Self =
        Self::Revoked { at: Time::EPOCH, reason: Some(Reason::CertificateHold) };

    fn to_der(self) -> Result<Vec<u8>, EncodeError> {
        match self {
            Self::Good => Ok(vec![0x80, 0]),
            Self::Unknown => Ok(vec![0x82, 0]),
            Self::Revoked { at, reason } => {
                let mut content = time_der(at)?;
                if let Some(reason) = reason.filter(|reason| *reason != Reason::Unspecified) {
                    content.extend([0xa0, 3, 0x0a, 1, reason.code()]);
                }
                tlv::wrap(tlv::context(1, true), &content)
            }
        }
    }

    fn read(field: AnyRef<'_>) -> Result<Self, ParseError> {
        let strange = ParseError::rule("an OCSP answer", "has a status of no known form");
        match field.header().tag() {
            tag if tag == tlv::context(0, false) => Ok(Self::Good),
            tag if tag == tlv::context(2, false) => Ok(Self::Unknown),
            tag if tag == tlv::context(1, true) => {
                let fields =
                    tlv::members(field.value()).map_err(ParseError::der("an OCSP revocation"))?;
                let (at, reason) = match &fields[..] {
                    [at] => (at, None),
                    [at, reason] => match reason.value() {
                        [0x0a, 1, code] => (at, Some(Reason::from_code(*code).ok_or(strange)?)),
                        _ => return Err(strange),
                    },
                    _ => return Err(strange),
                };
                Ok(Self::Revoked { at: read_time(*at)?, reason })
            }
            _ => Err(strange),
        }
    }
}

/// The answer about one certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SingleResponse {
    /// Which certificate.
    pub cert_id: CertId,
    /// What is known.
    pub status: CertStatus,
    /// When it was known.
    pub this_update: Time,
    /// By when there is newer knowledge.
    pub next_update: Option<Time>,
}

impl SingleResponse {
    /// Whether the answer speaks for `time`: not from later, not outlived. One without an end is
    /// never current.
    pub fn is_current(&self, time: Time) -> bool {
        self.this_update <= time && self.next_update.is_some_and(|next| time < next)
    }

    pub(super) fn to_der(&self) -> Result<Vec<u8>, EncodeError> {
        let mut content = self.cert_id.to_der().to_vec();
        content.extend(self.status.to_der()?);
        content.extend(time_der(self.this_update)?);
        if let Some(next) = self.next_update {
            content.extend(tlv::wrap(tlv::context(0, true), &time_der(next)?)?);
        }
        tlv::wrap(Tag::Sequence, &content)
    }

    pub(super) fn read(response: AnyRef<'_>) -> Result<Self, ParseError> {
        let malformed = || ParseError::der("an OCSP answer");
        let fields = tlv::members(response.value()).map_err(malformed())?;
        let [id, status, this_update, rest @ ..] = &fields[..] else {
            return Err(ParseError::rule("an OCSP answer", "has too few fields"));
        };
        let next = rest.iter().find(|field| field.header().tag() == tlv::context(0, true));
        let next_update = next
            .map(|next| AnyRef::from_der(next.value()).map_err(malformed()))
            .transpose()?
            .map(read_time)
            .transpose()?;
        if let Some(list) = rest.iter().find(|field| field.header().tag() == tlv::context(1, true))
        {
            let list = tlv::content(list.value(), Tag::Sequence).map_err(malformed())?;
            refuse_critical(&Extension::list(list)?)?;
        }
        Ok(Self {
            cert_id: CertId::from_der(&id.to_der().map_err(malformed())?)?,
            status: CertStatus::read(*status)?,
            this_update: read_time(*this_update)?,
            next_update,
        })
    }
}

/// A reader that does not know a critical extension must not use what it stands in (RFC 6960 §4.4).
pub(super) fn refuse_critical(extensions: &[Extension]) -> Result<(), ParseError> {
    const KNOWN: [oid::ObjectIdentifier; 2] = [oid::OCSP_NONCE, oid::OCSP_EXTENDED_REVOKE];
    if extensions.iter().any(|it| it.critical && !KNOWN.contains(&it.oid)) {
        let rule = "has a critical extension that is not understood";
        return Err(ParseError::rule("an OCSP response", rule));
    }
    Ok(())
}

pub(super) fn time_der(time: Time) -> Result<Vec<u8>, EncodeError> {
    tlv::generalized_time(time)?.to_der().map_err(EncodeError::der("an OCSP time"))
}

pub(super) fn read_time(field: AnyRef<'_>) -> Result<Time, ParseError> {
    field
        .decode_as::<GeneralizedTime>()
        .map(tlv::from_generalized_time)
        .map_err(ParseError::der("an OCSP time"))
}
