//! Connections to a file: statements run on the thread that asks.
//!
//! SQLite is a library, not a server: a point read takes it a few microseconds, and handing it to the
//! thread of a connection and waiting for the answer takes longer than that. So whoever reads a row or
//! two does it where he is; what may take longer runs where the runtime lets threads block
//! ([`aside`], [`Pace::Aside`]).

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use futures_util::stream::{self, BoxStream, StreamExt as _};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, OpenFlags, Row, ToSql};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::block_in_place;
use tokio::time::timeout;

use crate::dialect::{BUSY, FILE_PRAGMAS, SQLITE_READ, SQLITE_WRITE, STATEMENTS};
use crate::error::SqlError;
use crate::sql::Value;

const COMMIT: &str = "COMMIT";
const ROLL_BACK: &str = "ROLLBACK";

/// How long a connection is waited for.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);
/// Rows that wait for whoever reads a stream of them.
const AHEAD: usize = 64;

/// How a file is opened.
#[derive(Clone, Debug)]
pub(crate) struct Opening {
    pub(crate) path: PathBuf,
    pub(crate) read_only: bool,
    pub(crate) pragmas: Vec<(&'static str, &'static str)>,
}

impl Opening {
    /// For whoever only looks.
    pub(crate) fn to_look_at(path: &Path) -> Self {
        Self { path: path.to_owned(), read_only: true, pragmas: Vec::new() }
    }

    /// For a server's own looks.
    pub(crate) fn to_read(path: &Path) -> Self {
        Self { pragmas: FILE_PRAGMAS.to_vec(), ..Self::to_look_at(path) }
    }

    /// For whoever has the file to himself.
    pub(crate) fn to_write(path: &Path) -> Self {
        Self { read_only: false, ..Self::to_read(path) }
    }
}

/// A connection. None of its statements is under way between two calls.
#[derive(Debug)]
pub(crate) struct FileConnection {
    conn: Connection,
}

impl FileConnection {
    fn open(opening: &Opening) -> Result<Self, SqlError> {
        let access = if opening.read_only {
            OpenFlags::SQLITE_OPEN_READ_ONLY
        } else {
            OpenFlags::SQLITE_OPEN_READ_WRITE
        };
        let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(&opening.path, flags)?;
        conn.busy_timeout(BUSY)?;
        conn.set_prepared_statement_cache_capacity(STATEMENTS);
        for (name, value) in &opening.pragmas {
            conn.pragma_update(None, name, value)?;
        }
        Ok(Self { conn })
    }

    /// Runs a statement; says how many rows it wrote.
    pub(crate) fn execute(&self, sql: &str, values: &[Value<'_>]) -> Result<u64, SqlError> {
        let mut statement = self.prepared(sql)?;
        execute(&self.conn, &mut statement, values)
    }

    /// Runs it once for each row of values.
    pub(crate) fn execute_each(&self, sql: &str, rows: &[Vec<Value<'_>>]) -> Result<u64, SqlError> {
        let mut statement = self.prepared(sql)?;
        rows.iter().map(|values| execute(&self.conn, &mut statement, values)).sum()
    }

    /// The rows that a statement answers, `most` of them at most.
    pub(crate) fn fetch(
        &self,
        sql: &str,
        values: &[Value<'_>],
        most: usize,
    ) -> Result<Vec<FileRow>, SqlError> {
        let mut statement = self.prepared(sql)?;
        bind(&mut statement, values)?;
        let columns = columns(&statement);
        let (mut rows, mut found) = (statement.raw_query(), Vec::new());
        while found.len() < most
            && let Some(row) = rows.next()?
        {
            found.push(FileRow::read(&columns, row)?);
        }
        Ok(found)
    }

    /// Shows each row that a statement answers where it lies, for what reads very many.
    pub(crate) fn visit(
        &self,
        sql: &str,
        values: &[Value<'_>],
        mut see: impl FnMut(&Row<'_>) -> Result<(), SqlError>,
    ) -> Result<(), SqlError> {
        let mut statement = self.prepared(sql)?;
        bind(&mut statement, values)?;
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next()? {
            see(row)?;
        }
        Ok(())
    }

    fn prepared(&self, sql: &str) -> Result<CachedStatement<'_>, SqlError> {
        Ok(self.conn.prepare_cached(&numbered(sql))?)
    }

    /// SQLite ends a transaction by itself when the disk is full.
    fn is_in_transaction(&self) -> bool {
        !self.conn.is_autocommit()
    }
}

fn execute(
    conn: &Connection,
    statement: &mut CachedStatement<'_>,
    values: &[Value<'_>],
) -> Result<u64, SqlError> {
    bind(statement, values)?;
    let mut rows = statement.raw_query();
    while rows.next()?.is_some() {}
    drop(rows);
    Ok(if statement.readonly() { 0 } else { conn.changes() })
}

fn bind(statement: &mut CachedStatement<'_>, values: &[Value<'_>]) -> Result<(), SqlError> {
    for (at, value) in (1..).zip(values) {
        statement.raw_bind_parameter(at, value)?;
    }
    Ok(())
}

/// `$2` is a name to SQLite, which counts names as it meets them; `?2` is the second value.
fn numbered(sql: &str) -> Cow<'_, str> {
    let mut pieces = sql.split('$');
    let head = pieces.next().unwrap_or_default();
    if head.len() == sql.len() {
        return Cow::Borrowed(sql);
    }
    let mut text = String::with_capacity(sql.len());
    text.push_str(head);
    for piece in pieces {
        let number = piece.starts_with(|c: char| c.is_ascii_digit());
        text.push(if number { '?' } else { '$' });
        text.push_str(piece);
    }
    Cow::Owned(text)
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Int(Some(number)) => ValueRef::Integer(*number),
            Self::Text(Some(text)) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(Some(bytes)) => ValueRef::Blob(bytes),
            Self::Int(None) | Self::Text(None) | Self::Bytes(None) => ValueRef::Null,
        }))
    }
}

