//! Statements that run on either database: written once, bound once, read once.
//!
//! A [`Query`] is a statement with its values; which driver takes it is decided by the connection that
//! it is run on. Values have three shapes, which both databases have: 64-bit numbers, text, bytes.

use std::borrow::Cow;
use std::marker::PhantomData;

use futures_util::stream::{BoxStream, StreamExt as _, TryStreamExt as _};
use sqlx::postgres::{PgConnection, PgRow, Postgres};
use sqlx::sqlite::{Sqlite, SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Column as _, Decode, Row as _, SqlSafeStr as _, Type, TypeInfo as _};

use crate::dialect::{Meaning, meaning};

/// A connection to one of the databases.
#[derive(Debug)]
pub enum Conn<'c> {
    /// A file.
    Sqlite(&'c mut SqliteConnection),
    /// A server, and where to note that it wants the transaction to run again.
    Postgres(&'c mut PgConnection, &'c mut bool),
}

impl Conn<'_> {
    /// The same connection, for one statement among several.
    pub(crate) fn again(&mut self) -> Conn<'_> {
        match self {
            Self::Sqlite(conn) => Conn::Sqlite(conn),
            Self::Postgres(conn, conflict) => Conn::Postgres(conn, conflict),
        }
    }
}

/// A row of one of the databases.
pub(crate) enum DbRow {
    /// Of a file.
    Sqlite(SqliteRow),
    /// Of a server.
    Postgres(PgRow),
}

/// What both drivers read from a column.
pub(crate) trait Field:
    for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres>
{
}

impl<T> Field for T where
    T: for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres>
{
}

impl DbRow {
    /// The column of this name.
    pub(crate) fn field<T: Field>(&self, column: &str) -> Result<T, sqlx::Error> {
        match self {
            Self::Sqlite(row) => row.try_get(column),
            Self::Postgres(row) => row.try_get(column),
        }
    }

    /// The names of its columns.
    pub(crate) fn columns(&self) -> Vec<String> {
        match self {
            Self::Sqlite(row) => row.columns().iter().map(|one| one.name().to_owned()).collect(),
            Self::Postgres(row) => row.columns().iter().map(|one| one.name().to_owned()).collect(),
        }
    }

    /// Its columns as values of another statement.
    pub(crate) fn values(&self) -> Result<Vec<Value<'static>>, sqlx::Error> {
        match self {
            Self::Sqlite(row) => {
                let kinds = row.columns().iter().map(|one| one.type_info().name());
                kinds.enumerate().map(|(at, kind)| value(row, at, kind)).collect()
            }
            Self::Postgres(row) => {
                let kinds = row.columns().iter().map(|one| one.type_info().name());
                kinds.enumerate().map(|(at, kind)| value(row, at, kind)).collect()
            }
        }
    }

    /// The first column.
    fn first<T: Field>(&self) -> Result<T, sqlx::Error> {
        match self {
            Self::Sqlite(row) => row.try_get(0),
            Self::Postgres(row) => row.try_get(0),
        }
    }
}

/// A column by the name of its type, which each database has its own of.
fn value<'r, R>(row: &'r R, at: usize, kind: &str) -> Result<Value<'static>, sqlx::Error>
where
    R: sqlx::Row,
    usize: sqlx::ColumnIndex<R>,
    Option<i64>: Decode<'r, R::Database> + Type<R::Database>,
    Option<String>: Decode<'r, R::Database> + Type<R::Database>,
    Option<Vec<u8>>: Decode<'r, R::Database> + Type<R::Database>,
{
    Ok(match kind {
        "INTEGER" | "INT8" => Value::Int(row.try_get(at)?),
        "TEXT" => Value::Text(row.try_get::<Option<String>, _>(at)?.map(Cow::Owned)),
        _ => Value::Bytes(row.try_get::<Option<Vec<u8>>, _>(at)?.map(Cow::Owned)),
    })
}

