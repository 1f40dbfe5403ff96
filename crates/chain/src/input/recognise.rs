//! Structures by their shape: what something is does not depend on what it is called.

use der::Tag;
use skink_x509::crl::Crl;
use skink_x509::ocsp::OcspResponse;
use skink_x509::{Certificate, Csr, ObjectIdentifier, PublicKey};

use super::tlv::{inside, is, is_context, number, oid, sequence};
use super::{Item, Kind, Unreadable};

pub(super) const SIGNED_DATA: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");

/// Formats that are no DER, by their first bytes.
pub(super) fn magic(bytes: &[u8]) -> Option<Kind> {
    matches!(bytes, [0xfe, 0xed, 0xfe, 0xed, ..] | [0xce, 0xce, 0xce, 0xce, ..])
        .then_some(Kind::JavaKeyStore)
}

/// What the structure is by its shape.
pub(super) fn kind(der: &[u8]) -> Kind {
    shape(der).unwrap_or(Kind::Unknown)
}

fn shape(der: &[u8]) -> Option<Kind> {
    let members = sequence(der)?;
    let [first, rest @ ..] = &members[..] else { return None };
    let second = rest.first();
    let second_is = |tag: Tag| second.is_some_and(|it| is(it, tag));
    let kind = match first.header().tag() {
        Tag::Sequence if members.len() == 3 && is(&members[2], Tag::BitString) => {
            return signed(&inside(first)?);
        }
        Tag::Sequence if members.len() == 2 && second_is(Tag::BitString) => Kind::PublicKey,
        Tag::Sequence if members.len() == 2 && second_is(Tag::OctetString) => Kind::EncryptedKey,
        Tag::ObjectIdentifier if oid(first)? == SIGNED_DATA => Kind::Pkcs7,
        Tag::Enumerated if rest.is_empty() || second.is_some_and(|it| is_context(it, 0)) => {
            Kind::Ocsp
        }
        Tag::Integer if second_is(Tag::Sequence) => match rest.get(1) {
            Some(third) if is(third, Tag::OctetString) => Kind::PrivateKey,
            _ if number(first)? == 3 => Kind::Pkcs12,
            _ => return None,
        },
        // SEC 1, PKCS #1, and PKCS #1's public half.
        Tag::Integer if second_is(Tag::OctetString) => Kind::PrivateKey,
        Tag::Integer if members.len() >= 9 && second_is(Tag::Integer) => Kind::PrivateKey,
        Tag::Integer if members.len() == 2 && second_is(Tag::Integer) => Kind::PublicKey,
        _ => return None,
    };
    Some(kind)
}

/// Which of the signed structures these fields are of.
fn signed(fields: &[der::asn1::AnyRef<'_>]) -> Option<Kind> {
    let tag = |at: usize| fields.get(at).map(|field| field.header().tag());
    let is_time = |at| matches!(tag(at), Some(Tag::UtcTime | Tag::GeneralizedTime));
    if is_context(fields.first()?, 0) {
        return Some(Kind::Certificate);
    }
    match tag(0)? {
        Tag::Sequence if is_time(2) => Some(Kind::Crl),
        Tag::Integer if is_time(3) => Some(Kind::Crl),
        Tag::Integer if fields.len() >= 6 && tag(3) == Some(Tag::Sequence) => {
            Some(Kind::Certificate)
        }
        Tag::Integer if tag(1) == Some(Tag::Sequence) && tag(2) == Some(Tag::Sequence) => {
            Some(Kind::Request)
        }
        _ => None,
    }
}

/// Reads a structure that is no container and no private key.
pub(super) fn item(der: &[u8], kind: Kind) -> Item {
    let read = match kind {
        Kind::Certificate => Certificate::from_der_lenient(der)
            .map(|(certificate, broken)| Item::Certificate(certificate, broken)),
        Kind::Request => Csr::from_der(der).map(Item::Request),
        Kind::Crl => Crl::from_der(der).map(Item::Crl),
        Kind::Ocsp => OcspResponse::from_der(der).map(|it| Item::Ocsp(Box::new(it))),
        Kind::PublicKey => return public_key(der),
        _ => return Item::Unreadable(kind, Unreadable::Unknown),
    };
    read.unwrap_or_else(|error| Item::Unreadable(kind, Unreadable::Parse(error)))
}

fn public_key(der: &[u8]) -> Item {
    let bare_rsa = sequence(der).is_some_and(|it| it.iter().all(|it| is(it, Tag::Integer)));
    let key = if bare_rsa {
        super::private_key::rsa_public(der)
    } else {
        PublicKey::from_spki_der(der).map_err(|error| Unreadable::Unsupported(error.to_string()))
    };
    key.map_or_else(|why| Item::Unreadable(Kind::PublicKey, why), Item::PublicKey)
}
