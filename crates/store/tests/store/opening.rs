//! Two servers, databases from the future, foreign files.

use std::path::Path;

use skink_model::{
    AttemptPurpose, AttemptState, AuthorityState, CeremonyState, CertificateKind, CertificateState,
    Channel, Criticality, CrlKind, EffectState, EndpointRole, IncidentState, IssuerKind, KeyState,
    KeyUse, KitState, Mechanism, Plan, Policy, Role, Severity, Trigger,
};
use skink_store::{Store, StoreError, settings};
use sqlx::{Connection, SqliteConnection};

use crate::fixture::Fixture;

#[tokio::test]
async fn a_second_server_on_the_same_file_is_refused_until_the_first_is_gone() {
    let Fixture { store, dir } = Fixture::new().await;
    let path = dir.path().join("skink.db");
    let refused = Store::open(&path).await.unwrap_err();
    assert!(matches!(refused, StoreError::Locked { .. }), "{refused}");
    assert!(refused.to_string().contains("another server"), "{refused}");
    store.close().await;
    drop(store);
    Store::open(&path).await.unwrap();
}

#[tokio::test]
async fn inspecting_works_beside_a_server_and_cannot_write() {
    let fixture = Fixture::new().await;
    let inspected = Store::inspect(&fixture.path()).await.unwrap();
    let mut r = inspected.read().await.unwrap();
    assert_eq!(skink_store::operators::all(&mut r).await.unwrap().len(), 3);
    drop(r);
    let write = inspected
        .run_tx("write", |tx| Box::pin(async move { settings::set(tx, "domain", "x").await }));
    assert!(write.await.is_err());
    let missing = Store::inspect(&fixture.dir.path().join("none.db")).await.unwrap_err();
    assert!(matches!(missing, StoreError::NotFound { .. }));
}

async fn sql(path: &Path, statement: &'static str) {
    let url = format!("sqlite:{}?mode=rwc", path.display());
    let mut conn = SqliteConnection::connect(&url).await.unwrap();
    sqlx::raw_sql(statement).execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();
}

#[tokio::test]
async fn a_database_from_the_future_is_refused_untouched() {
    let Fixture { store, dir } = Fixture::new().await;
    let path = dir.path().join("skink.db");
    store.close().await;
    drop(store);
    sql(
        &path,
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (99, 'later', 1, x'00', 0); PRAGMA wal_checkpoint(TRUNCATE);",
    )
    .await;
    let before = std::fs::read(&path).unwrap();
    let refused = Store::open(&path).await.unwrap_err();
    assert!(matches!(refused, StoreError::UnknownSchema { found: 99, .. }), "{refused}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn an_altered_migration_is_refused() {
    let Fixture { store, dir } = Fixture::new().await;
    let path = dir.path().join("skink.db");
    store.close().await;
    drop(store);
    sql(&path, "UPDATE _sqlx_migrations SET checksum = x'00' WHERE version = 2").await;
    let refused = Store::open(&path).await.unwrap_err();
    assert!(matches!(refused, StoreError::AlteredSchema { version: 2 }), "{refused}");
}

#[tokio::test]
async fn foreign_files_are_refused_untouched() {
    let dir = tempfile::tempdir().unwrap();
    let foreign = dir.path().join("other.db");
    sql(&foreign, "CREATE TABLE theirs (x)").await;
    let text = dir.path().join("notes.txt");
    std::fs::write(&text, "no database, but rather long ".repeat(100)).unwrap();
    for path in [&foreign, &text] {
        let before = std::fs::read(path).unwrap();
        let refused = Store::open(path).await.unwrap_err();
        assert!(matches!(refused, StoreError::NotSkink { .. }), "{refused}");
        assert_eq!(&std::fs::read(path).unwrap(), &before);
    }
}

/// The CHECK constraints know exactly the words of the model.
#[tokio::test]
async fn states_in_the_schema_are_those_of_the_model() {
    let fixture = Fixture::new().await;
    let url = format!("sqlite:{}", fixture.path().display());
    let mut conn = SqliteConnection::connect(&url).await.unwrap();
    for (table, column, words) in [
        ("authority", "state", words(AuthorityState::ALL, AuthorityState::as_str)),
        ("certificate", "state", words(CertificateState::ALL, CertificateState::as_str)),
        ("certificate", "kind", words(CertificateKind::ALL, CertificateKind::as_str)),
        ("certificate", "channel", words(Channel::ALL, Channel::as_str)),
        ("attempt", "state", words(AttemptState::ALL, AttemptState::as_str)),
        ("attempt", "purpose", words(AttemptPurpose::ALL, AttemptPurpose::as_str)),
        ("issuer", "kind", words(IssuerKind::ALL, IssuerKind::as_str)),
        ("operator", "role", words(Role::ALL, Role::as_str)),
        ("approval", "role", words(Role::ALL, Role::as_str)),
        ("signing_key", "key_use", words(KeyUse::ALL, KeyUse::as_str)),
        ("signing_key", "state", words(KeyState::ALL, KeyState::as_str)),
        ("crl", "kind", words(CrlKind::ALL, CrlKind::as_str)),
        ("endpoint", "role", words(EndpointRole::ALL, EndpointRole::as_str)),
        ("endpoint", "mechanism", words(Mechanism::ALL, Mechanism::as_str)),
        ("endpoint", "criticality", words(Criticality::ALL, Criticality::as_str)),
        ("incident", "plan", words(Plan::ALL, Plan::as_str)),
        ("incident", "state", words(IncidentState::ALL, IncidentState::as_str)),
        ("incident", "severity", words(Severity::ALL, Severity::as_str)),
        ("incident", "policy", words(Policy::ALL, Policy::as_str)),
        ("incident", "cause", words(Trigger::ALL, Trigger::as_str)),
        ("effect", "state", words(EffectState::ALL, EffectState::as_str)),
        ("kit", "state", words(KitState::ALL, KitState::as_str)),
        ("ceremony", "state", words(CeremonyState::ALL, CeremonyState::as_str)),
    ] {
        let schema: String = sqlx::query_scalar("SELECT sql FROM sqlite_schema WHERE name = $1")
            .bind(table)
            .fetch_one(&mut conn)
            .await
            .unwrap();
        let (_, list) = schema.split_once(&format!("CHECK ({column} IN (")).unwrap();
        let (list, _) = list.split_once("))").unwrap();
        let list: Vec<_> = list.split(',').map(|word| word.trim().trim_matches('\'')).collect();
        assert_eq!(list, words, "{table}.{column}");
    }
}

fn words<T: Copy>(all: &[T], text: impl Fn(T) -> &'static str) -> Vec<&'static str> {
    all.iter().map(|word| text(*word)).collect()
}
