//! Certificates issued one by one: what is on record before the key is used, and after.

use skink_model::{
    AttemptState, BlockedKey, CertificateId, CertificateKind, CertificateRow, CertificateState,
};
use skink_store::attempts::{self, Ask, AskRefusal};
use skink_store::issuance::{self, Begun, Finished};
use skink_store::{Refusal, Store, StoreError, audit, certificates, keys};

use crate::fixture::{Fixture, NOW, ask_for, g1, linted, stamp, taint};

fn begun() -> Begun {
    let row = linted(&g1(), CertificateKind::Leaf);
    Begun { ask: ask_for(&row), row }
}

fn finished(begun: &Begun) -> Finished {
    Finished {
        attempt: begun.ask.id.clone(),
        request_id: Some(format!("call-{}", begun.ask.id)),
        id: begun.row.id.clone(),
        der: format!("der of {}", begun.row.id).into_bytes(),
        replaces: None,
        by: stamp(),
    }
}

async fn begin(store: &Store, batch: &[Begun]) -> Result<Vec<Result<(), AskRefusal>>, StoreError> {
    let began = store.run_ledger_tx("begin", |tx| {
        Box::pin(async move { issuance::begin(tx, NOW, batch).await })
    });
    began.await
}

async fn finish(store: &Store, batch: &[Finished]) -> Result<(), StoreError> {
    let finished = store.run_ledger_tx("finish", |tx| {
        Box::pin(async move { issuance::finish(tx, NOW, batch).await })
    });
    finished.await
}

async fn row(store: &Store, id: &CertificateId) -> Option<CertificateRow> {
    let mut r = store.read().await.unwrap();
    certificates::find(&mut r, id).await.unwrap()
}

async fn attempt(store: &Store, ask: &Ask) -> Option<AttemptState> {
    let mut r = store.read().await.unwrap();
    attempts::find(&mut r, &ask.id).await.unwrap().map(|attempt| attempt.state)
}

#[tokio::test]
async fn of_a_batch_the_allowed_are_recorded_with_their_attempts_and_finished_together() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    // Of no size that one statement has.
    let batch: Vec<_> = (0..13).map(|_| begun()).collect();
    assert!(begin(store, &batch).await.unwrap().iter().all(Result::is_ok));
    for one in &batch {
        let row = row(store, &one.row.id).await.unwrap();
        assert_eq!(row, CertificateRow { state: CertificateState::Linted, ..one.row.clone() });
        assert_eq!(attempt(store, &one.ask).await, Some(AttemptState::Asked));
    }
    let mut done: Vec<_> = batch.iter().map(finished).collect();
    done[12].replaces = Some(batch[0].row.id.clone());
    finish(store, &done).await.unwrap();
    for (one, done) in batch.iter().zip(&done) {
        let row = row(store, &one.row.id).await.unwrap();
        assert_eq!(row.state, CertificateState::Issued);
        assert_eq!(row.issued_at, Some(NOW));
        let mut r = store.read().await.unwrap();
        let found = certificates::by_fingerprint(&mut r, &row.fingerprint.unwrap()).await.unwrap();
        assert_eq!(found.unwrap().id, one.row.id);
        assert_eq!(certificates::der(&mut r, &row.id).await.unwrap().unwrap(), done.der);
        let signed = attempts::find(&mut r, &one.ask.id).await.unwrap().unwrap();
        assert_eq!((signed.state, signed.settled_at), (AttemptState::Signed, Some(NOW)));
        assert_eq!(signed.request_id, done.request_id);
        let told = audit::of_subject(&mut r, row.id.as_str(), 0, 10).await.unwrap();
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].action, "certificate.issue");
    }
    let replaced = row(store, &batch[0].row.id).await.unwrap();
    assert_eq!(replaced.replaced_by, Some(batch[12].row.id.clone()));
}

#[tokio::test]
async fn of_a_refused_one_nothing_is_kept_and_the_others_go_on() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let (good, blocked, mut foreign) = (begun(), begun(), begun());
    foreign.ask.key = "software:elsewhere".to_owned();
    let digest = blocked.row.key_digest;
    let blocking = store.run_tx("block", |tx| {
        Box::pin(async move {
            let reason = "found in a repository".to_owned();
            let key = BlockedKey { digest, reason, incident: None, at: NOW };
            keys::block(tx, &stamp(), &key).await
        })
    });
    assert!(blocking.await.unwrap());
    let twice = Begun { row: linted(&g1(), CertificateKind::Leaf), ask: ask_for(&good.row) };
    let batch = [good, blocked, foreign, twice];
    let answers = begin(store, &batch).await.unwrap();
    assert_eq!(answers[0], Ok(()));
    assert!(matches!(answers[1], Err(AskRefusal::KeyBlocked { .. })), "{answers:?}");
    assert!(matches!(answers[2], Err(AskRefusal::WrongKey { .. })), "{answers:?}");
    assert!(matches!(answers[3], Err(AskRefusal::AskedBefore { .. })), "{answers:?}");
    assert!(row(store, &batch[0].row.id).await.is_some());
    for refused in &batch[1..] {
        assert!(row(store, &refused.row.id).await.is_none());
        assert!(attempt(store, &refused.ask).await.is_none());
    }
}

#[tokio::test]
async fn what_was_linted_before_the_taint_does_not_begin_after_it() {
    let fixture = Fixture::new().await;
    let late = begun();
    fixture.store.run_tx("taint", |tx| Box::pin(async { taint(tx, &g1()).await })).await.unwrap();
    let answer = begin(&fixture.store, std::slice::from_ref(&late)).await.unwrap().remove(0);
    assert!(matches!(answer, Err(AskRefusal::Tainted { .. })), "{answer:?}");
    assert!(row(&fixture.store, &late.row.id).await.is_none());
}

#[tokio::test]
async fn a_certificate_whose_attempt_is_not_open_is_given_to_nobody() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let (swept, other) = (begun(), begun());
    let asked = [swept.clone(), other.clone()];
    assert!(begin(store, &asked).await.unwrap().iter().all(Result::is_ok));
    // Somebody else's attempt signs nothing of mine.
    let mixed = Finished { attempt: other.ask.id.clone(), ..finished(&swept) };
    let refused = finish(store, &[mixed]).await.unwrap_err();
    assert!(matches!(refused, StoreError::Refused(Refusal::AttemptNotOpen(_))), "{refused}");
    finish(store, &[finished(&other)]).await.unwrap();
    let again = finish(store, &[finished(&other)]).await.unwrap_err();
    assert!(matches!(again, StoreError::Refused(Refusal::AttemptNotOpen(_))), "{again}");
    let sweep =
        store.run_tx("sweep", |tx| Box::pin(async { attempts::sweep_unknown(tx, NOW).await }));
    assert_eq!(sweep.await.unwrap().attempts, 1);
    let late = finish(store, &[finished(&swept)]).await.unwrap_err();
    assert!(matches!(late, StoreError::Refused(Refusal::AttemptNotOpen(_))), "{late}");
    let given_up = row(store, &swept.row.id).await.unwrap();
    assert_eq!(given_up.state, CertificateState::Unknown);
    let mut r = store.read().await.unwrap();
    assert!(certificates::der(&mut r, &swept.row.id).await.unwrap().is_none());
}
