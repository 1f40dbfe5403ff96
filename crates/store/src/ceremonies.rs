//! Ceremonies: file exchanges with the offline root, each response taken once.

use serde_json::json;
use skink_model::{Ceremony, CeremonyState, Stamp};
use skink_x509::Fingerprint;

use crate::row::{self, Columns};
use crate::sql::{DbRow, query};
use crate::tx::Connected;
use crate::{Reader, Refusal, StoreError, Tx, audit, journal, settings};

/// The counter that numbers ceremonies.
pub const COUNTER: &str = "ceremony";

const INSERT: &str = "INSERT INTO ceremony
    (id, number, state, request_digest, request, requested_at)
    VALUES ($1, $2, 'requested', $3, $4, $5)";
const IMPORT: &str = "UPDATE ceremony
    SET state = 'imported', response_digest = $3, imported_at = $4
    WHERE id = $1 AND request_digest = $2 AND state = 'requested'";
const ABANDON: &str =
    "UPDATE ceremony SET state = 'abandoned' WHERE id = $1 AND state = 'requested'";
const BY_ID: &str = "SELECT * FROM ceremony WHERE id = $1";
const ALL: &str = "SELECT * FROM ceremony ORDER BY number DESC";

/// The next ceremony's number.
pub async fn next_number(tx: &mut Tx<'_>) -> Result<u64, StoreError> {
    settings::next(tx, COUNTER, 0).await
}

/// Records a request, as it was written to the file.
pub async fn request(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    ceremony: &Ceremony,
) -> Result<(), StoreError> {
    query(INSERT)
        .bind(ceremony.id.as_str())
        .bind(row::int(ceremony.counter))
        .bind(ceremony.request_digest.as_bytes().to_vec())
        .bind(ceremony.request.as_str())
        .bind(ceremony.requested_at.as_millis())
        .execute(tx.conn())
        .await
        .map_err(|error| StoreError::insert("ceremony", &ceremony.id, error))?;
    let detail = json!({
        "ceremony": ceremony.id, "number": ceremony.counter,
        "request_digest": ceremony.request_digest.to_string(), "by": stamp.actor.to_string(),
    });
    journal::append(tx, journal::SERVER, stamp.at, "ceremony.requested", &detail).await?;
    audit::record(tx, stamp, "ceremony.request", &ceremony.id, &detail).await
}

/// Takes the response to a request, once: in the transaction that takes over what is in it. A
/// replayed response, or one to another request, is refused.
pub async fn import(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    id: &str,
    request_digest: &Fingerprint,
    response_digest: &Fingerprint,
) -> Result<(), StoreError> {
    let done = query(IMPORT)
        .bind(id)
        .bind(request_digest.as_bytes().to_vec())
        .bind(response_digest.as_bytes().to_vec())
        .bind(stamp.at.as_millis())
        .execute(tx.conn())
        .await
        .map_err(|error| StoreError::insert("ceremony response", response_digest, error))?;
    if done.rows_affected() == 0 {
        let ceremony = find(tx, id).await?.filter(|it| it.request_digest == *request_digest);
        let ceremony = ceremony.ok_or_else(|| StoreError::not_found("ceremony request", id))?;
        let state = ceremony.state.as_str();
        return Err(Refusal::CeremonyOver { id: ceremony.id, state }.into());
    }
    let detail = json!({
        "ceremony": id, "response_digest": response_digest.to_string(),
        "by": stamp.actor.to_string(),
    });
    journal::append(tx, journal::SERVER, stamp.at, "ceremony.imported", &detail).await?;
    audit::record(tx, stamp, "ceremony.import", id, &detail).await
}

/// Waits no longer for a response.
pub async fn abandon(tx: &mut Tx<'_>, stamp: &Stamp, id: &str) -> Result<(), StoreError> {
    let done = query(ABANDON).bind(id).execute(tx.conn()).await;
    if done.map_err(StoreError::query)?.rows_affected() == 0 {
        return Err(StoreError::not_found("open ceremony", id));
    }
    audit::record(tx, stamp, "ceremony.abandon", id, &json!({})).await
}

/// The ceremony of this id.
pub async fn find(r: &mut impl Reader, id: &str) -> Result<Option<Ceremony>, StoreError> {
    let row = query(BY_ID).bind(id).fetch_optional(r.conn()).await;
    row.map_err(StoreError::query)?.as_ref().map(read).transpose()
}

/// Every ceremony, newest first.
pub async fn all(r: &mut impl Reader) -> Result<Vec<Ceremony>, StoreError> {
    let rows = query(ALL).fetch_all(r.conn()).await.map_err(StoreError::query)?;
    row::all(&rows, read)
}

fn read(row: &DbRow) -> Result<Ceremony, StoreError> {
    Ok(Ceremony {
        id: row.string("id")?,
        counter: row.number("number")?,
        state: row.parsed::<CeremonyState>("state")?,
        request_digest: row.digest("request_digest")?,
        request: row.string("request")?,
        response_digest: row.digest_option("response_digest")?,
        requested_at: row.time("requested_at")?,
        imported_at: row.time_option("imported_at")?,
    })
}
