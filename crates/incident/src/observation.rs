//! What comes of executing an effect.

use serde::{Deserialize, Serialize};
use skink_model::{AuthorityId, Time, wire};

use crate::effect::{Effect, EffectKey};
use crate::gate::Measurement;
use crate::scope::Scope;

/// What an executed effect left behind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// Nothing to add.
    Plain,
    /// What is affected.
    Scope(Box<Scope>),
    /// Tickets are settled.
    Drained {
        /// How many were settled in time.
        settled: u64,
        /// Serials, in hex, of those whose outcome is unknown; the final CRL lists them.
        unknown: Vec<String>,
    },
    /// The closing set is signed.
    ClosingSet {
        /// The transition CRL's number.
        transition_number: u64,
        /// The final CRL's number.
        final_number: u64,
        /// Entries of the final CRL.
        final_entries: u64,
        /// SHA-256 of the final CRL, lower hex.
        final_digest: String,
        /// Until when the transition CRL holds.
        #[serde(with = "wire::millis")]
        transition_until: Time,
    },
    /// The key is disabled.
    Disabled {
        /// The provider's own code for the refusal.
        refusal_code: String,
    },
    /// Evidence was kept.
    Snapshot {
        /// What, and its digests.
        files: Vec<SnapshotFile>,
    },
    /// A notice was rendered.
    Notice {
        /// The file, below the incident's directory.
        file: String,
        /// Names from the contact book.
        recipients: Vec<String>,
        /// Names left out on purpose.
        left_out: Vec<String>,
    },
    /// The successor is active.
    Activated {
        /// The successor.
        successor: AuthorityId,
    },
    /// A trust package was published.
    Package {
        /// Its epoch.
        epoch: u64,
        /// Its version.
        version: u64,
        /// Its digest, lower hex.
        digest: String,
    },
    /// Endpoints were told to renew.
    Wave {
        /// How many.
        endpoints: u64,
    },
    /// Certificates were revoked.
    Revoked {
        /// How many were revoked by this.
        certificates: u64,
    },
    /// CRLs are on their distribution points.
    Published {
        /// Which.
        crls: Vec<PublishedCrl>,
    },
    /// A report was written.
    Report {
        /// The file, below the incident's directory.
        file: String,
    },
}

/// A CRL on its distribution point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedCrl {
    /// Its scope: the path below the publication root.
    pub scope: String,
    /// Its number, decimal.
    pub number: String,
    /// How many entries.
    pub entries: u64,
    /// SHA-256, lower hex.
    pub digest: String,
}

/// A file of an evidence snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotFile {
    /// Its name below the snapshot's directory.
    pub name: String,
    /// SHA-256, lower hex.
    pub digest: String,
    /// Its size in bytes.
    pub bytes: u64,
}

/// What came of executing an effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "observation", rename_all = "kebab-case")]
pub enum Observation {
    /// An effect that leaves us is about to be executed.
    Begun {
        /// Which.
        effect: Effect,
    },
    /// It is done, by this execution or an earlier one.
    Done {
        /// Which.
        effect: Effect,
        /// What it left.
        outcome: Outcome,
        /// SHA-256 of what shows it, lower hex; empty when the journal row is all there is.
        evidence: String,
    },
    /// It failed and may be tried again.
    Failed {
        /// Which.
        effect: Effect,
        /// Why, in one line.
        reason: String,
    },
    /// A gate was measured.
    Measured {
        /// By which effect.
        effect: Effect,
        /// What was measured.
        measurement: Measurement,
    },
}

/// An observation that does not fit the effect it names: a fault of the executor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Mismatch {
    /// An effect with a gate was reported as done without measuring.
    #[error("{key} has a gate: it is measured, not done")]
    NotMeasured {
        /// The effect.
        key: EffectKey,
    },
    /// An effect without a gate was measured.
    #[error("{key} has no gate to measure")]
    NoGate {
        /// The effect.
        key: EffectKey,
    },
    /// The outcome is not one of this effect.
    #[error("the outcome of {key} is of another kind")]
    WrongOutcome {
        /// The effect.
        key: EffectKey,
    },
    /// The plan never asks for this effect in its present state.
    #[error("{key} was not asked for")]
    NotAsked {
        /// The effect.
        key: EffectKey,
    },
}

impl Effect {
    /// Whether `outcome` is of the kind that this effect leaves.
    pub(crate) const fn fits(&self, outcome: &Outcome) -> bool {
        match self {
            Self::ComputeScope { .. } => matches!(outcome, Outcome::Scope(_)),
            Self::DrainTickets { .. } => matches!(outcome, Outcome::Drained { .. }),
            Self::SignClosingSet { .. } => matches!(outcome, Outcome::ClosingSet { .. }),
            Self::DisableKey { .. } => matches!(outcome, Outcome::Disabled { .. }),
            Self::SnapshotEvidence { .. } => matches!(outcome, Outcome::Snapshot { .. }),
            Self::RenderNotice { .. } => matches!(outcome, Outcome::Notice { .. }),
            Self::ActivateStandby { .. } => matches!(outcome, Outcome::Activated { .. }),
            Self::PublishPackage { .. } => matches!(outcome, Outcome::Package { .. }),
            Self::ReissueWave { .. } => matches!(outcome, Outcome::Wave { .. }),
            Self::RevokeCertificates { .. } => matches!(outcome, Outcome::Revoked { .. }),
            Self::PublishCrls { .. } => matches!(outcome, Outcome::Published { .. }),
            Self::WriteReport => matches!(outcome, Outcome::Report { .. }),
            _ => matches!(outcome, Outcome::Plain),
        }
    }
}
