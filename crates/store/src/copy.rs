//! A whole database, row by row, into an empty one of either kind.

use std::path::Path;

use futures_util::TryStreamExt as _;
use skink_model::Time;
use tokio::runtime::Handle;

use crate::row::Columns as _;
use crate::sql::{self, DbRow, Value, for_each};
use crate::tx::Connected as _;
use crate::{Place, Snapshot, Store, StoreError, Tx, restored};

/// Every table, those that others point at first.
const TABLES: [&str; 40] = [
    "setting",
    "counter",
    "journal",
    "audit",
    "operator",
    "issuer",
    "authority",
    "signing_key",
    "blocked_key",
    "certificate",
    "certificate_der",
    "revocation",
    "wanted_serial",
    "attempt",
    "crl_scope",
    "crl",
    "crl_chunk",
    "token",
    "agent",
    "agent_key",
    "endpoint",
    "package",
    "part",
    "ack",
    "barrier_proof",
    "distrust_proof",
    "peer_seen",
    "crl_read",
    "incident",
    "approval",
    "effect",
    "waiver",
    "notice",
    "evidence",
    "ceremony",
    "kit",
    "kit_share",
    "escrow",
    "root_list_seen",
    "renew_order",
];

/// Parents before their children.
const AUTHORITIES: &str = "WITH RECURSIVE line (id, depth) AS (
        SELECT id, 0 FROM authority WHERE parent IS NULL
        UNION ALL SELECT a.id, l.depth + 1 FROM authority a JOIN line l ON a.parent = l.id)
    SELECT a.* FROM authority a JOIN line l ON l.id = a.id ORDER BY l.depth, a.id";
/// The next row of the audit trail follows those that were copied.
const SERVER_GO_ON: &str = "SELECT setval(pg_get_serial_sequence('audit', 'id'),
    (SELECT coalesce(max(id), 0) + 1 FROM audit), false)";

/// How many rows are in memory at a time; lists and packages are large rows.
const CHUNK: usize = 512;
const LARGE_ROWS: usize = 4;

/// What was copied of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// The table.
    pub table: &'static str,
    /// How many rows it has.
    pub rows: u64,
}

/// Copies everything but leases from `from`, as it is at one moment, into `to`, in one transaction:
/// all of it is there in the end, or nothing.
///
/// `to` must be empty. `told` hears of each table that is through, perhaps again from the beginning
/// when the database asks for another try.
pub async fn everything(
    from: &Store,
    to: &Store,
    told: impl Fn(&Copied) + Send + Sync,
) -> Result<Vec<Copied>, StoreError> {
    copied(from, to, None, &told).await
}

/// The same from a backup that was taken at `taken_at`, if it does not say so itself: every list is
/// held then (see [`restored`]).
pub async fn restore(
    from: &Store,
    to: &Store,
    taken_at: Time,
    told: impl Fn(&Copied) + Send + Sync,
) -> Result<Vec<Copied>, StoreError> {
    copied(from, to, Some(taken_at), &told).await
}

async fn copied(
    from: &Store,
    to: &Store,
    taken_at: Option<Time>,
    told: &(impl Fn(&Copied) + Send + Sync),
) -> Result<Vec<Copied>, StoreError> {
    to.run_tx("copy", move |tx| {
        Box::pin(async move {
            let mut source = from.read().await?;
            let mut done = Vec::new();
            for table in TABLES {
                refuse_rows(tx, to, table).await?;
            }
            for table in TABLES {
                let copied = Copied { table, rows: copy(&mut source, tx, table).await? };
                told(&copied);
                done.push(copied);
            }
            if let Some(taken_at) = taken_at {
                restored::hold_all(tx, taken_at).await?;
            }
            if to.is_shared() {
                let go_on = sql::query(SERVER_GO_ON).fetch_one(tx.conn()).await;
                go_on.map_err(StoreError::query)?;
            }
            Ok(done)
        })
    })
    .await
}

