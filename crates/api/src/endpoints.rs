//! Endpoints: where certificates are used.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Criticality, EndpointRole, Mechanism};

/// An endpoint as it is registered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointSpec {
    /// Its name, unique.
    pub name: String,
    /// The side of the handshake it stands on.
    pub role: EndpointRole,
    /// How it stops trusting an authority.
    pub mechanism: Mechanism,
    /// The service: `payments`.
    pub service: String,
    /// The issuer its certificates come from.
    pub issuer: String,
    /// The profile of its certificates.
    pub profile: String,
    /// DNS names and IP addresses that it may have, and no others.
    pub names: Vec<String>,
    /// `host:port` where it listens, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Whom to ask.
    #[serde(default)]
    pub owner: String,
    /// How much it matters.
    #[serde(default = "normal")]
    pub criticality: Criticality,
    /// The agent that tends it; without one it is listed as unmanaged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
}

fn normal() -> Criticality {
    Criticality::Normal
}

/// An endpoint and what its agent said last.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Endpoint {
    /// As it was registered.
    #[serde(flatten)]
    pub spec: EndpointSpec,
    /// The certificate that was last proven installed, by id.
    pub certificate: Option<String>,
    /// Its authority.
    pub authority: Option<String>,
    /// End of its validity.
    pub not_after_ms: Option<i64>,
    /// The trust package that it runs.
    pub trust: Option<EndpointTrust>,
    /// Generations that it is proven past.
    pub past: Vec<String>,
    /// Tainted generations that it is proven to refuse.
    pub refuses: Vec<String>,
    /// When its agent was last heard of.
    pub last_seen_ms: Option<i64>,
    /// What its agent could not do.
    pub error: Option<String>,
}

/// The package that an endpoint acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EndpointTrust {
    /// Epoch of the trust key.
    pub epoch: u64,
    /// Version within the epoch.
    pub version: u64,
    /// Digest of the package.
    pub digest: String,
    /// When the acknowledgement came.
    pub at_ms: i64,
}

/// Puts an endpoint back to its last good certificate.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RollBack {
    /// For the journal.
    pub reason: String,
    /// Say what would happen, change nothing.
    #[serde(default)]
    pub dry_run: bool,
}
