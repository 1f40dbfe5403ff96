//! General names: what a subjectAltName or a distribution point holds.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use der::Tag;
use der::asn1::AnyRef;

use crate::{EncodeError, Name, ParseError, Plain, tlv};

/// One `GeneralName` (RFC 5280 §4.2.1.6).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum GeneralName {
    /// dNSName: a host name in ASCII, perhaps with a leading `*.`.
    Dns(String),
    /// iPAddress of one host.
    Ip(IpAddr),
    /// uniformResourceIdentifier.
    Uri(String),
    /// rfc822Name: a mailbox.
    Email(String),
    /// directoryName.
    Directory(Name),
    /// Any other form, or a form above with a value that cannot be read as such.
    Other {
        /// The context-specific tag number, 0 to 8.
        tag: u32,
        /// The whole encoded name, tag and length included.
        der: Vec<u8>,
    },
}

impl GeneralName {
    /// The DER of the name.
    pub fn to_der(&self) -> Result<Vec<u8>, EncodeError> {
        match self {
            Self::Email(text) => ia5(1, text),
            Self::Dns(text) => ia5(2, text),
            Self::Directory(name) => tlv::wrap(tlv::context(4, true), name.to_der()),
            Self::Uri(text) => ia5(6, text),
            Self::Ip(IpAddr::V4(ip)) => tlv::wrap(tlv::context(7, false), &ip.octets()),
            Self::Ip(IpAddr::V6(ip)) => tlv::wrap(tlv::context(7, false), &ip.octets()),
            Self::Other { der, .. } => Ok(der.clone()),
        }
    }

    /// The names of a `GeneralNames` content.
    pub(crate) fn list(content: &[u8]) -> Result<Vec<Self>, ParseError> {
        let members = tlv::members(content).map_err(ParseError::der("general names"))?;
        if members.is_empty() {
            return Err(ParseError::rule("general names", "hold no name"));
        }
        members.into_iter().map(Self::from_any).collect()
    }

    fn from_any(any: AnyRef<'_>) -> Result<Self, ParseError> {
        let Tag::ContextSpecific { number, .. } = any.header().tag() else {
            return Err(ParseError::rule("general names", "hold something that is no name"));
        };
        let known = match number.value() {
            1 => ascii(any.value()).map(Self::Email),
            2 => ascii(any.value()).map(Self::Dns),
            4 => Name::from_der(any.value()).ok().map(Self::Directory),
            6 => ascii(any.value()).map(Self::Uri),
            7 => ip(any.value()).map(Self::Ip),
            0 | 3 | 5 | 8 => None,
            _ => return Err(ParseError::rule("general names", "hold a name of no known form")),
        };
        let der = || der::Encode::to_der(&any).map_err(ParseError::der("general names"));
        match known {
            Some(name) => Ok(name),
            None => Ok(Self::Other { tag: number.value(), der: der()? }),
        }
    }
}

impl fmt::Display for GeneralName {
    /// As OpenSSL's configuration writes it: `DNS:host`, `IP:10.0.0.1`; on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(text) => write!(f, "DNS:{}", Plain(text)),
            Self::Ip(ip) => write!(f, "IP:{ip}"),
            Self::Uri(text) => write!(f, "URI:{}", Plain(text)),
            Self::Email(text) => write!(f, "email:{}", Plain(text)),
            Self::Directory(name) => write!(f, "dirName:{name}"),
            Self::Other { tag, der } => {
                write!(f, "other[{tag}]:")?;
                crate::hexadecimal::write(f, der)
            }
        }
    }
}

/// The content of a `GeneralNames` sequence.
pub(crate) fn names_content(names: &[GeneralName]) -> Result<Vec<u8>, EncodeError> {
    let encoded: Vec<Vec<u8>> = names.iter().map(GeneralName::to_der).collect::<Result<_, _>>()?;
    Ok(encoded.concat())
}

fn ia5(tag: u32, text: &str) -> Result<Vec<u8>, EncodeError> {
    if text.is_empty() || !text.is_ascii() {
        return Err(EncodeError::rule("a general name", "must be ASCII and not empty"));
    }
    tlv::wrap(tlv::context(tag, false), text.as_bytes())
}

fn ascii(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?;
    text.is_ascii().then(|| text.to_owned())
}

fn ip(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Some(IpAddr::V4(Ipv4Addr::from(v4)));
    }
    <[u8; 16]>::try_from(bytes).ok().map(|v6| IpAddr::V6(Ipv6Addr::from(v6)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_survives_encoding() {
        let names = vec![
            GeneralName::Dns("host.example".into()),
            GeneralName::Ip("10.1.2.3".parse().unwrap()),
            GeneralName::Ip("2001:db8::1".parse().unwrap()),
            GeneralName::Uri("spiffe://example/host".into()),
            GeneralName::Email("a@example.org".into()),
            GeneralName::Directory(Name::from_common_name("x").unwrap()),
            GeneralName::Other { tag: 8, der: vec![0x88, 1, 0x2a] },
        ];
        assert_eq!(GeneralName::list(&names_content(&names).unwrap()).unwrap(), names);
        assert_eq!(names[1].to_string(), "IP:10.1.2.3");
    }

    #[test]
    fn what_cannot_be_a_name_is_refused_or_kept_apart() {
        assert!(GeneralName::Dns("ü".into()).to_der().is_err());
        assert!(GeneralName::list(&[]).is_err());
        assert!(GeneralName::list(&[0x30, 0]).is_err());
        let short_ip = GeneralName::list(&[0x87, 3, 1, 2, 3]).unwrap();
        assert_eq!(short_ip, [GeneralName::Other { tag: 7, der: vec![0x87, 3, 1, 2, 3] }]);
    }
}
