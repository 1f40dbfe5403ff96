//! A copy of the database for evidence: everything but what would let its reader in.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{ConnectOptions, Connection};

use crate::dialect::Conn;
use crate::{Store, StoreError, private};

const COPY: &str = "VACUUM INTO $1";
const REBUILD: &str = "VACUUM";
const REDACTIONS: [&str; 4] = [FORGET_SHARES, FORGET_OPERATOR_TOKENS, FORGET_SECRETS, NOBODY_ACTS];
const FORGET_SHARES: &str = "DELETE FROM kit_share";
const FORGET_OPERATOR_TOKENS: &str = "UPDATE operator SET token_digest = NULL";
const FORGET_SECRETS: &str = "UPDATE token SET secret_digest = zeroblob(32)";
const NOBODY_ACTS: &str = "DELETE FROM lease";

impl Store {
    /// Writes a consistent copy of the database to `to`, while the server goes on, without the
    /// shares of kits and the hashes of tokens. An existing file is not overwritten.
    ///
    /// The copy appears under its name only when it is complete and on the disk.
    pub async fn snapshot(&self, to: &Path) -> Result<(), StoreError> {
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
        let copied = self.copy(&part).await;
        if copied.is_err() {
            // The failure to copy is what the caller must hear of.
            let _ = remove(&part);
        }
        copied.map_err(|error| match StoreError::query(error) {
            StoreError::Query(error) => failed(Box::new(error)),
            other => other,
        })?;
        settle(&part, to).map_err(|error| failed(Box::new(error)))
    }

    async fn copy(&self, part: &Path) -> Result<(), sqlx::Error> {
        let mut source = self.readers().acquire().await?;
        sqlx::query(COPY).bind(part.to_string_lossy().into_owned()).execute(&mut *source).await?;
        drop(source);
        let options = SqliteConnectOptions::new()
            .filename(part)
            .journal_mode(SqliteJournalMode::Memory)
            .pragma("secure_delete", "ON");
        let mut copy = options.connect().await?;
        redact(&mut copy).await?;
        copy.close().await
    }
}

async fn redact(copy: &mut Conn) -> Result<(), sqlx::Error> {
    for statement in REDACTIONS {
        sqlx::query(statement).execute(&mut *copy).await?;
    }
    sqlx::query(REBUILD).execute(copy).await.map(drop)
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
