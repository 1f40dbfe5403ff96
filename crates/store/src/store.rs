//! Opening a database and running transactions on it.

use std::hash::{BuildHasher as _, RandomState};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _, Pool, Postgres};

use crate::dialect::{self, Meaning, POSTGRES_READ, POSTGRES_WRITE, WRITER_CACHE, meaning};
use crate::error::SqlError;
use crate::file::{FilePool, Lent, Opening, Pace, aside};
use crate::lock::Lock;
use crate::statuses::Statuses;
use crate::tx::{Begun, Glance, Held, Snapshot, Tx, Work};
use crate::{Place, StoreError, private, schema};

/// The channel on which programs tell each other what is new.
const CHANNEL: &str = "skink";
const SERVER_TELL: &str = "SELECT pg_notify('skink', $1)";
/// The channel of revocations and of echoes.
const REVOKED: &str = "skink_revoked";
const SERVER_ECHO: &str = "SELECT pg_notify('skink_revoked', $1)";

const READERS: u32 = 4;
/// Connections to a server that one program holds at most, for each of reading and writing.
const CONNECTIONS: u32 = 8;
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);
/// The same of a server, which may not be there; [`TRIES`] of them.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TRIES: u32 = 5;
/// How often a transaction that met another one is run again. The wait grows to a second: a dozen
/// servers at one row all get their turn.
const RUNS: u32 = 20;

/// The database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    place: Place,
    replica: Arc<str>,
    standing: RwLock<Arc<str>>,
    /// Attempts were begun or ended of which nobody knows whether they are in the database so.
    in_doubt: AtomicBool,
    pools: Pools,
    /// How often something else than the ledger of signatures was written.
    edition: AtomicU64,
    statuses: Arc<Statuses>,
    _lock: Option<Lock>,
}

#[derive(Debug)]
pub(crate) enum Pools {
    File { writer: FilePool, readers: FilePool },
    Postgres { writers: Pool<Postgres>, readers: Pool<Postgres> },
}

impl Store {
    /// Opens the database at `place` for a server, and migrates it.
    pub async fn at(place: &Place) -> Result<Self, StoreError> {
        match place {
            Place::File(path) => Self::open(path).await,
            Place::Server(options) => Self::connect(options).await,
        }
    }

