//! PostgreSQL.

use std::str::FromStr as _;

use async_trait::async_trait;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions, PgRow};
use sqlx::{AssertSqlSafe, PgConnection, Row as _};

use super::{Column, failed, named, quoted};
use crate::source::{Change, Found, Object, Replaced, Source, SourceError};

/// As many as batches are under way at most, as a rule.
const CONNECTIONS: u32 = 8;

const LOOK: &str = "SELECT a.attname::text AS name, format_type(a.atttypid, a.atttypmod) AS type, \
    a.attnotnull AND EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = a.attrelid \
    AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indnkeyatts = 1 \
    AND i.indkey[0] = a.attnum) AS names_a_row \
    FROM pg_attribute a WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 \
    AND NOT a.attisdropped AND a.attname = ANY($2)";

/// A column of a PostgreSQL database.
pub struct PostgresColumn {
    pool: PgPool,
    name: String,
    count: String,
    page: String,
    first: String,
    one: String,
    update: String,
}

impl PostgresColumn {
    /// Connects to `postgres://USER@HOST/DATABASE?table=T&column=C&key=K`. What the URL leaves out
    /// comes from `PGHOST`, `PGPASSWORD`, `~/.pgpass` and the like.
    pub async fn open(url: &str) -> Result<Self, SourceError> {
        let (base, column) = Column::parse(url)?;
        let name = format!("{} {}.{}", named(url), column.table, column.column);
        let bad = |why: &str| SourceError::BadTarget { target: name.clone(), why: why.to_owned() };
        // The reason might repeat the password.
        let options = PgConnectOptions::from_str(&base);
        let options = options.map_err(|_| bad("it is no URL of a PostgreSQL database"))?;
        let pool = PgPoolOptions::new().max_connections(CONNECTIONS).connect_with(options).await;
        let pool = pool.map_err(failed("connecting to the database"))?;
        let table = column.quoted_table();
        let names = vec![column.column.clone(), column.key.clone()];
        let rows = sqlx::query(LOOK).bind(&table).bind(names).fetch_all(&pool).await;
        let rows = rows.map_err(failed("looking at the table"))?;
        let described = |name: &str| {
            let row = rows.iter().find(|row| row.get::<String, _>("name") == name)?;
            Some((row.get::<String, _>("type"), row.get::<bool, _>("names_a_row")))
        };
        let missing = || bad("there is no such table, or no such column in it");
        let (held, _) = described(&column.column).ok_or_else(missing)?;
        let (kind, names_a_row) = described(&column.key).ok_or_else(missing)?;
        if !names_a_row {
            return Err(bad("the key must be NOT NULL and have a unique index of its own"));
        }
        let binary = held == "bytea";
        if !binary && held != "text" && !held.starts_with("character varying") {
            return Err(bad("a column of ciphertexts is text, varchar or bytea"));
        }
        Ok(Self::with(pool, name, &column, &kind, binary))
    }

    fn with(pool: PgPool, name: String, column: &Column, kind: &str, binary: bool) -> Self {
        let (table, held, key) =
            (column.quoted_table(), quoted(&column.column), quoted(&column.key));
        let read = if binary { held.clone() } else { format!("convert_to({held}, 'UTF8')") };
        let value = |parameter: &str| {
            if binary {
                format!("{parameter}::bytea")
            } else {
                format!("convert_from({parameter}::bytea, 'UTF8')")
            }
        };
        // Without the alias ORDER BY would mean the text, by the output's name.
        let select = format!(
            "SELECT {key}::text AS row_key, {read} AS held FROM {table} AS t WHERE {held} IS NOT NULL"
        );
        let is = format!("CAST($1::text AS {kind})");
        Self {
            pool,
            name,
            count: format!("SELECT count(*) FROM {table} WHERE {held} IS NOT NULL"),
            first: format!("{select} ORDER BY t.{key} LIMIT $1"),
            page: format!("{select} AND t.{key} > {is} ORDER BY t.{key} LIMIT $2"),
            one: format!("{select} AND t.{key} = {is}"),
            update: format!(
                "UPDATE {table} SET {held} = {} WHERE {key} = {is} AND {held} = {}",
                value("$2"),
                value("$3")
            ),
        }
    }

    async fn change(
        &self,
        connection: &mut PgConnection,
        change: &Change,
    ) -> Result<Replaced, SourceError> {
        let changed = sqlx::query(AssertSqlSafe(self.update.as_str()))
            .bind(&change.id)
            .bind(&change.new)
            .bind(&change.old.bytes)
            .execute(connection)
            .await
            .map_err(failed("changing a row"))?;
        Ok(if changed.rows_affected() == 1 { Replaced::Done } else { Replaced::Changed })
    }

    /// All of them in one transaction, or none.
    async fn change_all(&self, changes: &[Change]) -> Result<Vec<Replaced>, SourceError> {
        let mut tx = self.pool.begin().await.map_err(failed("beginning a transaction"))?;
        let mut replaced = Vec::with_capacity(changes.len());
        for change in changes {
            replaced.push(self.change(&mut tx, change).await?);
        }
        tx.commit().await.map_err(failed("committing"))?;
        Ok(replaced)
    }
}

fn object(row: &PgRow) -> Object {
    let found = Found { bytes: row.get(1), mark: None };
    Object { id: row.get(0), found: Some(found) }
}

#[async_trait]
impl Source for PostgresColumn {
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
            Some(id) => sqlx::query(AssertSqlSafe(self.page.as_str())).bind(id).bind(limit),
        };
        let rows = rows.fetch_all(&self.pool).await.map_err(failed("reading rows"))?;
        Ok(rows.iter().map(object).collect())
    }

    async fn read(&self, id: &str) -> Result<Option<Found>, SourceError> {
        let row = sqlx::query(AssertSqlSafe(self.one.as_str())).bind(id);
        let row = row.fetch_optional(&self.pool).await.map_err(failed("reading a row"))?;
        Ok(row.as_ref().and_then(|row| object(row).found))
    }

    /// In one transaction; if that fails, each in one of its own, so that one row that its table
    /// refuses keeps no other back.
    async fn replace(&self, mut changes: Vec<Change>) -> Vec<Result<Replaced, SourceError>> {
        // Two batches never wait for each other's rows in a circle.
        let mut order: Vec<usize> = (0..changes.len()).collect();
        order.sort_by_key(|index| changes.get(*index).map(|change| &change.id));
        changes.sort_by(|one, other| one.id.cmp(&other.id));
        let sorted: Vec<Result<Replaced, SourceError>> =
            if let Ok(replaced) = self.change_all(&changes).await {
                replaced.into_iter().map(Ok).collect()
            } else {
                let mut replaced = Vec::with_capacity(changes.len());
                for change in &changes {
                    let one = self.change_all(std::slice::from_ref(change)).await;
                    replaced.push(one.map(|one| one.first().copied().unwrap_or(Replaced::Changed)));
                }
                replaced
            };
        let mut results: Vec<(usize, _)> = order.into_iter().zip(sorted).collect();
        results.sort_by_key(|(index, _)| *index);
        results.into_iter().map(|(_, result)| result).collect()
    }
}
