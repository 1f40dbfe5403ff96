//! SQLite.

use async_trait::async_trait;
use sqlx::query::Query;
use sqlx::sqlite::{
    Sqlite, SqliteArguments, SqliteConnectOptions, SqlitePool, SqlitePoolOptions, SqliteRow,
};
use sqlx::{AssertSqlSafe, Row as _, SqliteConnection};

use super::{Column, failed, named, quoted};
use crate::source::{Change, Found, Object, Replaced, Source, SourceError};

const TEXT: &str = "text";
const BLOB: &str = "blob";

/// How many columns a table has by that name, and whether one that names a row is this: the only
/// one of its primary key, or with a unique index of its own.
const LOOK: &str = "SELECT \
    (SELECT count(*) FROM pragma_table_xinfo(?1) WHERE name = ?2), \
    (SELECT count(*) FROM pragma_table_xinfo(?1) WHERE name = ?3), \
    (SELECT count(*) = 1 AND max(name = ?3) FROM pragma_table_xinfo(?1) WHERE pk > 0) OR \
    EXISTS (SELECT 1 FROM pragma_index_list(?1) l WHERE l.\"unique\" AND NOT l.partial \
    AND (SELECT count(*) = 1 AND max(name = ?3) FROM pragma_index_info(l.name)))";

/// A column of an SQLite database.
pub struct SqliteColumn {
    pool: SqlitePool,
    name: String,
    count: String,
    first: String,
    page: String,
    one: String,
    update: String,
}

impl SqliteColumn {
    /// Opens `sqlite:PATH?table=T&column=C&key=K`; the key is of integers or of texts.
    pub async fn open(url: &str) -> Result<Self, SourceError> {
        let (base, column) = Column::parse(url)?;
        let path = base.strip_prefix("sqlite:").unwrap_or(&base);
        let path = path.strip_prefix("//").unwrap_or(path);
        let name = format!("{} {}.{}", named(url), column.table, column.column);
        let bad = |why: &str| SourceError::BadTarget { target: name.clone(), why: why.to_owned() };
        let options = SqliteConnectOptions::new().filename(path).create_if_missing(false);
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await;
        let pool = pool.map_err(failed("opening the database"))?;
        let looked = sqlx::query(LOOK).bind(&column.table).bind(&column.column).bind(&column.key);
        let row = looked.fetch_one(&pool).await.map_err(failed("looking at the table"))?;
        let (has_column, has_key): (i64, i64) = (row.get(0), row.get(1));
        if has_column == 0 || has_key == 0 {
            return Err(bad("there is no such table, or no such column in it"));
        }
        if row.get::<Option<i64>, _>(2).unwrap_or_default() == 0 {
            return Err(bad("the key must be unique, by itself"));
        }
        let (table, held, key) =
            (quoted(&column.table), quoted(&column.column), quoted(&column.key));
        let odd = format!(
            "SELECT EXISTS (SELECT 1 FROM {table} WHERE {held} IS NOT NULL \
             AND typeof({key}) NOT IN ('integer', 'text'))"
        );
        let odd = sqlx::query(AssertSqlSafe(odd)).fetch_one(&pool).await;
        if odd.map_err(failed("looking at the key"))?.get::<i64, _>(0) != 0 {
            return Err(bad("the key of a row is an integer or a text"));
        }
        let select = format!(
            "SELECT quote({key}), CAST({held} AS BLOB), typeof({held}) FROM {table} \
             WHERE {held} IS NOT NULL"
        );
        Ok(Self {
            pool,
            name,
            count: format!("SELECT count(*) FROM {table} WHERE {held} IS NOT NULL"),
            first: format!("{select} ORDER BY {key} LIMIT ?1"),
            page: format!("{select} AND {key} > ?1 ORDER BY {key} LIMIT ?2"),
            one: format!("{select} AND {key} = ?1"),
            update: format!("UPDATE {table} SET {held} = ?2 WHERE {key} = ?1 AND {held} = ?3"),
        })
    }

    /// What a row's id, as SQL quotes it, is bound as.
    fn with_key<'q>(sql: &'q str, id: &str) -> Query<'q, Sqlite, SqliteArguments> {
        let query = sqlx::query(AssertSqlSafe(sql));
        match id.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')) {
            Some(text) => query.bind(text.replace("''", "'")),
            None => query.bind(id.parse::<i64>().ok()),
        }
    }

    async fn change(
        &self,
        connection: &mut SqliteConnection,
        change: &Change,
    ) -> Result<Replaced, SourceError> {
        let unfit = |why| SourceError::Unfit { id: change.id.clone(), why };
        let query = Self::with_key(&self.update, &change.id);
        let query = match change.old.mark.as_deref() {
            Some(TEXT) => {
                let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec());
                let (Ok(new), Ok(old)) = (text(&change.new), text(&change.old.bytes)) else {
                    return Err(unfit("the new ciphertext is no text"));
                };
                query.bind(new).bind(old)
            }
            Some(BLOB) => query.bind(change.new.clone()).bind(change.old.bytes.clone()),
            _ => return Err(unfit("it is neither text nor blob")),
        };
        let changed = query.execute(connection).await.map_err(failed("changing a row"))?;
        Ok(if changed.rows_affected() == 1 { Replaced::Done } else { Replaced::Changed })
    }

    async fn change_all(
        &self,
        changes: &[Change],
    ) -> Result<Vec<Result<Replaced, SourceError>>, SourceError> {
        let begun = self.pool.begin_with("BEGIN IMMEDIATE").await;
        let mut tx = begun.map_err(failed("beginning a transaction"))?;
        let mut replaced = Vec::with_capacity(changes.len());
        for change in changes {
            // A statement that fails leaves the others of the transaction as they are.
            replaced.push(self.change(&mut tx, change).await);
        }
        tx.commit().await.map_err(failed("committing"))?;
        Ok(replaced)
    }
}

fn object(row: &SqliteRow) -> Object {
    let found = Found { bytes: row.get(1), mark: Some(row.get(2)) };
    Object { id: row.get(0), found: Some(found) }
}

#[async_trait]
impl Source for SqliteColumn {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn scope(&self) -> String {
        format!("{} ", self.name)
    }

    async fn count(&self) -> Result<Option<u64>, SourceError> {
        let counted = sqlx::query(AssertSqlSafe(self.count.as_str())).fetch_one(&self.pool).await;
        let counted: i64 = counted.map_err(failed("counting rows"))?.get(0);
        Ok(u64::try_from(counted).ok())
    }

    async fn page(&self, after: Option<&str>, limit: usize) -> Result<Vec<Object>, SourceError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = match after {
            None => sqlx::query(AssertSqlSafe(self.first.as_str())).bind(limit),
            Some(id) => Self::with_key(&self.page, id).bind(limit),
        };
        let rows = rows.fetch_all(&self.pool).await.map_err(failed("reading rows"))?;
        Ok(rows.iter().map(object).collect())
    }

    async fn read(&self, id: &str) -> Result<Option<Found>, SourceError> {
        let row = Self::with_key(&self.one, id).fetch_optional(&self.pool).await;
        Ok(row.map_err(failed("reading a row"))?.as_ref().and_then(|row| object(row).found))
    }

    async fn replace(&self, changes: Vec<Change>) -> Vec<Result<Replaced, SourceError>> {
        match self.change_all(&changes).await {
            Ok(replaced) => replaced,
            Err(error) => {
                let why = skink_model::with_causes(&error);
                let again =
                    || SourceError::Database { what: "changing rows", source: why.clone().into() };
                changes.iter().map(|_| Err(again())).collect()
            }
        }
    }
}
