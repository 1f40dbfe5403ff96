//! Operators, and enrolment tokens for agents.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{EndpointSpec, Role};

/// A person (or program) that operates Skink.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Operator {
    /// One per person: two sessions of one person are one operator.
    pub name: String,
    /// What he may do.
    pub role: Role,
    /// Digest of the registered client key, if there is one.
    pub key_digest: Option<String>,
    /// Whether a bearer token is registered.
    pub has_token: bool,
    /// When he was registered.
    pub created_at_ms: i64,
    /// Whether he was removed.
    pub disabled: bool,
}

/// Registers an operator.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOperator {
    /// His name.
    pub name: String,
    /// His role.
    pub role: Role,
    /// `SubjectPublicKeyInfo` PEM of a client key; without one a bearer token is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_key_pem: Option<String>,
}

/// An operator just registered.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct OperatorCreated {
    /// The operator.
    pub operator: Operator,
    /// The bearer token, said once.
    pub token: Option<String>,
}

impl std::fmt::Debug for OperatorCreated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OperatorCreated").field("operator", &self.operator).finish_non_exhaustive()
    }
}

/// Makes an enrolment token for one agent. It names all that the agent may become.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// The agent's name.
    pub agent: String,
    /// The endpoints it will tend; those not yet registered are registered with it.
    pub endpoints: Vec<EndpointSpec>,
    /// Seconds until it expires; 900 unless said, at most 86,400.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifetime_s: Option<u64>,
}

/// A token just made.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct TokenCreated {
    /// Its public half.
    pub id: String,
    /// The token as the agent takes it ([`crate::token::EnrolmentToken`]), said once.
    pub token: String,
    /// When it expires.
    pub expires_at_ms: i64,
}

impl std::fmt::Debug for TokenCreated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenCreated").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A token as it is remembered.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Token {
    /// Its public half.
    pub id: String,
    /// The agent it is for.
    pub agent: String,
    /// The endpoints it names.
    pub endpoints: Vec<String>,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    pub created_at_ms: i64,
    /// When it expires.
    pub expires_at_ms: i64,
    /// When it was used.
    pub used_at_ms: Option<i64>,
}
