//! What key services themselves recorded of their signatures, to be held against the ledger.

pub mod azuremonitor;
pub mod cloudaudit;
pub mod cloudtrail;
mod entries;
pub mod vault;

use skink_model::Time;

use crate::uri::KeyUri;

/// One call that signed, by the service's own account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// The key, as far as the record names it: OpenBao's hides its version.
    pub key: KeyUri,
    /// The service's id of the call, or the caller's.
    pub request_id: String,
    /// How many signatures it made: OpenBao takes lists.
    pub signatures: u64,
    /// When it was answered.
    pub at: Time,
    /// From where it came, where the service says so.
    pub from: Option<String>,
    /// What tells this call's entry from every other, where the service lets its callers choose the
    /// ids of their calls: a thief may choose one of ours once more.
    pub entry: Option<String>,
}

/// Why a record cannot be read to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The file cannot be read.
    #[error("the record cannot be read")]
    Read(#[source] std::io::Error),
    /// A line is none of an audit log's.
    #[error("line {line} is none of an audit log's")]
    Line {
        /// Counted from 1.
        line: u64,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// It is none of `CloudTrail`'s.
    #[error("this is no record of CloudTrail's")]
    Trail(#[source] serde_json::Error),
    /// It is none of this service's.
    #[error("this is no record of {service}")]
    Json {
        /// The service's name.
        service: &'static str,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// Something else is among the entries.
    #[error("an entry of the record is none of {service}")]
    NoEntry {
        /// The service's name.
        service: &'static str,
    },
    /// A page of an answer, without those that follow.
    #[error("this answer of CloudTrail's goes on where its NextToken says: look up all of it")]
    CutOff,
    /// A signature whose record lacks what it would be paired by.
    #[error("the record's event {event} is a signature without {what}")]
    Incomplete {
        /// The event's id.
        event: String,
        /// What is missing.
        what: &'static str,
    },
}
