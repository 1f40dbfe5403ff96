//! Who may sign what, and what is left after a crash.

use skink_model::{
    AttemptPurpose, AttemptState, BlockedKey, CertificateKind, CertificateState, KeyState, KeyUse,
    Role, SigningKey,
};
use skink_store::attempts::{self, Ask, AskRefusal, Outcome};
use skink_store::authorities::TAINT_STEP;
use skink_store::revocations::Cursor;
use skink_store::{
    Refusal, Store, StoreError, authorities, certificates, issuance, keys, revocations,
};
use skink_x509::{KeyAlgorithm, SignatureAlgorithm};

use crate::fixture::{
    Fixture, NOW, add_prepared, approve, ask_for, finished, g1, incident_id, issue, key, linted,
    settled, stamp, taint, unique,
};

async fn asked(store: &Store, asks: &[Ask]) -> Vec<Result<(), AskRefusal>> {
    let tx = store.run_tx("ask", |tx| Box::pin(async move { attempts::ask(tx, NOW, asks).await }));
    tx.await.unwrap()
}

fn ask(purpose: AttemptPurpose, subject: &str) -> Ask {
    Ask {
        id: format!("b{:031x}", unique()).parse().unwrap(),
        authority: g1(),
        key: "software:workloads-g1".to_owned(),
        purpose,
        subject: subject.to_owned(),
        algorithm: SignatureAlgorithm::EcdsaSha256,
        incident: None,
    }
}

#[tokio::test]
async fn a_request_linted_before_the_taint_is_refused_after_it() {
    let fixture = Fixture::new().await;
    let row = linted(&g1(), CertificateKind::Leaf);
    let recorded = fixture.store.run_tx("record", |tx| {
        let row = &row;
        Box::pin(async move {
            certificates::record(tx, &stamp(), std::slice::from_ref(row)).await?;
            taint(tx, &g1()).await
        })
    });
    recorded.await.unwrap();
    let answer = asked(&fixture.store, &[ask_for(&row)]).await.remove(0);
    let text = answer.as_ref().unwrap_err().to_string();
    assert!(matches!(answer, Err(AskRefusal::Tainted { .. })));
    assert!(text.contains("inc-1"), "{text}");
}

#[tokio::test]
async fn one_batch_answers_each_request_and_records_only_the_allowed() {
    let fixture = Fixture::new().await;
    let (good, never) =
        (linted(&g1(), CertificateKind::Leaf), linted(&g1(), CertificateKind::Leaf));
    let recorded = fixture.store.run_tx("record", |tx| {
        let good = &good;
        Box::pin(
            async move { certificates::record(tx, &stamp(), std::slice::from_ref(good)).await },
        )
    });
    recorded.await.unwrap();
    let mut foreign = ask_for(&good);
    foreign.key = "software:elsewhere".to_owned();
    let batch = [ask_for(&never), foreign, ask_for(&good), ask_for(&good)];
    let answers = asked(&fixture.store, &batch).await;
    assert!(matches!(answers[0], Err(AskRefusal::NotReady { .. })), "{answers:?}");
    assert!(matches!(answers[1], Err(AskRefusal::WrongKey { .. })), "{answers:?}");
    assert_eq!(answers[2], Ok(()));
    assert!(matches!(answers[3], Err(AskRefusal::AskedBefore { .. })), "{answers:?}");
    let mut r = fixture.store.read().await.unwrap();
    assert_eq!(attempts::open(&mut r, &g1()).await.unwrap().len(), 1);
}

/// A control signature is made with a key's own name or with the control key, never with the key of
/// another authority, which may be the stolen one.
#[tokio::test]
async fn a_control_signature_takes_no_other_authoritys_key() {
    let fixture = Fixture::new().await;
    let added = fixture.store.run_tx("add", |tx| Box::pin(add_prepared(tx, 2)));
    added.await.unwrap();
    let mut foreign = ask(AttemptPurpose::Control, "csr:workloads-g1");
    foreign.key = "software:workloads-g2".to_owned();
    let own = ask(AttemptPurpose::Control, "csr:workloads-g1");
    let answers = asked(&fixture.store, &[foreign, own]).await;
    assert!(matches!(answers[0], Err(AskRefusal::WrongKey { .. })), "{answers:?}");
    assert_eq!(answers[1], Ok(()));
}

