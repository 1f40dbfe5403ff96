//! Who did what: rows written in the transaction that they describe.

use serde_json::Value as Json;
use skink_model::{AuditRow, Stamp};

use crate::row::{self, Columns};
use crate::sql::{DbRow, Value, for_each, query};
use crate::tx::Connected;
use crate::{Reader, StoreError, Tx};

pub(crate) const INSERT: &str =
    "INSERT INTO audit (at, actor, action, subject, detail) VALUES ($1, $2, $3, $4, $5)";
const AFTER: &str = "SELECT id, at, actor, action, subject, detail FROM audit
    WHERE id > $1 ORDER BY id LIMIT $2";
const BY_SUBJECT: &str = "SELECT id, at, actor, action, subject, detail FROM audit
    WHERE subject = $1 AND id > $2 ORDER BY id LIMIT $3";

/// Records that `stamp.actor` did `action` (`certificate.revoke`) to `subject`.
///
/// The functions of this crate that change what people care about call it themselves; a use case
/// adds what only it knows. No secret belongs in `detail`.
pub async fn record(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    action: &str,
    subject: &str,
    detail: &Json,
) -> Result<(), StoreError> {
    query(INSERT)
        .bind(stamp.at.as_millis())
        .bind(stamp.actor.to_string())
        .bind(action)
        .bind(subject)
        .bind(detail.to_string())
        .execute(tx.conn())
        .await
        .map_err(StoreError::query)?;
    Ok(())
}

/// The same of many subjects: who and when, to what, and what there is to tell.
pub(crate) async fn record_many(
    tx: &mut Tx<'_>,
    action: &str,
    rows: impl Iterator<Item = (&Stamp, &str, Json)>,
) -> Result<(), StoreError> {
    let rows = rows.map(|(stamp, subject, detail)| {
        vec![
            Value::from(stamp.at.as_millis()),
            stamp.actor.to_string().into(),
            action.into(),
            subject.into(),
            detail.to_string().into(),
        ]
    });
    let done = for_each(tx.conn(), INSERT, rows.collect()).await;
    done.map(drop).map_err(StoreError::query)
}

/// Rows after number `after`, oldest first.
pub async fn after(
    r: &mut impl Reader,
    after: u64,
    limit: u32,
) -> Result<Vec<AuditRow>, StoreError> {
    let rows = query(AFTER)
        .bind(row::int(after))
        .bind(i64::from(limit))
        .fetch_all(r.conn())
        .await
        .map_err(StoreError::query)?;
    row::all(&rows, read)
}

/// Rows about `subject` after number `after`, oldest first.
pub async fn of_subject(
    r: &mut impl Reader,
    subject: &str,
    after: u64,
    limit: u32,
) -> Result<Vec<AuditRow>, StoreError> {
    let rows = query(BY_SUBJECT)
        .bind(subject)
        .bind(row::int(after))
        .bind(i64::from(limit))
        .fetch_all(r.conn())
        .await
        .map_err(StoreError::query)?;
    row::all(&rows, read)
}

fn read(row: &DbRow) -> Result<AuditRow, StoreError> {
    Ok(AuditRow {
        id: row.number("id")?,
        at: row.time("at")?,
        actor: row.string("actor")?,
        action: row.string("action")?,
        subject: row.string("subject")?,
        detail: row.json("detail")?,
    })
}
