use proptest::prelude::*;

use skink_x509::crl::CrlNumber;

use super::*;
use crate::ceremony::state::Event;
use crate::fixture::{Fixture, NOW};

/// One attempt at a ceremony: how long after the one before, and whether it was cut off.
type Attempt = (u64, bool);

fn attempts() -> impl Strategy<Value = Vec<Attempt>> {
    let wait = prop_oneof![Just(0_u64), 0..3_u64, 0..1_000_000_u64];
    prop::collection::vec((wait, any::<bool>()), 1..40)
}

/// What is signed for a scope, in order, whether or not the ceremony came to its end.
fn signed(fixture: &Fixture, attempts: &[Attempt]) -> Vec<(CrlNumber, Time)> {
    let (config, opening) =
        (RootConfig::new("example", "http://pki.example"), OpeningKey::generate().unwrap());
    let id = fixture.issuer.id().clone();
    let (mut state, mut now, mut signed) = (State::default(), NOW, Vec::new());
    for (wait, cut_off) in attempts {
        now = now.plus(Duration::from_secs(*wait));
        let planning = Planning {
            config: &config,
            locations: &fixture.locations,
            root: fixture.root.certificate(),
            opening: &opening,
            state: &state,
            now,
        };
        let Ok(this_update) = planning.this_update() else { continue };
        assert!(this_update < now, "nothing is said from the future");
        let until = fixture.issuer.certificate().not_after();
        let partition = planning.partition(Some(id.clone()), this_update, Some(until));
        let escrow = partition.escrow.unwrap();
        state.add(Event::Reserved {
            ceremony: state.last_reserved + 1,
            request: String::new(),
            next: BTreeMap::from([(id.to_string(), escrow.number.to_u64().unwrap() + 1)]),
            newest: escrow.this_update.as_secs(),
        });
        let lists = [partition.routine, escrow];
        let made = if *cut_off { &lists[..1] } else { &lists[..] };
        signed.extend(made.iter().map(|list| (list.number.clone(), list.this_update)));
    }
    signed
}

#[test]
fn every_list_outranks_every_list_before_it_by_number_and_by_time() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let fixture = runtime.block_on(Fixture::new());
    proptest!(|(attempts in attempts())| {
        let signed = signed(&fixture, &attempts);
        prop_assert!(!signed.is_empty());
        for pair in signed.windows(2) {
            prop_assert!(pair[0].0 < pair[1].0 && pair[0].1 < pair[1].1, "{pair:?}");
        }
    });
}
