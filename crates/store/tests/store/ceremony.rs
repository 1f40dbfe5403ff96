//! Ceremonies are answered once; kits and escrows are weapons that two people release.

use std::time::Duration;

use skink_model::{
    Ceremony, CeremonyState, CrlFacts, CrlKind, Escrow, Kit, KitShare, KitState, Role, Time,
};
use skink_store::crls::{self, NewCrl};
use skink_store::kits::{self, KIT_STEP};
use skink_store::{Refusal, Store, StoreError, Tx, ceremonies};
use skink_x509::Fingerprint;

use crate::fixture::{Fixture, NOW, add_prepared, approve, declare, g1, incident_id, stamp};

const SCOPE: &str = "root/workloads-g1";

fn digest(text: &str) -> Fingerprint {
    Fingerprint::of(text.as_bytes())
}

fn later(seconds: u64) -> Time {
    NOW.plus(Duration::from_secs(seconds))
}

#[tokio::test]
async fn a_response_is_taken_once_and_only_for_its_request() {
    let fixture = Fixture::new().await;
    let requested = fixture.store.run_tx("request", |tx| {
        Box::pin(async move {
            let ceremony = Ceremony {
                id: "cer-1".to_owned(),
                counter: ceremonies::next_number(tx).await?,
                state: CeremonyState::Requested,
                request_digest: digest("request"),
                request: "{}".to_owned(),
                response_digest: None,
                requested_at: NOW,
                imported_at: None,
            };
            ceremonies::request(tx, &stamp(), &ceremony).await
        })
    });
    requested.await.unwrap();
    let import = |id: &'static str, request: &'static str, response: &'static str| {
        fixture.store.run_tx("import", move |tx| {
            Box::pin(async move {
                let (request, response) = (digest(request), digest(response));
                ceremonies::import(tx, &stamp(), id, &request, &response).await
            })
        })
    };
    let other = import("cer-1", "another request", "response").await.unwrap_err();
    assert!(matches!(other, StoreError::NotFound { .. }), "{other}");
    import("cer-1", "request", "response").await.unwrap();
    let replayed = import("cer-1", "request", "response").await.unwrap_err();
    assert!(
        matches!(&replayed, StoreError::Refused(Refusal::CeremonyOver { state: "imported", .. })),
        "{replayed}"
    );
}

fn escrow(number: u64, this_update: Time) -> Escrow {
    Escrow {
        scope: SCOPE.to_owned(),
        number,
        authority: g1(),
        kit: "kit-1".to_owned(),
        this_update,
        next_update: later(1_000_000),
        digest: digest(&format!("escrow {number}")),
        voided_at: None,
        released_at: None,
    }
}

async fn routine(tx: &mut Tx<'_>, number: u64, this_update: Time) -> Result<(), StoreError> {
    let new = NewCrl {
        scope: SCOPE.to_owned(),
        authority: g1(),
        kind: CrlKind::Routine,
        floor: 0,
        incident: None,
    };
    let der = number.to_be_bytes();
    let facts = CrlFacts {
        this_update,
        next_update: later(1000),
        entries: 0,
        size: 8,
        digest: Fingerprint::of(&der),
    };
    crls::import(tx, NOW, &new, number, &facts, &der).await?;
    crls::publish(tx, &stamp(), SCOPE, number).await
}

async fn add(store: &Store, escrow: Escrow) -> Result<(), StoreError> {
    let tx = store.run_tx("escrow", |tx| {
        let escrow = &escrow;
        Box::pin(async move { kits::add_escrow(tx, NOW, escrow).await })
    });
    tx.await
}

async fn release(store: &Store, number: u64) -> Result<(), StoreError> {
    let tx = store.run_tx("release", |tx| {
        Box::pin(async move {
            kits::release_escrow(tx, &stamp(), SCOPE, number, &incident_id()).await.map(drop)
        })
    });
    tx.await
}

#[tokio::test]
async fn an_escrow_outranks_is_released_by_two_once_and_never_when_void() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let began = store.run_tx("ceremony", |tx| {
        Box::pin(async move {
            declare(tx, g1()).await?;
            routine(tx, 1, NOW).await
        })
    });
    began.await.unwrap();
    for bad in [escrow(1, later(1)), escrow(2, NOW)] {
        let refused = add(store, bad).await.unwrap_err();
        assert!(
            matches!(refused, StoreError::Refused(Refusal::DoesNotOutrank { .. })),
            "{refused}"
        );
    }
    add(store, escrow(2, later(1))).await.unwrap();
    let next = store.run_tx("ceremony", |tx| Box::pin(routine(tx, 3, later(2))));
    next.await.unwrap();
    add(store, escrow(4, later(3))).await.unwrap();

    let alone = release(store, 4).await.unwrap_err();
    assert!(matches!(alone, StoreError::Refused(Refusal::NeedsTwoPeople { .. })), "{alone}");
    let approved = store.run_tx("approve", |tx| {
        Box::pin(async move {
            approve(tx, "alice", Role::PkiLead, KIT_STEP).await?;
            approve(tx, "bob", Role::Ciso, KIT_STEP).await
        })
    });
    approved.await.unwrap();
    let stale = release(store, 2).await.unwrap_err();
    assert!(
        matches!(&stale, StoreError::Refused(Refusal::EscrowSpent { why: "void", .. })),
        "{stale}"
    );
    release(store, 4).await.unwrap();
    let second = release(store, 4).await.unwrap_err();
    assert!(
        matches!(&second, StoreError::Refused(Refusal::EscrowSpent { why: "released", .. })),
        "{second}"
    );
}

#[tokio::test]
async fn shares_are_wiped_when_the_kit_is_released() {
    let fixture = Fixture::new().await;
    let released = fixture.store.run_tx("kit", |tx| {
        Box::pin(async move {
            let standby = add_prepared(tx, 2).await?;
            let kit = Kit {
                id: "kit-1".to_owned(),
                standby,
                ceremony: "cer-1".to_owned(),
                state: KitState::Ready,
                custodians: vec!["alice".parse().unwrap(), "bob".parse().unwrap()],
                created_at: NOW,
                expires_at: later(1000),
                incident: None,
            };
            kits::create(tx, &stamp(), &kit).await?;
            declare(tx, g1()).await?;
            approve(tx, "alice", Role::PkiLead, KIT_STEP).await?;
            approve(tx, "bob", Role::Ciso, KIT_STEP).await?;
            for custodian in ["alice", "bob"] {
                let share = KitShare {
                    kit: "kit-1".to_owned(),
                    custodian: custodian.parse().unwrap(),
                    share: format!("the share of {custodian}"),
                    at: NOW,
                };
                assert!(!format!("{share:?}").contains("the share"));
                kits::hand_in(tx, &stamp(), &share).await?;
            }
            assert_eq!(kits::shares(tx, "kit-1").await?.len(), 2);
            kits::release(tx, &stamp(), "kit-1", &incident_id()).await?;
            kits::release(tx, &stamp(), "kit-1", &incident_id()).await?;
            kits::shares(tx, "kit-1").await
        })
    });
    assert!(released.await.unwrap().is_empty());
    let mut r = fixture.store.read().await.unwrap();
    assert_eq!(kits::find(&mut r, "kit-1").await.unwrap().unwrap().state, KitState::Released);
    assert!(kits::ready(&mut r).await.unwrap().is_empty());
}
