//! Distinguished names.

use std::fmt::{self, Write as _};
use std::str::FromStr;
use std::sync::Arc;

use der::asn1::{ObjectIdentifier, SetOfVec};
use der::{Any, Decode, Encode, Tag};
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::name::{RdnSequence, RelativeDistinguishedName};

use crate::{ParseError, oid};

/// A distinguished name, kept in the bytes it came in: equal names have equal encodings, as
/// RFC 5280 §4.1.2.4 asks of an issuer and the subject that it chains to.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<[u8]>);

/// Why a name cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadName {
    /// Every attribute has its length (RFC 5280, appendix A.1: 64 characters; a country has 2).
    #[error("{attribute} {value:?} must have 1 to {limit} characters")]
    Length {
        /// The attribute.
        attribute: &'static str,
        /// The value that was given.
        value: String,
        /// The largest number of characters.
        limit: usize,
    },
    /// A control character has no place in a name.
    #[error("{attribute} {value:?} holds a control character")]
    Control {
        /// The attribute.
        attribute: &'static str,
        /// The value that was given.
        value: String,
    },
    /// A country is two capital letters (ISO 3166).
    #[error("country {0:?} is not two capital letters")]
    Country(String),
    /// The text is no RFC 4514 name, or cannot be encoded.
    #[error("this is no distinguished name")]
    Syntax(#[source] der::Error),
}

impl Name {
    /// The name with nothing in it. Certificates that carry it need a critical subjectAltName.
    pub fn empty() -> Self {
        Self(Arc::from(&[0x30, 0][..]))
    }

    /// A name of one common name: 1 to 64 characters.
    pub fn from_common_name(common_name: &str) -> Result<Self, BadName> {
        Self::builder().common_name(common_name).build()
    }

    /// Puts a name together, most general attribute first.
    pub fn builder() -> NameBuilder {
        NameBuilder { attributes: Vec::new() }
    }

    /// Reads the DER of a `Name`.
    pub fn from_der(der: &[u8]) -> Result<Self, ParseError> {
        RdnSequence::from_der(der).map_err(ParseError::der("a name"))?;
        Ok(Self(der.into()))
    }

    /// The DER of the name.
    pub fn to_der(&self) -> &[u8] {
        &self.0
    }

    /// Whether there is no attribute in it.
    pub fn is_empty(&self) -> bool {
        self.0.len() == 2
    }

    /// The first common name, if there is one that is a string.
    pub fn common_name(&self) -> Option<String> {
        self.attribute(oid::COMMON_NAME)
    }

    /// The first organization, if there is one that is a string.
    pub fn organization(&self) -> Option<String> {
        self.attribute(oid::ORGANIZATION)
    }

    /// The first value of an attribute, where it is a string.
    pub fn attribute(&self, oid: ObjectIdentifier) -> Option<String> {
        let rdns = self.rdns();
        let mut attributes = rdns.iter().flat_map(x509_cert::name::RelativeDistinguishedName::iter);
        attributes.find(|attribute| attribute.oid == oid).and_then(|a| text(&a.value))
    }

    /// Every attribute in order, with its text where it has one.
    pub fn attributes(&self) -> Vec<(ObjectIdentifier, Option<String>)> {
        let rdns = self.rdns();
        rdns.iter()
            .flat_map(x509_cert::name::RelativeDistinguishedName::iter)
            .map(|a| (a.oid, text(&a.value)))
            .collect()
    }

    fn rdns(&self) -> RdnSequence {
        // Checked when it was made; an empty name is what is left should that ever be wrong.
        RdnSequence::from_der(&self.0).unwrap_or_default()
    }
}

fn text(value: &Any) -> Option<String> {
    x509_cert::ext::pkix::name::DirectoryString::try_from(value)
        .map(|string| string.value().into_owned())
        .or_else(|_| {
            value.decode_as::<der::asn1::Ia5StringRef<'_>>().map(|s| s.as_str().to_owned())
        })
        .ok()
}

impl fmt::Display for Name {
    /// RFC 4514: the most specific attribute first. All characters of control are escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.rdns().to_string().chars() {
            if c.is_control() {
                c.encode_utf8(&mut [0; 4]).bytes().try_for_each(|it| write!(f, "\\{it:02x}"))?;
            } else {
                f.write_char(c)?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({self})")
    }
}

