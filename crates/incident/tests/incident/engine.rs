//! The engine under crashes, faults, repetitions and people.

use std::time::Duration;

use proptest::prelude::*;
use skink_incident::{
    ApprovalOf, Command, CrlRound, Effect, Event, Gate, GateKind, Mismatch, Observation, Outcome,
    Phase, Refusal, Waiver, observe,
};
use skink_model::{Plan, Policy, Role, Time};

use crate::story::{Story, person};
use crate::world;

const ROUNDS: usize = 200;

fn plans() -> impl Strategy<Value = (Plan, Policy)> {
    prop_oneof![
        Just((Plan::Authority, Policy::Cutover)),
        Just((Plan::Authority, Policy::Immediate)),
        Just((Plan::Rotation, Policy::Cutover)),
    ]
}

/// One thing that the world, the machine or a person does.
#[derive(Clone, Debug)]
enum Turn {
    /// Execute the nth effect that is wanted, and record what came of it.
    Do(usize),
    /// Execute it, and die before anything is recorded.
    DoAndCrash(usize),
    /// Die between recording the beginning and executing.
    BeginAndCrash(usize),
    /// Execute it twice, and record both.
    DoTwice(usize),
    /// It fails.
    Fail(usize),
    /// Stop and start.
    Crash,
    /// Time passes.
    Wait(u64),
    /// Two people approve what is asked for.
    Approve,
    /// One person tries, twice.
    ApproveAlone,
    /// Hold or resume.
    Hold(bool),
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let turn = prop_oneof![
        4 => (0..4_usize).prop_map(Turn::Do),
        2 => (0..4_usize).prop_map(Turn::DoAndCrash),
        1 => (0..4_usize).prop_map(Turn::BeginAndCrash),
        2 => (0..4_usize).prop_map(Turn::DoTwice),
        2 => (0..4_usize).prop_map(Turn::Fail),
        1 => Just(Turn::Crash),
        2 => (0..40_000_u64).prop_map(Turn::Wait),
        2 => Just(Turn::Approve),
        1 => Just(Turn::ApproveAlone),
        1 => any::<bool>().prop_map(Turn::Hold),
    ];
    proptest::collection::vec(turn, 0..120)
}

fn play(story: &mut Story, turn: &Turn) {
    let chosen = |story: &Story, nth: usize| story.wanted().into_iter().nth(nth);
    match turn {
        Turn::Do(nth) | Turn::DoTwice(nth) => {
            let Some(effect) = chosen(story, *nth) else { return };
            story.begin(&effect);
            let first = story.execute(&effect);
            let again = matches!(turn, Turn::DoTwice(_)).then(|| story.execute(&effect));
            story.learn(&first);
            if let Some(again) = again {
                let before = story.events.len();
                // A gate that was shut at first may be open at the second look.
                let repeated = observe(&story.state, &again, story.now).expect("asked for");
                assert!(repeated.is_empty() || effect.gate().is_some());
                story.record(repeated);
                assert!(story.events.len() <= before + 1);
            }
        }
        Turn::DoAndCrash(nth) => {
            let Some(effect) = chosen(story, *nth) else { return };
            story.begin(&effect);
            story.execute(&effect);
            story.crash();
        }
        Turn::BeginAndCrash(nth) => {
            let Some(effect) = chosen(story, *nth) else { return };
            story.begin(&effect);
            story.crash();
        }
        Turn::Fail(nth) => {
            if let Some(effect) = chosen(story, *nth) {
                story.fail(&effect);
            }
        }
        Turn::Crash => story.crash(),
        Turn::Wait(millis) => story.pass(Duration::from_millis(*millis)),
        Turn::Approve => story.approve_all(),
        Turn::ApproveAlone => {
            for of in ApprovalOf::ALL {
                let _ = story.approve(of, "ada", Role::PkiLead);
                assert!(story.approve(of, "ada", Role::Ciso).is_err(), "one person, twice");
            }
        }
        Turn::Hold(true) => {
            let _ = story.order(&Command::Hold { by: person("ada"), reason: "look".into() });
        }
        Turn::Hold(false) => {
            let _ = story.order(&Command::Resume { by: person("bob") });
        }
    }
}

