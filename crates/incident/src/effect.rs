//! What an incident does to the world, and what it learns back.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use skink_model::{AuthorityId, EndpointName, IncidentId, Time, wire};

use crate::approval::ApprovalOf;
use crate::contact::Audience;
use crate::gate::Gate;
use crate::steps::StepName;

/// Something to do in the world. Each is executed any number of times with the effect of once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Effect {
    /// The authority issues nothing from now on; reversible.
    FreezeAuthority {
        /// The compromised authority.
        authority: AuthorityId,
    },
    /// A false alarm: the authority issues again.
    UnfreezeAuthority {
        /// The authority that was frozen.
        authority: AuthorityId,
    },
    /// Count what is affected, what would break, and how long it will take.
    ComputeScope {
        /// The authority that goes.
        authority: AuthorityId,
    },
    /// Taint, for good; the store verifies both approvals in the same transaction.
    Taint {
        /// The compromised authority.
        authority: AuthorityId,
    },
    /// Wait until every signature ticket in flight is settled, or mark it unknown.
    DrainTickets {
        /// The authority whose tickets are meant.
        authority: AuthorityId,
    },
    /// Sign everything this key will ever have to sign again.
    SignClosingSet {
        /// The authority whose key still signs.
        authority: AuthorityId,
        /// The transition CRL must outlive this.
        #[serde(with = "wire::millis")]
        deadline: Time,
    },
    /// Disable the key at its provider.
    DisableKey {
        /// The authority whose key it is.
        authority: AuthorityId,
    },
    /// Show that the provider refuses the key as disabled, and signs with another through the
    /// same credential.
    ProveDisabled {
        /// The authority whose key it is.
        authority: AuthorityId,
    },
    /// Keep a copy of what an investigation will need, with a manifest of digests.
    SnapshotEvidence {
        /// Which pass.
        pass: EvidencePass,
    },
    /// Render one audience's notice to a file.
    RenderNotice {
        /// Who is told.
        audience: Audience,
    },
    /// Make the released standby the issuer's active authority.
    ActivateStandby {
        /// The authority that it succeeds.
        authority: AuthorityId,
    },
    /// Publish a trust package.
    PublishPackage {
        /// Which of the incident's packages.
        stage: Stage,
    },
    /// Read the published CRLs back from where readers fetch them.
    ReadBackCrls {
        /// Which publication.
        round: CrlRound,
        /// From how many agents' hosts they must have been read as well.
        agents: u32,
    },
    /// Count the relying parties that are past N.
    CheckBarrier {
        /// Consecutive full handshakes asked of each.
        handshakes: u32,
        /// Spread over at least this many milliseconds.
        settle_ms: u64,
        /// With a clock off by at most this many milliseconds.
        clock_offset_ms: u64,
    },
    /// The successor signs for everybody from now on, no longer for probes only.
    OpenIssuance {
        /// The authority that it succeeds.
        authority: AuthorityId,
    },
    /// Have a wave of endpoints renew from the new authority.
    ReissueWave {
        /// The wave, from 1.
        wave: u32,
        /// How many endpoints it takes; all that are left when absent.
        take: Option<u32>,
    },
    /// Count the endpoints of a wave that serve a proven certificate of the new authority.
    CheckWave {
        /// The wave, from 1.
        wave: u32,
    },
    /// Give an endpoint its last good pair back.
    RollBackEndpoint {
        /// The endpoint.
        endpoint: EndpointName,
        /// Which roll back of it, from 1.
        nth: u32,
    },
    /// Ask when a legitimate peer with an old certificate was last seen.
    CheckQuiet {
        /// The old authority.
        authority: AuthorityId,
        /// For how long nobody may have, in milliseconds.
        quiet_ms: u64,
        /// The last wave was through at this instant: the earliest the quiet can begin.
        #[serde(with = "wire::millis")]
        since: Time,
    },
    /// Open the escrowed root CRL that two people released, and check that it outranks.
    ReleaseEscrow {
        /// The authority that it revokes.
        authority: AuthorityId,
    },
    /// Record every certificate of the authority as revoked, as one set.
    RevokeCertificates {
        /// The authority whose certificates they are.
        authority: AuthorityId,
    },
    /// Put the root's partition CRL and the final CRL on their distribution points.
    PublishCrls {
        /// The authority that they revoke.
        authority: AuthorityId,
    },
    /// Count the relying parties that refuse the old authority and accept the new one.
    CheckDistrust {
        /// The old authority.
        authority: AuthorityId,
    },
    /// Record the last state of the old authority.
    CloseAuthority {
        /// The old authority.
        authority: AuthorityId,
    },
    /// Destroy or archive the old key.
    DisposeKey {
        /// The authority whose key it is.
        authority: AuthorityId,
        /// What becomes of it.
        disposal: Disposal,
    },
    /// Render the report and record its digest.
    WriteReport,
}

