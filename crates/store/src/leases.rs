//! Leases: who acts for something right now. A fencing number tells a late holder from the present.

use skink_model::{Lease, Time};

use crate::row::{self, Columns};
use crate::sql::{DbRow, query, query_scalar};
use crate::tx::Connected;
use crate::{Reader, Refusal, StoreError, Tx};

const TAKE: &str = "INSERT INTO lease (name, holder, fence, expires_at) VALUES ($1, $2, 1, $3)
    ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at,
        fence = CASE WHEN lease.holder = excluded.holder THEN lease.fence ELSE lease.fence + 1 END
    WHERE lease.holder = excluded.holder OR lease.expires_at <= $4";
const GIVE_UP: &str = "UPDATE lease SET expires_at = 0 WHERE name = $1 AND holder = $2";
const GIVE_UP_ALL: &str = "UPDATE lease SET expires_at = 0 WHERE holder = $1";
const PRESENT: &str = "SELECT count(*) FROM lease
    WHERE name LIKE 'replica/%' AND expires_at > $1";
const FIND: &str = "SELECT * FROM lease WHERE name = $1";

/// Takes or prolongs the lease on `name`, if nobody else holds it at `now`.
pub async fn take(
    tx: &mut Tx<'_>,
    now: Time,
    name: &str,
    holder: &str,
    expires_at: Time,
) -> Result<Lease, StoreError> {
    query(TAKE)
        .bind(name)
        .bind(holder)
        .bind(expires_at.as_millis())
        .bind(now.as_millis())
        .execute(tx.conn())
        .await
        .map_err(StoreError::query)?;
    let lease = find(tx, name).await?.ok_or_else(|| StoreError::not_found("lease", name))?;
    if lease.holder == holder {
        return Ok(lease);
    }
    let Lease { name, holder, expires_at: until, .. } = lease;
    Err(Refusal::Leased { name, holder, until }.into())
}

/// Refuses unless `lease` is still in force, by holder and fencing number. To be called in the
/// transaction that relies on it.
pub async fn require(r: &mut impl Reader, lease: &Lease) -> Result<(), StoreError> {
    let found = find(r, &lease.name).await?;
    if found.is_some_and(|it| it.holder == lease.holder && it.fence == lease.fence) {
        return Ok(());
    }
    Err(Refusal::LeaseLost { name: lease.name.clone() }.into())
}

/// Gives a lease up, so that the next holder need not wait.
pub async fn give_up(tx: &mut Tx<'_>, lease: &Lease) -> Result<(), StoreError> {
    let query = query(GIVE_UP).bind(lease.name.as_str()).bind(lease.holder.as_str());
    query.execute(tx.conn()).await.map(drop).map_err(StoreError::query)
}

/// Gives up every lease of a holder that goes.
pub async fn give_up_all(tx: &mut Tx<'_>, holder: &str) -> Result<(), StoreError> {
    let query = query(GIVE_UP_ALL).bind(holder);
    query.execute(tx.conn()).await.map(drop).map_err(StoreError::query)
}

/// How many servers say that they are there.
pub async fn present(r: &mut impl Reader, now: Time) -> Result<u64, StoreError> {
    let count: i64 = query_scalar(PRESENT)
        .bind(now.as_millis())
        .fetch_one(r.conn())
        .await
        .map_err(StoreError::query)?;
    u64::try_from(count).map_err(|error| row::corrupt("count", error))
}

/// The lease on `name`, in force or not.
pub async fn find(r: &mut impl Reader, name: &str) -> Result<Option<Lease>, StoreError> {
    let row = query(FIND).bind(name).fetch_optional(r.conn()).await;
    row.map_err(StoreError::query)?.as_ref().map(read).transpose()
}

fn read(row: &DbRow) -> Result<Lease, StoreError> {
    Ok(Lease {
        name: row.string("name")?,
        holder: row.string("holder")?,
        fence: row.number("fence")?,
        expires_at: row.time("expires_at")?,
    })
}