/// A row, read.
#[derive(Clone, Debug)]
pub(crate) struct FileRow {
    columns: Arc<[Box<str>]>,
    values: Vec<Value<'static>>,
}

fn columns(statement: &CachedStatement<'_>) -> Arc<[Box<str>]> {
    statement.column_names().into_iter().map(Box::from).collect()
}

impl FileRow {
    fn read(columns: &Arc<[Box<str>]>, row: &Row<'_>) -> Result<Self, SqlError> {
        let read = |at| {
            Ok::<_, SqlError>(match row.get_ref(at)? {
                ValueRef::Null => Value::Int(None),
                ValueRef::Integer(number) => Value::Int(Some(number)),
                ValueRef::Text(text) => {
                    let text = std::str::from_utf8(text).map_err(|_| SqlError::Shape)?;
                    Value::Text(Some(Cow::Owned(text.to_owned())))
                }
                ValueRef::Blob(bytes) => Value::Bytes(Some(Cow::Owned(bytes.to_vec()))),
                ValueRef::Real(_) => return Err(SqlError::Shape),
            })
        };
        let values = (0..columns.len()).map(read).collect::<Result<_, _>>()?;
        Ok(Self { columns: Arc::clone(columns), values })
    }

    /// The names of its columns.
    pub(crate) fn columns(&self) -> &[Box<str>] {
        &self.columns
    }

    /// Its columns in their order.
    pub(crate) fn values(&self) -> &[Value<'static>] {
        &self.values
    }

    /// The column of this name.
    pub(crate) fn value(&self, column: &str) -> Result<&Value<'static>, SqlError> {
        let at = self.columns.iter().position(|name| **name == *column);
        at.and_then(|at| self.values.get(at)).ok_or(SqlError::Shape)
    }
}

/// Which kind of value a column without one would have.
fn kinds(statement: &CachedStatement<'_>) -> Vec<Value<'static>> {
    let columns = statement.columns();
    let kinds = columns.iter().map(|column| match column.decl_type() {
        Some("TEXT") => Value::Text(None),
        Some("BLOB") => Value::Bytes(None),
        _ => Value::Int(None),
    });
    kinds.collect()
}

/// All rows that a statement answers, as they come, however many: they are read on a thread of their
/// own, which stays a little ahead.
pub(crate) fn stream<'c>(
    conn: &'c mut Lent,
    sql: String,
    values: Vec<Value<'static>>,
) -> BoxStream<'c, Result<FileRow, SqlError>> {
    let (row, rows) = mpsc::channel(AHEAD);
    let Some(reading) = conn.conn.take() else {
        return stream::iter([Err(SqlError::Closed)]).boxed();
    };
    let thread = std::thread::spawn(move || {
        if let Err(error) = read_all(&reading, &sql, &values, &row) {
            // Whoever reads has gone away if he does not take it.
            let _ = row.blocking_send(Err(error));
        }
        reading
    });
    let away = Away { home: conn, rows: Some(rows), thread: Some(thread) };
    let rows = stream::unfold(away, |mut away| async move {
        let row = away.rows.as_mut()?.recv().await?;
        Some((row, away))
    });
    rows.boxed()
}

fn read_all(
    reading: &FileConnection,
    sql: &str,
    values: &[Value<'_>],
    out: &mpsc::Sender<Result<FileRow, SqlError>>,
) -> Result<(), SqlError> {
    let mut statement = reading.prepared(sql)?;
    bind(&mut statement, values)?;
    let (columns, kinds) = (columns(&statement), kinds(&statement));
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next()? {
        let mut read = FileRow::read(&columns, row)?;
        for (value, kind) in read.values.iter_mut().zip(&kinds) {
            if *value == Value::Int(None) {
                *value = kind.clone();
            }
        }
        if out.blocking_send(Ok(read)).is_err() {
            break;
        }
    }
    Ok(())
}

/// A connection that is at a thread's, and comes back.
struct Away<'c> {
    home: &'c mut Lent,
    rows: Option<mpsc::Receiver<Result<FileRow, SqlError>>>,
    thread: Option<JoinHandle<FileConnection>>,
}

