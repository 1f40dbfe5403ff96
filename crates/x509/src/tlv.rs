//! Small pieces of DER that several structures share.

use std::str::FromStr as _;

use der::asn1::{AnyRef, BitStringRef};
use der::{Decode, Encode, Header, Length, Reader, Sequence, SliceReader, Tag, TagNumber};

use crate::raw_sequence::RawSequence;
use crate::{EncodeError, ParseError, SignatureAlgorithm, Time};

/// Wraps `content` in a header with `tag`.
pub(crate) fn wrap(tag: Tag, content: &[u8]) -> Result<Vec<u8>, EncodeError> {
    let mut der = header(tag, content.len())?;
    der.extend_from_slice(content);
    Ok(der)
}

/// The encoded header of a value of `length` bytes.
pub(crate) fn header(tag: Tag, length: usize) -> Result<Vec<u8>, EncodeError> {
    Length::try_from(length)
        .and_then(|length| Header::new(tag, length).to_der())
        .map_err(EncodeError::der("a header"))
}

/// `SEQUENCE` around already encoded members.
pub(crate) fn sequence(members: &[&[u8]]) -> Result<Vec<u8>, EncodeError> {
    wrap(Tag::Sequence, &members.concat())
}

/// A context-specific tag.
pub(crate) fn context(number: u32, constructed: bool) -> Tag {
    TagNumber(number).context_specific(constructed)
}

/// The members of a `SEQUENCE OF` or `SET OF`, each as its tag and content.
pub(crate) fn members(content: &[u8]) -> Result<Vec<AnyRef<'_>>, der::Error> {
    let mut reader = SliceReader::new(content)?;
    let mut members = Vec::new();
    while !reader.is_finished() {
        members.push(AnyRef::decode(&mut reader)?);
    }
    Ok(members)
}

/// The content of the one value with `tag` that `der` is.
pub(crate) fn content(der: &[u8], tag: Tag) -> Result<&[u8], der::Error> {
    let value = AnyRef::from_der(der)?;
    value.header().tag().assert_eq(tag)?;
    Ok(value.value())
}

/// The outer shape of everything that is signed.
#[derive(Sequence)]
pub(crate) struct Signed<'a> {
    pub(crate) tbs: RawSequence<'a>,
    pub(crate) algorithm: RawSequence<'a>,
    pub(crate) signature: BitStringRef<'a>,
}

impl<'a> Signed<'a> {
    pub(crate) fn parse(der: &'a [u8], what: &'static str) -> Result<Self, ParseError> {
        let signed = Self::from_der(der).map_err(ParseError::der(what))?;
        if signed.signature.has_unused_bits() {
            return Err(ParseError::rule(what, "has a signature that is no whole number of bytes"));
        }
        Ok(signed)
    }

    /// The signed bytes: `tbs` with its header, as it stands in `der`.
    pub(crate) fn tbs_range(&self, der: &[u8]) -> std::ops::Range<usize> {
        let content = range_in(der, self.tbs.0);
        // Between the outer header and the content stands the inner header and nothing else.
        let outer = der.len() - outer_content_len(der);
        outer..content.end
    }
}

fn outer_content_len(der: &[u8]) -> usize {
    AnyRef::from_der(der).map_or(0, |outer| outer.value().len())
}

/// Where `inner`, a slice of `outer`, lies in it.
pub(crate) fn range_in(outer: &[u8], inner: &[u8]) -> std::ops::Range<usize> {
    let start = inner.as_ptr().addr().wrapping_sub(outer.as_ptr().addr());
    start..start.wrapping_add(inner.len())
}

/// Puts a signature under already encoded bytes: the shape shared by certificates, CSRs and CRLs
/// (RFC 5280 §4.1.1), and by OCSP responses without certificates.
///
/// `signature` is what the algorithm produces in X.509's encoding: ECDSA as a DER sequence.
pub fn assemble(
    tbs_der: &[u8],
    algorithm: SignatureAlgorithm,
    signature: &[u8],
) -> Result<Vec<u8>, EncodeError> {
    sequence(&[tbs_der, algorithm.identifier_der(), &bit_string(signature)?])
}