    /// Opens the file at `path` for the one server that may write to it, and migrates it. It is made
    /// if it is missing.
    ///
    /// A database that another server has open, that a later program wrote, or that is not ours is
    /// refused, untouched.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let lock = Lock::take(path)?;
        let place = Place::File(path.to_owned());
        schema::check(path).await?;
        private::create(path).map_err(|source| place.cannot_open(source))?;
        made(&place, path).await?;
        let readers = opened(&place, Opening::to_read(path), READERS)?;
        let mut writing = Opening::to_write(path);
        writing.pragmas.push(("cache_size", WRITER_CACHE));
        let writer = opened(&place, writing, 1)?;
        Ok(Self::new(place, Pools::File { writer, readers }, Some(lock)))
    }

    /// Opens a database on a PostgreSQL server, beside any number of other servers, and migrates it.
    async fn connect(options: &PgConnectOptions) -> Result<Self, StoreError> {
        let place = Place::Server(Box::new(options.clone()));
        let writers = server_pool(options);
        let mut conn = writers.acquire().await.map_err(|error| place.cannot_open(error))?;
        schema::migrate_server(&mut conn, &place).await?;
        drop(conn);
        let readers = server_pool(options);
        Ok(Self::new(place, Pools::Postgres { writers, readers }, None))
    }

    /// Opens the database at `place` for reading only, beside running servers or without one; nothing
    /// is migrated.
    pub async fn beside(place: &Place) -> Result<Self, StoreError> {
        let options = match place {
            Place::File(path) => return Self::inspect(path).await,
            Place::Server(options) => options,
        };
        let only = options.as_ref().clone().options([("default_transaction_read_only", "on")]);
        let readers = server_pool(&only);
        let mut conn = readers.acquire().await.map_err(|error| place.cannot_open(error))?;
        schema::check_server(&mut conn, place).await?;
        drop(conn);
        let pools = Pools::Postgres { writers: readers.clone(), readers };
        Ok(Self::new(place.clone(), pools, None))
    }

    /// Opens the database at `path` for reading only, beside a running server or without one.
    pub async fn inspect(path: &Path) -> Result<Self, StoreError> {
        if !path.exists() {
            return Err(StoreError::not_found("database", path.display()));
        }
        schema::check(path).await?;
        let place = Place::File(path.to_owned());
        let readers = opened(&place, Opening::to_look_at(path), READERS)?;
        Ok(Self::new(place, Pools::File { writer: readers.clone(), readers }, None))
    }

    /// A file that nobody else knows of yet, without a lock beside it.
    pub(crate) async fn new_file(path: &Path) -> Result<Self, StoreError> {
        let place = Place::File(path.to_owned());
        made(&place, path).await?;
        let writer = opened(&place, Opening::to_write(path), 1)?;
        Ok(Self::new(place, Pools::File { writer: writer.clone(), readers: writer }, None))
    }

    fn new(place: Place, pools: Pools, lock: Option<Lock>) -> Self {
        let edition = AtomicU64::new(0);
        let one = RandomState::new();
        let replica: Arc<str> = format!("{:016x}{:016x}", one.hash_one(0), one.hash_one(1)).into();
        let standing = RwLock::new(Arc::clone(&replica));
        let in_doubt = AtomicBool::new(false);
        let statuses = Arc::default();
        let inner =
            Inner { place, replica, standing, in_doubt, pools, edition, statuses, _lock: lock };
        Self { inner: Arc::new(inner) }
    }

    /// Where the database is.
    pub fn place(&self) -> &Place {
        &self.inner.place
    }

    /// The name of this opening of the database among those of other programs, a new one each time.
    pub fn replica(&self) -> &str {
        &self.inner.replica
    }

    /// The name under which this program asks for signatures: while there is a lease for it, what was
    /// asked under it is being worked on.
    pub fn standing(&self) -> Arc<str> {
        Arc::clone(&self.inner.standing.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Another name to stand under, if the database was lost under this one: what was under way may be
    /// in it or not, and nobody goes on with it. Under the name before, it becomes what a program
    /// leaves open that is killed.
    pub fn another_standing(&self) -> Option<Arc<str>> {
        let doubt = self.inner.in_doubt.load(Ordering::SeqCst);
        let name = || format!("{}.{:08x}", self.replica(), RandomState::new().hash_one(0)).into();
        doubt.then(name)
    }

    /// From now on asks for signatures under this name, of which there is a lease.
    pub fn stand_as(&self, name: Arc<str>) {
        // Before: what is lost from now on may be of the new name.
        self.inner.in_doubt.store(false, Ordering::SeqCst);
        *self.inner.standing.write().unwrap_or_else(PoisonError::into_inner) = name;
    }

    /// Whether other servers may have the same database open.
    pub fn is_shared(&self) -> bool {
        matches!(self.inner.pools, Pools::Postgres { .. })
    }

    /// Stays the same as long as nothing was written but by [`Self::run_ledger_tx`]: what was read
    /// since it was asked for is still so, if it is no certificate and no attempt. None where other
    /// servers write, too.
    pub fn edition(&self) -> Option<u64> {
        (!self.is_shared()).then(|| self.inner.edition.load(Ordering::SeqCst))
    }

    /// Stays the same as long as this program revokes nothing; none while it does. A certified serial
    /// whose status was read since this was asked for still has it, unless another server revoked it:
    /// see [`Self::revoked`].
    pub fn statuses_edition(&self) -> Option<u64> {
        self.inner.statuses.edition()
    }

    /// Like [`Self::run_tx`], for work that writes certificates, attempts and what is told of them,
    /// and nothing else.
    pub async fn run_ledger_tx<'w, T, E, F>(&self, name: &'static str, work: F) -> Result<T, E>
    where
        E: From<StoreError>,
        F: for<'t> Fn(&'t mut Tx<'w>) -> Work<'t, T, E>,
    {
        self.run(name, work, Leaves::Attempts).await
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
        // Also if it fails or is given up: nobody can say then what came of it.
        let _changed = Changed(&self.inner.edition);
        self.run(name, work, Leaves::Nothing).await
    }

    async fn run<'w, T, E, F>(&self, name: &'static str, work: F, leaves: Leaves) -> Result<T, E>
    where
        E: From<StoreError>,
        F: for<'t> Fn(&'t mut Tx<'w>) -> Work<'t, T, E>,
    {
        let began = Instant::now();
        let mut runs = 1;
        let result = loop {
            let done = match self.pools() {
                // Waiting for one's turn holds no thread up.
                Pools::File { writer, .. } => match writer.acquire().await {
                    Ok(lent) => aside(Box::pin(self.once(name, Some(lent), &work, leaves))).await,
                    Err(error) => Err(Failed::Begin(StoreError::query(error))),
                },
                Pools::Postgres { .. } => Box::pin(self.once(name, None, &work, leaves)).await,
            };
            match done {
                Err(failed) if runs < RUNS && failed.may_run_again() => {
                    count_retry(name);
                    rest(runs).await;
                    runs += 1;
                }
                Ok(value) => break Ok(value),
                Err(Failed::Begin(error)) => {
                    self.lost(leaves);
                    break Err(E::from(error));
                }
                Err(Failed::Commit(error)) => {
                    self.lost(leaves);
                    break Err(E::from(StoreError::query(error)));
                }
                Err(Failed::Work(error, again)) => {
                    if again {
                        self.lost(leaves);
                    }
                    break Err(error);
                }
            }
        };
        let outcome = if result.is_ok() { "committed" } else { "rolled back" };
        metrics::histogram!("skink_transaction_seconds", "name" => name, "outcome" => outcome)
            .record(began.elapsed());
        result
    }

    /// From the beginning of one transaction to its end.
    async fn once<'w, T, E, F>(
        &self,
        name: &'static str,
        lent: Option<Lent>,
        work: &F,
        leaves: Leaves,
    ) -> Result<T, Failed<E>>
    where
        E: From<StoreError>,
        F: for<'t> Fn(&'t mut Tx<'w>) -> Work<'t, T, E>,
    {
        let mut tx = self.begin(name, lent).await.map_err(Failed::Begin)?;
        let worked = work(&mut tx).await;
        let _until_the_end = tx.take_revoking();
        match worked {
            Ok(value) => tx.commit().await.map(|()| value).map_err(Failed::Commit),
            Err(error) => {
                let again = tx.must_run_again();
                // The error that made us turn back matters more than one on the way.
                if let Err(error) = tx.roll_back().await {
                    self.lost(leaves);
                    tracing::warn!(tx.name = name, %error, "a transaction did not roll back");
                }
                Err(Failed::Work(error, again))
            }
        }
    }

    /// Nobody knows what came of a transaction.
    fn lost(&self, leaves: Leaves) {
        if leaves == Leaves::Attempts {
            self.inner.in_doubt.store(true, Ordering::SeqCst);
        }
    }

    /// A consistent view for reading. Drop it soon: while it lives, the log cannot be folded back
    /// into the database.
    pub async fn read(&self) -> Result<Snapshot, StoreError> {
        let mut tries = 0;
        loop {
            let begun = match self.pools() {
                Pools::File { readers, .. } => readers.acquire().await.and_then(|lent| {
                    lent.begin_to_read()?;
                    Ok(Begun::File(lent, Pace::Aside))
                }),
                Pools::Postgres { readers, .. } => {
                    let begun = readers.begin_with(POSTGRES_READ).await;
                    begun.map(|tx| Begun::Postgres(tx, false)).map_err(SqlError::from)
                }
            };
            match begun {
                Err(error) if tries < TRIES && meaning(&error) == Meaning::Away => {
                    tries += 1;
                    rest(tries).await;
                }
                done => return done.map(Snapshot::new).map_err(StoreError::query),
            }
        }
    }

    /// A look without a transaction: each statement sees what was committed when it ran.
    pub async fn glance(&self) -> Result<Glance, StoreError> {
        let mut tries = 0;
        loop {
            let held = match self.pools() {
                Pools::File { readers, .. } => readers.acquire().await.map(Held::File),
                Pools::Postgres { readers, .. } => {
                    let conn = readers.acquire().await.map_err(SqlError::from);
                    conn.map(|conn| Held::Postgres(conn, false))
                }
            };
            match held {
                Err(error) if tries < TRIES && meaning(&error) == Meaning::Away => {
                    tries += 1;
                    rest(tries).await;
                }
                done => return done.map(Glance::new).map_err(StoreError::query),
            }
        }
    }

    /// Tells the other programs on this database that something of `kind` is new; nobody, on a file.
    ///
    /// Whoever is told looks into the database: a word that is lost costs time only.
    pub async fn tell(&self, kind: &str) -> Result<(), StoreError> {
        let Pools::Postgres { readers, .. } = self.pools() else { return Ok(()) };
        let told = sqlx::query(SERVER_TELL)
            .bind(format!("{} {kind}", self.replica()))
            .execute(readers)
            .await;
        told.map(drop).map_err(StoreError::query)
    }

    /// What other programs tell, from now on; `None` on a file, where there are none.
    pub async fn listen(&self) -> Result<Option<Told>, StoreError> {
        let Place::Server(options) = self.place() else { return Ok(None) };
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_lazy_with(dialect::server(PgConnectOptions::clone(options)));
        let mut listener = PgListener::connect_with(&pool).await.map_err(StoreError::query)?;
        listener.listen(CHANNEL).await.map_err(StoreError::query)?;
        Ok(Some(Told { listener, own: Arc::clone(&self.inner.replica) }))
    }

    /// When servers on the same database revoke, this one included; `None` on a file, where
    /// [`Self::statuses_edition`] is all there is to know.
    pub async fn revoked(&self) -> Result<Option<Revoked>, StoreError> {
        let Place::Server(options) = self.place() else { return Ok(None) };
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(CONNECT_TIMEOUT)
            .connect_lazy_with(dialect::server(PgConnectOptions::clone(options)));
        let mut listener = PgListener::connect_with(&pool).await.map_err(StoreError::query)?;
        listener.listen(REVOKED).await.map_err(StoreError::query)?;
        Ok(Some(Revoked { listener, own: Arc::clone(&self.inner.replica) }))
    }

    /// Has [`Revoked::next`] say `number`: after every revocation that was committed before.
    pub async fn echo_revoked(&self, number: u64) -> Result<(), StoreError> {
        let Pools::Postgres { readers, .. } = self.pools() else { return Ok(()) };
        let told = sqlx::query(SERVER_ECHO)
            .bind(format!("{} {number}", self.replica()))
            .execute(readers)
            .await;
        told.map(drop).map_err(StoreError::query)
    }

    /// Waits for the running transactions and closes the database, so that nothing is left in the
    /// write-ahead log.
    pub async fn close(&self) {
        match self.pools() {
            Pools::File { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Pools::Postgres { writers, readers } => {
                readers.close().await;
                writers.close().await;
            }
        }
    }

    pub(crate) fn pools(&self) -> &Pools {
        &self.inner.pools
    }

    /// Begins to write; tries again while another process reads a file's log to its end, or while the
    /// server is on its way up. Nothing was done yet, so that trying again repeats nothing.
    async fn begin<'w>(
        &self,
        name: &'static str,
        mut lent: Option<Lent>,
    ) -> Result<Tx<'w>, StoreError> {
        let mut tries = 0;
        loop {
            let begun = match (self.pools(), lent.take()) {
                (Pools::File { .. }, None) => Err(SqlError::Closed),
                (Pools::File { .. }, Some(conn)) => match conn.begin_to_write() {
                    Ok(()) => Ok(Begun::File(conn, Pace::Here)),
                    Err(error) => {
                        lent = Some(conn);
                        Err(error)
                    }
                },
                (Pools::Postgres { writers, .. }, _) => {
                    let begun = writers.begin_with(POSTGRES_WRITE).await;
                    begun.map(|tx| Begun::Postgres(tx, false)).map_err(SqlError::from)
                }
            };
            let begun = begun
                .map(|begun| Tx::new(begun, self.standing(), Arc::clone(&self.inner.statuses)));
            match begun.map_err(StoreError::query) {
                Err(error) if error.is_passing() && tries < TRIES => {
                    tries += 1;
                    count_retry(name);
                    rest(tries).await;
                }
                done => return done,
            }
        }
    }
}

