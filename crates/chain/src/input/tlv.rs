//! Small pieces of DER.

use der::asn1::{AnyRef, ObjectIdentifier, OctetStringRef};
use der::{Decode, Reader, SliceReader, Tag, TagNumber};

/// The first value with its header, and what follows.
pub(super) fn split_first(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut reader = SliceReader::new(bytes).ok()?;
    let value = reader.tlv_bytes().ok()?;
    Some((value, bytes.get(value.len()..)?))
}

/// The value that `der` begins with.
pub(super) fn any(der: &[u8]) -> Option<AnyRef<'_>> {
    AnyRef::from_der(der).ok()
}

/// The members of a constructed value's content, as far as they can be read.
pub(super) fn members(content: &[u8]) -> Option<Vec<AnyRef<'_>>> {
    let mut reader = SliceReader::new(content).ok()?;
    let mut members = Vec::new();
    while !reader.is_finished() {
        members.push(AnyRef::decode(&mut reader).ok()?);
    }
    Some(members)
}

/// The members of the one sequence that `der` is.
pub(super) fn sequence(der: &[u8]) -> Option<Vec<AnyRef<'_>>> {
    let value = any(der)?;
    is(&value, Tag::Sequence).then(|| members(value.value()))?
}

/// The members, each with its header.
pub(super) fn raw_members(mut content: &[u8]) -> Option<Vec<&[u8]>> {
    let mut members = Vec::new();
    while !content.is_empty() {
        let (first, rest) = split_first(content)?;
        members.push(first);
        content = rest;
    }
    Some(members)
}

pub(super) fn is(value: &AnyRef<'_>, tag: Tag) -> bool {
    value.header().tag() == tag
}

pub(super) fn is_context(value: &AnyRef<'_>, number: u32) -> bool {
    matches!(value.header().tag(),
        Tag::ContextSpecific { number: found, .. } if found == TagNumber(number))
}

pub(super) fn oid(value: &AnyRef<'_>) -> Option<ObjectIdentifier> {
    value.decode_as().ok()
}

/// The bytes of an octet string.
pub(super) fn octets<'a>(value: &AnyRef<'a>) -> Option<&'a [u8]> {
    value.decode_as::<&OctetStringRef>().ok().map(OctetStringRef::as_bytes)
}

/// A small non-negative number.
pub(super) fn number(value: &AnyRef<'_>) -> Option<u64> {
    value.decode_as().ok()
}

/// The members of a sequence in hand.
pub(super) fn inside<'a>(value: &AnyRef<'a>) -> Option<Vec<AnyRef<'a>>> {
    is(value, Tag::Sequence).then(|| members(value.value()))?
}