/// How many rows each table has.
pub async fn count(from: &Store) -> Result<Vec<Copied>, StoreError> {
    let mut source = from.read().await?;
    let mut all = Vec::with_capacity(TABLES.len());
    for table in TABLES {
        let count = sql::built(format!("SELECT count(*) AS total FROM {table}"));
        let row = count.fetch_one(source.conn()).await.map_err(StoreError::query)?;
        all.push(Copied { table, rows: row.number("total")? });
    }
    Ok(all)
}

/// Copies everything into a new file.
///
/// On a thread of its own: the compiler does not see that the drivers' futures may change theirs.
pub(crate) async fn into_file(from: &Store, path: &Path) -> Result<(), StoreError> {
    let (from, path, here) = (from.clone(), path.to_owned(), Handle::current());
    let place = Place::File(path.clone());
    let copying = tokio::task::spawn_blocking(move || {
        here.block_on(async {
            let file = Store::new_file(&path).await?;
            let copied = everything(&from, &file, |_| ()).await;
            file.close().await;
            copied.map(drop)
        })
    });
    copying.await.unwrap_or_else(|stopped| Err(place.cannot_open(stopped)))
}

async fn refuse_rows(tx: &mut Tx<'_>, to: &Store, table: &str) -> Result<(), StoreError> {
    let any = sql::built(format!("SELECT 1 FROM {table} LIMIT 1"));
    if any.fetch_optional(tx.conn()).await.map_err(StoreError::query)?.is_some() {
        return Err(StoreError::NotEmpty { place: to.place().to_string() });
    }
    Ok(())
}

async fn copy(
    source: &mut Snapshot,
    tx: &mut Tx<'_>,
    table: &'static str,
) -> Result<u64, StoreError> {
    let all = match table {
        "authority" => sql::query(AUTHORITIES),
        _ => sql::built(format!("SELECT * FROM {table}")),
    };
    let most = if ["crl_chunk", "part", "package"].contains(&table) { LARGE_ROWS } else { CHUNK };
    let (mut written, mut waiting) = (0, Vec::new());
    let mut rows = all.stream(source.conn());
    while let Some(row) = rows.try_next().await.map_err(StoreError::query)? {
        waiting.push(row);
        if waiting.len() == most {
            written += write(tx, table, std::mem::take(&mut waiting)).await?;
        }
    }
    Ok(written + write(tx, table, waiting).await?)
}

async fn write(tx: &mut Tx<'_>, table: &str, rows: Vec<DbRow>) -> Result<u64, StoreError> {
    let Some(first) = rows.first() else { return Ok(0) };
    let columns = first.columns();
    let values: Vec<String> = (1..=columns.len()).map(|number| format!("${number}")).collect();
    let (columns, values) = (columns.join(", "), values.join(", "));
    let insert = format!("INSERT INTO {table} ({columns}) VALUES ({values})");
    let values: Result<Vec<Vec<Value<'_>>>, _> = rows.iter().map(DbRow::values).collect();
    let values = values.map_err(StoreError::query)?;
    for_each(tx.conn(), &insert, values).await.map_err(StoreError::query)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::query;

    const FILE_NAMES: &str = "SELECT name FROM sqlite_schema WHERE type = 'table'
        AND name NOT LIKE 'sqlite%' AND name <> '_sqlx_migrations' AND name <> 'lease'";

    #[tokio::test]
    async fn no_table_is_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("skink.db")).await.unwrap();
        let mut r = store.read().await.unwrap();
        let rows = query(FILE_NAMES).fetch_all(r.conn()).await.unwrap();
        let mut there: Vec<String> = rows.iter().map(|row| row.field("name").unwrap()).collect();
        let mut copied: Vec<String> = TABLES.into_iter().map(ToOwned::to_owned).collect();
        there.sort();
        copied.sort();
        assert_eq!(there, copied);
    }
}
