//! Path building, validation and diagnosis (RFC 5280 §6).
//!
//! [`decide`] answers a [`Question`] with one of three verdicts. [`validate`], on which it stands,
//! tries every candidate path, best first, under an explicit work budget, and returns either a [`VerifiedPath`], which nothing else can make, or a [`Rejection`] with all findings on
//! the path that came closest, ranked. A chain is not a path: holding certificates proves nothing.
//!
//! Pure: the time comes in with the [`Options`], there is no I/O and no randomness.
#![warn(missing_docs)]

mod algorithms;
mod candidates;
mod constraints;
mod decide;
mod distinguished;
mod finding;
mod form;
mod judge;
mod names;
mod options;
mod policy;
mod revocation;
mod work;
mod world;

use skink_x509::Certificate;
use skink_x509::crl::Crl;

pub use decide::{Question, Verdict, decide};
pub use finding::{Attempt, Code, Evidence, Finding, Rejection, Severity};
pub use form::section_of as section_of_extension;
pub use names::has_name;
pub use options::{Formalities, Options, PeerName, Profile, Purpose, Revocation};

use candidates::Search;
use judge::Role;
use work::Work;
use world::World;

/// A path from an end entity to an anchor that passed every check. Only [`validate`] makes one.
#[derive(Debug, Clone)]
pub struct VerifiedPath {
    certificates: Vec<Certificate>,
    notes: Vec<Finding>,
    signatures: u32,
}

impl VerifiedPath {
    /// The certificates, end entity first, anchor last.
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// The end entity's certificate.
    pub fn leaf(&self) -> &Certificate {
        &self.certificates[0]
    }

    /// How many signatures were verified; slow ones count several times.
    pub const fn signatures(&self) -> u32 {
        self.signatures
    }

    /// What was found and did not keep the path from being accepted.
    pub fn notes(&self) -> &[Finding] {
        &self.notes
    }
}

/// Finds a path from `leaf` over `untrusted` certificates to one of the `anchors` and checks it.
///
/// `crls` are looked at when the options ask for revocation. Every candidate path is tried until
/// one is accepted or the options' budget is spent; the order of `untrusted` does not matter.
/// A denied key refuses any path on which a certificate carries it, the anchor included.
pub fn validate(
    leaf: &Certificate,
    untrusted: &[Certificate],
    anchors: &[Certificate],
    crls: &[Crl],
    options: &Options<'_>,
) -> Result<VerifiedPath, Rejection> {
    let world = World::new(untrusted, anchors, crls, options);
    let mut work = Work::new(options.budget);
    Search::new(&world, &mut work, Role::EndEntity).run(leaf)
}

/// What there is to say about an end entity's certificate where nothing leads from it to an anchor:
/// every finding that rests on it and the options alone, the weightiest first. Never a verdict.
pub fn examine(leaf: &Certificate, options: &Options<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    // Whatever was found before the budget was spent is told.
    let _spent = judge::alone(leaf, options, &mut Work::new(options.budget), &mut findings);
    finding::rank(&mut findings);
    findings
}
