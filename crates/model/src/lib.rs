//! Entities, typed ids, states and transitions, journal events, and the `Clock` and `Rng` seams.
//!
//! Pure: it knows no database, no protocol and no file.
#![warn(missing_docs)]

mod clock;
mod id;

pub use clock::{Clock, ManualClock, Rng};
pub use id::{
    AgentName, ApprovalId, AuthorityId, BadId, CertificateId, EndpointName, IncidentId, IssuerName,
    OperatorName, ProfileName, TokenId,
};
pub use skink_x509::Time;
