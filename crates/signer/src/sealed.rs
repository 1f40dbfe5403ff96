//! Secrets at rest: under a passphrase, for a key held elsewhere, and for two of several people.
//!
//! All of them are JSON that can lie in a file; every one is bound to a context, so that a box made
//! for one use opens for no other.

mod cipher;
mod envelope;
mod kit;
mod passphrase;

pub use envelope::{Envelope, OpeningKey, SealingKey};
pub use kit::{Custodian, KitSeal, PreparedCustodians, Share};
pub use passphrase::SealedBox;

/// Why something sealed did not open, or could not be sealed.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SealError {
    /// Wrong passphrase or key, wrong context, or altered: these cannot be told apart.
    #[error("it does not open: wrong passphrase or key, another purpose, or altered")]
    DoesNotOpen,
    /// It is in a format of another version, or not what it should be.
    #[error("sealed data is malformed: {0}")]
    Malformed(&'static str),
    /// A kit needs at least two custodians with different names.
    #[error("a kit is sealed for at least two custodians of different names")]
    TooFewCustodians,
    /// Nobody of that name holds a share of this kit.
    #[error("{0:?} is no custodian of this kit")]
    NotACustodian(String),
    /// Both shares are one person's, or shares of different kits.
    #[error("two shares of one kit, of two different custodians, are needed")]
    SharesDoNotMatch,
    /// A passphrase is too short to protect anything.
    #[error("a passphrase has at least 8 characters")]
    WeakPassphrase,
    /// The cryptographic library refused.
    #[error("the cryptographic operation failed")]
    Crypto,
}
