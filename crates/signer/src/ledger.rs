//! Who must be asked before anything is signed, and told what came of it.

use async_trait::async_trait;
use skink_model::{AttemptId, AttemptPurpose, AuthorityId, IncidentId};
use skink_x509::SignatureAlgorithm;

use crate::provider::RequestId;
use crate::uri::KeyUri;

mod file;
mod memory;

pub use file::{FileLedger, Recorded};
pub use memory::MemoryLedger;

/// What is to be signed, by what, and why. The ledger knows the rest by `subject`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureRequest {
    /// The authority in whose name is signed.
    pub authority: AuthorityId,
    /// Its key.
    pub key: KeyUri,
    /// What the signature is for.
    pub purpose: AttemptPurpose,
    /// The thing signed: a certificate's id, a list's scope and number, a package's digest.
    pub subject: String,
    /// How it is signed.
    pub algorithm: SignatureAlgorithm,
    /// The incident in whose closing set this belongs, if it does.
    pub incident: Option<IncidentId>,
}

/// The permission to make one signature: moved into the signing, never copied.
///
/// Only a [`Ledger`] issues tickets, after it has recorded the attempt.
#[must_use = "an attempt that is asked for and neither signed nor abandoned stays open"]
#[derive(Debug)]
pub struct Ticket {
    attempt: AttemptId,
    request: SignatureRequest,
}

impl Ticket {
    /// For implementations of [`Ledger::ask`], once the attempt's row is durable. Calling this
    /// anywhere else signs behind the ledger's back, and shows as a surplus in the provider's log.
    pub const fn issue(attempt: AttemptId, request: SignatureRequest) -> Self {
        Self { attempt, request }
    }

    /// The attempt.
    pub const fn attempt(&self) -> &AttemptId {
        &self.attempt
    }

    /// What was asked for.
    pub const fn request(&self) -> &SignatureRequest {
        &self.request
    }

    pub(crate) fn into_parts(self) -> (AttemptId, SignatureRequest) {
        (self.attempt, self.request)
    }
}

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A signature that verifies.
    Signed,
    /// The provider refused, or its signature does not verify; its code.
    Failed {
        /// The code.
        code: String,
    },
    /// Nobody knows whether the provider signed. Never retried.
    Unknown {
        /// The code.
        code: String,
    },
}

impl Outcome {
    /// The outcome's name.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Signed => "signed",
            Self::Failed { .. } => "failed",
            Self::Unknown { .. } => "unknown",
        }
    }

    /// The code of a failure.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Signed => None,
            Self::Failed { code } | Self::Unknown { code } => Some(code),
        }
    }
}

/// An attempt with what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// The attempt.
    pub attempt: AttemptId,
    /// What came of it.
    pub outcome: Outcome,
    /// The service's own id of the call, where there was a call and it has one.
    pub request_id: Option<RequestId>,
}

/// Why no ticket is given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// The authority is frozen: come back when it is not.
    #[error("authority {authority} is frozen")]
    Frozen {
        /// The authority.
        authority: AuthorityId,
    },
    /// The authority is tainted, for ever.
    #[error("authority {authority} is tainted and signs nothing more")]
    Tainted {
        /// The authority.
        authority: AuthorityId,
    },
    /// The authority's life cycle has no room for this purpose now.
    #[error("authority {authority} is {state} and does not sign for {purpose}")]
    WrongState {
        /// The authority.
        authority: AuthorityId,
        /// The state it is in.
        state: String,
        /// What the signature was to be for.
        purpose: String,
    },
    /// The thing to be signed is not on record, not linted, or already signed.
    #[error("{subject} is not ready to be signed: {reason}")]
    NotReady {
        /// The thing.
        subject: String,
        /// What is missing.
        reason: String,
    },
}

/// The ledger itself failed; nothing was signed because of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// It cannot be read or written.
    #[error("the signature ledger cannot be used")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It was altered or cut.
    #[error("the signature ledger was altered: {0}")]
    Altered(String),
    /// The attempt is not open.
    #[error("attempt {0} is not open")]
    NotOpen(AttemptId),
    /// The system gave no random bytes.
    #[error("the system gave no random bytes")]
    NoRandomness,
}

/// A new random id for an attempt.
pub fn new_attempt() -> Result<AttemptId, LedgerError> {
    let mut bytes = [0_u8; 16];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| LedgerError::NoRandomness)?;
    hex::encode(bytes).parse().map_err(|_| LedgerError::NoRandomness)
}

/// What [`Ledger::ask`] answers for one request.
pub type Ask = Result<Ticket, AskError>;

/// Remembers every attempt at a signature before it is made.
#[async_trait]
pub trait Ledger: Send + Sync + 'static {
    /// Records the attempts that are allowed, durably and in one transaction, and answers in the
    /// order of the requests.
    async fn ask(&self, requests: Vec<SignatureRequest>) -> Result<Vec<Ask>, LedgerError>;

    /// Records what came of attempts, durably and in one transaction.
    async fn settle(&self, settlements: Vec<Settlement>) -> Result<(), LedgerError>;

    /// Settles an attempt that certainly made no signature, and asks anew for the same thing. The
    /// attempt is settled even where a new ticket is refused.
    async fn again(
        &self,
        settlement: Settlement,
        request: SignatureRequest,
    ) -> Result<Ask, LedgerError> {
        self.settle(vec![settlement]).await?;
        let mut asked = self.ask(vec![request]).await?;
        asked.pop().ok_or_else(|| LedgerError::Altered("an ask without an answer".to_owned()))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn request(subject: &str) -> SignatureRequest {
        SignatureRequest {
            authority: "workloads-g1".parse().unwrap(),
            key: "software:workloads-g1".parse().unwrap(),
            purpose: AttemptPurpose::Certificate,
            subject: subject.to_owned(),
            algorithm: SignatureAlgorithm::EcdsaSha256,
            incident: None,
        }
    }
}
