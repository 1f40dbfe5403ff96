//! Opening a database and running transactions on it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{Connection as _, Pool, Sqlite};

use crate::dialect::{self, BEGIN_READ, BEGIN_WRITE};
use crate::lock::Lock;
use crate::tx::{Snapshot, Tx, Work};
use crate::{StoreError, private, schema};

const READERS: u32 = 4;
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);
const TRIES: u32 = 5;

/// The database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    writer: Pool<Sqlite>,
    readers: Pool<Sqlite>,
    _lock: Option<Lock>,
}

impl Store {
    /// Opens the database at `path` for the one server that may write to it, and migrates it. It is
    /// made if it is missing.
    ///
    /// A database that another server has open, that a later program wrote, or that is not ours is
    /// refused, untouched.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let lock = Lock::take(path)?;
        schema::check(path).await?;
        private::create(path).map_err(|source| StoreError::Open {
            path: path.to_owned(),
            source: Box::new(source),
        })?;
        let options = dialect::options(path);
        let writer = pool(path, options.clone(), 1).await?;
        let mut conn = writer.acquire().await.map_err(StoreError::query)?;
        schema::migrate(&mut conn, path).await?;
        drop(conn);
        let readers = pool(path, options.read_only(true), READERS).await?;
        Ok(Self::new(path, writer, readers, Some(lock)))
    }

    /// Opens the database at `path` for reading only, beside a running server or without one.
    pub async fn inspect(path: &Path) -> Result<Self, StoreError> {
        if !path.exists() {
            return Err(StoreError::not_found("database", path.display()));
        }
        schema::check(path).await?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .read_only(true)
            .busy_timeout(Duration::from_secs(5));
        let readers = pool(path, options, READERS).await?;
        Ok(Self::new(path, readers.clone(), readers, None))
    }

    fn new(path: &Path, writer: Pool<Sqlite>, readers: Pool<Sqlite>, lock: Option<Lock>) -> Self {
        let inner = Inner { path: path.to_owned(), writer, readers, _lock: lock };
        Self { inner: Arc::new(inner) }
    }

    /// Where the database lies.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Runs `work` in a write transaction and commits what it did if it returns `Ok`.
    ///
    /// `work` may run more than once if the database asks for it: it must have no effect but on
    /// `Tx`. `name` names the transaction in metrics and logs. Once this returns `Ok`, what was
    /// done survives a crash at any instant.
    pub async fn run_tx<'w, T, E, F>(&self, name: &'static str, work: F) -> Result<T, E>
    where
        E: From<StoreError>,
        F: for<'t> Fn(&'t mut Tx<'w>) -> Work<'t, T, E>,
    {
        let began = Instant::now();
        let mut tx = self.begin(name).await?;
        let result = match work(&mut tx).await {
            Ok(value) => tx.commit().await.map(|()| value).map_err(E::from),
            Err(error) => {
                // The error that made us turn back matters more than one on the way.
                if let Err(error) = tx.roll_back().await {
                    tracing::warn!(tx.name = name, %error, "a transaction did not roll back");
                }
                Err(error)
            }
        };
        let outcome = if result.is_ok() { "committed" } else { "rolled back" };
        metrics::histogram!("skink_transaction_seconds", "name" => name, "outcome" => outcome)
            .record(began.elapsed());
        result
    }

    /// A consistent view for reading. Drop it soon: while it lives, the log cannot be folded back
    /// into the database.
    pub async fn read(&self) -> Result<Snapshot, StoreError> {
        let begun = self.inner.readers.begin_with(BEGIN_READ).await;
        begun.map(Snapshot::new).map_err(StoreError::query)
    }

    /// Waits for the running transactions and closes the database, so that nothing is left in the
    /// write-ahead log.
    pub async fn close(&self) {
        self.inner.readers.close().await;
        self.inner.writer.close().await;
    }

    pub(crate) fn readers(&self) -> &Pool<Sqlite> {
        &self.inner.readers
    }

    /// Takes the write lock; tries again while another process reads the log to its end.
    async fn begin<'w>(&self, name: &'static str) -> Result<Tx<'w>, StoreError> {
        let mut tries = 0;
        loop {
            let begun = self.inner.writer.begin_with(BEGIN_WRITE).await;
            match begun.map(Tx::new).map_err(StoreError::query) {
                Err(error) if error.is_busy() && tries < TRIES => {
                    tries += 1;
                    metrics::counter!("skink_transaction_retries_total", "name" => name)
                        .increment(1);
                    tokio::time::sleep(Duration::from_millis(20) * tries).await;
                }
                done => return done,
            }
        }
    }
}

async fn pool(
    path: &Path,
    options: SqliteConnectOptions,
    size: u32,
) -> Result<Pool<Sqlite>, StoreError> {
    let pool = SqlitePoolOptions::new()
        .max_connections(size)
        .min_connections(size)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        // SQLite itself rolls back when the disk is full; sqlx goes on counting that transaction as
        // open, and no other could begin on the connection.
        .before_acquire(|conn, _| Box::pin(async move { Ok(!conn.is_in_transaction()) }))
        .connect_with(options)
        .await;
    pool.map_err(|error| match StoreError::query(error) {
        StoreError::Query(source) => {
            StoreError::Open { path: path.to_owned(), source: Box::new(source) }
        }
        other => other,
    })
}

#[cfg(test)]
mod tests;
