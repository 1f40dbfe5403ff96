//! What people may tell an incident.

use skink_model::{EndpointName, OperatorName, Role, Time};

use crate::approval::{ApprovalOf, Approver};
use crate::checkpoint::is_follow_up;
use crate::effect::{Effect, Stage};
use crate::event::{Event, Waiver};
use crate::gate::{Gate, GateKind};
use crate::state::{Phase, State};
use crate::steps::StepName;

/// An order by a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Agree to a destructive act.
    Approve {
        /// Which.
        approval: ApprovalOf,
        /// Who.
        person: OperatorName,
        /// As whom.
        role: Role,
        /// The first of the line of operators who registered each other down to this person.
        vouched_by: OperatorName,
        /// When the person was registered.
        registered: Time,
    },
    /// An operator is one no more: nothing that waits goes by his word.
    Withdraw {
        /// Who.
        person: OperatorName,
    },
    /// Begin nothing more for now.
    Hold {
        /// Who.
        by: OperatorName,
        /// Why.
        reason: String,
    },
    /// Go on.
    Resume {
        /// Who.
        by: OperatorName,
    },
    /// It was a false alarm.
    StandDown {
        /// Who.
        by: OperatorName,
        /// Why.
        reason: String,
    },
    /// Leave a subject out of a kind of gate.
    Waive(Waiver),
    /// Give an endpoint its last good pair back.
    RollBack {
        /// Which.
        endpoint: EndpointName,
        /// Who.
        by: OperatorName,
        /// Why.
        reason: String,
    },
    /// A later duty is fulfilled.
    FollowUp {
        /// The follow-up's name.
        name: String,
        /// Who.
        by: OperatorName,
    },
}

/// Why an order changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// One person is one person, through however many sessions.
    #[error("{person} has already approved {approval}: it needs another person")]
    SamePerson {
        /// Who.
        person: OperatorName,
        /// What.
        approval: ApprovalOf,
    },
    /// One of the two has registered the other: they may be one person with two names.
    #[error(
        "{person} and {other} stand on one registration, {line}'s: {approval} needs a person \
             whom neither has registered"
    )]
    SameLine {
        /// Who.
        person: OperatorName,
        /// Who approved before.
        other: OperatorName,
        /// Who registered both, or is one of them.
        line: OperatorName,
        /// What.
        approval: ApprovalOf,
    },
    /// Who decides is named in advance.
    #[error("{person} was registered after the incident was declared")]
    NotInAdvance {
        /// Who.
        person: OperatorName,
    },
    /// The role may not give this approval.
    #[error("the role {role} may not approve {approval}")]
    WrongRole {
        /// As whom.
        role: &'static str,
        /// What.
        approval: ApprovalOf,
    },
    /// Two people have approved already.
    #[error("{approval} is already approved by two people")]
    AlreadyApproved {
        /// What.
        approval: ApprovalOf,
    },
    /// The incident is not where this approval means something.
    #[error("{approval} cannot be approved yet: {why}")]
    NotYet {
        /// What.
        approval: ApprovalOf,
        /// What must come first.
        why: &'static str,
    },
    /// The incident has ended.
    #[error("the incident is {phase}")]
    Over {
        /// Its phase.
        phase: &'static str,
    },
    /// It is held already.
    #[error("the incident is already held by {by}")]
    AlreadyHeld {
        /// Who.
        by: OperatorName,
    },
    /// It is not held.
    #[error("the incident is not held")]
    NotHeld,
    /// The taint is irreversible, and so is a successor that is active.
    #[error("it is too late to stand down: {why}")]
    TooLate {
        /// What lies behind.
        why: &'static str,
    },
    /// The gate has no subjects to leave out.
    #[error("the gate {gate} cannot be waived")]
    NotWaivable {
        /// Which.
        gate: GateKind,
    },
    /// A waiver without reason, or that has expired before it begins.
    #[error("a waiver needs a reason, a subject and an expiry in the future")]
    EmptyWaiver,
    /// An old certificate is refused once the authority is revoked.
    #[error("endpoints cannot be rolled back any more: the authority's revocation has begun")]
    NoWayBack,
    /// No duty of that name.
    #[error("{name:?} is not a follow-up of this incident")]
    UnknownFollowUp {
        /// The name.
        name: String,
    },
}

/// What an order adds to the journal, or why it is refused.
pub fn order(state: &State, command: &Command, now: Time) -> Result<Vec<Event>, Refusal> {
    if let Command::FollowUp { name, by } = command {
        return follow_up(state, name, by);
    }
    if state.phase() != Phase::Running {
        return Err(Refusal::Over { phase: state.phase().as_str() });
    }
    let event = match command {
        Command::Approve { approval, person, role, vouched_by, registered } => {
            let by = Approver {
                person: person.clone(),
                role: *role,
                vouched_by: Some(vouched_by.clone()),
                at: now,
            };
            approve(state, *approval, by, *registered)?
        }
        Command::Withdraw { person } => return Ok(withdraw(state, person)),
        Command::Hold { by, reason } => hold(state, by, reason)?,
        Command::Resume { by } => {
            state.held().ok_or(Refusal::NotHeld)?;
            Event::Resumed { by: by.clone() }
        }
        Command::StandDown { by, reason } => stand_down(state, by, reason)?,
        Command::Waive(waiver) => waive(waiver, now)?,
        Command::RollBack { endpoint, by, reason } => roll_back(state, endpoint, by, reason)?,
        Command::FollowUp { .. } => return Ok(Vec::new()),
    };
    Ok(vec![event])
}

