//! The file exchange with the offline root.
//!
//! A [`Request`] goes out, signed by the server; a person looks at it with [`OfflineRoot::plan`]
//! and has it signed with [`OfflineRoot::sign`]; a [`Response`] comes back, signed by the root, and
//! [`Response::accept`] checks it against the request. Every ceremony also leaves a [`KitFile`] for
//! each authority.
//!
//! The root keeps one partition of its revocation list for each authority. A ceremony signs two
//! lists for each: the *routine* one, number n of time t, and the *escrow*, number n+1 of t+1s,
//! which revokes the authority until its end. Stacks that go by the number and stacks that go by
//! the time thus agree that the escrow wins, and the next ceremony, at n+2, wins over both. Nothing
//! later that says "not revoked" is ever signed in advance.

mod accept;
mod directory;
mod document;
mod escrow;
mod kit;
mod package;
mod plan;
mod request;
mod response;
mod root;
mod sign;
mod state;

pub use accept::{Accepted, NotAccepted};
pub use directory::ServerNearby;
pub use document::DocumentError;
pub use escrow::{EscrowRefused, Release, check_escrow};
pub use kit::{EscrowFacts, KitContents, KitError, KitFacts, KitFile};
pub use package::{PACKAGE_CONTEXT, PackageKey};
pub use plan::{CeremonyPlan, CeremonyRefused, Partition, PlannedCertificate};
pub use request::{Certify, Floor, Request, RequestBody, Revoke, StandbyFor};
pub use response::{CertifiedAuthority, Response, ResponseBody, RootList, SignedAnchors};
pub use root::{OfflineRoot, RootConfig, RootError, RootInfo};
pub use sign::{ANCHORS_CONTEXT, AnchorsInput, Ceremony, SignOptions};

/// The scope of the root's list about itself, and the root's own id.
pub const ROOT: &str = "root";

#[cfg(test)]
mod tests;
