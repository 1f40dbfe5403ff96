//! Certificate revocation lists (RFC 5280 §5): a streaming writer and a reader.

mod entry;
mod number;
mod read;
mod reason;
mod scope;
mod write;

pub use entry::{EntryGrounds, RevokedEntry};
pub use number::CrlNumber;
pub use read::{Crl, Entries};
pub use reason::{Reason, UnknownReason};
pub use scope::{Contains, IssuingDistributionPoint};
pub use write::{CrlSpec, CrlWriter, UnsignedCrl, encode_tbs};

#[cfg(test)]
mod tests;