impl FromStr for Name {
    type Err = BadName;

    /// RFC 4514 text: `CN=workloads-g1,O=Example`.
    fn from_str(text: &str) -> Result<Self, BadName> {
        if text.is_empty() {
            return Ok(Self::empty());
        }
        let rdns = RdnSequence::from_str(text).map_err(BadName::Syntax)?;
        let der = rdns.to_der().map_err(BadName::Syntax)?;
        Ok(Self(der.into()))
    }
}

/// Puts a [`Name`] together: each call adds one attribute behind the earlier ones.
#[derive(Debug, Clone)]
pub struct NameBuilder {
    attributes: Vec<(&'static str, ObjectIdentifier, String)>,
}

impl NameBuilder {
    /// countryName: two capital letters.
    pub fn country(self, country: &str) -> Self {
        self.with("country", oid::COUNTRY, country)
    }

    /// organizationName.
    pub fn organization(self, organization: &str) -> Self {
        self.with("organization", oid::ORGANIZATION, organization)
    }

    /// organizationalUnitName.
    pub fn organizational_unit(self, unit: &str) -> Self {
        self.with("organizational unit", oid::ORGANIZATIONAL_UNIT, unit)
    }

    /// commonName.
    pub fn common_name(self, common_name: &str) -> Self {
        self.with("common name", oid::COMMON_NAME, common_name)
    }

    fn with(mut self, attribute: &'static str, oid: ObjectIdentifier, value: &str) -> Self {
        self.attributes.push((attribute, oid, value.to_owned()));
        self
    }

    /// The name.
    pub fn build(self) -> Result<Name, BadName> {
        let mut rdns = RdnSequence::default();
        for (attribute, oid, value) in self.attributes {
            check(attribute, oid, &value)?;
            let tag = if oid == oid::COUNTRY { Tag::PrintableString } else { Tag::Utf8String };
            let value = Any::new(tag, value.into_bytes()).map_err(BadName::Syntax)?;
            let set = SetOfVec::try_from(vec![AttributeTypeAndValue { oid, value }])
                .map_err(BadName::Syntax)?;
            let rdn =
                RelativeDistinguishedName::try_from(set.into_vec()).map_err(BadName::Syntax)?;
            rdns.push(rdn);
        }
        rdns.to_der().map(|der| Name(der.into())).map_err(BadName::Syntax)
    }
}

fn check(attribute: &'static str, oid: ObjectIdentifier, value: &str) -> Result<(), BadName> {
    if oid == crate::oid::COUNTRY {
        let two_capitals = value.len() == 2 && value.bytes().all(|b| b.is_ascii_uppercase());
        return if two_capitals { Ok(()) } else { Err(BadName::Country(value.to_owned())) };
    }
    let limit = 64;
    if value.is_empty() || value.chars().count() > limit {
        return Err(BadName::Length { attribute, value: value.to_owned(), limit });
    }
    if value.chars().any(char::is_control) {
        return Err(BadName::Control { attribute, value: value.to_owned() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_what_was_put_in() {
        let name = Name::builder().country("DE").organization("Ex, ample").common_name("Würzel");
        let name = name.build().unwrap();
        assert_eq!(name.to_string(), "CN=Würzel,O=Ex\\, ample,C=DE");
        assert_eq!(name.common_name().as_deref(), Some("Würzel"));
        assert_eq!(Name::from_der(name.to_der()).unwrap(), name);
        assert_eq!("CN=Würzel,O=Ex\\, ample,C=DE".parse::<Name>().unwrap(), name);
        assert!(Name::empty().is_empty() && Name::empty().common_name().is_none());
        assert_eq!(Name::builder().build().unwrap(), Name::empty());
    }

    #[test]
    fn attributes_keep_to_their_limits() {
        assert!(Name::from_common_name(&"a".repeat(64)).is_ok());
        for bad in ["", &"a".repeat(65), "a\0b"] {
            assert!(Name::from_common_name(bad).is_err(), "{bad:?}");
        }
        assert!(Name::builder().country("de").build().is_err());
        assert!(Name::from_der(b"\x30\x01").is_err());
    }
}
