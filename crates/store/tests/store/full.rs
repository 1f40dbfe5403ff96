//! A full disk: a clear answer, nothing changed, nothing lost.

use skink_model::CertificateKind;
use skink_store::{Store, StoreError, certificates, journal, packages, settings};
use skink_testkit::Tmpfs;

use crate::fixture::{g1, linted};

#[tokio::test]
async fn a_full_disk_changes_nothing_and_loses_nothing() {
    let Some(tmpfs) = Tmpfs::mount("5m") else { return };
    let path = tmpfs.path().join("skink.db");
    let reserve = tmpfs.path().join("reserve");
    std::fs::write(&reserve, vec![0; 1024 * 1024]).unwrap();
    let store = Store::open(&path).await.unwrap();
    let put = |number: u32| {
        store.run_tx("part", move |tx| {
            Box::pin(async move {
                packages::put_part(tx, &number.to_be_bytes().repeat(8 * 1024)).await?;
                settings::set(tx, "last", &number.to_string()).await
            })
        })
    };
    let mut acknowledged = 0;
    let error = loop {
        match put(acknowledged + 1).await {
            Ok(()) => acknowledged += 1,
            Err(error) => break error,
        }
        assert!(acknowledged < 10_000, "the disk never filled");
    };
    assert!(matches!(error, StoreError::Full), "{error:?}");
    assert!(error.to_string().contains("full"), "{error}");
    assert!(acknowledged > 10);
    // It goes on answering, and what was acknowledged is there.
    let mut r = store.read().await.unwrap();
    let last = settings::find(&mut r, "last").await.unwrap().unwrap();
    assert_eq!(last, acknowledged.to_string());
    drop(r);
    // Still full: the same answer, as often as one asks.
    let filler = tmpfs.fill();
    let error = put(acknowledged + 1).await.unwrap_err();
    assert!(matches!(error, StoreError::Full), "{error:?}");
    // With room again it writes again, without a restart.
    std::fs::remove_file(filler).unwrap();
    std::fs::remove_file(reserve).unwrap();
    acknowledged += 1;
    put(acknowledged).await.unwrap();
    store.close().await;
    drop(store);
    let reopened = Store::open(&path).await.unwrap();
    let mut r = reopened.read().await.unwrap();
    let last = settings::find(&mut r, "last").await.unwrap().unwrap();
    assert_eq!(last, acknowledged.to_string());
    assert!(journal::verify(&mut r).await.unwrap().is_whole());
    let row = linted(&g1(), CertificateKind::Leaf);
    assert!(certificates::find(&mut r, &row.id).await.unwrap().is_none());
}
