//! What an incident's journal records.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use skink_model::{
    AuthorityId, EndpointName, IncidentId, OperatorName, Plan, Policy, Severity, Time, Trigger,
    wire,
};

use crate::approval::{ApprovalOf, Approver};
use crate::effect::EffectKey;
use crate::gate::{Gate, GateKind, Measurement};
use crate::observation::Outcome;
use crate::settings::Settings;

/// What is known when an incident begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declaration {
    /// The incident's id.
    pub incident: IncidentId,
    /// The plan that fits it.
    pub plan: Plan,
    /// When revocation comes; meaningless for a rotation.
    pub policy: Policy,
    /// The authority that goes.
    pub authority: AuthorityId,
    /// How bad it is.
    pub severity: Severity,
    /// What made somebody declare.
    pub trigger: Trigger,
    /// Since when a thief may have had the key.
    #[serde(with = "wire::millis_option", default)]
    pub suspected_since: Option<Time>,
    /// When something noticed.
    #[serde(with = "wire::millis_option", default)]
    pub detected: Option<Time>,
    /// When a responsible person knew: the clock of regulations starts here.
    #[serde(with = "wire::millis_option", default)]
    pub aware: Option<Time>,
    /// Who declared.
    pub declared_by: OperatorName,
    /// An incident on purpose.
    pub drill: bool,
    /// What happened, in a few words.
    #[serde(default)]
    pub summary: String,
    /// Names from the contact book who are told nothing.
    #[serde(default)]
    pub leave_out: BTreeSet<String>,
    /// The numbers it runs by.
    pub settings: Settings,
}

impl Declaration {
    /// Whether a copy of the key must be assumed to be in a thief's hands.
    pub fn copy_assumed(&self) -> bool {
        !matches!(self.trigger, Trigger::Used | Trigger::Planned)
    }

    /// Whether a key is compromised, as opposed to replaced in peace.
    pub fn is_compromise(&self) -> bool {
        self.plan != Plan::Rotation
    }
}

/// An exception with a name on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiver {
    /// At which kind of gate.
    pub gate: GateKind,
    /// Who or what is left out there: an endpoint's name, or `fleet` for an empty fleet.
    pub subject: String,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: OperatorName,
    /// From when it no longer counts.
    #[serde(with = "wire::millis")]
    pub expires: Time,
}

/// One thing that happened to an incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The incident exists.
    Declared(Box<Declaration>),
    /// An effect that leaves us is about to happen.
    Begun {
        /// Which.
        key: EffectKey,
    },
    /// An effect happened.
    Done {
        /// Which.
        key: EffectKey,
        /// What it left.
        outcome: Outcome,
        /// SHA-256 of what shows it, lower hex.
        evidence: String,
        /// It was begun more than once: the outside may have seen it twice.
        repeat_possible: bool,
    },
    /// An effect failed and will be tried again.
    Failed {
        /// Which.
        key: EffectKey,
        /// Why.
        reason: String,
        /// How often by now.
        attempts: u32,
    },
    /// A gate was measured for the first time, and stays shut.
    GateAwaited {
        /// Which.
        gate: Gate,
        /// What was measured.
        measurement: Measurement,
    },
    /// A gate is open.
    GateOpened {
        /// Which.
        gate: Gate,
        /// The measurement that opened it.
        measurement: Measurement,
        /// The subjects left out by name.
        waived: BTreeSet<String>,
    },
    /// Somebody approved.
    Approved {
        /// What.
        approval: ApprovalOf,
        /// Who, as whom and when.
        by: Approver,
    },
    /// Somebody who approved is no operator any more: what he approved and is not done yet counts
    /// without him.
    Withdrawn {
        /// Who.
        person: OperatorName,
    },
    /// A subject is left out of a gate.
    Waived(Waiver),
    /// Nothing more is begun until it is resumed.
    Held {
        /// By whom.
        by: OperatorName,
        /// Why.
        reason: String,
    },
    /// It goes on.
    Resumed {
        /// By whom.
        by: OperatorName,
    },
    /// It was a false alarm.
    StoodDown {
        /// By whom.
        by: OperatorName,
        /// Why.
        reason: String,
    },
    /// Somebody wants an endpoint on its last good pair.
    RollBackOrdered {
        /// Which endpoint.
        endpoint: EndpointName,
        /// By whom.
        by: OperatorName,
        /// Why.
        reason: String,
    },
    /// The cutover deadline passed with the transition still under way: revocation may begin.
    DeadlinePassed,
    /// A later duty was fulfilled, such as the forensic report.
    FollowedUp {
        /// The follow-up's name.
        name: String,
        /// By whom.
        by: OperatorName,
    },
    /// Every step is through.
    Closed,
}

impl Event {
    /// The event's name as the journal files it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Declared(_) => "declared",
            Self::Begun { .. } => "begun",
            Self::Done { .. } => "done",
            Self::Failed { .. } => "failed",
            Self::GateAwaited { .. } => "gate-awaited",
            Self::GateOpened { .. } => "gate-opened",
            Self::Approved { .. } => "approved",
            Self::Withdrawn { .. } => "withdrawn",
            Self::Waived(_) => "waived",
            Self::Held { .. } => "held",
            Self::Resumed { .. } => "resumed",
            Self::StoodDown { .. } => "stood-down",
            Self::RollBackOrdered { .. } => "roll-back-ordered",
            Self::DeadlinePassed => "deadline-passed",
            Self::FollowedUp { .. } => "followed-up",
            Self::Closed => "closed",
        }
    }
}

/// An event with the instant at which it was recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// When.
    #[serde(with = "wire::millis")]
    pub at: Time,
    /// What.
    #[serde(flatten)]
    pub event: Event,
}
