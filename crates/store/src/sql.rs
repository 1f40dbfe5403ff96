//! Statements that run on either database: written once, bound once, read once.
//!
//! A [`Query`] is a statement with its values; which driver takes it is decided by the connection that
//! it is run on. Values have three shapes, which both databases have: 64-bit numbers, text, bytes.

use std::borrow::Cow;
use std::marker::PhantomData;

use futures_util::stream::{BoxStream, StreamExt as _, TryStreamExt as _};
use sqlx::postgres::{PgConnection, PgRow, Postgres};
use sqlx::{AssertSqlSafe, Column as _, Decode, Row as _, SqlSafeStr as _, Type, TypeInfo as _};

use crate::dialect::{Meaning, meaning};
use crate::error::SqlError;
use crate::file::{self, FileRow, Lent, Pace};

/// A connection to one of the databases.
#[derive(Debug)]
pub enum Conn<'c> {
    /// A file, and where its statements may run.
    File(&'c mut Lent, Pace),
    /// A server, and where to note that it wants the transaction to run again.
    Postgres(&'c mut PgConnection, &'c mut bool),
}

impl Conn<'_> {
    /// The same connection, for one statement among several.
    pub(crate) fn again(&mut self) -> Conn<'_> {
        match self {
            Self::File(conn, pace) => Conn::File(conn, *pace),
            Self::Postgres(conn, conflict) => Conn::Postgres(conn, conflict),
        }
    }
}

/// A row of one of the databases.
pub(crate) enum DbRow {
    /// Of a file.
    File(FileRow),
    /// Of a server.
    Postgres(PgRow),
}

/// What is read from a column of either database.
pub(crate) trait Field: for<'r> Decode<'r, Postgres> + Type<Postgres> {
    /// What a file's column has, if it is of this kind.
    fn of(value: &Value<'static>) -> Option<Self>
    where
        Self: Sized;
}

impl Field for i64 {
    fn of(value: &Value<'static>) -> Option<Self> {
        if let Value::Int(number) = value { *number } else { None }
    }
}

impl Field for String {
    fn of(value: &Value<'static>) -> Option<Self> {
        if let Value::Text(Some(text)) = value { Some(text.clone().into_owned()) } else { None }
    }
}

impl Field for Vec<u8> {
    fn of(value: &Value<'static>) -> Option<Self> {
        if let Value::Bytes(Some(bytes)) = value { Some(bytes.clone().into_owned()) } else { None }
    }
}

impl<T: Field> Field for Option<T>
where
    Self: for<'r> Decode<'r, Postgres> + Type<Postgres>,
{
    fn of(value: &Value<'static>) -> Option<Self> {
        if value.is_null() { Some(None) } else { T::of(value).map(Some) }
    }
}

impl DbRow {
    /// The column of this name.
    pub(crate) fn field<T: Field>(&self, column: &str) -> Result<T, SqlError> {
        match self {
            Self::File(row) => T::of(row.value(column)?).ok_or(SqlError::Shape),
            Self::Postgres(row) => Ok(row.try_get(column)?),
        }
    }

    /// The names of its columns.
    pub(crate) fn columns(&self) -> Vec<String> {
        match self {
            Self::File(row) => row.columns().iter().map(ToString::to_string).collect(),
            Self::Postgres(row) => row.columns().iter().map(|one| one.name().to_owned()).collect(),
        }
    }

    /// Its columns as values of another statement.
    pub(crate) fn values(&self) -> Result<Vec<Value<'static>>, SqlError> {
        match self {
            Self::File(row) => Ok(row.values().to_vec()),
            Self::Postgres(row) => {
                let kinds = row.columns().iter().map(|one| one.type_info().name());
                kinds.enumerate().map(|(at, kind)| value(row, at, kind)).collect()
            }
        }
    }

    /// The first column.
    fn first<T: Field>(&self) -> Result<T, SqlError> {
        match self {
            Self::File(row) => row.values().first().and_then(T::of).ok_or(SqlError::Shape),
            Self::Postgres(row) => Ok(row.try_get(0)?),
        }
    }
}

