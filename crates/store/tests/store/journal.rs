//! Streams are chained, witnesses notice.

use serde_json::json;
use skink_model::Head;
use skink_model::journal::Fault;
use skink_store::{Refusal, StoreError, journal};

use crate::fixture::{Fixture, NOW};

async fn append(fixture: &Fixture, stream: &str, count: u64) -> Head {
    let tx = fixture.store.run_tx("append", |tx| {
        Box::pin(async move {
            let mut head = Head::EMPTY;
            for n in 0..count {
                head = journal::append(tx, stream, NOW, "step", &json!({"n": n})).await?.head();
            }
            Ok::<_, StoreError>(head)
        })
    });
    tx.await.unwrap()
}

#[tokio::test]
async fn a_long_journal_verifies_page_by_page_and_names_the_first_broken_link() {
    let fixture = Fixture::new().await;
    append(&fixture, "inc-1", 1500).await;
    append(&fixture, "inc-2", 3).await;
    let mut r = fixture.store.read().await.unwrap();
    let whole = journal::verify(&mut r).await.unwrap();
    assert!(whole.is_whole());
    assert_eq!(whole.streams.iter().find(|s| s.stream == "inc-1").unwrap().head.seq, 1500);
    assert_eq!(whole.digest, journal::digest(&mut r).await.unwrap());
    assert_eq!(journal::all(&mut r, "inc-1").await.unwrap().len(), 1500);
    drop(r);

    let forbids = if fixture.store.is_shared() {
        "DROP TRIGGER journal_keeps_rows ON journal"
    } else {
        "DROP TRIGGER journal_keeps_facts"
    };
    let altered = format!(
        "{forbids};
         UPDATE journal SET body = '{{\"n\":0}}' WHERE stream = 'inc-1' AND seq IN (1200, 1300)",
    );
    fixture.by_hand(altered).await.unwrap();
    let mut r = fixture.store.read().await.unwrap();
    let broken = journal::verify(&mut r).await.unwrap();
    assert!(!broken.is_whole());
    let faults: Vec<_> = broken.streams.iter().filter_map(|s| s.fault.clone()).collect();
    assert_eq!(faults, [Fault::Altered { seq: 1200 }]);
}

#[tokio::test]
async fn a_driver_that_lost_its_place_writes_nothing() {
    let fixture = Fixture::new().await;
    append(&fixture, "inc-1", 2).await;
    let write = |expected| {
        fixture.store.run_tx("observe", move |tx| {
            Box::pin(async move {
                let events = [("gate".to_owned(), "{}".to_owned())];
                journal::append_after(tx, "inc-1", expected, NOW, events).await
            })
        })
    };
    assert_eq!(write(2).await.unwrap().seq, 3);
    let refused = write(2).await.unwrap_err();
    assert!(
        matches!(refused, StoreError::Refused(Refusal::StreamMoved { found: 3, .. })),
        "{refused}"
    );
}

#[tokio::test]
async fn a_witness_notices_a_restored_backup_and_a_rewritten_past() {
    let fixture = Fixture::new().await;
    let witnessed = append(&fixture, "inc-1", 3).await;
    append(&fixture, "inc-1", 2).await;
    let mut r = fixture.store.read().await.unwrap();
    assert_eq!(journal::witness(&mut r, "inc-1", witnessed).await.unwrap(), None);
    let later = Head { seq: 9, ..witnessed };
    let fault = journal::witness(&mut r, "inc-1", later).await.unwrap();
    assert_eq!(fault, Some(Fault::Truncated { found: 5, witnessed: 9 }));
    let other = Head { seq: 2, ..witnessed };
    let fault = journal::witness(&mut r, "inc-1", other).await.unwrap();
    assert_eq!(fault, Some(Fault::Rewritten { seq: 2 }));
}
