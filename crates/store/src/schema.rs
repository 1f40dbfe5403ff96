//! Brings a database up to this program's schema, or refuses to touch it.

use std::borrow::Cow;
use std::path::Path;

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqlSafeStr};

use crate::StoreError;
use crate::dialect::{APPLICATION_ID, Conn, MIGRATIONS};

const TABLES: &str = "SELECT count(*) FROM sqlite_schema WHERE type = 'table'";
const APPLICATION: &str = "PRAGMA application_id";
const APPLIED: &str = "SELECT coalesce(max(version), 0) FROM _sqlx_migrations";

/// The newest schema version that this program knows.
pub(crate) fn known() -> i64 {
    MIGRATIONS.iter().map(|(version, ..)| *version).max().unwrap_or(0)
}

/// Looks at a file without changing a byte of it: is it ours, and no newer than this program?
pub(crate) async fn check(path: &Path) -> Result<(), StoreError> {
    if !std::fs::metadata(path).is_ok_and(|file| file.len() > 0) {
        return Ok(());
    }
    let options = SqliteConnectOptions::new().filename(path).read_only(true);
    let open = |source| StoreError::Open { path: path.to_owned(), source: Box::new(source) };
    let mut conn = options.connect().await.map_err(open)?;
    let checked = check_open(&mut conn, path).await;
    conn.close().await.map_err(open)?;
    checked
}

async fn check_open(conn: &mut Conn, path: &Path) -> Result<(), StoreError> {
    if scalar(conn, TABLES, path).await? == 0 {
        return Ok(());
    }
    if scalar(conn, APPLICATION, path).await? != APPLICATION_ID {
        return Err(StoreError::NotSkink { path: path.to_owned() });
    }
    let (found, known) = (scalar(conn, APPLIED, path).await?, known());
    if found > known { Err(StoreError::UnknownSchema { found, known }) } else { Ok(()) }
}

async fn scalar(conn: &mut Conn, sql: &'static str, path: &Path) -> Result<i64, StoreError> {
    sqlx::query_scalar(sql).fetch_one(conn).await.map_err(|error| match error {
        // SQLITE_NOTADB: the header says that it is no database at all.
        sqlx::Error::Database(ref e) if e.code().as_deref() == Some("26") => {
            StoreError::NotSkink { path: path.to_owned() }
        }
        other => StoreError::query(other),
    })
}

/// Applies what is missing.
pub(crate) async fn migrate(conn: &mut Conn, path: &Path) -> Result<(), StoreError> {
    if scalar(conn, TABLES, path).await? == 0 {
        let statement = AssertSqlSafe(format!("PRAGMA application_id = {APPLICATION_ID}"));
        sqlx::raw_sql(statement).execute(&mut *conn).await.map_err(StoreError::query)?;
    }
    migrator().run(conn).await.map_err(|error| refused(error, path))
}

fn migrator() -> Migrator {
    let migrations = MIGRATIONS.iter().map(|(version, description, sql)| {
        Migration::new(
            *version,
            Cow::Borrowed(*description),
            MigrationType::Simple,
            (*sql).into_sql_str(),
            false,
        )
    });
    Migrator::with_migrations(migrations.collect())
}

fn refused(error: MigrateError, path: &Path) -> StoreError {
    match error {
        MigrateError::VersionMissing(found) | MigrateError::VersionTooNew(found, _) => {
            StoreError::UnknownSchema { found, known: known() }
        }
        MigrateError::VersionMismatch(version) => StoreError::AlteredSchema { version },
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            StoreError::query(error)
        }
        other => StoreError::Open { path: path.to_owned(), source: Box::new(other) },
    }
}
