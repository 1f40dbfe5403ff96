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
