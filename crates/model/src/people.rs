//! Who acts: operators, what they approve, the tokens they hand out, and the audit trail of it all.

use std::fmt;

use serde::{Deserialize, Serialize};
use skink_x509::{KeyDigest, Time};

use crate::{AgentName, ApprovalId, EndpointName, IncidentId, OperatorName, Role, TokenId, wire};

/// Who did something, and when: goes with every change into the audit trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Who.
    pub actor: Actor,
    /// When.
    pub at: Time,
}

impl Stamp {
    /// The server itself, now.
    pub const fn server(at: Time) -> Self {
        Self { actor: Actor::Server, at }
    }

    /// An operator, now.
    pub const fn operator(name: OperatorName, at: Time) -> Self {
        Self { actor: Actor::Operator(name), at }
    }

    /// An agent, now.
    pub const fn agent(name: AgentName, at: Time) -> Self {
        Self { actor: Actor::Agent(name), at }
    }
}

/// Somebody who changes something.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Actor {
    /// A person.
    Operator(OperatorName),
    /// An agent.
    Agent(AgentName),
    /// An incident's driver.
    Incident(IncidentId),
    /// The server by itself.
    Server,
    /// The command line on the server's machine.
    Console,
}

impl fmt::Display for Actor {
    /// `operator:alice`, `agent:web-1`, `incident:inc-1`, `server`, `console`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operator(name) => write!(f, "operator:{name}"),
            Self::Agent(name) => write!(f, "agent:{name}"),
            Self::Incident(id) => write!(f, "incident:{id}"),
            Self::Server => f.write_str("server"),
            Self::Console => f.write_str("console"),
        }
    }
}

/// A person (or program) that operates Skink.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operator {
    /// One per person: two sessions of one person are one operator.
    pub name: OperatorName,
    /// What he may do.
    pub role: Role,
    /// Digest of the registered client key, if there is one.
    #[serde(with = "wire::text_option", default)]
    pub key_digest: Option<KeyDigest>,
    /// Whether a bearer token is registered.
    pub has_token: bool,
    /// When he was registered.
    #[serde(with = "wire::millis")]
    pub created_at: Time,
    /// When he was removed.
    #[serde(with = "wire::millis_option", default)]
    pub disabled_at: Option<Time>,
    /// The first of the line of operators who registered each other down to this one; himself, if
    /// it was no operator who registered him. Two approvals need two lines.
    pub vouched_by: OperatorName,
}

/// An enrolment token as it is remembered: all that its bearer may become, once, for minutes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Its public half.
    pub id: TokenId,
    /// The agent it is for.
    pub agent: AgentName,
    /// The endpoints it names.
    pub endpoints: Vec<EndpointName>,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    #[serde(with = "wire::millis")]
    pub created_at: Time,
    /// When it expires.
    #[serde(with = "wire::millis")]
    pub expires_at: Time,
    /// When it was used.
    #[serde(with = "wire::millis_option", default)]
    pub used_at: Option<Time>,
}

/// One person's approval of one step of one incident. A second one by the same person is no other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Its id.
    pub id: ApprovalId,
    /// The incident.
    pub incident: IncidentId,
    /// The step.
    pub step: String,
    /// Who approves.
    pub person: OperatorName,
    /// In which role.
    pub role: Role,
    /// When.
    #[serde(with = "wire::millis")]
    pub at: Time,
}

/// Who did what to what, written in the transaction that did it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRow {
    /// Its number; goes up.
    pub id: u64,
    /// When.
    #[serde(with = "wire::millis")]
    pub at: Time,
    /// Who: `operator:alice`, `agent:web-1`, `server`.
    pub actor: String,
    /// What was done: `authority.taint`.
    pub action: String,
    /// To what.
    pub subject: String,
    /// Further facts, JSON.
    pub detail: serde_json::Value,
}
