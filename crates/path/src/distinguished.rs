//! Distinguished names as RFC 5280 §7.1 compares them.

use std::collections::BTreeSet;

use der::{Any, Decode as _, Encode as _, Tag, Tagged as _};
use skink_x509::{Name, ObjectIdentifier};
use x509_cert::name::{RdnSequence, RelativeDistinguishedName};

/// A distinguished name in the form in which two are compared: text without regard to its case,
/// its encoding and the amount of white space, everything else byte for byte. Compatible forms of
/// one character (NFKC) are told apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Distinguished(Vec<BTreeSet<(ObjectIdentifier, Value)>>);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Value {
    Text(String),
    Raw(Vec<u8>),
}

impl Distinguished {
    pub(crate) fn of(name: &Name) -> Self {
        // A `Name` has been read once: what cannot be read again equals no other name's form.
        RdnSequence::from_der(name.to_der()).map_or_else(
            |_| Self(vec![BTreeSet::from([(RAW, Value::Raw(name.to_der().to_vec()))])]),
            |rdns| Self::from_rdns(&rdns),
        )
    }

    pub(crate) fn from_rdns(rdns: &RdnSequence) -> Self {
        Self(rdns.iter().map(attributes).collect())
    }

    /// The name one step below this one.
    pub(crate) fn below(&self, rdn: &RelativeDistinguishedName) -> Self {
        let mut name = self.clone();
        name.0.push(attributes(rdn));
        name
    }

    /// Whether it lies in the subtree at `base`.
    pub(crate) fn is_within(&self, base: &Self) -> bool {
        self.0.starts_with(&base.0)
    }
}

/// No attribute has this type.
const RAW: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4");

fn attributes(rdn: &RelativeDistinguishedName) -> BTreeSet<(ObjectIdentifier, Value)> {
    rdn.iter().map(|attribute| (attribute.oid, Value::of(&attribute.value))).collect()
}

impl Value {
    fn of(any: &Any) -> Self {
        let raw = || Self::Raw(any.to_der().unwrap_or_default());
        let bytes = any.value();
        match any.tag() {
            Tag::Utf8String | Tag::PrintableString | Tag::Ia5String => {
                std::str::from_utf8(bytes).map_or_else(|_| raw(), |text| Self::Text(fold(text)))
            }
            // As everybody reads it: Latin 1.
            Tag::TeletexString => {
                Self::Text(fold(&bytes.iter().copied().map(char::from).collect::<String>()))
            }
            Tag::BmpString if bytes.len().is_multiple_of(2) => {
                let units =
                    bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
                let text: Result<String, _> = char::decode_utf16(units).collect();
                text.map_or_else(|_| raw(), |text| Self::Text(fold(&text)))
            }
            _ => raw(),
        }
    }
}

fn fold(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use der::asn1::{BmpString, PrintableStringRef, SetOfVec};
    use x509_cert::attr::AttributeTypeAndValue;

    use super::*;

    fn one(value: Any) -> Distinguished {
        let oid = skink_x509::oid::COMMON_NAME;
        let set = SetOfVec::try_from(vec![AttributeTypeAndValue { oid, value }]).unwrap();
        let rdn = RelativeDistinguishedName::try_from(set.into_vec()).unwrap();
        Distinguished(Vec::new()).below(&rdn)
    }

    #[test]
    fn case_white_space_and_encoding_do_not_tell_names_apart() {
        let name = |text: &str| Distinguished::of(&Name::from_common_name(text).unwrap());
        assert_eq!(name("A  Name "), name("a name"));
        assert_eq!(name("STRASSE Ä"), name("strasse ä"));
        assert_ne!(name("a name"), name("aname"));
        let printable = Any::encode_from(&PrintableStringRef::new("A name").unwrap()).unwrap();
        assert_eq!(one(printable), name("a NAME"));
        assert_eq!(
            one(Any::encode_from(&BmpString::from_utf8("A name").unwrap()).unwrap()),
            name("A name")
        );
        let octets = |byte| one(Any::new(Tag::OctetString, vec![byte]).unwrap());
        assert_eq!(octets(1), octets(1));
        assert_ne!(octets(1), octets(2));
    }

    #[test]
    fn subtrees_begin_with_their_base() {
        let name = |text: &str| Distinguished::of(&text.parse().unwrap());
        assert!(name("CN=a,O=Ex").is_within(&name("O=ex")));
        assert!(name("O=Ex").is_within(&Distinguished::of(&Name::empty())));
        assert!(!name("O=Ex").is_within(&name("CN=a,O=Ex")));
        assert!(!name("CN=a,O=Ex").is_within(&name("CN=a")));
        assert!(!name("CN=a+OU=b,O=Ex").is_within(&name("CN=a,O=Ex")), "an RDN counts whole");
    }
}
