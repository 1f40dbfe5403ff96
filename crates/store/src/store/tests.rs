use std::future::pending;

use futures_util::FutureExt as _;

use crate::tx::Connected as _;
use crate::{Store, StoreError, packages, settings, sql};

/// Everywhere, without a file system to fill: the limit is the connection's own.
#[tokio::test]
async fn the_writer_goes_on_after_sqlite_rolled_back_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("skink.db")).await.unwrap();
    let put = async |number: u32| {
        let work = store.run_tx("part", move |tx| {
            Box::pin(async move {
                packages::put_part(tx, &number.to_be_bytes().repeat(8 * 1024)).await?;
                settings::set(tx, "last", &number.to_string()).await
            })
        });
        work.await
    };
    let limit = async |spare: i64| {
        let set = store.run_tx("limit", move |tx| {
            Box::pin(async move {
                let pages = sql::query_scalar::<i64>("PRAGMA page_count").fetch_one(tx.conn());
                let pages = pages.await.map_err(StoreError::query)?;
                let pragma = format!("PRAGMA max_page_count = {}", pages + spare);
                let done = sql::built(pragma).fetch_all(tx.conn()).await;
                done.map(drop).map_err(StoreError::query)
            })
        });
        set.await
    };
    limit(64).await.unwrap();
    let mut acknowledged = 0;
    let error = loop {
        match put(acknowledged + 1).await {
            Ok(()) => acknowledged += 1,
            Err(error) => break error,
        }
        assert!(acknowledged < 100, "the database never filled");
    };
    assert!(matches!(error, StoreError::Full), "{error:?}");
    let mut r = store.read().await.unwrap();
    let last = settings::find(&mut r, "last").await.unwrap().unwrap();
    assert_eq!(last, acknowledged.to_string());
    drop(r);
    limit(64).await.unwrap();
    put(acknowledged + 1).await.unwrap();
    let mut r = store.read().await.unwrap();
    let last = settings::find(&mut r, "last").await.unwrap().unwrap();
    assert_eq!(last, (acknowledged + 1).to_string());
}

#[tokio::test]
async fn a_transaction_that_is_cut_off_is_not_there_and_the_next_one_begins() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("skink.db")).await.unwrap();
    let before = store.statuses_edition().unwrap();
    let cut_off = store.run_tx("cut_off", |tx| {
        Box::pin(async move {
            tx.revokes().await?;
            settings::set(tx, "word", "lost").await?;
            pending::<()>().await;
            Ok::<_, StoreError>(())
        })
    });
    // Once asked, it is in the middle; then it is dropped.
    assert!(cut_off.now_or_never().is_none());
    assert!(store.statuses_edition().unwrap() > before, "what was remembered is forgotten");
    assert_eq!(settings::find(&mut store.read().await.unwrap(), "word").await.unwrap(), None);
    let next = store.run_tx("next", |tx| Box::pin(settings::set(tx, "word", "kept")));
    next.await.unwrap();
    let word = settings::find(&mut store.read().await.unwrap(), "word").await.unwrap();
    assert_eq!(word.as_deref(), Some("kept"));
}
