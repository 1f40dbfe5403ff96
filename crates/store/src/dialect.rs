//! The few places where SQLite and PostgreSQL differ.
//!
//! Statements keep to what both understand: `$1` placeholders, `ON CONFLICT`, `RETURNING`, epoch
//! milliseconds, byte strings. Migrations are written per database, under the same numbers.

use std::path::Path;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};

use crate::error::SqlError;

/// Takes SQLite's write lock at once, so that a transaction never fails halfway for the lack of it.
pub(crate) const SQLITE_WRITE: &str = "BEGIN IMMEDIATE";
/// A consistent view, from the first read on.
pub(crate) const SQLITE_READ: &str = "BEGIN DEFERRED";
/// As if there were no other transaction; one that this cannot be said of is refused and run again.
pub(crate) const POSTGRES_WRITE: &str = "BEGIN ISOLATION LEVEL SERIALIZABLE";
/// A consistent view, from the first read on.
pub(crate) const POSTGRES_READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// Written into a file's header ("Skin"), so that a foreign database is told apart.
pub(crate) const APPLICATION_ID: i64 = 0x536b_696e;

/// Version, description, statements. Immutable once released.
pub(crate) type Step = (i64, &'static str, &'static str);

/// SQLite's migrations in order.
pub(crate) const SQLITE: [Step; 14] = [
    (
        1,
        "authorities and certificates",
        include_str!("../migrations/sqlite/0001_authorities_and_certificates.sql"),
    ),
    (2, "fleet and trust", include_str!("../migrations/sqlite/0002_fleet_and_trust.sql")),
    (3, "incidents", include_str!("../migrations/sqlite/0003_incidents.sql")),
    (4, "what was tainted", include_str!("../migrations/sqlite/0004_what_was_tainted.sql")),
    (5, "request ids", include_str!("../migrations/sqlite/0005_request_ids.sql")),
    (6, "root lists seen", include_str!("../migrations/sqlite/0006_root_lists_seen.sql")),
    (7, "who vouches", include_str!("../migrations/sqlite/0007_who_vouches.sql")),
    (8, "whose endpoints", include_str!("../migrations/sqlite/0008_whose_endpoints.sql")),
    (9, "orders by cause", include_str!("../migrations/sqlite/0009_orders_by_cause.sql")),
    (10, "replicas", include_str!("../migrations/sqlite/0010_replicas.sql")),
    (11, "open certificates", include_str!("../migrations/sqlite/0011_open_certificates.sql")),
    (12, "narrower indexes", include_str!("../migrations/sqlite/0012_narrower_indexes.sql")),
    (13, "partitions", include_str!("../migrations/sqlite/0013_partitions.sql")),
    (14, "wanted serials", include_str!("../migrations/sqlite/0014_wanted_serials.sql")),
];

/// PostgreSQL's, which begin where SQLite's had come to.
pub(crate) const POSTGRES: [Step; 6] = [
    (9, "baseline", include_str!("../migrations/postgres/0009_baseline.sql")),
    (10, "replicas", include_str!("../migrations/postgres/0010_replicas.sql")),
    (11, "open certificates", include_str!("../migrations/postgres/0011_open_certificates.sql")),
    (12, "narrower indexes", include_str!("../migrations/postgres/0012_narrower_indexes.sql")),
    (13, "partitions", include_str!("../migrations/postgres/0013_partitions.sql")),
    (14, "wanted serials", include_str!("../migrations/postgres/0014_wanted_serials.sql")),
];

/// How connections to a file are set up: what is committed is on the disk, what is deleted is
/// overwritten.
pub(crate) const FILE_PRAGMAS: [(&str, &str); 7] = [
    ("synchronous", "FULL"),
    ("foreign_keys", "ON"),
    ("secure_delete", "ON"),
    ("temp_store", "MEMORY"),
    ("trusted_schema", "OFF"),
    ("journal_size_limit", "67108864"),
    ("wal_autocheckpoint", CHECKPOINT),
];