/// A server's column by the name of its type.
fn value(row: &PgRow, at: usize, kind: &str) -> Result<Value<'static>, SqlError> {
    Ok(match kind {
        "INT8" => Value::Int(row.try_get(at)?),
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

impl Value<'_> {
    const fn is_null(&self) -> bool {
        matches!(self, Self::Int(None) | Self::Text(None) | Self::Bytes(None))
    }

    fn into_owned(self) -> Value<'static> {
        match self {
            Self::Int(number) => Value::Int(number),
            Self::Text(text) => Value::Text(text.map(|text| Cow::Owned(text.into_owned()))),
            Self::Bytes(bytes) => Value::Bytes(bytes.map(|bytes| Cow::Owned(bytes.into_owned()))),
        }
    }
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

impl Text {
    fn as_str(&self) -> &str {
        match self {
            Self::Constant(sql) => sql,
            Self::Built(sql) => sql,
        }
    }
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

/// The statement of PostgreSQL's driver, with its own arguments.
macro_rules! native {
    ($query:expr) => {{
        let text = match $query.text {
            Text::Constant(sql) => sql.into_sql_str(),
            Text::Built(sql) => AssertSqlSafe(sql).into_sql_str(),
        };
        let mut native = sqlx::query::<Postgres>(text);
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
fn noted<T>(done: Result<T, sqlx::Error>, conflict: &mut bool) -> Result<T, SqlError> {
    let done = done.map_err(SqlError::from);
    *conflict |= done.as_ref().is_err_and(|error| meaning(error) == Meaning::Conflict);
    done
}

impl<'v> Query<'v> {
    /// Gives the next `$n` its value.
    pub(crate) fn bind(mut self, value: impl Into<Value<'v>>) -> Self {
        self.values.push(value.into());
        self
    }

    pub(crate) async fn execute(self, conn: Conn<'_>) -> Result<Done, SqlError> {
        match conn {
            Conn::File(conn, pace) => {
                let written = || conn.conn()?.execute(self.text.as_str(), &self.values);
                pace.run(written).map(Done)
            }
            Conn::Postgres(conn, conflict) => {
                let done = noted(native!(self).execute(conn).await, conflict)?;
                Ok(Done(done.rows_affected()))
            }
        }
    }

    pub(crate) async fn fetch_all(self, conn: Conn<'_>) -> Result<Vec<DbRow>, SqlError> {
        match conn {
            Conn::File(conn, pace) => self.fetch(conn, pace, usize::MAX),
            Conn::Postgres(conn, conflict) => {
                let rows = noted(native!(self).fetch_all(conn).await, conflict)?;
                Ok(rows.into_iter().map(DbRow::Postgres).collect())
            }
        }
    }

    pub(crate) async fn fetch_optional(self, conn: Conn<'_>) -> Result<Option<DbRow>, SqlError> {
        match conn {
            Conn::File(conn, pace) => Ok(self.fetch(conn, pace, 1)?.pop()),
            Conn::Postgres(conn, conflict) => {
                let row = noted(native!(self).fetch_optional(conn).await, conflict)?;
                Ok(row.map(DbRow::Postgres))
            }
        }
    }

    fn fetch(&self, conn: &Lent, pace: Pace, most: usize) -> Result<Vec<DbRow>, SqlError> {
        let rows = pace.run(|| conn.conn()?.fetch(self.text.as_str(), &self.values, most))?;
        Ok(rows.into_iter().map(DbRow::File).collect())
    }

    /// Shows each row of a file where it lies.
    pub(crate) fn visit(
        &self,
        conn: &Lent,
        see: impl FnMut(&rusqlite::Row<'_>) -> Result<(), SqlError>,
    ) -> Result<(), SqlError> {
        conn.conn()?.visit(self.text.as_str(), &self.values, see)
    }

    /// The rows as they come, however many they are.
    pub(crate) fn stream<'c>(self, conn: Conn<'c>) -> BoxStream<'c, Result<DbRow, SqlError>>
    where
        'v: 'c,
    {
        match conn {
            Conn::File(conn, _) => {
                let values = self.values.into_iter().map(Value::into_owned).collect();
                let rows = file::stream(conn, self.text.as_str().to_owned(), values);
                rows.map_ok(DbRow::File).boxed()
            }
            Conn::Postgres(conn, _) => {
                let rows = native!(self).fetch(conn);
                rows.map_ok(DbRow::Postgres).map_err(SqlError::from).boxed()
            }
        }
    }

    pub(crate) async fn fetch_one(self, conn: Conn<'_>) -> Result<DbRow, SqlError> {
        self.fetch_optional(conn).await?.ok_or(SqlError::NoRow)
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

    pub(crate) async fn fetch_one(self, conn: Conn<'_>) -> Result<T, SqlError> {
        self.query.fetch_one(conn).await?.first()
    }

    pub(crate) async fn fetch_optional(self, conn: Conn<'_>) -> Result<Option<T>, SqlError> {
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
) -> Result<u64, SqlError> {
    if let Conn::File(conn, pace) = conn {
        // It is prepared once, and the next row costs no way to anywhere.
        return pace.run(|| conn.conn()?.execute_each(statement, &rows));
    }
    let columns = rows.first().map_or(1, Vec::len);
    let (mut left, mut rows, mut written) = (rows.len(), rows.into_iter(), 0);
    for size in SIZES {
        if size > 1 && size * columns > VALUES_MAX {
            continue;
        }
        while left >= size {
            let values = rows.by_ref().take(size).flatten().collect();
            let text = Text::Built(repeated(statement, columns, size, Parameter::Numbered));
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
            Conn::File(..) => Self::Nameless,
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
) -> Result<Vec<DbRow>, SqlError> {
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