/// A value of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value<'v> {
    /// A number, a time in epoch milliseconds, or a flag.
    Int(Option<i64>),
    /// Text.
    Text(Option<Cow<'v, str>>),
    /// Bytes.
    Bytes(Option<Cow<'v, [u8]>>),
}

macro_rules! values {
    ($($from:ty => $shape:ident($($wrap:tt)*);)*) => {$(
        impl<'v> From<$from> for Value<'v> {
            fn from(value: $from) -> Self {
                Self::$shape(values!(@ value $($wrap)*))
            }
        }
    )*};
    (@ $value:ident one) => { Some($value) };
    (@ $value:ident cow) => { Some(Cow::from($value)) };
    (@ $value:ident option) => { $value };
    (@ $value:ident option cow) => { $value.map(Cow::from) };
}

values! {
    i64 => Int(one);
    Option<i64> => Int(option);
    &'v str => Text(cow);
    &'v String => Text(cow);
    String => Text(cow);
    Option<&'v str> => Text(option cow);
    Option<String> => Text(option cow);
    &'v [u8] => Bytes(cow);
    Vec<u8> => Bytes(cow);
    Option<&'v [u8]> => Bytes(option cow);
    Option<Vec<u8>> => Bytes(option cow);
}

/// The text of a statement.
#[derive(Clone, Debug)]
enum Text {
    Constant(&'static str),
    /// Put together by this crate from constants alone.
    Built(String),
}

/// A statement with its values.
#[derive(Clone, Debug)]
pub(crate) struct Query<'v> {
    text: Text,
    values: Vec<Value<'v>>,
}

/// A statement.
pub(crate) const fn query<'v>(sql: &'static str) -> Query<'v> {
    Query { text: Text::Constant(sql), values: Vec::new() }
}

/// A statement that this crate has put together, from words of its own alone.
pub(crate) const fn built<'v>(sql: String) -> Query<'v> {
    Query { text: Text::Built(sql), values: Vec::new() }
}

/// A statement that answers with one column.
pub(crate) const fn query_scalar<'v, T>(sql: &'static str) -> Scalar<'v, T> {
    Scalar { query: query(sql), column: PhantomData }
}

/// How many rows a statement wrote.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Done(u64);

impl Done {
    pub(crate) const fn rows_affected(self) -> u64 {
        self.0
    }
}

/// The driver's own statement with its own arguments.
macro_rules! native {
    ($query:expr, $db:ty) => {{
        let text = match $query.text {
            Text::Constant(sql) => sql.into_sql_str(),
            Text::Built(sql) => AssertSqlSafe(sql).into_sql_str(),
        };
        let mut native = sqlx::query::<$db>(text);
        for value in $query.values {
            native = match value {
                Value::Int(number) => native.bind(number),
                Value::Text(text) => native.bind(text.map(Cow::into_owned)),
                Value::Bytes(bytes) => native.bind(bytes.map(Cow::into_owned)),
            };
        }
        native
    }};
}

/// Keeps in mind that a transaction has to run again, whatever its caller makes of the error.
fn noted<T>(done: Result<T, sqlx::Error>, conflict: &mut bool) -> Result<T, sqlx::Error> {
    *conflict |= done.as_ref().is_err_and(|error| meaning(error) == Meaning::Conflict);
    done
}

impl<'v> Query<'v> {
    /// Gives the next `$n` its value.
    pub(crate) fn bind(mut self, value: impl Into<Value<'v>>) -> Self {
        self.values.push(value.into());
        self
    }

    pub(crate) async fn execute(self, conn: Conn<'_>) -> Result<Done, sqlx::Error> {
        match conn {
            Conn::Sqlite(conn) => {
                native!(self, Sqlite).execute(conn).await.map(|done| Done(done.rows_affected()))
            }
            Conn::Postgres(conn, conflict) => {
                let done = noted(native!(self, Postgres).execute(conn).await, conflict)?;
                Ok(Done(done.rows_affected()))
            }
        }
    }

