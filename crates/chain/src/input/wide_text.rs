//! Bytes to text, as editors write it.

use super::Remark;

/// The text, and what is unusual about its encoding. Bytes that are no text are replaced: they can
/// stand around PEM blocks and not in them.
pub(super) fn decode(bytes: &[u8]) -> (String, Vec<Remark>) {
    let (text, mut remarks) = match bytes {
        [0xff, 0xfe, rest @ ..] => (utf16(rest, u16::from_le_bytes), vec![Remark::Utf16]),
        [0xfe, 0xff, rest @ ..] => (utf16(rest, u16::from_be_bytes), vec![Remark::Utf16]),
        [first, 0, second, 0, ..] if first.is_ascii() && second.is_ascii() => {
            (utf16(bytes, u16::from_le_bytes), vec![Remark::Utf16])
        }
        [0, first, 0, second, ..] if first.is_ascii() && second.is_ascii() => {
            (utf16(bytes, u16::from_be_bytes), vec![Remark::Utf16])
        }
        [0xef, 0xbb, 0xbf, rest @ ..] => {
            (String::from_utf8_lossy(rest).into_owned(), vec![Remark::ByteOrderMark])
        }
        _ => (String::from_utf8_lossy(bytes).into_owned(), Vec::new()),
    };
    if text.contains("BEGIN ") && text.contains("-----\\n") {
        remarks.push(Remark::EscapedLineBreaks);
        return (text.replace("\\r", "").replace("\\n", "\n"), remarks);
    }
    (text, remarks)
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let (pairs, _) = bytes.as_chunks::<2>();
    let units = pairs.iter().map(|pair| unit(*pair));
    char::decode_utf16(units).map(|it| it.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}