fn follow_up(state: &State, name: &str, by: &OperatorName) -> Result<Vec<Event>, Refusal> {
    if !is_follow_up(name) {
        return Err(Refusal::UnknownFollowUp { name: name.to_owned() });
    }
    if state.followed_up(name).is_some() {
        return Ok(Vec::new());
    }
    Ok(vec![Event::FollowedUp { name: name.to_owned(), by: by.clone() }])
}

fn approve(
    state: &State,
    approval: ApprovalOf,
    by: Approver,
    registered: Time,
) -> Result<Event, Refusal> {
    let person = by.person.clone();
    if !state.settings().roles_for(approval).contains(&by.role) {
        return Err(Refusal::WrongRole { role: by.role.as_str(), approval });
    }
    if registered > state.declared_at() {
        return Err(Refusal::NotInAdvance { person });
    }
    let before = state.approvers(approval);
    if before.iter().any(|other| other.person == person) {
        return Err(Refusal::SamePerson { person, approval });
    }
    if state.approved(approval) {
        return Err(Refusal::AlreadyApproved { approval });
    }
    if let Some(other) = before.iter().find(|other| other.line() == by.line()) {
        let (other, line) = (other.person.clone(), by.line().clone());
        return Err(Refusal::SameLine { person, other, line, approval });
    }
    state.may_approve(approval).map_err(|why| Refusal::NotYet { approval, why })?;
    Ok(Event::Approved { approval, by })
}

fn withdraw(state: &State, person: &OperatorName) -> Vec<Event> {
    let counts = |of| state.approvers(of).iter().any(|by| by.person == *person);
    if state.withdrawable().into_iter().any(counts) {
        return vec![Event::Withdrawn { person: person.clone() }];
    }
    Vec::new()
}

impl State {
    /// Whether an approval means something by now; otherwise, what must come first.
    pub fn may_approve(&self, approval: ApprovalOf) -> Result<(), &'static str> {
        let compromise = self.declaration().is_compromise();
        let counted = self.scope().is_some();
        match approval {
            ApprovalOf::Taint if !compromise => Err("a rotation taints nothing"),
            ApprovalOf::Taint | ApprovalOf::Kit if !counted => {
                Err("triage has not counted what is affected")
            }
            ApprovalOf::Kit if compromise && !self.tainted() => Err("the authority is not tainted"),
            ApprovalOf::Close if self.gate(Gate::Distrust).is_none() => {
                Err("the proof that nobody accepts the old authority is missing")
            }
            _ => Ok(()),
        }
    }

    /// The approvals that can be given now and are not complete, with who gave the first.
    pub fn awaiting(&self) -> Vec<(ApprovalOf, &[Approver])> {
        if self.phase() != Phase::Running {
            return Vec::new();
        }
        let open = ApprovalOf::ALL.into_iter().filter(|&of| !self.approved(of));
        let open = open.filter(|&of| self.may_approve(of).is_ok());
        open.map(|of| (of, self.approvers(of))).collect()
    }
}

fn hold(state: &State, by: &OperatorName, reason: &str) -> Result<Event, Refusal> {
    if let Some((holder, _)) = state.held() {
        return Err(Refusal::AlreadyHeld { by: holder.clone() });
    }
    Ok(Event::Held { by: by.clone(), reason: reason.to_owned() })
}

fn stand_down(state: &State, by: &OperatorName, reason: &str) -> Result<Event, Refusal> {
    // Once two people have approved, the taint may be on its way in this very moment.
    if state.approved(ApprovalOf::Taint) || state.tainted() {
        return Err(Refusal::TooLate { why: "two people have tainted the authority" });
    }
    if state.approved(ApprovalOf::Kit) || state.successor().is_some() {
        return Err(Refusal::TooLate { why: "two people have released the recovery kit" });
    }
    Ok(Event::StoodDown { by: by.clone(), reason: reason.to_owned() })
}

fn waive(waiver: &Waiver, now: Time) -> Result<Event, Refusal> {
    if !waiver.gate.waivable() {
        return Err(Refusal::NotWaivable { gate: waiver.gate });
    }
    let empty = waiver.reason.trim().is_empty() || waiver.subject.trim().is_empty();
    if empty || waiver.expires <= now {
        return Err(Refusal::EmptyWaiver);
    }
    Ok(Event::Waived(waiver.clone()))
}

fn roll_back(
    state: &State,
    endpoint: &EndpointName,
    by: &OperatorName,
    reason: &str,
) -> Result<Event, Refusal> {
    let revoking = state.all_done().any(|(key, _)| key.step == StepName::Revoke);
    let leaving = state.is_over(&Effect::PublishPackage { stage: Stage::Distrust });
    if revoking || leaving {
        return Err(Refusal::NoWayBack);
    }
    Ok(Event::RollBackOrdered {
        endpoint: endpoint.clone(),
        by: by.clone(),
        reason: reason.to_owned(),
    })
}
