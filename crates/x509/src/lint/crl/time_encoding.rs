//! Times through 2049 are `UTCTime`, entries' dates too.

use der::asn1::AnyRef;
use der::{Decode, Reader, SliceReader, Tag};

use super::Facts;
use crate::lint::{Rule, Severity, complain};
use crate::tlv;

pub(super) const RULE: Rule<Facts> = Rule {
    name: "crl_time_encoding",
    severity: Severity::Error,
    section: "RFC 5280 §5.1.2.4 to §5.1.2.6",
    check: |facts| {
        let wrong = any_wrong(facts.crl.tbs_der()).unwrap_or(true);
        complain(wrong, "a time before 2050 is not encoded as UTCTime")
    },
};

/// Looks at the times of the list itself and of its entries, not at invalidity dates, which are
/// always `GeneralizedTime`.
fn any_wrong(tbs: &[u8]) -> Result<bool, der::Error> {
    for field in tlv::members(tlv::content(tbs, Tag::Sequence)?)? {
        let wrong = match field.header().tag() {
            Tag::GeneralizedTime => is_before_2050(field),
            Tag::Sequence => entries_wrong(field.value())?,
            _ => false,
        };
        if wrong {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Entries are sequences whose second field is a time; names and algorithms have none there.
fn entries_wrong(content: &[u8]) -> Result<bool, der::Error> {
    let mut reader = SliceReader::new(content)?;
    while !reader.is_finished() {
        let entry = AnyRef::decode(&mut reader)?;
        if entry.header().tag() != Tag::Sequence {
            continue;
        }
        let fields = tlv::members(entry.value())?;
        if fields.get(1).is_some_and(|field| is_before_2050(*field)) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_before_2050(field: AnyRef<'_>) -> bool {
    field.header().tag() == Tag::GeneralizedTime
        && field.value().get(..4).is_some_and(|year| year < &b"2050"[..])
}
