//! Entities, typed ids, states and transitions, journal events, and the `Clock` and `Rng` seams.
//!
//! Pure: it knows no database, no protocol and no file.
#![warn(missing_docs)]

mod authority;
mod causes;
mod certificate;
mod clock;
mod fleet;
mod id;
mod incident;
pub mod journal;
mod people;
pub mod wire;
mod words;

pub use authority::{
    Authority, AuthorityCertificate, AuthorityKey, BlockedKey, Freeze, Issuer, SigningKey, Taint,
};
pub use causes::with_causes;
pub use certificate::{Attempt, AttemptCounts, CertificateRow, CrlFacts, CrlRow, Revocation};
pub use clock::{Clock, ManualClock, Rng};
pub use fleet::{
    Ack, Agent, AgentKey, BarrierProof, CrlRead, DistrustProof, Endpoint, Installed, Package,
    PackageVersion, PeerSeen, RenewOrder,
};
pub use id::{
    AgentName, ApprovalId, AttemptId, AuthorityId, BadId, CertificateId, EndpointName, IncidentId,
    IssuerName, OperatorName, ProfileName, TokenId,
};
pub use incident::{
    Ceremony, Effect, Escrow, Evidence, Incident, Kit, KitShare, Lease, Notice, Waiver,
};
pub use journal::{EventHash, Head, JournalEvent};
pub use people::{Actor, Approval, AuditRow, Operator, Stamp, Token};
pub use skink_x509::Time;
pub use words::{
    AttemptPurpose, AttemptState, AuthorityState, CeremonyState, CertificateKind, CertificateState,
    Channel, Criticality, CrlKind, EffectState, EndpointRole, IncidentState, IssuerKind, KeyState,
    KeyUse, KitState, Mechanism, Plan, Policy, Role, Severity, Trigger, UnknownWord,
};
