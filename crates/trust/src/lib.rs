//! The trust package: what a relying party needs in order to decide, and when it may believe it.
//!
//! A package is a signed [`Envelope`] that binds two parts by digest. The *anchors* part holds the
//! roots and is signed by a root, in a ceremony. The *status* part says what became of the
//! authorities below: states, one CRL for each scope, denied keys, the server's keys. The online
//! trust key signs the envelope; so it can take trust away, or pass on what the root itself
//! signed, and nothing else.
//!
//! [`Held`] is what a relying party believes. [`Held::accept`] is the only way to change it: taints,
//! denials and the floors of root CRLs are insert-only there, whatever a later package says.
//!
//! Pure: nothing here signs, reads a clock or touches a file. The `…signing_input` functions give
//! the bytes to sign, the `assemble` functions put the signature under them.
#![warn(missing_docs)]

mod accept;
mod anchors;
mod digest;
mod edition;
mod envelope;
#[cfg(test)]
mod fixture;
mod held;
mod limits;
mod parts;
mod record;
mod refusal;
mod signer;
mod status;
mod text;

pub use accept::{Acceptance, Overruled};
pub use anchors::{Anchors, AnchorsPart, RootSignature};
pub use digest::Digest;
pub use edition::Edition;
pub use envelope::{Envelope, Manifest};
pub use held::{Held, HeldAuthority, HeldCrl};
pub use limits::Limits;
pub use parts::Parts;
pub use record::{BadRecord, FORMAT as RECORD_FORMAT};
pub use refusal::Refusal;
pub use signer::epoch_extension;
pub use status::{AuthorityEntry, AuthorityKind, AuthorityState, CrlEntry, Status, UnknownState};