#[tokio::test]
async fn frozen_signs_lists_but_no_certificates() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let frozen = store.run_tx("freeze", |tx| {
        Box::pin(
            async move { authorities::freeze(tx, &stamp(), &g1(), "false alarm?", None).await },
        )
    });
    frozen.await.unwrap();
    let refused = issue(store, &linted(&g1(), CertificateKind::Leaf)).await.unwrap();
    assert!(matches!(refused, Err(AskRefusal::Frozen { .. })), "{refused:?}");
    assert_eq!(asked(store, &[ask(AttemptPurpose::Crl, "workloads-g1/p0#1")]).await, [Ok(())]);
    let thawed = store.run_tx("unfreeze", |tx| {
        Box::pin(
            async move { authorities::unfreeze(tx, &stamp(), &g1(), "it was one", None).await },
        )
    });
    thawed.await.unwrap();
    issue(store, &linted(&g1(), CertificateKind::Leaf)).await.unwrap().unwrap();
}

#[tokio::test]
async fn the_closing_set_waits_for_tickets_belongs_to_one_incident_and_ends() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let row = linted(&g1(), CertificateKind::Leaf);
    let open = ask_for(&row);
    let began = store.run_tx("begin", |tx| {
        let (row, open) = (&row, &open);
        Box::pin(async move {
            certificates::record(tx, &stamp(), std::slice::from_ref(row)).await?;
            attempts::ask(tx, NOW, std::slice::from_ref(open)).await?;
            taint(tx, &g1()).await
        })
    });
    began.await.unwrap();
    let closing = |subject: &str| Ask {
        incident: Some(incident_id()),
        ..ask(AttemptPurpose::ClosingSet, subject)
    };
    let answer = asked(store, &[closing("transition#2")]).await.remove(0);
    assert!(matches!(answer, Err(AskRefusal::InFlight { count: 1, .. })), "{answer:?}");
    let settled_now = store.run_tx("settle", |tx| {
        let settlement = settled(&open, Outcome::Unknown);
        Box::pin(async move { attempts::settle(tx, NOW, &[settlement]).await })
    });
    settled_now.await.unwrap();
    let foreign = Ask { incident: None, ..closing("transition#2") };
    let answers = asked(store, &[foreign, closing("transition#2"), closing("transition#2")]).await;
    assert!(matches!(answers[0], Err(AskRefusal::ClosingSetComplete { .. })));
    assert_eq!(answers[1], Ok(()));
    assert!(matches!(answers[2], Err(AskRefusal::AskedBefore { .. })));
    let closed = store.run_tx("close", |tx| {
        Box::pin(async move { authorities::close(tx, &stamp(), &g1()).await })
    });
    closed.await.unwrap();
    let answer = asked(store, &[closing("final#3")]).await.remove(0);
    assert!(matches!(answer, Err(AskRefusal::ClosingSetComplete { .. })), "{answer:?}");

    let mut r = store.read().await.unwrap();
    let page = revocations::closing_page(&mut r, &g1(), 0, &Cursor::default(), 10).await;
    let page = page.unwrap();
    let only = [(row.serial.as_be_bytes(), None)];
    assert_eq!(page.entries(), only, "the serial of the unknown attempt is in the final CRL");
}

