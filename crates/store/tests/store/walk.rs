//! The walk of one certificate, and of one stolen authority.

use skink_model::{AuthorityState, CertificateKind, CertificateState, Role};
use skink_store::attempts::AskRefusal;
use skink_store::authorities::TAINT_STEP;
use skink_store::{Refusal, StoreError, authorities, certificates, journal};

use crate::fixture::{
    Fixture, add_prepared, approve, declare, g1, incident_id, issue, linted, stamp,
};

#[tokio::test]
async fn a_certificate_is_intended_asked_signed_and_released() {
    let fixture = Fixture::new().await;
    let row = linted(&g1(), CertificateKind::Leaf);
    let id = issue(&fixture.store, &row).await.unwrap().unwrap();
    let mut r = fixture.store.read().await.unwrap();
    let found = certificates::find(&mut r, &id).await.unwrap().unwrap();
    assert_eq!(found.state, CertificateState::Issued);
    assert_eq!(found.serial, row.serial);
    let der = certificates::der(&mut r, &id).await.unwrap().unwrap();
    assert_eq!(der, format!("der of {id}").into_bytes());
}

#[tokio::test]
async fn taint_needs_two_people_and_stops_issuance_for_good() {
    let fixture = Fixture::new().await;
    let declared = fixture.store.run_tx("declare", |tx| Box::pin(declare(tx, g1())));
    declared.await.unwrap();
    let taint = || {
        fixture.store.run_tx("taint", |tx| {
            Box::pin(
                async move { authorities::taint(tx, &stamp(), &g1(), &incident_id(), None).await },
            )
        })
    };
    let refused = taint().await.unwrap_err();
    assert!(matches!(refused, StoreError::Refused(Refusal::NeedsTwoPeople { approvals: 0, .. })));
    for (person, role) in
        [("alice", Role::PkiLead), ("alice", Role::PkiLead), ("eve", Role::Operator)]
    {
        let given = fixture.store.run_tx("approve", |tx| {
            Box::pin(async move { approve(tx, person, role, TAINT_STEP).await })
        });
        given.await.unwrap();
        let refused = taint().await.unwrap_err();
        assert!(matches!(
            refused,
            StoreError::Refused(Refusal::NeedsTwoPeople { approvals: 1, .. })
        ));
    }
    let given = fixture.store.run_tx("approve", |tx| {
        Box::pin(async move { approve(tx, "bob", Role::Ciso, TAINT_STEP).await })
    });
    assert!(given.await.unwrap());
    taint().await.unwrap();
    taint().await.unwrap();

    let refused = issue(&fixture.store, &linted(&g1(), CertificateKind::Leaf)).await.unwrap();
    assert!(matches!(refused, Err(AskRefusal::Tainted { .. })), "{refused:?}");
    let mut r = fixture.store.read().await.unwrap();
    let authority = authorities::require(&mut r, &g1()).await.unwrap();
    assert_eq!(authority.state, AuthorityState::Tainted);
    let events = journal::all(&mut r, journal::SERVER).await.unwrap();
    assert_eq!(events.iter().filter(|event| event.kind == "authority.tainted").count(), 1);
    assert!(journal::verify(&mut r).await.unwrap().is_whole());
}

#[tokio::test]
async fn a_new_generation_issues_probes_only_until_its_barrier_opens() {
    let fixture = Fixture::new().await;
    let g2 = fixture
        .store
        .run_tx("activate", |tx| {
            Box::pin(async move {
                let g2 = add_prepared(tx, 2).await?;
                authorities::activate(tx, &stamp(), &g2, None).await?;
                Ok::<_, StoreError>(g2)
            })
        })
        .await
        .unwrap();
    let store = &fixture.store;
    let refused = issue(store, &linted(&g2, CertificateKind::Leaf)).await.unwrap();
    assert_eq!(refused, Err(AskRefusal::BarrierClosed { authority: g2.clone() }));
    issue(store, &linted(&g2, CertificateKind::Canary)).await.unwrap().unwrap();
    let old = issue(store, &linted(&g1(), CertificateKind::Leaf)).await.unwrap();
    assert!(matches!(old, Err(AskRefusal::WrongState { .. })), "{old:?}");
    let g2 = &g2;
    let opened = store.run_tx("open", |tx| {
        Box::pin(async move { authorities::open_barrier(tx, &stamp(), g2).await })
    });
    opened.await.unwrap();
    issue(store, &linted(g2, CertificateKind::Leaf)).await.unwrap().unwrap();
    let mut r = store.read().await.unwrap();
    let before = authorities::require(&mut r, &g1()).await.unwrap();
    assert_eq!(before.state, AuthorityState::Retiring);
}
