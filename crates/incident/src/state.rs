//! What the recorded events amount to.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use skink_model::{AuthorityId, EndpointName, IncidentId, OperatorName, Time};

use crate::approval::{ApprovalOf, Approver};
use crate::effect::{Effect, EffectKey};
use crate::event::{Declaration, Event, Recorded, Waiver};
use crate::gate::{Gate, GateKind, Measurement};
use crate::observation::Outcome;
use crate::scope::Scope;
use crate::settings::Settings;
use crate::steps::StepName;

/// Where an incident is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Steps are under way.
    Running,
    /// A false alarm; the freeze is being lifted.
    StandingDown,
    /// A false alarm, undone.
    StoodDown,
    /// Every step is through.
    Closed,
}

impl Phase {
    /// The name that people and programs use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::StandingDown => "standing-down",
            Self::StoodDown => "stood-down",
            Self::Closed => "closed",
        }
    }

    /// Whether nothing will happen any more.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::StoodDown | Self::Closed)
    }
}

/// An effect that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// When it was recorded.
    pub at: Time,
    /// What it left.
    pub outcome: Outcome,
    /// SHA-256 of what shows it, lower hex.
    pub evidence: String,
    /// The outside may have seen it twice.
    pub repeat_possible: bool,
}

/// An effect that failed so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// How often.
    pub attempts: u32,
    /// Why, the last time.
    pub reason: String,
    /// When it is tried again.
    pub retry_at: Time,
}

/// A gate that is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenedGate {
    /// When its opening was recorded.
    pub at: Time,
    /// What opened it.
    pub measurement: Measurement,
    /// Subjects that were left out by name.
    pub waived: BTreeSet<String>,
}

/// The state of one incident: a fold over its events, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    declared: Declaration,
    declared_at: Time,
    phase: Phase,
    held: Option<(OperatorName, String)>,
    done: BTreeMap<EffectKey, Done>,
    begun: BTreeMap<EffectKey, u32>,
    failures: BTreeMap<EffectKey, Failure>,
    gates: BTreeMap<Gate, OpenedGate>,
    awaited: BTreeMap<Gate, Time>,
    approvals: BTreeMap<ApprovalOf, Vec<Approver>>,
    waivers: Vec<Waiver>,
    roll_backs: Vec<EndpointName>,
    deadline_passed: Option<Time>,
    followed_up: BTreeMap<String, Time>,
    ended_at: Option<Time>,
}

