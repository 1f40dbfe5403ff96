//! What authorities may do, and everything they say: certificates by profile, revocation lists,
//! OCSP answers, the closing set, and the ceremony with the offline root.
//!
//! Nothing here stores or serves. Everything that is to be signed becomes [`ToBeSigned`] and gets
//! its signature through `skink_signer` only.
#![warn(missing_docs)]

mod applicant;
pub mod ceremony;
mod closing;
#[cfg(test)]
mod fixture;
mod hierarchy;
mod identity;
mod issuance;
mod lint;
mod list;
mod locations;
mod profile;
mod responder;
mod span;
mod to_be_signed;

pub use applicant::{Applicant, NotPossessed, Refusal, Refused};
pub use closing::{Closing, ClosingError, ClosingPlan};
pub use hierarchy::{
    AuthorityKind, HierarchyError, Subordinate, root_spec, root_subject, subject_of,
    subordinate_spec,
};
pub use identity::{KeyMismatch, SigningAuthority, SigningIdentity};
pub use issuance::{Intended, Issued, Issuing, LintRefusal, Linted, Row};
pub use list::{ListPlan, ListToSign, ListWriter, small_list};
pub use locations::{BadLocation, Locations};
pub use profile::{NameRules, Profile, ProfileConfig, ProfileError, SubjectRule, default_profiles};
pub use responder::{Answer, NotDelegated, Responder};
pub use span::{BadSpan, Span};
pub use to_be_signed::{FinishError, ToBeSigned};