#[tokio::test]
async fn after_taint_only_a_delegated_responder_answers_and_only_a_probe_uses_the_dead_key() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let responder = SigningKey {
        uri: "software:workloads-g1-ocsp".to_owned(),
        key_use: KeyUse::Ocsp,
        authority: Some(g1()),
        algorithm: KeyAlgorithm::EcP256,
        digest: key("responder"),
        state: KeyState::Enabled,
        refusal_code: None,
        created_at: NOW,
        changed_at: NOW,
    };
    let prepared = store.run_tx("taint", |tx| {
        let responder = &responder;
        Box::pin(async move {
            keys::create(tx, responder).await?;
            taint(tx, &g1()).await?;
            let uri = "software:workloads-g1";
            keys::set_state(tx, &stamp(), uri, KeyState::Disabled, Some("disabled")).await
        })
    });
    prepared.await.unwrap();
    let delegated = Ask { key: responder.uri.clone(), ..ask(AttemptPurpose::Ocsp, "x") };
    let probe = Ask { incident: Some(incident_id()), ..ask(AttemptPurpose::Probe, "x") };
    let answers = asked(
        store,
        &[
            ask(AttemptPurpose::Ocsp, "x"),
            delegated,
            probe,
            ask(AttemptPurpose::Probe, "x"),
            ask(AttemptPurpose::Crl, "x"),
        ],
    )
    .await;
    assert!(matches!(answers[0], Err(AskRefusal::Tainted { .. })), "{answers:?}");
    assert_eq!(answers[1], Ok(()));
    assert_eq!(answers[2], Ok(()));
    assert!(matches!(answers[3], Err(AskRefusal::Tainted { .. })), "{answers:?}");
    assert!(matches!(answers[4], Err(AskRefusal::Tainted { .. })), "{answers:?}");
}

#[tokio::test]
async fn a_blocked_key_is_refused_at_every_door_and_stays_blocked() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let (early, late) =
        (linted(&g1(), CertificateKind::Leaf), linted(&g1(), CertificateKind::Leaf));
    let block = |row: &skink_model::CertificateRow| BlockedKey {
        digest: row.key_digest,
        reason: "found in a public repository".to_owned(),
        incident: None,
        at: NOW,
    };
    let (first, second) = (block(&early), block(&late));
    let blocked = store.run_tx("block", |tx| {
        let (early, first, second) = (&early, &first, &second);
        Box::pin(async move {
            certificates::record(tx, &stamp(), std::slice::from_ref(early)).await?;
            assert!(keys::block(tx, &stamp(), first).await?);
            assert!(!keys::block(tx, &stamp(), first).await?);
            keys::block(tx, &stamp(), second).await
        })
    });
    blocked.await.unwrap();
    let answer = asked(store, &[ask_for(&early)]).await.remove(0);
    assert!(matches!(answer, Err(AskRefusal::KeyBlocked { .. })), "{answer:?}");
    let refused = issue(store, &late).await.unwrap_err();
    assert!(matches!(refused, StoreError::Refused(Refusal::KeyBlocked { .. })), "{refused}");
}

#[tokio::test]
async fn a_restart_gives_up_what_was_on_its_way_and_keeps_its_serials() {
    use CertificateState::{Failed, Unknown};
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let rows: Vec<_> = (0..4).map(|_| linted(&g1(), CertificateKind::Leaf)).collect();
    let asks: Vec<_> = rows.iter().map(ask_for).collect();
    // The first is asked, the second signed and not stored, the third refused by the provider, the
    // fourth only linted.
    let began = store.run_tx("begin", |tx| {
        let (rows, asks) = (&rows, &asks);
        Box::pin(async move {
            certificates::record(tx, &stamp(), rows).await?;
            attempts::ask(tx, NOW, &asks[..3]).await?;
            let outcomes = [settled(&asks[1], Outcome::Signed), settled(&asks[2], Outcome::Failed)];
            attempts::settle(tx, NOW, &outcomes).await
        })
    });
    began.await.unwrap();
    let swept = store
        .run_tx("sweep", |tx| Box::pin(async move { attempts::sweep_unknown(tx, NOW).await }))
        .await
        .unwrap();
    assert_eq!((swept.attempts, swept.certificates), (1, 2));
    let mut r = store.read().await.unwrap();
    let mut states = Vec::new();
    for row in &rows {
        states.push(certificates::find(&mut r, &row.id).await.unwrap().unwrap().state);
    }
    assert_eq!(states, [Unknown, Unknown, Failed, Failed]);
    let closing = revocations::closing_page(&mut r, &g1(), 0, &Cursor::default(), 10).await;
    assert_eq!(closing.unwrap().entries().len(), 2);
    let attempt = attempts::find(&mut r, &asks[0].id).await.unwrap().unwrap();
    assert_eq!((attempt.state, attempt.request_id), (AttemptState::Unknown, None));
    let signed = attempts::find(&mut r, &asks[1].id).await.unwrap().unwrap();
    assert_eq!(signed.request_id, Some(format!("call-{}", asks[1].id)));
    let counts = attempts::counts(&mut r, "software:workloads-g1").await.unwrap();
    assert_eq!((counts.signed, counts.unknown, counts.failed, counts.asked), (1, 1, 1, 0));
    drop(r);

    let late = store.run_tx("late", |tx| {
        let settlement = settled(&asks[0], Outcome::Signed);
        Box::pin(async move { attempts::settle(tx, NOW, &[settlement]).await })
    });
    let refused = late.await.unwrap_err();
    assert!(matches!(refused, StoreError::Refused(Refusal::AttemptNotOpen(_))), "{refused}");
    let release = store.run_tx("release", |tx| {
        let finished = finished(&asks[1], &rows[1]);
        Box::pin(async move { issuance::finish(tx, NOW, &[finished]).await })
    });
    let refused = release.await.unwrap_err();
    assert!(matches!(refused, StoreError::Refused(Refusal::AttemptNotOpen(_))), "{refused}");
}