/// What must hold of the world at every instant.
fn check(story: &Story) {
    let world = &story.world;
    let deadline = story.state.deadline_passed().is_some();
    for (earlier, later) in [
        ("triage/freeze", "contain/taint"),
        ("contain/taint", "contain/drain-tickets"),
        ("contain/drain-tickets", "contain/sign-closing-set"),
        ("contain/sign-closing-set", "contain/disable-key"),
        ("contain/taint", "evidence/snapshot-evidence:containment"),
        ("replace/activate-standby", "transition/publish-package:successor"),
        ("transition/publish-package:successor", "barrier"),
        ("barrier", "transition/open-issuance"),
        ("transition/open-issuance", "transition/reissue-wave:1"),
        ("transition/reissue-wave:1", "wave:1"),
        ("wave:1", "transition/reissue-wave:2"),
        ("wave:2", "transition/reissue-wave:3"),
        ("wave:3", "quiet"),
        ("disabled", "revoke/release-escrow"),
        ("revoke/release-escrow", "revoke/publish-crls"),
        ("transition/publish-package:successor", "distrust/publish-package:distrust"),
        ("distrust/publish-package:distrust", "distrust"),
        ("distrust", "close/dispose-key"),
        ("quiet", "close/dispose-key"),
    ] {
        let compromise = story.state.declaration().is_compromise();
        let of_compromise = ["contain/", "revoke/", "evidence/"];
        if compromise || !of_compromise.iter().any(|step| later.starts_with(step)) {
            world.ordered(earlier, later);
        }
    }
    if story.state.declaration().policy == Policy::Cutover && !deadline {
        world.ordered("quiet", "revoke/release-escrow");
        world.ordered("quiet", "distrust/publish-package:distrust");
    }
    if world.has("contain/taint") {
        assert!(story.state.approved(ApprovalOf::Taint));
    }
    let mut once = world.happened.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), world.happened.len());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_it_reaches_the_end_and_every_effect_counts_once(
        (plan, policy) in plans(), turns in turns(), patience in 0..4_u32,
    ) {
        let mut story = Story::new(plan, policy);
        story.world.patience = patience;
        for turn in &turns {
            play(&mut story, turn);
            check(&story);
        }
        let _ = story.order(&Command::Resume { by: person("ada") });
        story.run(ROUNDS);
        check(&story);
        prop_assert!(story.closed(), "stuck at {:?} after {:?}", story.wanted(), story.world.happened);
        let done = story.events.iter().filter(|e| matches!(e.event, Event::Done { .. })).count();
        let effects = story.state.all_done().count();
        prop_assert_eq!(done, effects, "no effect is recorded twice");
        story.crash();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn an_unmet_gate_ends_nothing(
        (plan, policy) in plans(), gate in 0..8_usize, turns in turns(),
    ) {
        let gates = [
            Gate::Disabled,
            Gate::CrlReadBack(CrlRound::Transition),
            Gate::Barrier,
            Gate::Wave(1),
            Gate::Wave(3),
            Gate::Quiet,
            Gate::CrlReadBack(CrlRound::Revocation),
            Gate::Distrust,
        ];
        let compromise_only = matches!(gate, 0 | 6);
        prop_assume!(!(plan == Plan::Rotation && compromise_only));
        let mut story = Story::new(plan, policy);
        story.world.shut = Some(gates[gate]);
        for turn in &turns {
            play(&mut story, turn);
        }
        let _ = story.order(&Command::Resume { by: person("ada") });
        story.run(ROUNDS);
        story.pass(Duration::from_hours(720));
        story.run(ROUNDS);
        prop_assert!(!story.closed());
        prop_assert!(!story.world.has("close/dispose-key"));
        check(&story);
    }
}

#[test]
fn a_crash_at_every_event_of_a_whole_incident_changes_nothing() {
    let mut whole = Story::new(Plan::Authority, Policy::Cutover);
    whole.run(ROUNDS);
    assert!(whole.closed());
    for cut in 1..whole.events.len() {
        let mut story = Story::new(Plan::Authority, Policy::Cutover);
        story.events = whole.events[..cut].to_vec();
        story.state = skink_incident::State::fold(&story.events).unwrap();
        story.now = story.events.last().unwrap().at;
        story.crash();
        story.run(ROUNDS);
        assert!(story.closed(), "cut after event {cut}: {:?}", story.events[cut - 1].event.kind());
    }
}

