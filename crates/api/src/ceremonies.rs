//! The file exchange with the offline root.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Asks for the file to carry to the offline root.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCeremony {
    /// Issuers that get a further generation, each as a standby.
    #[serde(default)]
    pub standby_for: Vec<String>,
    /// Key algorithm of new generations; as their predecessors' unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_algorithm: Option<String>,
    /// The new generation's key, where the server is not to make one in a file: the URI of a key
    /// that exists, `vault:transit/NAME` or `pkcs11:token=…;object=…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What signs with that key, for a standby: the server uses it for the request and the list
    /// that the standby stands by with, seals it for the recovery kit, and forgets it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_credential: Option<String>,
}

impl std::fmt::Debug for NewCeremony {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewCeremony")
            .field("standby_for", &self.standby_for)
            .field("key_algorithm", &self.key_algorithm)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// A ceremony's request, ready to be written to a file.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct CeremonyRequest {
    /// Its id.
    pub id: String,
    /// The file's contents, to be stored exactly as they are.
    pub file: String,
}

/// What importing a response did.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct CeremonyImported {
    /// The request that it answers.
    pub id: String,
    /// Generations that are prepared now.
    pub prepared: Vec<String>,
    /// Root CRLs that are published now, as `scope number`.
    pub crls: Vec<String>,
    /// Root CRLs that revoke an authority and wait for step `revoke` of its incident.
    #[serde(default)]
    pub waiting: Vec<String>,
    /// Root CRLs that were not taken: each would take a revocation back.
    #[serde(default)]
    pub passed_over: Vec<String>,
}

/// A ceremony as it is remembered.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Ceremony {
    /// Its id.
    pub id: String,
    /// When the request was made.
    pub created_at_ms: i64,
    /// Who made it.
    pub created_by: String,
    /// When the response came back.
    pub imported_at_ms: Option<i64>,
}