impl Drop for Away<'_> {
    fn drop(&mut self) {
        // The thread stops at its next row.
        drop(self.rows.take());
        if let Some(thread) = self.thread.take() {
            self.home.conn = blocking(|| thread.join()).ok();
        }
    }
}

/// Some connections to the same file. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct FilePool {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    opening: Opening,
    idle: Mutex<Vec<FileConnection>>,
    turns: Arc<Semaphore>,
    size: u32,
}

impl FilePool {
    pub(crate) fn open(opening: Opening, size: u32) -> Result<Self, SqlError> {
        let idle = (0..size).map(|_| FileConnection::open(&opening)).collect::<Result<_, _>>()?;
        let turns = Arc::new(Semaphore::new(usize::try_from(size).unwrap_or(1)));
        Ok(Self { shared: Arc::new(Shared { opening, idle: Mutex::new(idle), turns, size }) })
    }

    /// The next connection that is free.
    pub(crate) async fn acquire(&self) -> Result<Lent, SqlError> {
        let turns = Arc::clone(&self.shared.turns);
        let turn = match Arc::clone(&turns).try_acquire_owned() {
            Ok(turn) => turn,
            Err(_) => timeout(ACQUIRE_TIMEOUT, turns.acquire_owned())
                .await
                .map_err(|_| SqlError::TimedOut)?
                .map_err(|_| SqlError::Closed)?,
        };
        let idle = self.shared.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        // One that did not come back is opened anew.
        let conn = idle.map_or_else(|| FileConnection::open(&self.shared.opening), Ok)?;
        Ok(Lent { conn: Some(conn), pool: self.clone(), _turn: turn })
    }

    /// Waits until all are back, and closes them.
    pub(crate) async fn close(&self) {
        let all = Arc::clone(&self.shared.turns).acquire_many_owned(self.shared.size).await;
        self.shared.turns.close();
        drop(all);
        let idle =
            std::mem::take(&mut *self.shared.idle.lock().unwrap_or_else(PoisonError::into_inner));
        // The last one folds the log back into the file.
        blocking(|| drop(idle));
    }
}

/// A connection that is lent. It goes back when this is dropped, without its transaction.
#[derive(Debug)]
pub struct Lent {
    conn: Option<FileConnection>,
    pool: FilePool,
    _turn: OwnedSemaphorePermit,
}

impl Lent {
    pub(crate) fn conn(&self) -> Result<&FileConnection, SqlError> {
        self.conn.as_ref().ok_or(SqlError::Closed)
    }

    pub(crate) fn begin_to_write(&self) -> Result<(), SqlError> {
        self.conn()?.execute(SQLITE_WRITE, &[]).map(drop)
    }

    pub(crate) fn begin_to_read(&self) -> Result<(), SqlError> {
        self.conn()?.execute(SQLITE_READ, &[]).map(drop)
    }

    pub(crate) fn commit(&self) -> Result<(), SqlError> {
        self.conn()?.execute(COMMIT, &[]).map(drop)
    }

    pub(crate) fn roll_back(&self) -> Result<(), SqlError> {
        let conn = self.conn()?;
        if conn.is_in_transaction() { conn.execute(ROLL_BACK, &[]).map(drop) } else { Ok(()) }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let clean = self.roll_back();
        let Some(conn) = self.conn.take() else { return };
        match clean {
            Ok(()) => {
                let idle = &self.pool.shared.idle;
                idle.lock().unwrap_or_else(PoisonError::into_inner).push(conn);
            }
            Err(error) => tracing::warn!(%error, "a connection to the database is given up"),
        }
    }
}

/// Where a statement may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Where it is asked: it reads a few rows by an index, or this thread may block.
    Here,
    /// It may take a while.
    Aside,
}

impl Pace {
    pub(crate) fn run<T>(self, work: impl FnOnce() -> T) -> T {
        match self {
            Self::Here => work(),
            Self::Aside => blocking(work),
        }
    }
}

/// Runs what blocks, while the runtime's other work goes on elsewhere.
pub(crate) fn blocking<T>(work: impl FnOnce() -> T) -> T {
    if may_step_aside() { block_in_place(work) } else { work() }
}

/// The same for a whole transaction: it is worked through on the thread that asks for it, from its
/// beginning to its end.
pub(crate) async fn aside<W: Future>(work: W) -> W::Output {
    if may_step_aside() {
        return block_in_place(|| Handle::current().block_on(work));
    }
    work.await
}

/// A runtime of one thread has nobody who would go on meanwhile.
fn may_step_aside() -> bool {
    Handle::try_current()
        .is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_their_number() {
        assert_eq!(numbered("SELECT 1"), "SELECT 1");
        assert_eq!(numbered("a = $2 AND b = $11 OR '$.x'"), "a = ?2 AND b = ?11 OR '$.x'");
    }
}
