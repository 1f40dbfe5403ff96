//! The journal and the audit trail.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One sealed event.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct JournalEvent {
    /// `server`, or an incident's id.
    pub stream: String,
    /// From 1 within the stream, without gaps.
    pub seq: u64,
    /// When it was sealed.
    pub at_ms: i64,
    /// What it is.
    pub kind: String,
    /// What it says.
    #[schema(value_type = Object)]
    pub body: serde_json::Value,
    /// Hash of the event before.
    pub prev: String,
    /// Hash of this event.
    pub hash: String,
}

/// Which events.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JournalQuery {
    /// Only of this stream; `server` unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// Events after this number.
    #[serde(default)]
    pub after: u64,
    /// How many, 1 to 1000; 100 unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// Whether the journal is whole.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct JournalReport {
    /// Whether every stream is.
    pub verified: bool,
    /// Events in all.
    pub events: u64,
    /// Stream by stream.
    pub streams: Vec<StreamReport>,
}

/// Whether one stream is whole.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct StreamReport {
    /// Its name.
    pub stream: String,
    /// Its events.
    pub events: u64,
    /// Hash of the last one.
    pub head: String,
    /// What is wrong, if anything is.
    pub fault: Option<String>,
}

/// Who did what, written in the transaction that did it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AuditRow {
    /// Its number.
    pub id: u64,
    /// When.
    pub at_ms: i64,
    /// Who: `operator:alice`, `agent:web-1`, `server`.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// To what.
    pub subject: String,
    /// Further facts.
    #[schema(value_type = Object)]
    pub detail: serde_json::Value,
}
