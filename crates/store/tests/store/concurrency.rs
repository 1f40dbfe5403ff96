//! Many at the same time, and callers who go away in the middle.

use std::time::Duration;

use serde_json::json;
use skink_store::attempts;
use skink_store::authorities;
use skink_store::{Store, StoreError, journal, settings};

use crate::fixture::{Fixture, NOW, ask_for, g1, incident_id, linted, stamp, taint};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn transactions_follow_one_another_and_readers_see_whole_ones() {
    let fixture = Fixture::new().await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let store = fixture.store.clone();
        tasks.spawn(async move {
            for _ in 0..10 {
                let step = store.run_tx("step", |tx| {
                    Box::pin(async move {
                        let number = settings::next(tx, "steps", 0).await?;
                        settings::set(tx, "last", &number.to_string()).await?;
                        journal::append(tx, "steps", NOW, "step", &json!({"n": number})).await?;
                        Ok::<_, StoreError>(())
                    })
                });
                step.await.unwrap();
                let mut r = store.read().await.unwrap();
                let seq = journal::head(&mut r, "steps").await.unwrap().seq;
                let last = settings::find(&mut r, "last").await.unwrap().unwrap();
                assert_eq!(last, seq.to_string());
            }
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
    let mut r = fixture.store.read().await.unwrap();
    assert_eq!(journal::head(&mut r, "steps").await.unwrap().seq, 80);
    assert!(journal::verify(&mut r).await.unwrap().is_whole());
}

#[tokio::test]
async fn a_caller_who_goes_away_leaves_nothing_behind() {
    let fixture = Fixture::new().await;
    let never = fixture.store.run_tx("never", |tx| {
        Box::pin(async move {
            settings::set(tx, "half", "done").await?;
            std::future::pending::<()>().await;
            Ok::<_, StoreError>(())
        })
    });
    let gone = tokio::time::timeout(Duration::from_millis(50), never).await;
    assert!(gone.is_err(), "the caller stopped waiting");
    let next = fixture
        .store
        .run_tx("next", |tx| Box::pin(async move { settings::find(tx, "half").await }));
    assert_eq!(next.await.unwrap(), None);
}

/// Requests and the taint race; whoever commits first is right, and nobody asks after the taint.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_request_slips_past_a_taint_that_commits() {
    let fixture = Fixture::new().await;
    let rows: Vec<_> = (0..40).map(|_| linted(&g1(), skink_model::CertificateKind::Leaf)).collect();
    let recorded = fixture.store.run_tx("record", |tx| {
        let rows = &rows;
        Box::pin(async move { skink_store::certificates::record(tx, &stamp(), rows).await })
    });
    recorded.await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for row in rows.clone() {
        let store = fixture.store.clone();
        tasks.spawn(async move { ask_and_look(&store, &ask_for(&row)).await });
    }
    let store = fixture.store.clone();
    let tainted = store.run_tx("taint", |tx| Box::pin(async move { taint(tx, &g1()).await }));
    tainted.await.unwrap();
    while let Some(task) = tasks.join_next().await {
        let (tainted_before, allowed) = task.unwrap();
        assert_ne!(tainted_before, allowed);
    }
    let mut r = fixture.store.read().await.unwrap();
    let taint = authorities::require(&mut r, &g1()).await.unwrap().taint.unwrap();
    assert_eq!(taint.incident, incident_id());
}

/// Asks, and looks in the same transaction whether the authority was tainted then.
async fn ask_and_look(store: &Store, ask: &attempts::Ask) -> (bool, bool) {
    let tx = store.run_tx("ask", |tx| {
        Box::pin(async move {
            let tainted = authorities::require(tx, &g1()).await?.taint.is_some();
            let answers = attempts::ask(tx, NOW, std::slice::from_ref(ask)).await?;
            Ok::<_, StoreError>((tainted, answers[0].is_ok()))
        })
    });
    tx.await.unwrap()
}