impl State {
    /// The state after `events`; nothing when they do not begin with a declaration.
    pub fn fold<'a>(events: impl IntoIterator<Item = &'a Recorded>) -> Option<Self> {
        let mut events = events.into_iter();
        let first = events.next()?;
        let Event::Declared(declared) = &first.event else { return None };
        let mut state = Self::begin(declared.as_ref().clone(), first.at);
        for recorded in events {
            state.apply(recorded);
        }
        Some(state)
    }

    fn begin(declared: Declaration, declared_at: Time) -> Self {
        Self {
            declared,
            declared_at,
            phase: Phase::Running,
            held: None,
            done: BTreeMap::new(),
            begun: BTreeMap::new(),
            failures: BTreeMap::new(),
            gates: BTreeMap::new(),
            awaited: BTreeMap::new(),
            approvals: BTreeMap::new(),
            waivers: Vec::new(),
            roll_backs: Vec::new(),
            deadline_passed: None,
            followed_up: BTreeMap::new(),
            ended_at: None,
        }
    }

    /// Takes one more event in.
    pub fn apply(&mut self, recorded: &Recorded) {
        let at = recorded.at;
        match &recorded.event {
            Event::Declared(_) => {}
            Event::Begun { key } => *self.begun.entry(key.clone()).or_default() += 1,
            Event::Done { key, outcome, evidence, repeat_possible } => {
                self.failures.remove(key);
                self.finish(key, at, outcome, evidence, *repeat_possible);
            }
            Event::Failed { key, reason, attempts } => {
                let retry_at = at.plus(self.declared.settings.backoff(*attempts));
                let failure = Failure { attempts: *attempts, reason: reason.clone(), retry_at };
                self.failures.insert(key.clone(), failure);
            }
            Event::GateAwaited { gate, .. } => {
                self.awaited.entry(*gate).or_insert(at);
            }
            Event::GateOpened { gate, measurement, waived } => {
                self.gates.entry(*gate).or_insert_with(|| OpenedGate {
                    at,
                    measurement: measurement.clone(),
                    waived: waived.clone(),
                });
            }
            Event::Approved { approval, by } => {
                self.approvals.entry(*approval).or_default().push(by.clone());
            }
            Event::Withdrawn { person } => {
                for open in self.withdrawable() {
                    if let Some(given) = self.approvals.get_mut(&open) {
                        given.retain(|by| by.person != *person);
                    }
                }
            }
            Event::Waived(waiver) => self.waivers.push(waiver.clone()),
            Event::Held { by, reason } => self.held = Some((by.clone(), reason.clone())),
            Event::Resumed { .. } => self.held = None,
            Event::StoodDown { .. } => {
                self.phase = Phase::StandingDown;
                self.held = None;
            }
            Event::RollBackOrdered { endpoint, .. } => self.roll_backs.push(endpoint.clone()),
            Event::DeadlinePassed => {
                self.deadline_passed.get_or_insert(at);
            }
            Event::FollowedUp { name, .. } => {
                self.followed_up.entry(name.clone()).or_insert(at);
            }
            Event::Closed => {
                self.phase = if self.phase == Phase::StandingDown {
                    Phase::StoodDown
                } else {
                    Phase::Closed
                };
                self.ended_at.get_or_insert(at);
            }
        }
    }

    fn finish(
        &mut self,
        key: &EffectKey,
        at: Time,
        outcome: &Outcome,
        evidence: &str,
        twice: bool,
    ) {
        self.done.entry(key.clone()).or_insert_with(|| Done {
            at,
            outcome: outcome.clone(),
            evidence: evidence.to_owned(),
            repeat_possible: twice,
        });
    }

    /// The incident's id.
    pub fn incident(&self) -> &IncidentId {
        &self.declared.incident
    }

    /// What was known when it began.
    pub fn declaration(&self) -> &Declaration {
        &self.declared
    }

    /// The numbers it runs by.
    pub fn settings(&self) -> &Settings {
        &self.declared.settings
    }

    /// When it began.
    pub fn declared_at(&self) -> Time {
        self.declared_at
    }

    /// When a responsible person knew; the declaration at the latest.
    pub fn aware_at(&self) -> Time {
        self.declared.aware.unwrap_or(self.declared_at)
    }

    /// Where it is in its life.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Who holds it and why.
    pub fn held(&self) -> Option<(&OperatorName, &str)> {
        self.held.as_ref().map(|(by, reason)| (by, reason.as_str()))
    }

    /// When the last step was through.
    pub fn ended_at(&self) -> Option<Time> {
        self.ended_at
    }

    /// What is known of an effect that happened.
    pub fn done(&self, key: &EffectKey) -> Option<&Done> {
        self.done.get(key)
    }

    /// Every effect that happened.
    pub fn all_done(&self) -> impl Iterator<Item = (&EffectKey, &Done)> {
        self.done.iter()
    }

    /// Effects that failed and were not done since.
    pub fn failures(&self) -> impl Iterator<Item = (&EffectKey, &Failure)> {
        self.failures.iter()
    }

    /// How an effect failed so far.
    pub fn failure(&self, key: &EffectKey) -> Option<&Failure> {
        self.failures.get(key)
    }

    /// How often an effect that leaves us was begun.
    pub fn begun(&self, key: &EffectKey) -> u32 {
        self.begun.get(key).copied().unwrap_or(0)
    }

    /// What opened a gate.
    pub fn gate(&self, gate: Gate) -> Option<&OpenedGate> {
        self.gates.get(&gate)
    }

    /// Every open gate.
    pub fn gates(&self) -> impl Iterator<Item = (Gate, &OpenedGate)> {
        self.gates.iter().map(|(&gate, opened)| (gate, opened))
    }

    /// Since when a gate has been measured and found shut.
    pub fn awaited(&self, gate: Gate) -> Option<Time> {
        self.awaited.get(&gate).copied()
    }

    /// Who approved so far.
    pub fn approvers(&self, approval: ApprovalOf) -> &[Approver] {
        self.approvals.get(&approval).map_or(&[], Vec::as_slice)
    }

    /// Whether two different persons approved, neither of whom the other has registered.
    pub fn approved(&self, approval: ApprovalOf) -> bool {
        let lines: BTreeSet<&OperatorName> =
            self.approvers(approval).iter().map(Approver::line).collect();
        lines.len() >= 2
    }

    /// The approvals of which nothing has been done yet.
    pub fn withdrawable(&self) -> Vec<ApprovalOf> {
        let done = |of: &ApprovalOf| match of {
            ApprovalOf::Taint => self.tainted(),
            ApprovalOf::Kit => self.successor().is_some(),
            ApprovalOf::Close => self.phase != Phase::Running,
        };
        ApprovalOf::ALL.into_iter().filter(|of| !done(of)).collect()
    }

    /// Every waiver, expired or not.
    pub fn waivers(&self) -> &[Waiver] {
        &self.waivers
    }

    /// The subjects left out of gates of `kind` at `now`.
    pub fn waived(&self, kind: GateKind, now: Time) -> BTreeSet<String> {
        let live = self.waivers.iter().filter(|waiver| waiver.gate == kind && waiver.expires > now);
        live.map(|waiver| waiver.subject.clone()).collect()
    }

    /// Endpoints that somebody wants back on their last good pair, in order.
    pub fn roll_backs(&self) -> &[EndpointName] {
        &self.roll_backs
    }

    /// When the cutover deadline passed.
    pub fn deadline_passed(&self) -> Option<Time> {
        self.deadline_passed
    }

    /// When a follow-up was fulfilled.
    pub fn followed_up(&self, name: &str) -> Option<Time> {
        self.followed_up.get(name).copied()
    }

    /// When the cutover deadline is.
    pub fn cutover_deadline(&self) -> Time {
        let after = std::time::Duration::from_millis(self.settings().cutover_deadline_ms);
        self.declared_at.plus(after)
    }

    /// When an effect was over: done, or its gate open.
    pub fn over_at(&self, effect: &Effect) -> Option<Time> {
        match effect.gate() {
            Some(gate) => self.gate(gate).map(|opened| opened.at),
            None => self.done(&effect.key()).map(|done| done.at),
        }
    }

    /// Whether an effect is over.
    pub fn is_over(&self, effect: &Effect) -> bool {
        self.over_at(effect).is_some()
    }

    /// Looks an outcome up by step and subject.
    pub fn outcome(&self, step: StepName, subject: &str) -> Option<&Outcome> {
        let key = EffectKey { step, subject: subject.to_owned() };
        self.done.get(&key).map(|done| &done.outcome)
    }

    /// What triage found.
    pub fn scope(&self) -> Option<&Scope> {
        match self.outcome(StepName::Triage, "compute-scope")? {
            Outcome::Scope(scope) => Some(scope),
            _ => None,
        }
    }

    /// The authority that took over.
    pub fn successor(&self) -> Option<&AuthorityId> {
        match self.outcome(StepName::Replace, "activate-standby")? {
            Outcome::Activated { successor } => Some(successor),
            _ => None,
        }
    }

    /// Whether the authority is tainted: from here on there is no standing down.
    pub fn tainted(&self) -> bool {
        self.outcome(StepName::Contain, "taint").is_some()
    }
}