/// What a transaction may leave open that is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leaves {
    /// Nothing that anybody waits for.
    Nothing,
    /// Attempts at signatures.
    Attempts,
}

/// There is a new edition when this is dropped.
struct Changed<'e>(&'e AtomicU64);

impl Drop for Changed<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Words of other programs on the same database.
#[derive(Debug)]
pub struct Told {
    listener: PgListener,
    own: Arc<str>,
}

impl Told {
    /// The kind of the next news; `None` when some may have been missed because the connection was
    /// lost and made anew.
    pub async fn next(&mut self) -> Result<Option<String>, StoreError> {
        loop {
            let Some(word) = self.listener.try_recv().await.map_err(StoreError::query)? else {
                return Ok(None);
            };
            match word.payload().split_once(' ') {
                Some((by, _)) if *by == *self.own => {}
                Some((_, kind)) => return Ok(Some(kind.to_owned())),
                None => return Ok(None),
            }
        }
    }
}

/// Words of revocations on a database that several servers share, in the order of commits: the
/// database itself says them, each in the transaction that revokes.
#[derive(Debug)]
pub struct Revoked {
    listener: PgListener,
    own: Arc<str>,
}

impl Revoked {
    /// Waits for the next: the number of an echo, or `None` when something was revoked, or may have
    /// been while the connection was lost.
    pub async fn next(&mut self) -> Result<Option<u64>, StoreError> {
        loop {
            let Some(word) = self.listener.try_recv().await.map_err(StoreError::query)? else {
                return Ok(None);
            };
            match word.payload().split_once(' ') {
                Some((by, number)) if *by == *self.own => return Ok(number.parse().ok()),
                Some(_) => {}
                None => return Ok(None),
            }
        }
    }
}

