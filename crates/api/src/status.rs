//! How the server is.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::TrustCurrent;

/// The state of the server and what needs a person.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// The trust domain.
    pub domain: String,
    /// The program's version.
    pub version: String,
    /// When this process began.
    pub started_at_ms: i64,
    /// The server's clock.
    pub server_time_ms: i64,
    /// What it listens on.
    pub listeners: Vec<ListenerAddress>,
    /// The trust package that is out.
    pub trust: Option<TrustCurrent>,
    /// Enrolled agents, and how many of them were heard of in the last five minutes.
    pub agents: u64,
    /// How many of the agents were heard of in the last five minutes.
    pub agents_connected: u64,
    /// Certificates that are valid now.
    pub certificates_valid: u64,
    /// Ids of the open incidents.
    pub incidents_open: Vec<String>,
    /// What needs a person, worst first.
    pub alarms: Vec<Alarm>,
}

/// Something that a person should see to on a quiet day.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Alarm {
    /// A stable word: `root-beside-server`, `operator-files-on-server`, `kit-missing`, `kit-old`, `crl-stale`, …
    pub code: String,
    /// What is the matter.
    pub detail: String,
    /// What to do.
    pub hint: String,
}

/// What is asked about how keys are kept, and stands in no other answer.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Posture {
    /// The issuers that issue: each ought to have a recovery kit.
    pub issuers: Vec<String>,
    /// Recovery kits.
    pub kits: Vec<Kit>,
    /// Digests of the public keys that are blocked for good, the oldest first.
    pub blocked_keys: Vec<String>,
    /// Whether the server holds a key service's own record of uses against its ledger.
    pub reads_record: bool,
}

/// A recovery kit, without anything of what is in it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Kit {
    /// Its id.
    pub id: String,
    /// The standby generation in it.
    pub standby: String,
    /// The issuer whose standby that is.
    pub issuer: String,
    /// `ready`, `released`, …
    pub state: String,
    /// When it was made.
    pub created_at_ms: i64,
    /// When what is in it expires.
    pub expires_at_ms: i64,
}

/// One listener.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ListenerAddress {
    /// `api`, `agent` or `public`.
    pub name: String,
    /// Address and port.
    pub address: String,
}

/// Contents of `ports.json` in the data directory, written once the server is ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ports {
    /// The process id of the server.
    pub pid: u32,
    /// `address:port` of the operators' HTTPS.
    pub api: String,
    /// `address:port` of the agents' HTTPS.
    pub agent: String,
    /// `address:port` of the plain HTTP.
    pub public: String,
}
