//! A copy of the database for evidence: everything but what would let its reader in.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use skink_model::Time;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{ConnectOptions, Connection};
use tokio::runtime::Handle;

use crate::error::SqlError;
use crate::file::{FilePool, blocking};
use crate::sql::Value;
use crate::store::Pools;
use crate::{Place, Store, StoreError, copy, private, restored};

const COPY: &str = "VACUUM INTO $1";
const REBUILD: &str = "VACUUM";
const REDACTIONS: [&str; 4] =
    [FILE_FORGET_SHARES, FILE_FORGET_OPERATOR_TOKENS, FILE_FORGET_SECRETS, FILE_NOBODY_ACTS];
const FILE_FORGET_SHARES: &str = "DELETE FROM kit_share";
const FILE_FORGET_OPERATOR_TOKENS: &str = "UPDATE operator SET token_digest = NULL";
const FILE_FORGET_SECRETS: &str = "UPDATE token SET secret_digest = zeroblob(32)";
const FILE_NOBODY_ACTS: &str = "DELETE FROM lease";

impl Store {
    /// Writes a consistent copy of the database to `to`, while the server goes on, without the
    /// shares of kits and the hashes of tokens. An existing file is not overwritten.
    ///
    /// The copy appears under its name only when it is complete and on the disk.
    pub async fn snapshot(&self, to: &Path) -> Result<(), StoreError> {
        self.written(to, None).await
    }

    /// Writes a consistent copy of the whole database to `to`, while servers go on, for the day on which
    /// it is lost. It is a file of SQLite's, whatever the database is, and for its owner alone: with it
    /// one can do whatever the server could.
    ///
    /// Whoever opens it finds every list held (see [`crate::restored`]): what is revoked from now on is
    /// not in it.
    pub async fn backup(&self, to: &Path, now: Time) -> Result<(), StoreError> {
        self.written(to, Some(now)).await
    }

    async fn written(&self, to: &Path, backup: Option<Time>) -> Result<(), StoreError> {
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| StoreError::Snapshot {
            path: to.to_owned(),
            source,
        };
        if to.exists() {
            return Err(StoreError::Exists { kind: "snapshot", id: to.display().to_string() });
        }
        let part = beside(to);
        remove(&part)
            .and_then(|()| private::create(&part))
            .map_err(|error| failed(Box::new(error)))?;
        let copied = self.write_copy(&part, backup).await;
        if copied.is_err() {
            // The failure to copy is what the caller must hear of.
            let _ = remove(&part);
        }
        copied.map_err(|error| match error {
            StoreError::Query(error) => failed(Box::new(error)),
            other => other,
        })?;
        settle(&part, to).map_err(|error| failed(Box::new(error)))
    }

    async fn write_copy(&self, part: &Path, backup: Option<Time>) -> Result<(), StoreError> {
        match self.pools() {
            Pools::File { readers, .. } => {
                vacuum(readers, part).await.map_err(StoreError::query)?;
            }
            Pools::Postgres { .. } => copy::into_file(self, part).await?,
        }
        match backup {
            None => redact(part).await.map_err(StoreError::query),
            Some(now) => hold(part, now).await,
        }
    }
}

async fn vacuum(readers: &FilePool, part: &Path) -> Result<(), SqlError> {
    let (conn, to) = (readers.acquire().await?, part.to_string_lossy().into_owned());
    blocking(|| conn.conn()?.execute(COPY, &[Value::from(to)])).map(drop)
}

/// On a thread of its own, like [`copy::into_file`].
async fn hold(part: &Path, now: Time) -> Result<(), StoreError> {
    let (part, here) = (part.to_owned(), Handle::current());
    let place = Place::File(part.clone());
    let holding = tokio::task::spawn_blocking(move || {
        here.block_on(async {
            let copy = Store::new_file(&part).await?;
            let held = copy.run_tx("hold", move |tx| {
                Box::pin(async move { restored::hold_all(tx, now).await })
            });
            let held = held.await;
            copy.close().await;
            held.map(drop)
        })
    });
    holding.await.unwrap_or_else(|stopped| Err(place.cannot_open(stopped)))
}

async fn redact(part: &Path) -> Result<(), sqlx::Error> {
    let options = SqliteConnectOptions::new()
        .filename(part)
        .journal_mode(SqliteJournalMode::Memory)
        .pragma("secure_delete", "ON");
    let mut copy = options.connect().await?;
    for statement in REDACTIONS {
        sqlx::query(statement).execute(&mut copy).await?;
    }
    sqlx::query(REBUILD).execute(&mut copy).await?;
    copy.close().await
}

fn remove(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn settle(part: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::File::open(part)?.sync_all()?;
    std::fs::rename(part, to)?;
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
    std::fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn beside(to: &Path) -> PathBuf {
    let mut name = OsString::from(to);
    name.push(".part");
    PathBuf::from(name)
}
