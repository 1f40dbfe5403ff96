use skink_store::*;
async fn use_case(s2: &Store, name: &str, other: &String) -> Result<(), StoreError> {
    s2.run_tx("probe", |tx| {
        Box::pin(async move {
            settings::set(tx, name, "x").await?;
            settings::set(tx, other, "x").await?;
            journal::append(tx, "server", skink_model::Time::EPOCH, "k", &"a").await?;
            Ok(())
        })
    })
    .await
}
#[tokio::test(flavor = "multi_thread")]
async fn opens() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("skink.db")).await.unwrap();
    let name = String::from("abc");
    let s2 = store.clone();
    let task = tokio::spawn(async move {
        use_case(&s2, name.as_str(), &name).await.unwrap();
        let name = name.as_str();
        s2.run_tx("probe", |tx| {
            Box::pin(async move {
                settings::set(tx, name, "x").await?;
                journal::append(tx, "server", skink_model::Time::EPOCH, "k", &"a").await?;
                Ok::<_, StoreError>(())
            })
        })
        .await
    });
    task.await.unwrap().unwrap();
    let mut r = store.read().await.unwrap();
    assert_eq!(settings::find(&mut r, "abc").await.unwrap().as_deref(), Some("x"));
    assert!(journal::verify(&mut r).await.unwrap().is_whole());
}