/// The connection that makes a file and migrates it.
pub(crate) fn file(path: &Path) -> SqliteConnectOptions {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .busy_timeout(BUSY);
    FILE_PRAGMAS.into_iter().fold(options, |options, (name, value)| options.pragma(name, value))
}

/// How long SQLite itself waits for somebody else's lock.
pub(crate) const BUSY: Duration = Duration::from_secs(5);

/// Pages in the log, 16 MiB of them, after which a commit folds it back into the database. A page
/// that many commits change is folded back once.
const CHECKPOINT: &str = "4096";
/// What the connection that writes keeps of the database in memory: -32 MiB. An index over what is
/// random is changed anywhere.
pub(crate) const WRITER_CACHE: &str = "-32768";

/// How connections to a server are set up: a commit that was acknowledged is on the disk, whatever
/// the server's own default says.
pub(crate) fn server(options: PgConnectOptions) -> PgConnectOptions {
    options
        .application_name("skink")
        .statement_cache_capacity(STATEMENTS)
        .options([("synchronous_commit", "on"), ("idle_in_transaction_session_timeout", "60s")])
}

/// More than this crate has.
pub(crate) const STATEMENTS: usize = 512;

/// What a database's error means to a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// No room on the disk.
    Full,
    /// Somebody else holds the lock; worth another try.
    Busy,
    /// The transaction cannot be put into an order with another one; it can be run again.
    Conflict,
    /// The server is not there.
    Away,
    /// A row with this key is there already.
    Exists,
    /// Anything else.
    Other,
}

const SQLITE_BUSY: i32 = 5;
const SQLITE_LOCKED: i32 = 6;
const SQLITE_FULL: i32 = 13;
/// The shared-memory index cannot grow: a full disk, too.
const SQLITE_IOERR_SHMSIZE: i32 = 4874;
const SQLITE_CONSTRAINT_PRIMARYKEY: i32 = 1555;
const SQLITE_CONSTRAINT_UNIQUE: i32 = 2067;

pub(crate) fn meaning(error: &SqlError) -> Meaning {
    match error {
        SqlError::File(rusqlite::Error::SqliteFailure(error, _)) => of_file(error.extended_code),
        SqlError::Server(error) => of_driver(error),
        SqlError::TimedOut => Meaning::Busy,
        SqlError::File(_) | SqlError::Closed | SqlError::NoRow | SqlError::Shape => Meaning::Other,
    }
}

/// The codes of SQLite's documentation, "Result and Error Codes".
const fn of_file(code: i32) -> Meaning {
    match code {
        SQLITE_IOERR_SHMSIZE => return Meaning::Full,
        SQLITE_CONSTRAINT_PRIMARYKEY | SQLITE_CONSTRAINT_UNIQUE => return Meaning::Exists,
        _ => {}
    }
    match code & 0xff {
        SQLITE_FULL => Meaning::Full,
        SQLITE_BUSY | SQLITE_LOCKED => Meaning::Busy,
        _ => Meaning::Other,
    }
}

fn of_driver(error: &sqlx::Error) -> Meaning {
    let sqlx::Error::Database(error) = error else {
        return match error {
            sqlx::Error::PoolTimedOut => Meaning::Busy,
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::WorkerCrashed => Meaning::Away,
            _ => Meaning::Other,
        };
    };
    if error.is_unique_violation() {
        return Meaning::Exists;
    }
    let code = error.code().unwrap_or_default();
    if error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_some() {
        return of_server(&code);
    }
    code.parse().map_or(Meaning::Other, of_file)
}

/// The codes of PostgreSQL's documentation, appendix A.
fn of_server(code: &str) -> Meaning {
    match code {
        // serialization_failure, deadlock_detected
        "40001" | "40P01" => Meaning::Conflict,
        // disk_full
        "53100" => Meaning::Full,
        // too_many_connections, lock_not_available
        "53300" | "55P03" => Meaning::Busy,
        // admin_shutdown, crash_shutdown, cannot_connect_now, connection exceptions
        "57P01" | "57P02" | "57P03" => Meaning::Away,
        _ if code.starts_with("08") => Meaning::Away,
        _ => Meaning::Other,
    }
}
