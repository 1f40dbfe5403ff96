//! Incidents, approvals, effects, leases.

use std::time::Duration;

use serde_json::json;
use skink_model::{Effect, EffectState, IncidentState, Role, Waiver};
use skink_store::effects::{self, Started};
use skink_store::{Refusal, Store, StoreError, approvals, incidents, leases, records};

use crate::fixture::{Fixture, NOW, approve, declare, g1, incident_id, stamp};

async fn declared() -> Fixture {
    let fixture = Fixture::new().await;
    fixture.store.run_tx("declare", |tx| Box::pin(declare(tx, g1()))).await.unwrap();
    fixture
}

async fn set_state(store: &Store, state: IncidentState) -> Result<(), StoreError> {
    let tx = store.run_tx("state", |tx| {
        Box::pin(async move { incidents::set_state(tx, &stamp(), &incident_id(), state).await })
    });
    tx.await
}

#[tokio::test]
async fn an_authority_has_one_running_incident_and_what_is_over_stays_over() {
    let fixture = declared().await;
    let store = &fixture.store;
    let again = store.run_tx("declare", |tx| Box::pin(declare(tx, g1()))).await.unwrap_err();
    assert!(matches!(again, StoreError::Exists { kind: "incident", .. }), "{again}");
    set_state(store, IncidentState::Held).await.unwrap();
    set_state(store, IncidentState::Open).await.unwrap();
    set_state(store, IncidentState::StoodDown).await.unwrap();
    set_state(store, IncidentState::StoodDown).await.unwrap();
    let refused = set_state(store, IncidentState::Open).await.unwrap_err();
    assert!(matches!(refused, StoreError::Refused(Refusal::NotItsIncident { .. })), "{refused}");
    let mut r = store.read().await.unwrap();
    assert!(incidents::running(&mut r).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_disabled_operator_does_not_count() {
    let fixture = declared().await;
    let given = fixture.store.run_tx("approve", |tx| {
        Box::pin(async move {
            assert!(approve(tx, "alice", Role::PkiLead, "kit").await?);
            assert!(!approve(tx, "alice", Role::PkiLead, "kit").await?);
            assert!(approve(tx, "bob", Role::Ciso, "kit").await?);
            approvals::require_two(tx, &incident_id(), "kit").await?;
            skink_store::operators::disable(tx, &stamp(), &"bob".parse().unwrap()).await?;
            approvals::require_two(tx, &incident_id(), "kit").await
        })
    });
    let refused = given.await.unwrap_err();
    assert!(
        matches!(refused, StoreError::Refused(Refusal::NeedsTwoPeople { approvals: 1, .. })),
        "{refused}"
    );
}

#[tokio::test]
async fn an_effect_happens_once_and_says_when_it_may_have_happened() {
    let fixture = declared().await;
    let start = || {
        fixture.store.run_tx("start", |tx| {
            Box::pin(
                async move { effects::start(tx, NOW, &incident_id(), "distrust", "package").await },
            )
        })
    };
    let finish = |state, outcome| {
        fixture.store.run_tx("finish", move |tx| {
            let effect = Effect {
                incident: incident_id(),
                step: "distrust".to_owned(),
                subject: "package".to_owned(),
                state,
                starts: 0,
                started_at: NOW,
                finished_at: None,
                outcome: Some(json!(outcome)),
            };
            Box::pin(async move { effects::finish(tx, NOW, &effect).await })
        })
    };
    assert_eq!(start().await.unwrap(), Started::First);
    assert_eq!(start().await.unwrap(), Started::Again { starts: 2 });
    finish(EffectState::Failed, "timeout").await.unwrap();
    assert_eq!(start().await.unwrap(), Started::Again { starts: 3 });
    finish(EffectState::Done, "2.7").await.unwrap();
    finish(EffectState::Failed, "late news").await.unwrap();
    assert_eq!(start().await.unwrap(), Started::Done(Some(json!("2.7"))));
    let mut r = fixture.store.read().await.unwrap();
    assert!(effects::open(&mut r, &incident_id()).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_lease_is_fenced() {
    let fixture = Fixture::new().await;
    let minute = Duration::from_mins(1);
    let take = |holder: &'static str, now| {
        fixture.store.run_tx("lease", move |tx| {
            Box::pin(async move {
                leases::take(tx, now, "incident:inc-1", holder, now.plus(minute)).await
            })
        })
    };
    let first = take("one", NOW).await.unwrap();
    assert_eq!(take("one", NOW).await.unwrap().fence, first.fence);
    let refused = take("two", NOW).await.unwrap_err();
    assert!(matches!(refused, StoreError::Refused(Refusal::Leased { .. })), "{refused}");
    let second = take("two", NOW.plus(minute)).await.unwrap();
    assert!(second.fence > first.fence);
    let mut r = fixture.store.read().await.unwrap();
    leases::require(&mut r, &second).await.unwrap();
    let lost = leases::require(&mut r, &first).await.unwrap_err();
    assert!(matches!(lost, StoreError::Refused(Refusal::LeaseLost { .. })), "{lost}");
}

#[tokio::test]
async fn a_waiver_says_what_why_who_and_until_when() {
    let fixture = declared().await;
    let waiver = Waiver {
        incident: incident_id(),
        step: "barrier".to_owned(),
        subject: "web-9".to_owned(),
        reason: "switched off for good".to_owned(),
        owner: "alice".parse().unwrap(),
        at: NOW,
        expires_at: NOW.plus(Duration::from_hours(1)),
    };
    let given = fixture.store.run_tx("waive", |tx| {
        let waiver = &waiver;
        Box::pin(async move { records::waive(tx, &stamp(), waiver).await })
    });
    given.await.unwrap();
    let mut r = fixture.store.read().await.unwrap();
    assert_eq!(
        records::waivers(&mut r, &incident_id()).await.unwrap(),
        std::slice::from_ref(&waiver)
    );
    drop(r);
    let endless = Waiver { expires_at: NOW, ..waiver };
    let refused = fixture.store.run_tx("waive", |tx| {
        let endless = &endless;
        Box::pin(async move { records::waive(tx, &stamp(), endless).await })
    });
    assert!(refused.await.is_err(), "a waiver has an end after its beginning");
}