/// How a transaction failed.
enum Failed<E> {
    /// At its beginning.
    Begin(StoreError),
    /// At its end.
    Commit(SqlError),
    /// On the way, and whether it was for another transaction.
    Work(E, bool),
}

impl<E> Failed<E> {
    /// Nothing of it was done, and nothing speaks against doing it now. A commit whose answer was lost
    /// may have been done.
    fn may_run_again(&self) -> bool {
        match self {
            Self::Begin(_) => false,
            Self::Commit(error) => meaning(error) == Meaning::Conflict,
            Self::Work(_, again) => *again,
        }
    }
}

fn count_retry(name: &'static str) {
    metrics::counter!("skink_transaction_retries_total", "name" => name).increment(1);
}

/// Longer each time, and not for everybody the same.
async fn rest(tries: u32) {
    let most = 8_u64 << tries.min(7);
    let jitter = RandomState::new().hash_one(tries) % most;
    tokio::time::sleep(Duration::from_millis(most / 2 + jitter / 2)).await;
}

/// Makes the file if it is missing and brings it up to this program's schema.
async fn made(place: &Place, path: &Path) -> Result<(), StoreError> {
    let mut conn = dialect::file(path).connect().await.map_err(|error| opening(place, error))?;
    let migrated = schema::migrate(&mut conn, place).await;
    conn.close().await.map_err(StoreError::query)?;
    migrated
}

fn opened(place: &Place, how: Opening, size: u32) -> Result<FilePool, StoreError> {
    FilePool::open(how, size).map_err(|error| opening(place, error))
}

fn opening(place: &Place, error: impl Into<SqlError>) -> StoreError {
    match StoreError::query(error) {
        StoreError::Query(source) => place.cannot_open(source),
        other => other,
    }
}

/// Connects when it is used: whether the server is there shows then, and again each time.
fn server_pool(options: &PgConnectOptions) -> Pool<Postgres> {
    let options = dialect::server(options.clone());
    PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(CONNECT_TIMEOUT)
        .max_lifetime(None)
        .connect_lazy_with(options)
}

#[cfg(test)]
mod tests;