    pub(crate) async fn fetch_all(self, conn: Conn<'_>) -> Result<Vec<DbRow>, sqlx::Error> {
        match conn {
            Conn::Sqlite(conn) => {
                let rows = native!(self, Sqlite).fetch_all(conn).await?;
                Ok(rows.into_iter().map(DbRow::Sqlite).collect())
            }
            Conn::Postgres(conn, conflict) => {
                let rows = noted(native!(self, Postgres).fetch_all(conn).await, conflict)?;
                Ok(rows.into_iter().map(DbRow::Postgres).collect())
            }
        }
    }

    pub(crate) async fn fetch_optional(self, conn: Conn<'_>) -> Result<Option<DbRow>, sqlx::Error> {
        match conn {
            Conn::Sqlite(conn) => {
                Ok(native!(self, Sqlite).fetch_optional(conn).await?.map(DbRow::Sqlite))
            }
            Conn::Postgres(conn, conflict) => {
                let row = noted(native!(self, Postgres).fetch_optional(conn).await, conflict)?;
                Ok(row.map(DbRow::Postgres))
            }
        }
    }

    /// The rows as they come, however many they are.
    pub(crate) fn stream<'c>(self, conn: Conn<'c>) -> BoxStream<'c, Result<DbRow, sqlx::Error>>
    where
        'v: 'c,
    {
        match conn {
            Conn::Sqlite(conn) => native!(self, Sqlite).fetch(conn).map_ok(DbRow::Sqlite).boxed(),
            Conn::Postgres(conn, _) => {
                native!(self, Postgres).fetch(conn).map_ok(DbRow::Postgres).boxed()
            }
        }
    }

    pub(crate) async fn fetch_one(self, conn: Conn<'_>) -> Result<DbRow, sqlx::Error> {
        self.fetch_optional(conn).await?.ok_or(sqlx::Error::RowNotFound)
    }
}

/// A statement that answers with one column.
#[derive(Clone, Debug)]
pub(crate) struct Scalar<'v, T> {
    query: Query<'v>,
    column: PhantomData<fn() -> T>,
}

impl<'v, T: Field> Scalar<'v, T> {
    /// Gives the next `$n` its value.
    pub(crate) fn bind(mut self, value: impl Into<Value<'v>>) -> Self {
        self.query = self.query.bind(value);
        self
    }

    pub(crate) async fn fetch_one(self, conn: Conn<'_>) -> Result<T, sqlx::Error> {
        self.query.fetch_one(conn).await?.first()
    }

    pub(crate) async fn fetch_optional(self, conn: Conn<'_>) -> Result<Option<T>, sqlx::Error> {
        self.query.fetch_optional(conn).await?.map(|row| row.first()).transpose()
    }
}

/// How many values one statement has at most; both databases take more.
const VALUES_MAX: usize = 16_000;
/// How many rows one statement has: few sizes, so that few statements are prepared.
const SIZES: [usize; 9] = [512, 128, 64, 32, 16, 8, 4, 2, 1];

/// Runs a statement with one row of values, `… VALUES ($1, $2) …`, for many rows with few statements.
/// Returns how many rows were written.
pub(crate) async fn for_each(
    mut conn: Conn<'_>,
    statement: &str,
    rows: Vec<Vec<Value<'_>>>,
) -> Result<u64, sqlx::Error> {
    let columns = rows.first().map_or(1, Vec::len);
    let (mut left, mut rows, mut written) = (rows.len(), rows.into_iter(), 0);
    for size in SIZES {
        if size > 1 && size * columns > VALUES_MAX {
            continue;
        }
        while left >= size {
            let values = rows.by_ref().take(size).flatten().collect();
            let text = Text::Built(repeated(statement, columns, size, Parameter::of(&conn)));
            let query = Query { text, values };
            written += query.execute(conn.again()).await?.rows_affected();
            left -= size;
        }
    }
    Ok(written)
}

/// How a statement for many rows writes its parameters. SQLite keeps the names of all of them in one
/// list and its driver looks each one up: thousands of numbered ones take longer to find than to
/// bind. Nameless ones have no names to look up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Parameter {
    Nameless,
    Numbered,
}

