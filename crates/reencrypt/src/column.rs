//! Columns of databases that are somebody else's.
//!
//! Statements name tables and columns that a person gave, so names are quoted, and everything else
//! is bound. Rows are found page by page along a key that must be unique, and each is changed only
//! where the old ciphertext still stands in it.

use crate::source::SourceError;

mod postgres;
mod sqlite;

pub use postgres::PostgresColumn;
pub use sqlite::SqliteColumn;

/// A column, and the key that its rows are found by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The table, perhaps after its schema and a dot.
    pub table: String,
    /// The column of ciphertexts.
    pub column: String,
    /// The column that names a row.
    pub key: String,
}

impl Column {
    /// The database's own URL, and the column that the rest of the query names:
    /// `…?table=T&column=C&key=K`.
    pub(crate) fn parse(url: &str) -> Result<(String, Self), SourceError> {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let target = || named(url);
        let bad = |why: &str| SourceError::BadTarget { target: target(), why: why.to_owned() };
        let (mut table, mut column, mut key, mut rest) = (None, None, None, Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let into = match name {
                "table" => &mut table,
                "column" => &mut column,
                "key" => &mut key,
                _ => {
                    rest.push(pair);
                    continue;
                }
            };
            if value.contains(['%', '+', '\0']) || value.is_empty() {
                return Err(bad("names of tables and columns are written as they are"));
            }
            *into = Some(value.to_owned());
        }
        let missing = || bad("name a column: ?table=TABLE&column=COLUMN&key=UNIQUE-COLUMN");
        let (Some(table), Some(column), Some(key)) = (table, column, key) else {
            return Err(missing());
        };
        let query = if rest.is_empty() { String::new() } else { format!("?{}", rest.join("&")) };
        Ok((format!("{base}{query}"), Self { table, column, key }))
    }

    /// The table's name, quoted.
    fn quoted_table(&self) -> String {
        self.table.split('.').map(quoted).collect::<Vec<_>>().join(".")
    }
}

/// A name as SQL has it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A target without what may be secret in it: user, password, parameters.
fn named(url: &str) -> String {
    let base = url.split('?').next().unwrap_or_default();
    match base.split_once("://") {
        Some((scheme, rest)) => {
            let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
            format!("{scheme}://{place}")
        }
        None => base.to_owned(),
    }
}

fn failed(what: &'static str) -> impl FnOnce(sqlx::Error) -> SourceError {
    move |source| SourceError::Database { what, source: Box::new(source) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_names_a_column_and_hides_its_password() {
        let url = "postgres://me:secret@db:5432/shop?sslmode=require&table=a.b&column=c&key=id";
        let (base, column) = Column::parse(url).unwrap();
        assert_eq!(base, "postgres://me:secret@db:5432/shop?sslmode=require");
        assert_eq!(column.quoted_table(), "\"a\".\"b\"");
        assert_eq!(named(url), "postgres://db:5432/shop");
        assert_eq!(quoted("a\"; drop"), "\"a\"\"; drop\"");
        for bad in ["", "?table=t&column=c", "?table=t&column=c&key=", "?table=%61&column=c&key=k"]
        {
            let refused = Column::parse(&format!("postgres://me:secret@db/shop{bad}"));
            let said = refused.unwrap_err().to_string();
            assert!(!said.contains("secret"), "{said}");
        }
    }
}
