//! BER as old software writes PKCS #7 and PKCS #12: lengths that are not told, octet strings in
//! pieces. Made DER; everything that was DER stays as it was, byte by byte.

const DEEPEST: usize = 32;
const CONSTRUCTED: u8 = 0x20;
const OCTET_STRING: u8 = 0x04;

/// The DER of the value that `bytes` begin with, if that was not DER yet.
pub(super) fn to_der(bytes: &[u8]) -> Option<Vec<u8>> {
    let (value, _) = value(bytes, 0)?;
    value.changed.then_some(value.der)
}

struct Value {
    der: Vec<u8>,
    changed: bool,
}

/// The value at the beginning, and what follows it.
fn value(bytes: &[u8], depth: usize) -> Option<(Value, &[u8])> {
    let tag = *bytes.first()?;
    // Tags of several bytes occur in none of the structures that come this way.
    if depth == DEEPEST || tag & 0x1f == 0x1f {
        return None;
    }
    let (length, content) = length(&bytes[1..])?;
    match length {
        None if tag & CONSTRUCTED != 0 => {
            let (members, rest) = until_end(content, depth)?;
            Some((Value { der: close(tag, &members), changed: true }, rest))
        }
        None => None,
        Some(length) => {
            let (content, rest) = content.split_at_checked(length)?;
            let verbatim = || bytes[..bytes.len() - rest.len()].to_vec();
            if tag & CONSTRUCTED == 0 {
                return Some((Value { der: verbatim(), changed: false }, rest));
            }
            let members = all(content, depth);
            let changed = tag == OCTET_STRING | CONSTRUCTED
                || members.as_ref().is_some_and(|it| it.iter().any(|value| value.changed));
            let der = match members {
                Some(members) if changed => close(tag, &members),
                _ => verbatim(),
            };
            Some((Value { der, changed }, rest))
        }
    }
}

fn all(mut content: &[u8], depth: usize) -> Option<Vec<Value>> {
    let mut members = Vec::new();
    while !content.is_empty() {
        let (member, rest) = value(content, depth + 1)?;
        members.push(member);
        content = rest;
    }
    Some(members)
}

/// Members up to the two zero bytes that end them.
fn until_end(mut content: &[u8], depth: usize) -> Option<(Vec<Value>, &[u8])> {
    let mut members = Vec::new();
    loop {
        if let Some(rest) = content.strip_prefix(&[0, 0]) {
            return Some((members, rest));
        }
        let (member, rest) = value(content, depth + 1)?;
        members.push(member);
        content = rest;
    }
}

/// A constructed value of these members; an octet string, or an implicitly tagged one, is joined.
fn close(tag: u8, members: &[Value]) -> Vec<u8> {
    let pieces = !members.is_empty() && members.iter().all(|it| it.der[0] == OCTET_STRING);
    // [0] IMPLICIT OCTET STRING of EncryptedContentInfo comes in several pieces or in one; [0]
    // EXPLICIT of ContentInfo holds exactly one, which is told from it by who holds it.
    let joined = tag == OCTET_STRING | CONSTRUCTED || (tag == 0xa0 && pieces && members.len() > 1);
    let content: Vec<u8> = if joined {
        members.iter().flat_map(|it| octets_of(&it.der)).copied().collect()
    } else {
        members.iter().flat_map(|it| &it.der).copied().collect()
    };
    let mut der = vec![if joined { tag & !CONSTRUCTED } else { tag }];
    write_length(&mut der, content.len());
    der.extend(content);
    der
}

fn octets_of(der: &[u8]) -> &[u8] {
    length(&der[1..]).map_or(&[], |(_, content)| content)
}

/// A length, none for one that is not told, and what follows.
fn length(bytes: &[u8]) -> Option<(Option<usize>, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    match first {
        0x80 => Some((None, rest)),
        0..0x80 => Some((Some(usize::from(*first)), rest)),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let length = digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit));
            Some((Some(length), rest))
        }
        _ => None,
    }
}

fn write_length(der: &mut Vec<u8>, length: usize) {
    let bytes = length.to_be_bytes();
    let digits = &bytes[bytes.iter().take_while(|it| **it == 0).count()..];
    match digits {
        [] => der.push(0),
        [one] if *one < 0x80 => der.push(*one),
        _ => {
            // At most eight digits.
            der.push(0x80 | u8::try_from(digits.len()).unwrap_or(8));
            der.extend_from_slice(digits);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_der_stays_as_it_is() {
        assert_eq!(to_der(b"\x30\x03\x02\x01\x05"), None);
        assert_eq!(to_der(b"\x30\x80\x02\x01\x05"), None, "it does not end");
        assert_eq!(to_der(b"\x02\x80\x00\x00"), None, "only constructed values may be open");
    }

    #[test]
    fn open_lengths_are_closed_and_strings_joined() {
        let open = b"\x30\x80\x24\x80\x04\x01a\x04\x02bc\x00\x00\x02\x01\x05\x00\x00";
        assert_eq!(to_der(open).unwrap(), b"\x30\x08\x04\x03abc\x02\x01\x05");
        let implicit = b"\x30\x80\xa0\x80\x04\x01a\x04\x02bc\x00\x00\x00\x00";
        assert_eq!(to_der(implicit).unwrap(), b"\x30\x05\x80\x03abc");
    }

    #[test]
    fn depth_is_bounded() {
        let bottomless: Vec<u8> = [0x30, 0x80].repeat(10_000);
        assert_eq!(to_der(&bottomless), None);
    }
}
