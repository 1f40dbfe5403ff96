//! Single facts about the installation (its trust domain, its root) and numbers that only go up.

use crate::sql::{query, query_scalar};
use crate::tx::Connected;
use crate::{Reader, StoreError, Tx, row};

const SELECT: &str = "SELECT value FROM setting WHERE name = $1";
const UPSERT: &str = "INSERT INTO setting (name, value) VALUES ($1, $2)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value";
const NEXT: &str = "INSERT INTO counter (name, value) VALUES ($1, $2)
    ON CONFLICT (name) DO UPDATE SET value = CASE
        WHEN counter.value + 1 > excluded.value THEN counter.value + 1 ELSE excluded.value END
    RETURNING value";

/// The value of `name`, if it was set.
pub async fn find(r: &mut impl Reader, name: &str) -> Result<Option<String>, StoreError> {
    query_scalar(SELECT).bind(name).fetch_optional(r.conn()).await.map_err(StoreError::query)
}

/// Sets `name` to `value`.
pub async fn set(tx: &mut Tx<'_>, name: &str, value: &str) -> Result<(), StoreError> {
    let done = query(UPSERT).bind(name).bind(value).execute(tx.conn()).await;
    done.map(drop).map_err(StoreError::query)
}

/// The next number of `counter`: one above the last, and above `floor`.
pub async fn next(tx: &mut Tx<'_>, counter: &str, floor: u64) -> Result<u64, StoreError> {
    let value: i64 = query_scalar(NEXT)
        .bind(counter)
        .bind(row::int(floor.saturating_add(1)))
        .fetch_one(tx.conn())
        .await
        .map_err(StoreError::query)?;
    u64::try_from(value).map_err(|error| row::corrupt("value", error))
}
