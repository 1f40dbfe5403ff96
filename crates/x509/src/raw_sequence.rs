//! A `SEQUENCE` whose content stays as it is.

use der::{DecodeValue, EncodeValue, FixedTag, Header, Length, Reader, Tag, Writer};

/// The content of a `SEQUENCE`, borrowed. Names, keys and extensions pass through in the bytes they
/// came in, so that nothing is lost or repaired between reading and comparing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RawSequence<'a>(pub(crate) &'a [u8]);

impl FixedTag for RawSequence<'_> {
    const TAG: Tag = Tag::Sequence;
}

impl<'a> DecodeValue<'a> for RawSequence<'a> {
    type Error = der::Error;

    fn decode_value<R: Reader<'a>>(reader: &mut R, header: Header) -> der::Result<Self> {
        reader.read_slice(header.length()).map(Self)
    }
}

impl EncodeValue for RawSequence<'_> {
    fn value_len(&self) -> der::Result<Length> {
        Length::try_from(self.0.len())
    }

    fn encode_value(&self, writer: &mut impl Writer) -> der::Result<()> {
        writer.write(self.0)
    }
}
