//! Brings a database up to this program's schema, or refuses to touch it.

use std::borrow::Cow;
use std::path::Path;

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, SqlSafeStr, SqliteConnection};

use crate::dialect::{APPLICATION_ID, POSTGRES, SQLITE, Step};
use crate::{Place, StoreError};

const FILE_TABLES: &str = "SELECT count(*) FROM sqlite_schema WHERE type = 'table'";
const APPLICATION: &str = "PRAGMA application_id";
const APPLIED: &str = "SELECT coalesce(max(version), 0) FROM _sqlx_migrations";
/// Only ours has these two.
const SERVER_TABLES: &str = "SELECT count(*),
        count(*) FILTER (WHERE table_name IN ('_sqlx_migrations', 'signing_key'))
    FROM information_schema.tables WHERE table_schema = current_schema()";

/// The newest schema version that this program knows; the same for both databases.
pub(crate) fn known() -> i64 {
    SQLITE.iter().map(|(version, ..)| *version).max().unwrap_or(0)
}

/// Looks at a file without changing a byte of it: is it ours, and no newer than this program?
pub(crate) async fn check(path: &Path) -> Result<(), StoreError> {
    if !std::fs::metadata(path).is_ok_and(|file| file.len() > 0) {
        return Ok(());
    }
    let options = SqliteConnectOptions::new().filename(path).read_only(true);
    let place = Place::File(path.to_owned());
    let mut conn = options.connect().await.map_err(|error| place.cannot_open(error))?;
    let checked = check_open(&mut conn, &place).await;
    conn.close().await.map_err(|error| place.cannot_open(error))?;
    checked
}

async fn check_open(conn: &mut SqliteConnection, place: &Place) -> Result<(), StoreError> {
    if scalar(conn, FILE_TABLES, place).await? == 0 {
        return Ok(());
    }
    if scalar(conn, APPLICATION, place).await? != APPLICATION_ID {
        return Err(StoreError::NotSkink { place: place.to_string() });
    }
    not_newer(scalar(conn, APPLIED, place).await?)
}

fn not_newer(found: i64) -> Result<(), StoreError> {
    let known = known();
    if found > known { Err(StoreError::UnknownSchema { found, known }) } else { Ok(()) }
}

async fn scalar(
    conn: &mut SqliteConnection,
    sql: &'static str,
    place: &Place,
) -> Result<i64, StoreError> {
    sqlx::query_scalar(sql).fetch_one(conn).await.map_err(|error| match error {
        // SQLITE_NOTADB: the header says that it is no database at all.
        sqlx::Error::Database(ref e) if e.code().as_deref() == Some("26") => {
            StoreError::NotSkink { place: place.to_string() }
        }
        other => StoreError::query(other),
    })
}

/// Applies what is missing in a file.
pub(crate) async fn migrate(conn: &mut SqliteConnection, place: &Place) -> Result<(), StoreError> {
    if scalar(conn, FILE_TABLES, place).await? == 0 {
        let statement = AssertSqlSafe(format!("PRAGMA application_id = {APPLICATION_ID}"));
        sqlx::raw_sql(statement).execute(&mut *conn).await.map_err(StoreError::query)?;
    }
    migrator(&SQLITE).run(conn).await.map_err(|error| refused(error, place))
}

/// Applies what is missing on a server; of several programs that start, one does.
pub(crate) async fn migrate_server(
    conn: &mut PgConnection,
    place: &Place,
) -> Result<(), StoreError> {
    match of_server(conn).await? {
        OfServer::Others if !being_made(conn).await? => {
            return Err(StoreError::NotSkink { place: place.to_string() });
        }
        OfServer::Ours | OfServer::Others | OfServer::Empty => {}
    }
    migrator(&POSTGRES).run(conn).await.map_err(|error| refused(error, place))
}

/// Looks at a database on a server without changing it: is it ours, and no newer than this program?
pub(crate) async fn check_server(conn: &mut PgConnection, place: &Place) -> Result<(), StoreError> {
    match of_server(conn).await? {
        OfServer::Ours => Ok(()),
        OfServer::Others => Err(StoreError::NotSkink { place: place.to_string() }),
        OfServer::Empty => Err(StoreError::not_found("database", place)),
    }
}

/// Whose tables a database on a server has.
enum OfServer {
    Ours,
    Others,
    Empty,
}

async fn of_server(conn: &mut PgConnection) -> Result<OfServer, StoreError> {
    let (tables, ours): (i64, i64) =
        sqlx::query_as(SERVER_TABLES).fetch_one(&mut *conn).await.map_err(StoreError::query)?;
    if ours == 2 {
        let found: i64 =
            sqlx::query_scalar(APPLIED).fetch_one(&mut *conn).await.map_err(StoreError::query)?;
        not_newer(found)?;
        return Ok(OfServer::Ours);
    }
    Ok(if tables > 0 { OfServer::Others } else { OfServer::Empty })
}

const SERVER_MAKING: &str = "SELECT count(*) FROM information_schema.tables
    WHERE table_schema = current_schema() AND table_name <> '_sqlx_migrations'";

/// Whether another program has begun to migrate an empty database.
async fn being_made(conn: &mut PgConnection) -> Result<bool, StoreError> {
    let others: i64 =
        sqlx::query_scalar(SERVER_MAKING).fetch_one(conn).await.map_err(StoreError::query)?;
    Ok(others == 0)
}

fn migrator(steps: &[Step]) -> Migrator {
    let migrations = steps.iter().map(|(version, description, sql)| {
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

fn refused(error: MigrateError, place: &Place) -> StoreError {
    match error {
        MigrateError::VersionMissing(found) | MigrateError::VersionTooNew(found, _) => {
            StoreError::UnknownSchema { found, known: known() }
        }
        MigrateError::VersionMismatch(version) => StoreError::AlteredSchema { version },
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            StoreError::query(error)
        }
        other => place.cannot_open(other),
    }
}
