//! Distinguished names, compared as RFC 5280 §7.1 asks: text in any string type and any case, with
//! any spacing.

use std::sync::Arc;

use der::asn1::{AnyRef, BmpString};
use der::{Decode, Reader as _, SliceReader, Tag, Tagged as _};
use skink_x509::{Certificate, Name};

/// A name in a form in which equal names have equal bytes: one member for each relative name. Cheap
/// to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Canonical(Arc<[Vec<u8>]>);

impl Canonical {
    pub(crate) fn of(name: &Name) -> Self {
        // A name was checked when it was made; one that breaks off is equal to nothing useful.
        Self(rdns(name.to_der()).unwrap_or_else(|_| vec![name.to_der().to_vec()]).into())
    }

    /// Whether the name begins with all of `base`.
    pub(crate) fn is_within(&self, base: &Self) -> bool {
        self.0.len() >= base.0.len() && self.0[..base.0.len()] == base.0[..]
    }

    /// The name with one relative name more, given as the content of its `SET`.
    pub(crate) fn with_relative(&self, content: &[u8]) -> Option<Self> {
        let mut longer = self.0.to_vec();
        longer.push(rdn(content).ok()?);
        Some(Self(longer.into()))
    }
}

/// Whether issuer and subject are the same name.
pub(crate) fn is_self_issued(certificate: &Certificate) -> bool {
    same(certificate.issuer(), certificate.subject())
}

/// Whether two names are the same.
fn same(one: &Name, other: &Name) -> bool {
    one == other || Canonical::of(one) == Canonical::of(other)
}

fn rdns(der: &[u8]) -> Result<Vec<Vec<u8>>, der::Error> {
    members(AnyRef::from_der(der)?.value())?.into_iter().map(|set| rdn(set.value())).collect()
}

fn rdn(content: &[u8]) -> Result<Vec<u8>, der::Error> {
    let mut attributes: Vec<Vec<u8>> =
        members(content)?.into_iter().map(attribute).collect::<Result<_, _>>()?;
    attributes.sort_unstable();
    Ok(attributes.concat())
}

fn members(content: &[u8]) -> Result<Vec<AnyRef<'_>>, der::Error> {
    let mut reader = SliceReader::new(content)?;
    let mut members = Vec::new();
    while !reader.is_finished() {
        members.push(AnyRef::decode(&mut reader)?);
    }
    Ok(members)
}

fn attribute(pair: AnyRef<'_>) -> Result<Vec<u8>, der::Error> {
    let mut reader = SliceReader::new(pair.value())?;
    let kind = AnyRef::decode(&mut reader)?;
    let value = AnyRef::decode(&mut reader)?;
    let mut canonical = Vec::with_capacity(pair.value().len() + 8);
    push(&mut canonical, kind.value());
    if let Some(text) = text(value) {
        push(&mut canonical, prepared(&text).as_bytes());
    } else {
        canonical.push(0xff);
        push(&mut canonical, value.value());
    }
    Ok(canonical)
}

/// With the length in front, so that pieces cannot run into each other.
fn push(canonical: &mut Vec<u8>, piece: &[u8]) {
    canonical.extend_from_slice(&u32::try_from(piece.len()).unwrap_or(u32::MAX).to_be_bytes());
    canonical.extend_from_slice(piece);
}

fn text(value: AnyRef<'_>) -> Option<String> {
    let bytes = value.value();
    match value.tag() {
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String => {
            std::str::from_utf8(bytes).ok().map(str::to_owned)
        }
        // T.61 as everybody reads it: Latin-1.
        Tag::TeletexString => Some(bytes.iter().map(|byte| char::from(*byte)).collect()),
        Tag::BmpString => BmpString::from_ucs2(bytes.to_vec()).ok().map(|text| text.to_string()),
        _ => None,
    }
}

/// Lower case, without space at the ends, one space where there are several.
fn prepared(text: &str) -> String {
    let mut prepared = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !prepared.is_empty() {
            prepared.push(' ');
        }
        if word.is_ascii() {
            prepared.extend(word.bytes().map(|byte| char::from(byte.to_ascii_lowercase())));
        } else {
            prepared.push_str(&word.to_lowercase());
        }
    }
    prepared
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `CN=text` in a string type.
    fn name(tag: u8, text: &[u8]) -> Name {
        let wrap = |tag: u8, content: &[u8]| {
            [&[tag, u8::try_from(content.len()).unwrap()][..], content].concat()
        };
        let pair = wrap(0x30, &[&[6, 3, 0x55, 4, 3][..], &wrap(tag, text)].concat());
        Name::from_der(&wrap(0x30, &wrap(0x31, &pair))).unwrap()
    }

    #[test]
    fn case_spacing_and_string_type_do_not_matter() {
        let one = name(12, b"Good  CA");
        for other in [name(19, b" good ca "), name(22, b"GOOD CA"), name(20, b"Good CA")] {
            assert!(one != other && same(&one, &other), "{other}");
        }
        for other in [name(12, b"GoodCA"), name(12, b"Good CA 2"), Name::empty()] {
            assert!(!same(&one, &other), "{other}");
        }
        assert!(same(&name(12, "WÜRZEL".as_bytes()), &name(20, b"w\xfcrzel")));
    }

    #[test]
    fn a_subtree_is_a_beginning() {
        let name = |text: &str| Canonical::of(&text.parse::<Name>().unwrap());
        assert!(name("CN=x,O=Org,C=DE").is_within(&name("O=org,C=de")));
        assert!(!name("O=Org,C=DE").is_within(&name("CN=x,O=Org,C=DE")));
        assert!(!name("CN=x,O=Other,C=DE").is_within(&name("O=Org,C=DE")));
        assert!(name("C=DE").is_within(&Canonical::of(&Name::empty())));
    }
}