#[test]
fn one_person_through_two_sessions_is_one_person() {
    let mut story = Story::new(Plan::Authority, Policy::Cutover);
    assert!(matches!(
        story.approve(ApprovalOf::Taint, "ada", Role::PkiLead),
        Err(Refusal::NotYet { .. })
    ));
    for effect in [story.wanted(), {
        story_step(&mut story);
        story.wanted()
    }]
    .concat()
    {
        let observation = story.execute(&effect);
        let _ = observe(&story.state, &observation, story.now).map(|events| story.record(events));
    }
    story.approve(ApprovalOf::Taint, "ada", Role::PkiLead).unwrap();
    let again = story.approve(ApprovalOf::Taint, "ada", Role::Ciso);
    assert!(matches!(again, Err(Refusal::SamePerson { .. })));
    assert!(matches!(
        story.approve(ApprovalOf::Taint, "eve", Role::Operator),
        Err(Refusal::WrongRole { .. })
    ));
    assert!(!story.state.approved(ApprovalOf::Taint));
    assert!(!story.wanted().iter().any(|effect| matches!(effect, Effect::Taint { .. })));
    story.approve(ApprovalOf::Taint, "bob", Role::Ciso).unwrap();
    assert!(story.wanted().iter().any(|effect| matches!(effect, Effect::Taint { .. })));
    let third = story.approve(ApprovalOf::Taint, "cyd", Role::Ciso);
    assert!(matches!(third, Err(Refusal::AlreadyApproved { .. })));
}

/// Executes and records what is wanted now.
fn story_step(story: &mut Story) {
    for effect in story.wanted() {
        let observation = story.execute(&effect);
        story.learn(&observation);
    }
}

#[test]
fn a_false_alarm_leaves_no_scar_and_a_taint_cannot_be_stood_down() {
    let down = Command::StandDown { by: person("ada"), reason: "a test key".into() };
    let mut story = Story::new(Plan::Authority, Policy::Cutover);
    story_step(&mut story);
    story.order(&down).unwrap();
    assert_eq!(story.state.phase(), Phase::StandingDown);
    story.run(ROUNDS);
    assert_eq!(story.state.phase(), Phase::StoodDown);
    assert!(story.world.has("triage/unfreeze") && !story.world.has("contain/taint"));

    let mut story = Story::new(Plan::Authority, Policy::Cutover);
    story_step(&mut story);
    story_step(&mut story);
    story.approve(ApprovalOf::Taint, "ada", Role::PkiLead).unwrap();
    story.approve(ApprovalOf::Taint, "bob", Role::Ciso).unwrap();
    assert!(matches!(story.order(&down), Err(Refusal::TooLate { .. })));
}

/// Whoever approved and is shut out decides nothing, and stops nothing: others take his place.
#[test]
fn a_word_is_taken_back_while_nothing_was_done_on_it() {
    let mut story = Story::new(Plan::Authority, Policy::Cutover);
    story_step(&mut story);
    story_step(&mut story);
    story.approve(ApprovalOf::Taint, "ada", Role::PkiLead).unwrap();
    story.approve(ApprovalOf::Taint, "bob", Role::Ciso).unwrap();
    let out = Command::Withdraw { person: person("ada") };
    story.order(&out).unwrap();
    assert!(!story.wanted().iter().any(|effect| matches!(effect, Effect::Taint { .. })));
    story.order(&out).unwrap();
    story.approve(ApprovalOf::Taint, "cyd", Role::PkiLead).unwrap();
    assert!(story.wanted().iter().any(|effect| matches!(effect, Effect::Taint { .. })));
    story_step(&mut story);
    // It is done: who approved it stays in the record.
    story.order(&Command::Withdraw { person: person("bob") }).unwrap();
    assert_eq!(story.state.approvers(ApprovalOf::Taint).len(), 2);
    story.run(ROUNDS);
    assert!(story.closed());
}

#[test]
fn held_begins_nothing_but_containment_and_resumed_goes_on() {
    let mut story = Story::new(Plan::Authority, Policy::Cutover);
    let hold = Command::Hold { by: person("ada"), reason: "wait".into() };
    story.order(&hold).unwrap();
    assert!(matches!(story.order(&hold), Err(Refusal::AlreadyHeld { .. })));
    story.run(30);
    assert!(story.world.has("contain/taint") && story.state.gate(Gate::Disabled).is_some());
    assert!(story.wanted().is_empty(), "{:?}", story.wanted());
    story.order(&Command::Resume { by: person("bob") }).unwrap();
    let again = story.order(&Command::Resume { by: person("bob") });
    assert!(matches!(again, Err(Refusal::NotHeld)));
    story.run(ROUNDS);
    assert!(story.closed());
}

