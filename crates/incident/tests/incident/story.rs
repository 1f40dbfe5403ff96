//! One incident under test: events, state, world and clock, driven as the server drives them.

use std::time::Duration;

use skink_incident::{
    ApprovalOf, Command, Declaration, Effect, Event, Observation, Phase, Recorded, Refusal,
    Settings, State, decide, next_wake, observe, order, tick,
};
use skink_model::{OperatorName, Plan, Policy, Role, Severity, Time, Trigger};

use crate::world::{World, authority};

pub(crate) struct Story {
    pub(crate) events: Vec<Recorded>,
    pub(crate) state: State,
    pub(crate) world: World,
    pub(crate) now: Time,
}

pub(crate) fn person(name: &str) -> OperatorName {
    name.parse().unwrap()
}

pub(crate) fn declaration(plan: Plan, policy: Policy) -> Declaration {
    Declaration {
        incident: "inc-1".parse().unwrap(),
        plan,
        policy,
        authority: authority("w-g1"),
        severity: Severity::Sev1,
        trigger: if plan == Plan::Rotation { Trigger::Planned } else { Trigger::Copied },
        suspected_since: Some(Time::from_secs(1_000)),
        detected: Some(Time::from_secs(1_500)),
        aware: Some(Time::from_secs(1_800)),
        declared_by: person("ada"),
        drill: true,
        summary: "a key was copied".to_owned(),
        leave_out: ["mallory".to_owned()].into(),
        settings: Settings { wave_sizes: vec![1, 6], ..Settings::default() },
    }
}

impl Story {
    pub(crate) fn new(plan: Plan, policy: Policy) -> Self {
        let now = Time::from_secs(2_000);
        let declared = Event::Declared(Box::new(declaration(plan, policy)));
        let events = vec![Recorded { at: now, event: declared }];
        let state = State::fold(&events).unwrap();
        Self { events, state, world: World::default(), now }
    }

    pub(crate) fn record(&mut self, events: Vec<Event>) {
        for event in events {
            self.events.push(Recorded { at: self.now, event });
            self.state.apply(self.events.last().unwrap());
        }
    }

    /// Stops and starts the server: all there is comes out of the journal's text.
    pub(crate) fn crash(&mut self) {
        let journal: Vec<String> =
            self.events.iter().map(|event| serde_json::to_string(event).unwrap()).collect();
        self.events = journal.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        let again = State::fold(&self.events).unwrap();
        assert_eq!(again, self.state, "a fold of the journal is the state");
        self.state = again;
    }

    pub(crate) fn begin(&mut self, effect: &Effect) {
        if effect.leaves_us() {
            let begun = Observation::Begun { effect: effect.clone() };
            let events = observe(&self.state, &begun, self.now).unwrap();
            self.record(events);
        }
    }

    pub(crate) fn learn(&mut self, observation: &Observation) {
        let events = observe(&self.state, observation, self.now).unwrap();
        self.record(events);
    }

    pub(crate) fn execute(&mut self, effect: &Effect) -> Observation {
        self.world.execute(effect, &self.state, self.now)
    }

    pub(crate) fn fail(&mut self, effect: &Effect) {
        let reason = "connection refused".to_owned();
        self.learn(&Observation::Failed { effect: effect.clone(), reason });
    }

    pub(crate) fn wanted(&self) -> Vec<Effect> {
        decide(&self.state, self.now)
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.now = self.now.plus(time);
        let events = tick(&self.state, self.now);
        self.record(events);
    }

    pub(crate) fn order(&mut self, command: &Command) -> Result<(), Refusal> {
        let events = order(&self.state, command, self.now)?;
        self.record(events);
        Ok(())
    }

    pub(crate) fn approve(
        &mut self,
        approval: ApprovalOf,
        name: &str,
        role: Role,
    ) -> Result<(), Refusal> {
        let (person, vouched_by) = (person(name), person(name));
        let registered = self.state.declared_at();
        self.order(&Command::Approve { approval, person, role, vouched_by, registered })
    }

    /// Two people give whatever is asked for.
    pub(crate) fn approve_all(&mut self) {
        let awaited: Vec<ApprovalOf> =
            self.state.awaiting().into_iter().map(|(of, _)| of).collect();
        for of in awaited {
            let _ = self.approve(of, "ada", Role::PkiLead);
            let _ = self.approve(of, "bob", Role::Ciso);
        }
    }

    /// Runs without faults until the incident is over or `rounds` are.
    pub(crate) fn run(&mut self, rounds: usize) {
        for _ in 0..rounds {
            if self.state.phase().is_over() {
                return;
            }
            self.round();
        }
    }

    pub(crate) fn round(&mut self) {
        self.approve_all();
        for effect in self.wanted() {
            self.begin(&effect);
            let observation = self.execute(&effect);
            self.learn(&observation);
        }
        let wake = next_wake(&self.state).filter(|_| self.wanted().is_empty());
        let wait = wake.map_or(Duration::from_millis(20), |at| at.since(self.now));
        self.pass(wait.max(Duration::from_millis(20)).min(Duration::from_mins(1)));
    }

    pub(crate) fn closed(&self) -> bool {
        self.state.phase() == Phase::Closed
    }
}
