//! What was unusual about the way something was written.

use std::fmt;

use super::Kind;

/// Something unusual that was read all the same, and that other programs may stumble over.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remark {
    /// The file begins with a byte order mark.
    ByteOrderMark,
    /// The file is UTF-16, as some editors on Windows write.
    Utf16,
    /// Line breaks are written as a backslash and an `n`.
    EscapedLineBreaks,
    /// Base64 without the lines around it, or of a whole PEM file.
    BareBase64,
    /// The label of the block is not that of its content.
    WrongLabel {
        /// What the label says.
        said: String,
        /// What the content is.
        is: Kind,
    },
    /// The lines around the block do not have five dashes on each side.
    WrongDashes,
    /// The block does not end.
    NoEnd,
    /// Bytes after the structure.
    TrailingBytes(usize),
    /// OpenSSL's form of a certificate with settings of trust behind it.
    OpensslTrust,
    /// The store is protected in a way that breaks today: RC2 or DES with SHA-1.
    LegacyEncryption,
    /// The store carries no check over its content, so anybody may have changed it.
    NoMac,
    /// The store's check is of a kind that is not verified here.
    UncheckedMac,
    /// The parts of the private key do not belong to each other.
    InconsistentKey,
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ByteOrderMark => f.write_str("the file begins with a byte order mark"),
            Self::Utf16 => f.write_str("the file is UTF-16; most programs want ASCII or UTF-8"),
            Self::EscapedLineBreaks => {
                f.write_str("line breaks are written as \\n; most programs want real ones")
            }
            Self::BareBase64 => f.write_str("it is base64 without BEGIN and END lines of its own"),
            Self::WrongLabel { said, is } => {
                write!(f, "the block is labelled {said:?} and holds {is}")
            }
            Self::WrongDashes => f.write_str("BEGIN or END has not five dashes on each side"),
            Self::NoEnd => f.write_str("the block has no END line of its own"),
            Self::TrailingBytes(count) => {
                write!(f, "{count} bytes follow that do not belong to it")
            }
            Self::OpensslTrust => {
                f.write_str("it is OpenSSL's TRUSTED CERTIFICATE: only OpenSSL reads that")
            }
            Self::LegacyEncryption => f.write_str(
                "it is encrypted with RC2 or DES and SHA-1; OpenSSL 3 needs -legacy to read it",
            ),
            Self::NoMac => f.write_str("the store has no MAC: nothing shows that it is unchanged"),
            Self::UncheckedMac => f.write_str("the store's MAC is of a kind that is not checked"),
            Self::InconsistentKey => f.write_str("the parts of the key do not fit each other"),
        }
    }
}
