//! Wire types of the operators' and the agents' API, the stable problem codes, and the table of
//! operations from which the server routes, authorises and documents itself.
//!
//! Pure: it knows no HTTP stack, no database and no `model`. Instants are milliseconds since
//! 1970-01-01T00:00:00Z in fields ending in `_ms`; digests and fingerprints are lower-case hex of
//! SHA-256; certificates, requests and lists travel as PEM.
#![warn(missing_docs)]

pub mod agent;
mod authorities;
mod ceremonies;
mod certificates;
mod endpoints;
mod incidents;
mod journal;
mod openapi;
mod operations;
mod operators;
mod page;
mod problem;
mod status;
pub mod token;
mod trust;
mod words;

pub use authorities::{
    Activation, Attempt, Authority, Freeze, HeldList, HeldListWaiver, Issuer, Key, NewIssuer,
    Profile, ProfileLifetime,
};
pub use ceremonies::{Ceremony, CeremonyImported, CeremonyRequest, NewCeremony};
pub use certificates::{
    Certificate, CertificateQuery, IssueRequest, IssuedCertificate, KeyFound, KeyRevoked,
    Revocation, RevokeOutcome, RevokeRequest, RevokeSerials, RevokeSet, SerialsRevoked,
};
pub use endpoints::{Endpoint, EndpointSpec, EndpointTrust, RollBack};
pub use incidents::{
    Approval, ApprovalWanted, Approve, CertificateFacts, Checkpoint, CrlFacts, Declare, Forecast,
    Gate, Incident, IncidentSummary, KeyFacts, KitRelease, Reasoned, Step, Triage, TriageCount,
    Waiver, WaiverRequest,
};
pub use journal::{AuditRow, JournalEvent, JournalQuery, JournalReport, StreamReport};
pub use openapi::document;
pub use operations::{Access, Listener, Method, Operation, Route};
pub use operators::{NewOperator, NewToken, Operator, OperatorCreated, Token, TokenCreated};
pub use page::{Page, PageQuery};
pub use problem::{Code, Problem};
pub use status::{Alarm, Kit, ListenerAddress, Ports, Posture, Status};
pub use trust::{Publish, TrustCurrent};
pub use words::{
    AuthorityState, Channel, Criticality, EndpointRole, IncidentState, Mechanism, Plan, Policy,
    Role, Severity, StepState, Trigger, UnknownWord,
};