/// Which pass over the evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EvidencePass {
    /// As soon as the authority is contained.
    Containment,
    /// Before the incident closes.
    Closing,
}

/// Which of an incident's trust packages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// N+1: the successor is active, the old authority still trusted.
    Successor,
    /// N+2: the old authority is no longer trusted.
    Distrust,
}

/// Which publication of CRLs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CrlRound {
    /// The old authority's transition CRL and the new authority's own.
    Transition,
    /// The root's partition that revokes the old authority, and its final CRL.
    Revocation,
    /// The same, as relying parties hold it after package N+2.
    Fleet,
}

/// What becomes of a key that will never sign again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Disposal {
    /// Destroyed at its provider.
    Destroy,
    /// Kept, disabled, as evidence.
    Archive,
}

macro_rules! named {
    ($type:ident { $($variant:ident => $name:literal),+ $(,)? }) => {
        impl $type {
            /// The name that people and programs use.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
        impl FromStr for $type {
            type Err = ();
            fn from_str(text: &str) -> Result<Self, ()> {
                match text { $($name => Ok(Self::$variant),)+ _ => Err(()) }
            }
        }
    };
}

named!(EvidencePass { Containment => "containment", Closing => "closing" });
named!(Stage { Successor => "successor", Distrust => "distrust" });
named!(CrlRound { Transition => "transition", Revocation => "revocation", Fleet => "fleet" });
named!(Disposal { Destroy => "destroy", Archive => "archive" });

/// The id of an effect within its incident: executing it twice under one key happens once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EffectKey {
    /// The step it belongs to.
    pub step: StepName,
    /// What it does, and to what.
    pub subject: String,
}

impl EffectKey {
    /// The key as one text that is unique over all incidents: `incident/step/subject`.
    pub fn global(&self, incident: &IncidentId) -> String {
        format!("{incident}/{self}")
    }
}

impl fmt::Display for EffectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.step, self.subject)
    }
}

