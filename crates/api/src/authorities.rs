//! Issuers, their generations, profiles and keys.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{AuthorityState, EndpointRole};

/// The stable name that profiles and people refer to, with its generations.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Issuer {
    /// `workloads`.
    pub name: String,
    /// The generation that issues.
    pub active: Option<String>,
    /// The prepared one that a kit or ceremony left.
    pub standby: Option<String>,
    /// All generations, oldest first.
    pub generations: Vec<String>,
    /// The profiles that may be asked for.
    pub profiles: Vec<String>,
}

/// Makes a further issuer; its first generation comes from a ceremony.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewIssuer {
    /// Its name.
    pub name: String,
    /// The profiles that it serves.
    pub profiles: Vec<String>,
}

/// One CA certificate with its key.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Authority {
    /// `workloads-g1`, `root`, `control-g1`, `trust-g1`.
    pub id: String,
    /// The issuer it is a generation of.
    pub issuer: String,
    /// From 1.
    pub generation: u32,
    /// The authority that signed it; absent for a root.
    pub parent: Option<String>,
    /// Its place in life.
    pub state: AuthorityState,
    /// Whether it is frozen (reversible; issues nothing).
    pub frozen: bool,
    /// Why it is frozen or tainted.
    pub reason: Option<String>,
    /// The key's URI at its provider; absent where the key is not the server's.
    pub key_uri: Option<String>,
    /// Digest of the normalised public key.
    pub key_digest: Option<String>,
    /// Its certificate.
    pub certificate_pem: Option<String>,
    /// SHA-256 of the certificate.
    pub fingerprint: Option<String>,
    /// End of the certificate's validity.
    pub not_after_ms: Option<i64>,
    /// Number of the CRL it published last.
    pub crl_number: Option<u64>,
    /// When that CRL is due again.
    pub crl_next_update_ms: Option<i64>,
    /// Certificates of it that are valid now.
    pub certificates_valid: u64,
    /// Whether the barrier for this generation is open, so that anybody may be issued from it.
    pub barrier_open: bool,
}

/// Why an authority is frozen or thawed.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Freeze {
    /// For the journal.
    #[serde(default)]
    pub reason: String,
}

/// Makes a prepared generation the active one.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Activation {
    /// For the journal.
    #[serde(default)]
    pub reason: String,
    /// Say what would happen, change nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// What an issuer may put in a certificate.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// The issuers that serve it.
    pub issuers: Vec<String>,
    /// The extended key usages, by their RFC 5280 names.
    pub extended_key_usages: Vec<String>,
    /// Which sides of a handshake it is for.
    pub roles: Vec<EndpointRole>,
    /// How long its certificates live.
    pub lifetime: ProfileLifetime,
    /// Key algorithms that it takes.
    pub key_algorithms: Vec<String>,
}

/// How long certificates live.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
pub struct ProfileLifetime {
    /// Unless asked otherwise.
    pub default_s: u64,
    /// At most.
    pub max_s: u64,
}

/// An attempt at one signature: one call of a key provider.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Attempt {
    /// Its id.
    pub id: String,
    /// The key's URI.
    pub key: String,
    /// What the signature is for: `certificate`, `crl`, `ocsp`, …
    pub purpose: String,
    /// The thing signed.
    pub subject: String,
    /// `asked`, `signed`, `failed`, or `unknown` where nobody knows whether it was made.
    pub state: String,
    /// When it was asked, in milliseconds since 1970.
    pub asked_at_ms: i64,
    /// The provider's code of a failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The key service's own id of the call, where it gives one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// A key behind a provider.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Key {
    /// `software:workloads-g1`.
    pub uri: String,
    /// The authority or service it belongs to.
    pub owner: String,
    /// `ec-p256`, …
    pub algorithm: String,
    /// `enabled`, `disabled`, `destroyed`, `absent`.
    pub state: String,
    /// Digest of the normalised public key.
    pub digest: Option<String>,
    /// Signatures that the ledger has settled as made.
    pub signatures: u64,
    /// When it was made, or the server was told of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at_ms: Option<i64>,
}

/// A list that waits, because the database was put back from a backup: it is neither signed nor handed
/// out before the newest one that was out has been given, or two people go on without it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct HeldList {
    /// Its scope: `workloads-g1/p0`.
    pub scope: String,
    /// The authority whose list it is.
    pub authority: String,
    /// When the backup was taken: what was revoked since then may be missing.
    pub taken_at_ms: i64,
    /// Who would go on without it; it takes another person.
    pub waived_by: Option<String>,
}

/// Going on without the newest list that was out.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct HeldListWaiver {
    /// The list's scope.
    pub scope: String,
    /// Why, for the journal.
    pub reason: String,
}
