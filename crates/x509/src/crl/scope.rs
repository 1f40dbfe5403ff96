//! What a CRL speaks about: its issuing distribution point.

use der::Tag;

use crate::extension::{distribution_point_name, full_name_uris};
use crate::{EncodeError, ParseError, tlv};

/// Which certificates a CRL can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Contains {
    /// Every kind.
    #[default]
    All,
    /// Only end entities' (`onlyContainsUserCerts`).
    UserCertificates,
    /// Only authorities' (`onlyContainsCACerts`).
    AuthorityCertificates,
    /// Only attribute certificates.
    AttributeCertificates,
}

/// `IssuingDistributionPoint` (RFC 5280 §5.2.5), always written as a critical extension.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct IssuingDistributionPoint {
    /// The URIs of the distribution point's full name.
    pub uris: Vec<String>,
    /// Which certificates the CRL can hold.
    pub contains: Contains,
    /// Whether it leaves reasons out. Read, never written.
    pub only_some_reasons: bool,
    /// Whether it holds other issuers' certificates. Read, never written.
    pub indirect: bool,
    /// Whether it has a name in a form that is not read: relative to the issuer. Never written.
    pub unreadable_name: bool,
}

impl IssuingDistributionPoint {
    /// The point at `uri`, for every kind of certificate.
    pub fn at(uri: &str) -> Self {
        Self { uris: vec![uri.to_owned()], ..Self::default() }
    }

    /// The same, limited to one kind of certificate.
    pub fn containing(self, contains: Contains) -> Self {
        Self { contains, ..self }
    }

    pub(crate) fn to_der(&self) -> Result<Vec<u8>, EncodeError> {
        if self.only_some_reasons || self.indirect || self.unreadable_name {
            let rule = "is neither indirect nor limited to reasons where it is written";
            return Err(EncodeError::rule("the issuing distribution point", rule));
        }
        let mut content = match &self.uris[..] {
            [] => Vec::new(),
            [uri] => distribution_point_name(uri)?,
            _ => {
                let rule = "has one URI where it is written";
                return Err(EncodeError::rule("the issuing distribution point", rule));
            }
        };
        let flag = match self.contains {
            Contains::All => None,
            Contains::UserCertificates => Some(1),
            Contains::AuthorityCertificates => Some(2),
            Contains::AttributeCertificates => Some(5),
        };
        if let Some(flag) = flag {
            content.extend(tlv::wrap(tlv::context(flag, false), &[0xff])?);
        }
        if content.is_empty() {
            return Err(EncodeError::rule("the issuing distribution point", "must not be empty"));
        }
        tlv::wrap(Tag::Sequence, &content)
    }

    pub(crate) fn from_der(der: &[u8]) -> Result<Self, ParseError> {
        let malformed = || ParseError::der("the issuing distribution point");
        let content = tlv::content(der, Tag::Sequence).map_err(malformed())?;
        let mut point = Self::default();
        for field in tlv::members(content).map_err(malformed())? {
            let Tag::ContextSpecific { number, .. } = field.header().tag() else {
                return Err(ParseError::rule(
                    "the issuing distribution point",
                    "has a strange field",
                ));
            };
            let set = field.value() == [0xff];
            match number.value() {
                0 => {
                    point.uris = full_name_uris(field.value()).map_err(malformed())?;
                    point.unreadable_name = point.uris.is_empty();
                }
                1 if set => point.contains = Contains::UserCertificates,
                2 if set => point.contains = Contains::AuthorityCertificates,
                3 => point.only_some_reasons = true,
                4 => point.indirect = set,
                5 if set => point.contains = Contains::AttributeCertificates,
                _ => {
                    let rule = "has a field that must not be there";
                    return Err(ParseError::rule("the issuing distribution point", rule));
                }
            }
        }
        Ok(point)
    }
}
