//! Decide and observe: the engine proper.

use skink_model::{Policy, Time};

use crate::effect::{Effect, EffectKey};
use crate::event::Event;
use crate::gate::{Gate, Measurement};
use crate::observation::{Mismatch, Observation, Outcome};
use crate::plan::steps;
use crate::state::{Phase, State};
use crate::steps::{Step, StepName, Transition};

/// The effects that may happen now, each safe to execute again.
///
/// An effect that failed comes back when its wait is over; a gate comes back until it is open,
/// and whoever drives measures it whenever something that it is made of has changed.
pub fn decide(state: &State, now: Time) -> Vec<Effect> {
    let mut effects = asked(state);
    effects.retain(|effect| {
        state.failure(&effect.key()).is_none_or(|failure| failure.retry_at <= now)
    });
    effects
}

/// The earliest instant at which [`decide`] or [`tick`] will say something new by time alone.
pub fn next_wake(state: &State) -> Option<Time> {
    let retries = asked(state)
        .into_iter()
        .filter_map(|effect| state.failure(&effect.key()).map(|failure| failure.retry_at));
    let deadline = deadline_counts(state).then(|| state.cutover_deadline());
    retries.chain(deadline).min()
}

/// Every effect whose turn it is, whether or not it is waiting after a failure.
fn asked(state: &State) -> Vec<Effect> {
    match state.phase() {
        Phase::Closed | Phase::StoodDown => Vec::new(),
        Phase::StandingDown => standing_down(state),
        Phase::Running => {
            let held = state.held().is_some();
            let begun = steps(state.declaration().plan).iter().filter(|step| step.begins(state));
            let begun = begun.filter(|step| !held || goes_on_while_held(step.name()));
            begun.flat_map(|step| step.lanes(state)).filter_map(|lane| turn(state, lane)).collect()
        }
    }
}

/// Steps that a hold does not stop: an authority that two people have tainted is not left to the
/// thief by a third.
const fn goes_on_while_held(step: StepName) -> bool {
    matches!(step, StepName::Triage | StepName::Contain)
}

/// The first effect of a lane that is not over, if people have approved it.
fn turn(state: &State, lane: Vec<Effect>) -> Option<Effect> {
    let next = lane.into_iter().find(|effect| !state.is_over(effect))?;
    next.needs().is_none_or(|approval| state.approved(approval)).then_some(next)
}

fn standing_down(state: &State) -> Vec<Effect> {
    let authority = state.declaration().authority.clone();
    let unfreeze = Effect::UnfreezeAuthority { authority };
    let owed = state.declaration().is_compromise() && !state.is_over(&unfreeze);
    if owed { vec![unfreeze] } else { Vec::new() }
}

fn deadline_counts(state: &State) -> bool {
    let declared = state.declaration();
    state.phase() == Phase::Running
        && declared.is_compromise()
        && declared.policy == Policy::Cutover
        && state.deadline_passed().is_none()
        && !Transition.is_through(state)
}

/// What follows from the state and the time alone: the cutover deadline, and the end.
pub fn tick(state: &State, now: Time) -> Vec<Event> {
    let mut events = Vec::new();
    if deadline_counts(state) && now >= state.cutover_deadline() {
        events.push(Event::DeadlinePassed);
    }
    let through = match state.phase() {
        Phase::Running => steps(state.declaration().plan).iter().all(|step| step.is_through(state)),
        Phase::StandingDown => standing_down(state).is_empty(),
        Phase::Closed | Phase::StoodDown => false,
    };
    if through {
        events.push(Event::Closed);
    }
    events
}

/// What an observation adds to the journal: nothing, when it says what is known already.
pub fn observe(
    state: &State,
    observation: &Observation,
    now: Time,
) -> Result<Vec<Event>, Mismatch> {
    match observation {
        Observation::Begun { effect } => Ok(begun(state, effect)),
        Observation::Done { effect, outcome, evidence } => done(state, effect, outcome, evidence),
        Observation::Failed { effect, reason } => Ok(failed(state, effect, reason)),
        Observation::Measured { effect, measurement } => measured(state, effect, measurement, now),
    }
}

fn begun(state: &State, effect: &Effect) -> Vec<Event> {
    let key = effect.key();
    if effect.leaves_us() && !state.is_over(effect) { vec![Event::Begun { key }] } else { vec![] }
}

fn done(
    state: &State,
    effect: &Effect,
    outcome: &Outcome,
    evidence: &str,
) -> Result<Vec<Event>, Mismatch> {
    let key = effect.key();
    if effect.gate().is_some() {
        return Err(Mismatch::NotMeasured { key });
    }
    if !effect.fits(outcome) {
        return Err(Mismatch::WrongOutcome { key });
    }
    if state.is_over(effect) {
        return Ok(Vec::new());
    }
    expected(state, effect, &key)?;
    let repeat_possible = state.begun(&key) > 1;
    let (outcome, evidence) = (outcome.clone(), evidence.to_owned());
    Ok(vec![Event::Done { key, outcome, evidence, repeat_possible }])
}

fn failed(state: &State, effect: &Effect, reason: &str) -> Vec<Event> {
    if state.is_over(effect) {
        return Vec::new();
    }
    let key = effect.key();
    let attempts = state.failure(&key).map_or(0, |failure| failure.attempts).saturating_add(1);
    vec![Event::Failed { key, reason: reason.to_owned(), attempts }]
}

fn measured(
    state: &State,
    effect: &Effect,
    measurement: &Measurement,
    now: Time,
) -> Result<Vec<Event>, Mismatch> {
    let key = effect.key();
    let gate = effect.gate().ok_or_else(|| Mismatch::NoGate { key: key.clone() })?;
    if state.gate(gate).is_some() {
        return Ok(Vec::new());
    }
    expected(state, effect, &key)?;
    let waivers = state.waived(gate.kind(), now);
    if measurement.opens(&waivers) {
        let waived = left_out(measurement, &waivers);
        return Ok(vec![Event::GateOpened { gate, measurement: measurement.clone(), waived }]);
    }
    Ok(first_look(state, gate, measurement))
}

fn left_out(
    measurement: &Measurement,
    waivers: &std::collections::BTreeSet<String>,
) -> std::collections::BTreeSet<String> {
    if measurement.target == 0 {
        return [Measurement::FLEET.to_owned()].into();
    }
    measurement.pending.intersection(waivers).cloned().collect()
}

/// A gate that is shut is recorded once; the journal stays small however long it takes.
fn first_look(state: &State, gate: Gate, measurement: &Measurement) -> Vec<Event> {
    if state.awaited(gate).is_some() {
        return Vec::new();
    }
    vec![Event::GateAwaited { gate, measurement: measurement.clone() }]
}

/// An effect counts only when the plan has come to it: nothing opens a gate ahead of its turn.
fn expected(state: &State, effect: &Effect, key: &EffectKey) -> Result<(), Mismatch> {
    let lifting =
        state.phase() == Phase::StandingDown && matches!(effect, Effect::UnfreezeAuthority { .. });
    let in_plan = steps(state.declaration().plan)
        .iter()
        .filter(|step| step.begins(state))
        .flat_map(|step| step.lanes(state))
        .filter_map(|lane| turn(state, lane))
        .any(|asked| asked.key() == *key);
    if in_plan || lifting { Ok(()) } else { Err(Mismatch::NotAsked { key: key.clone() }) }
}