#[tokio::test]
async fn nobody_is_given_a_certificate_whose_signature_was_not_asked_for() {
    let fixture = Fixture::new().await;
    let (row, other) = (linted(&g1(), CertificateKind::Leaf), linted(&g1(), CertificateKind::Leaf));
    let released = fixture.store.run_tx("finish", |tx| {
        let (row, other) = (&row, &other);
        Box::pin(async move {
            certificates::record(tx, &stamp(), &[row.clone(), other.clone()]).await?;
            let ask = ask_for(row);
            attempts::ask(tx, NOW, std::slice::from_ref(&ask)).await?;
            // The attempt is open, and it is about another certificate.
            issuance::finish(tx, NOW, &[finished(&ask, other)]).await
        })
    });
    let refused = released.await.unwrap_err();
    assert!(matches!(refused, StoreError::Refused(Refusal::AttemptNotOpen(_))), "{refused}");
    let mut r = fixture.store.read().await.unwrap();
    assert!(certificates::find(&mut r, &row.id).await.unwrap().is_none(), "rolled back as a whole");
}

#[tokio::test]
async fn a_certificate_that_was_given_up_is_not_released_by_its_open_attempt() {
    let fixture = Fixture::new().await;
    let row = linted(&g1(), CertificateKind::Leaf);
    let ask = ask_for(&row);
    let asked = fixture.store.run_tx("ask", |tx| {
        let (row, ask) = (&row, &ask);
        Box::pin(async move {
            certificates::record(tx, &stamp(), std::slice::from_ref(row)).await?;
            attempts::ask(tx, NOW, std::slice::from_ref(ask)).await
        })
    });
    asked.await.unwrap().remove(0).unwrap();
    let give_up = format!("UPDATE certificate SET state = 'unknown' WHERE id = '{}'", row.id);
    fixture.by_hand(give_up).await.unwrap();
    let released = fixture.store.run_tx("finish", |tx| {
        let finished = finished(&ask, &row);
        Box::pin(async move { issuance::finish(tx, NOW, &[finished]).await })
    });
    let refused = released.await.unwrap_err();
    assert!(matches!(refused, StoreError::Refused(Refusal::NotSigned(_))), "{refused}");
    let mut r = fixture.store.read().await.unwrap();
    let attempt = attempts::find(&mut r, &ask.id).await.unwrap().unwrap();
    assert_eq!(attempt.state, AttemptState::Asked, "rolled back as a whole");
}

#[tokio::test]
async fn a_standby_can_be_tainted_and_never_activated() {
    let fixture = Fixture::new().await;
    let refused = fixture.store.run_tx("standby", |tx| {
        Box::pin(async move {
            let g2 = add_prepared(tx, 2).await?;
            crate::fixture::declare(tx, g2.clone()).await?;
            approve(tx, "alice", Role::PkiLead, TAINT_STEP).await?;
            approve(tx, "bob", Role::Ciso, TAINT_STEP).await?;
            authorities::taint(tx, &stamp(), &g2, &incident_id(), None).await?;
            authorities::activate(tx, &stamp(), &g2, None).await
        })
    });
    let refused = refused.await.unwrap_err();
    assert!(matches!(refused, StoreError::Refused(Refusal::Transition { .. })), "{refused}");
}