#[test]
fn a_waiver_by_name_opens_a_gate_until_it_expires() {
    let waiver = |gate, subject: &str, expires| {
        Command::Waive(Waiver {
            gate,
            subject: subject.into(),
            reason: "decommissioned on Friday".into(),
            owner: person("ada"),
            expires,
        })
    };
    let mut story = Story::new(Plan::Authority, Policy::Cutover);
    story.world.shut = Some(Gate::Barrier);
    story.run(30);
    let later = story.now.plus(Duration::from_hours(1));
    assert!(matches!(
        story.order(&waiver(GateKind::Disabled, "x", later)),
        Err(Refusal::NotWaivable { .. })
    ));
    let now = story.now;
    let expired = story.order(&waiver(GateKind::Barrier, "slow", now));
    assert!(matches!(expired, Err(Refusal::EmptyWaiver)));
    story.order(&waiver(GateKind::Barrier, "other", later)).unwrap();
    story.run(10);
    assert!(story.state.gate(Gate::Barrier).is_none(), "the wrong name opens nothing");
    story.order(&waiver(GateKind::Barrier, "slow", later)).unwrap();
    story.run(ROUNDS);
    assert!(story.closed());
    let left_out = &story.state.gate(Gate::Barrier).unwrap().waived;
    assert!(left_out.contains("slow") && left_out.len() == 1);
}

#[test]
fn the_cutover_deadline_revokes_and_does_not_close() {
    let mut story = Story::new(Plan::Authority, Policy::Cutover);
    story.world.shut = Some(Gate::Wave(2));
    story.run(40);
    assert!(!story.world.has("revoke/publish-crls"));
    story.pass(Duration::from_mins(31));
    story.run(40);
    assert!(story.state.deadline_passed().is_some());
    assert!(story.world.has("revoke/publish-crls") && story.world.has("distrust"));
    assert!(!story.closed());
    story.world.shut = None;
    story.run(ROUNDS);
    assert!(story.closed());
}

#[test]
fn immediate_revokes_while_the_transition_is_still_under_way() {
    let mut story = Story::new(Plan::Authority, Policy::Immediate);
    story.world.shut = Some(Gate::Barrier);
    story.run(60);
    assert!(story.world.has("revoke/publish-crls"));
    assert!(!story.world.has("transition/reissue-wave:1"));
}

#[test]
fn nothing_opens_a_gate_ahead_of_its_turn_or_by_say_so() {
    let mut story = Story::new(Plan::Authority, Policy::Cutover);
    let barrier = Effect::CheckBarrier { handshakes: 3, settle_ms: 0, clock_offset_ms: 1 };
    let early = story.execute(&barrier);
    let refused = observe(&story.state, &early, story.now);
    assert!(matches!(refused, Err(Mismatch::NotAsked { .. })));
    let said = Observation::Done {
        effect: barrier.clone(),
        outcome: Outcome::Plain,
        evidence: "aa".into(),
    };
    let refused = observe(&story.state, &said, story.now);
    assert!(matches!(refused, Err(Mismatch::NotMeasured { .. })));
    let freeze = story.wanted().remove(0);
    let wrong = Observation::Done {
        effect: freeze,
        outcome: Outcome::Revoked { certificates: 1 },
        evidence: String::new(),
    };
    let refused = observe(&story.state, &wrong, story.now);
    assert!(matches!(refused, Err(Mismatch::WrongOutcome { .. })));
}

#[test]
fn failures_wait_longer_each_time_and_a_repeat_outside_is_recorded() {
    let mut story = Story::new(Plan::Authority, Policy::Cutover);
    let freeze = story.wanted().remove(0);
    story.fail(&freeze);
    assert!(story.wanted().is_empty());
    let first = skink_incident::next_wake(&story.state).unwrap();
    story.now = first;
    assert_eq!(story.wanted(), std::slice::from_ref(&freeze));
    story.fail(&freeze);
    let second = skink_incident::next_wake(&story.state).unwrap();
    assert!(second.since(story.now) > first.since(Time::from_secs(2_000)));

    let mut story = Story::new(Plan::Authority, Policy::Cutover);
    while !story.wanted().iter().any(|effect| matches!(effect, Effect::DisableKey { .. })) {
        story.round();
    }
    let disable = Effect::DisableKey { authority: world::authority("w-g1") };
    story.begin(&disable);
    story.crash();
    story.run(ROUNDS);
    assert!(story.state.done(&disable.key()).unwrap().repeat_possible);
}

#[test]
fn an_endpoint_goes_back_until_revocation_begins() {
    let back = Command::RollBack {
        endpoint: "shop-1".parse().unwrap(),
        by: person("ada"),
        reason: "checkout fails".into(),
    };
    let mut story = Story::new(Plan::Authority, Policy::Cutover);
    story.world.shut = Some(Gate::Wave(2));
    story.run(40);
    story.order(&back).unwrap();
    story.order(&back).unwrap();
    story.run(5);
    assert!(story.world.has("transition/roll-back-endpoint:shop-1:1"));
    assert!(story.world.has("transition/roll-back-endpoint:shop-1:2"));
    story.world.shut = None;
    while !story.world.has("revoke/release-escrow") {
        story.round();
    }
    assert!(matches!(story.order(&back), Err(Refusal::NoWayBack)));
}
