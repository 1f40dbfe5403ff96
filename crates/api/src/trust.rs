//! Trust packages as operators see them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The package that is out.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TrustCurrent {
    /// Epoch of the trust key.
    pub epoch: u64,
    /// Version within the epoch.
    pub version: u64,
    /// Digest of the package.
    pub digest: String,
    /// When it was signed.
    pub issued_at_ms: i64,
    /// When it expires.
    pub not_after_ms: i64,
    /// Endpoints that acknowledged it.
    pub acknowledged: u64,
    /// Managed endpoints there are.
    pub managed: u64,
    /// Generations in it with their states, as `id state`.
    pub authorities: Vec<String>,
    /// Denied keys in it.
    pub denied_keys: Vec<String>,
}

/// Publishes the next version.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Publish {
    /// For the journal.
    #[serde(default)]
    pub reason: String,
    /// Say what would change, publish nothing.
    #[serde(default)]
    pub dry_run: bool,
}
