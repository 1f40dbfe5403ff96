//! The few places where SQLite and PostgreSQL differ.
//!
//! Statements keep to what both understand: `$1` placeholders, `ON CONFLICT`, `RETURNING`, epoch
//! milliseconds, byte strings. Migrations are written per database.

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};

/// The database in use.
pub(crate) type Db = sqlx::Sqlite;
/// A connection to it.
pub(crate) type Conn = sqlx::SqliteConnection;
/// A row of it.
pub(crate) type DbRow = sqlx::sqlite::SqliteRow;

/// Takes the write lock at once, so that a transaction never fails halfway for the lack of it.
pub(crate) const BEGIN_WRITE: &str = "BEGIN IMMEDIATE";
/// A consistent view, from the first read on.
pub(crate) const BEGIN_READ: &str = "BEGIN DEFERRED";

/// Written into the file's header ("Skin"), so that a foreign database is told apart.
pub(crate) const APPLICATION_ID: i64 = 0x536b_696e;

/// Migrations in order: version, description, statements. Immutable once released.
pub(crate) const MIGRATIONS: [(i64, &str, &str); 9] = [
    (
        1,
        "authorities and certificates",
        include_str!("../migrations/0001_authorities_and_certificates.sql"),
    ),
    (2, "fleet and trust", include_str!("../migrations/0002_fleet_and_trust.sql")),
    (3, "incidents", include_str!("../migrations/0003_incidents.sql")),
    (4, "what was tainted", include_str!("../migrations/0004_what_was_tainted.sql")),
    (5, "request ids", include_str!("../migrations/0005_request_ids.sql")),
    (6, "root lists seen", include_str!("../migrations/0006_root_lists_seen.sql")),
    (7, "who vouches", include_str!("../migrations/0007_who_vouches.sql")),
    (8, "whose endpoints", include_str!("../migrations/0008_whose_endpoints.sql")),
    (9, "orders by cause", include_str!("../migrations/0009_orders_by_cause.sql")),
];

/// How connections are set up: what is committed is on the disk, what is deleted is overwritten.
pub(crate) fn options(path: &std::path::Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(std::time::Duration::from_secs(5))
        .statement_cache_capacity(256)
        .pragma("secure_delete", "ON")
        .pragma("temp_store", "MEMORY")
        .pragma("trusted_schema", "OFF")
        .pragma("journal_size_limit", "67108864")
}

/// What a database's error means to a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// No room on the disk.
    Full,
    /// Somebody else holds the lock; worth another try.
    Busy,
    /// A row with this key is there already.
    Exists,
    /// Anything else.
    Other,
}

const SQLITE_BUSY: i64 = 5;
const SQLITE_LOCKED: i64 = 6;
const SQLITE_FULL: i64 = 13;
/// The shared-memory index cannot grow: a full disk, too.
const SQLITE_IOERR_SHMSIZE: i64 = 4874;

pub(crate) fn meaning(error: &sqlx::Error) -> Meaning {
    let sqlx::Error::Database(error) = error else {
        return match error {
            sqlx::Error::PoolTimedOut => Meaning::Busy,
            _ => Meaning::Other,
        };
    };
    if error.is_unique_violation() {
        return Meaning::Exists;
    }
    match error.code().and_then(|code| code.parse::<i64>().ok()) {
        Some(SQLITE_IOERR_SHMSIZE) => Meaning::Full,
        Some(code) => match code & 0xff {
            SQLITE_FULL => Meaning::Full,
            SQLITE_BUSY | SQLITE_LOCKED => Meaning::Busy,
            _ => Meaning::Other,
        },
        None => Meaning::Other,
    }
}