impl Effect {
    /// The effect's verb, as in `taint`.
    pub const fn verb(&self) -> &'static str {
        match self {
            Self::FreezeAuthority { .. } => "freeze",
            Self::UnfreezeAuthority { .. } => "unfreeze",
            Self::ComputeScope { .. } => "compute-scope",
            Self::Taint { .. } => "taint",
            Self::DrainTickets { .. } => "drain-tickets",
            Self::SignClosingSet { .. } => "sign-closing-set",
            Self::DisableKey { .. } => "disable-key",
            Self::ProveDisabled { .. } => "prove-disabled",
            Self::SnapshotEvidence { .. } => "snapshot-evidence",
            Self::RenderNotice { .. } => "render-notice",
            Self::ActivateStandby { .. } => "activate-standby",
            Self::PublishPackage { .. } => "publish-package",
            Self::ReadBackCrls { .. } => "read-back-crls",
            Self::CheckBarrier { .. } => "check-barrier",
            Self::OpenIssuance { .. } => "open-issuance",
            Self::ReissueWave { .. } => "reissue-wave",
            Self::CheckWave { .. } => "check-wave",
            Self::RollBackEndpoint { .. } => "roll-back-endpoint",
            Self::CheckQuiet { .. } => "check-quiet",
            Self::ReleaseEscrow { .. } => "release-escrow",
            Self::RevokeCertificates { .. } => "revoke-certificates",
            Self::PublishCrls { .. } => "publish-crls",
            Self::CheckDistrust { .. } => "check-distrust",
            Self::CloseAuthority { .. } => "close-authority",
            Self::DisposeKey { .. } => "dispose-key",
            Self::WriteReport => "write-report",
        }
    }

    /// The step the effect belongs to.
    pub const fn step(&self) -> StepName {
        match self {
            Self::FreezeAuthority { .. }
            | Self::UnfreezeAuthority { .. }
            | Self::ComputeScope { .. } => StepName::Triage,
            Self::Taint { .. }
            | Self::DrainTickets { .. }
            | Self::SignClosingSet { .. }
            | Self::DisableKey { .. }
            | Self::ProveDisabled { .. } => StepName::Contain,
            Self::SnapshotEvidence { pass: EvidencePass::Containment } => StepName::Evidence,
            Self::RenderNotice { .. } => StepName::Notices,
            Self::ActivateStandby { .. } => StepName::Replace,
            Self::PublishPackage { stage: Stage::Successor }
            | Self::ReadBackCrls { round: CrlRound::Transition, .. }
            | Self::CheckBarrier { .. }
            | Self::OpenIssuance { .. }
            | Self::ReissueWave { .. }
            | Self::CheckWave { .. }
            | Self::RollBackEndpoint { .. }
            | Self::CheckQuiet { .. } => StepName::Transition,
            Self::ReleaseEscrow { .. }
            | Self::RevokeCertificates { .. }
            | Self::PublishCrls { .. }
            | Self::ReadBackCrls { round: CrlRound::Revocation, .. } => StepName::Revoke,
            Self::PublishPackage { stage: Stage::Distrust }
            | Self::ReadBackCrls { round: CrlRound::Fleet, .. }
            | Self::CheckDistrust { .. }
            | Self::CloseAuthority { .. } => StepName::Distrust,
            Self::SnapshotEvidence { pass: EvidencePass::Closing }
            | Self::DisposeKey { .. }
            | Self::WriteReport => StepName::Close,
        }
    }

    /// The effect's id within its incident.
    pub fn key(&self) -> EffectKey {
        let verb = self.verb();
        let subject = match self {
            Self::SnapshotEvidence { pass } => format!("{verb}:{pass}"),
            Self::RenderNotice { audience } => format!("{verb}:{audience}"),
            Self::PublishPackage { stage } => format!("{verb}:{stage}"),
            Self::ReadBackCrls { round, .. } => format!("{verb}:{round}"),
            Self::ReissueWave { wave, .. } | Self::CheckWave { wave } => format!("{verb}:{wave}"),
            Self::RollBackEndpoint { endpoint, nth } => format!("{verb}:{endpoint}:{nth}"),
            _ => verb.to_owned(),
        };
        EffectKey { step: self.step(), subject }
    }

    /// The gate that this effect measures; an effect with a gate is over when the gate is open.
    pub const fn gate(&self) -> Option<Gate> {
        match self {
            Self::ProveDisabled { .. } => Some(Gate::Disabled),
            Self::ReadBackCrls { round, .. } => Some(Gate::CrlReadBack(*round)),
            Self::CheckBarrier { .. } => Some(Gate::Barrier),
            Self::CheckWave { wave } => Some(Gate::Wave(*wave)),
            Self::CheckQuiet { .. } => Some(Gate::Quiet),
            Self::CheckDistrust { .. } => Some(Gate::Distrust),
            _ => None,
        }
    }

    /// The approval without which the effect does not happen.
    pub const fn needs(&self) -> Option<ApprovalOf> {
        match self {
            Self::Taint { .. } => Some(ApprovalOf::Taint),
            Self::ActivateStandby { .. } | Self::ReleaseEscrow { .. } => Some(ApprovalOf::Kit),
            Self::DisposeKey { .. } => Some(ApprovalOf::Close),
            _ => None,
        }
    }

    /// Whether the effect reaches beyond what the database can undo or count: then its beginning
    /// is recorded first, so that the journal says where a repeat was possible.
    pub const fn leaves_us(&self) -> bool {
        matches!(
            self,
            Self::DisableKey { .. } | Self::RenderNotice { .. } | Self::DisposeKey { .. }
        )
    }

    /// Whether nothing can take the effect back.
    pub const fn irreversible(&self) -> bool {
        matches!(
            self,
            Self::Taint { .. }
                | Self::DisableKey { .. }
                | Self::ReleaseEscrow { .. }
                | Self::RevokeCertificates { .. }
                | Self::PublishCrls { .. }
                | Self::PublishPackage { stage: Stage::Distrust }
                | Self::DisposeKey { .. }
        )
    }
}