impl Parameter {
    const fn of(conn: &Conn<'_>) -> Self {
        match conn {
            Conn::Sqlite(_) => Self::Nameless,
            Conn::Postgres(..) => Self::Numbered,
        }
    }

    fn write(self, text: &mut String, number: usize) {
        use std::fmt::Write as _;
        match self {
            Self::Nameless => text.push('?'),
            // Writing to a String does not fail.
            Self::Numbered => drop(write!(text, "${number}")),
        }
    }
}

/// Runs a statement that is written for one row once for each few hundred `rows`, and gives back what
/// it answers: `… IN ($1)` becomes a longer list, `VALUES ($1, $2)` more rows.
///
/// The last row is repeated up to one of few sizes, so that few statements are prepared: that must
/// change nothing in what the statement does.
pub(crate) async fn fetch_rows(
    mut conn: Conn<'_>,
    sql: &'static str,
    rows: &[Vec<Value<'_>>],
) -> Result<Vec<DbRow>, sqlx::Error> {
    let columns = rows.first().map_or(1, Vec::len);
    let mut found = Vec::new();
    for part in rows.chunks(SIZES[0].min(VALUES_MAX / columns)) {
        let enough = SIZES.iter().rev().find(|size| **size >= part.len());
        let size = enough.copied().unwrap_or(part.len());
        let Some(last) = part.last() else { continue };
        let padding = std::iter::repeat_n(last, size - part.len());
        let values = part.iter().chain(padding).flatten().cloned().collect();
        let text = Text::Built(repeated(sql, columns, size, Parameter::of(&conn)));
        let query = Query { text, values };
        found.extend(query.fetch_all(conn.again()).await?);
    }
    Ok(found)
}

/// The statement for so many rows. The parameters of a row stand in their order, each once.
fn repeated(sql: &str, columns: usize, rows: usize, parameter: Parameter) -> String {
    if let Some((head, tail)) = sql.split_once("IN ($1)") {
        let mut list = format!("{head}IN (");
        for number in 1..=rows {
            if number > 1 {
                list.push_str(", ");
            }
            parameter.write(&mut list, number);
        }
        return list + ")" + tail;
    }
    let Some((head, rest)) = sql.split_once("VALUES (") else { return sql.to_owned() };
    // To the parenthesis that closes the row; a cast has parentheses of its own.
    let mut depth = 1_u32;
    let end = rest.find(|c| {
        depth = match c {
            '(' => depth + 1,
            ')' => depth - 1,
            _ => depth,
        };
        depth == 0
    });
    let (row, tail) = rest.split_at(end.unwrap_or(rest.len()));
    let mut text = format!("{head}VALUES (");
    for number in 0..rows {
        if number > 0 {
            text.push_str("), (");
        }
        let mut pieces = row.split('$');
        text.push_str(pieces.next().unwrap_or_default());
        for (column, piece) in pieces.enumerate() {
            parameter.write(&mut text, number * columns + column + 1);
            text.push_str(piece.trim_start_matches(|c: char| c.is_ascii_digit()));
        }
    }
    text + tail
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_for_one_row_is_repeated_for_many() {
        assert_eq!(
            repeated("SELECT 1 WHERE a IN ($1) AND b", 1, 3, Parameter::Numbered),
            "SELECT 1 WHERE a IN ($1, $2, $3) AND b"
        );
        let update = "UPDATE t SET a = 1 FROM (VALUES ($1, CAST($2 AS BYTEA))) AS n";
        assert_eq!(
            repeated(update, 2, 2, Parameter::Numbered),
            "UPDATE t SET a = 1 FROM (VALUES ($1, CAST($2 AS BYTEA)), ($3, CAST($4 AS BYTEA))) AS n"
        );
        assert_eq!(
            repeated(update, 2, 2, Parameter::Nameless),
            "UPDATE t SET a = 1 FROM (VALUES (?, CAST(? AS BYTEA)), (?, CAST(? AS BYTEA))) AS n"
        );
    }
}