/// A `BIT STRING` of whole bytes.
pub(crate) fn bit_string(bytes: &[u8]) -> Result<Vec<u8>, EncodeError> {
    BitStringRef::from_bytes(bytes)
        .and_then(|bits| bits.to_der())
        .map_err(EncodeError::der("a signature"))
}

/// A non-negative `INTEGER` from the big-endian bytes of its value.
pub(crate) fn unsigned(bytes: &[u8]) -> Result<Vec<u8>, EncodeError> {
    der::asn1::UintRef::new(bytes)
        .and_then(|integer| integer.to_der())
        .map_err(EncodeError::der("an integer"))
}

/// `UTCTime` through 2049, `GeneralizedTime` from 2050 (RFC 5280 §4.1.2.5).
pub(crate) fn x509_time(time: Time) -> Result<x509_cert::time::Time, EncodeError> {
    date_time(time).map(x509_cert::time::Time::from)
}

/// Always `GeneralizedTime`, as OCSP and invalidityDate want it.
pub(crate) fn generalized_time(time: Time) -> Result<der::asn1::GeneralizedTime, EncodeError> {
    date_time(time).map(der::asn1::GeneralizedTime::from_date_time)
}

fn date_time(time: Time) -> Result<der::DateTime, EncodeError> {
    let out_of_range = EncodeError::TimeOutOfRange(time);
    let Ok(secs) = u64::try_from(time.as_secs()) else { return Err(out_of_range) };
    der::DateTime::from_unix_duration(std::time::Duration::from_secs(secs))
        .map_err(|_| out_of_range)
}

/// A certificate's time. `UTCTime` begins in 1950, twenty years before what the DER library's
/// types can hold: certificates that old are met as tests, and as backdated roots.
pub(crate) fn read_x509_time(time: AnyRef<'_>) -> Result<Time, ParseError> {
    if time.header().tag() == Tag::UtcTime
        && let Some(early) = early_utc_time(time.value())
    {
        return Ok(early);
    }
    time.to_der()
        .and_then(|der| x509_cert::time::Time::from_der(&der))
        .map(from_x509_time)
        .map_err(ParseError::der("a certificate's time"))
}

/// A `UTCTime` of the years 1950 to 1969, `YYMMDDHHMMSSZ`, by way of the same date a hundred years
/// later, which is always 36,525 days away: every fourth year between them has a leap day.
fn early_utc_time(text: &[u8]) -> Option<Time> {
    const CENTURY: u64 = 36_525 * 86_400;
    let text = std::str::from_utf8(text).ok()?;
    if text.len() != 13 || !('5'..='6').contains(&text.chars().next()?) {
        return None;
    }
    let later = der::DateTime::from_str(&format!(
        "20{}-{}-{}T{}:{}:{}Z",
        text.get(0..2)?,
        text.get(2..4)?,
        text.get(4..6)?,
        text.get(6..8)?,
        text.get(8..10)?,
        text.get(10..12)?
    ));
    let later = later.ok().filter(|_| text.ends_with('Z'))?.unix_duration().as_secs();
    Some(Time::from_secs(i64::try_from(later).ok()? - i64::try_from(CENTURY).ok()?))
}

pub(crate) fn from_x509_time(time: x509_cert::time::Time) -> Time {
    from_duration(time.to_unix_duration())
}

pub(crate) fn from_generalized_time(time: der::asn1::GeneralizedTime) -> Time {
    from_duration(time.to_unix_duration())
}

fn from_duration(since_epoch: std::time::Duration) -> Time {
    Time::from_secs(i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utc_times_begin_in_1950() {
        let read = |text: &str| {
            read_x509_time(AnyRef::new(Tag::UtcTime, text.as_bytes()).unwrap())
                .map(|time| time.to_string())
        };
        assert_eq!(read("500101120100Z").unwrap(), "1950-01-01T12:01:00Z");
        assert_eq!(read("680229000000Z").unwrap(), "1968-02-29T00:00:00Z");
        assert_eq!(read("691231235959Z").unwrap(), "1969-12-31T23:59:59Z");
        assert_eq!(read("700101000000Z").unwrap(), "1970-01-01T00:00:00Z");
        assert_eq!(read("491231235959Z").unwrap(), "2049-12-31T23:59:59Z");
        assert!(read("690229000000Z").is_err() && read("6901010000000").is_err());
    }
}
