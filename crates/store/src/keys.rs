//! Keys behind providers, as far as they are public; and keys that are blocked for good.

use serde_json::json;
use skink_model::{AuthorityId, BlockedKey, KeyState, SigningKey, Stamp};
use skink_x509::KeyDigest;

use crate::row::{self, Columns};
use crate::sql::{DbRow, Value, fetch_rows, query};
use crate::tx::Connected;
use crate::{Reader, StoreError, Tx, audit};

const INSERT: &str = "INSERT INTO signing_key
    (uri, key_use, authority, algorithm, digest, state, refusal_code, created_at, changed_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
const BY_URI: &str = "SELECT * FROM signing_key WHERE uri = $1";
const OF_AUTHORITY: &str =
    "SELECT * FROM signing_key WHERE authority = $1 ORDER BY created_at, uri";
const ALL: &str = "SELECT * FROM signing_key ORDER BY uri";
const SET_STATE: &str =
    "UPDATE signing_key SET state = $2, refusal_code = $3, changed_at = $4 WHERE uri = $1";
const BLOCK: &str = "INSERT INTO blocked_key (digest, reason, incident, at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (digest) DO NOTHING";
const IS_BLOCKED: &str = "SELECT * FROM blocked_key WHERE digest = $1";
const AMONG_BLOCKED: &str = "SELECT * FROM blocked_key WHERE digest IN ($1)";
const ALL_BLOCKED: &str = "SELECT * FROM blocked_key ORDER BY at, digest";

/// Records a key. An authority's own is recorded with the authority.
pub async fn create(tx: &mut Tx<'_>, key: &SigningKey) -> Result<(), StoreError> {
    let done = query(INSERT)
        .bind(key.uri.as_str())
        .bind(key.key_use.as_str())
        .bind(key.authority.as_ref().map(|id| id.as_str().to_owned()))
        .bind(key.algorithm.as_str())
        .bind(key.digest.as_bytes().to_vec())
        .bind(key.state.as_str())
        .bind(key.refusal_code.as_deref())
        .bind(key.created_at.as_millis())
        .bind(key.changed_at.as_millis())
        .execute(tx.conn())
        .await;
    done.map(drop).map_err(|error| StoreError::insert("key", &key.uri, error))
}

/// Records what the provider says of a key, with its own code if it refuses to sign.
pub async fn set_state(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    uri: &str,
    state: KeyState,
    refusal_code: Option<&str>,
) -> Result<(), StoreError> {
    let done = query(SET_STATE)
        .bind(uri)
        .bind(state.as_str())
        .bind(refusal_code)
        .bind(stamp.at.as_millis())
        .execute(tx.conn())
        .await
        .map_err(StoreError::query)?;
    if done.rows_affected() == 0 {
        return Err(StoreError::not_found("key", uri));
    }
    let detail = json!({"state": state, "refusal_code": refusal_code});
    audit::record(tx, stamp, "key.state", uri, &detail).await
}

/// The key of this URI.
pub async fn find(r: &mut impl Reader, uri: &str) -> Result<Option<SigningKey>, StoreError> {
    let row = query(BY_URI).bind(uri).fetch_optional(r.conn()).await;
    row.map_err(StoreError::query)?.as_ref().map(read).transpose()
}

/// The keys of an authority: its own, and its responders'.
pub async fn of_authority(
    r: &mut impl Reader,
    authority: &AuthorityId,
) -> Result<Vec<SigningKey>, StoreError> {
    let rows = query(OF_AUTHORITY).bind(authority.as_str()).fetch_all(r.conn()).await;
    row::all(&rows.map_err(StoreError::query)?, read)
}

/// Every key.
pub async fn all(r: &mut impl Reader) -> Result<Vec<SigningKey>, StoreError> {
    let rows = query(ALL).fetch_all(r.conn()).await.map_err(StoreError::query)?;
    row::all(&rows, read)
}

/// Blocks a key for good: nothing is certified for it again. There is no way back, and again
/// changes nothing. Says whether it is new.
pub async fn block(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    blocked: &BlockedKey,
) -> Result<bool, StoreError> {
    let done = query(BLOCK)
        .bind(blocked.digest.as_bytes().to_vec())
        .bind(blocked.reason.as_str())
        .bind(blocked.incident.as_ref().map(|id| id.as_str().to_owned()))
        .bind(blocked.at.as_millis())
        .execute(tx.conn())
        .await
        .map_err(StoreError::query)?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    let detail = json!({"reason": blocked.reason, "incident": blocked.incident});
    audit::record(tx, stamp, "key.block", &blocked.digest.to_string(), &detail).await?;
    Ok(true)
}

/// Whether, and why, a key is blocked.
pub async fn blocked(
    r: &mut impl Reader,
    digest: &KeyDigest,
) -> Result<Option<BlockedKey>, StoreError> {
    let bytes = digest.as_bytes().to_vec();
    let row = query(IS_BLOCKED).bind(bytes).fetch_optional(r.conn()).await;
    row.map_err(StoreError::query)?.as_ref().map(read_blocked).transpose()
}

/// Which of these keys are blocked.
pub(crate) async fn blocked_among(
    r: &mut impl Reader,
    digests: impl Iterator<Item = &KeyDigest>,
) -> Result<Vec<BlockedKey>, StoreError> {
    let digests: Vec<_> = digests.map(|one| vec![Value::from(one.as_bytes().to_vec())]).collect();
    let rows = fetch_rows(r.conn(), AMONG_BLOCKED, &digests).await;
    row::all(&rows.map_err(StoreError::query)?, read_blocked)
}

/// Every blocked key, oldest first.
pub async fn all_blocked(r: &mut impl Reader) -> Result<Vec<BlockedKey>, StoreError> {
    let rows = query(ALL_BLOCKED).fetch_all(r.conn()).await.map_err(StoreError::query)?;
    row::all(&rows, read_blocked)
}

fn read(row: &DbRow) -> Result<SigningKey, StoreError> {
    Ok(SigningKey {
        uri: row.string("uri")?,
        key_use: row.parsed("key_use")?,
        authority: row.parsed_option("authority")?,
        algorithm: row.parsed("algorithm")?,
        digest: row.digest("digest")?,
        state: row.parsed("state")?,
        refusal_code: row.raw("refusal_code")?,
        created_at: row.time("created_at")?,
        changed_at: row.time("changed_at")?,
    })
}

fn read_blocked(row: &DbRow) -> Result<BlockedKey, StoreError> {
    Ok(BlockedKey {
        digest: row.digest("digest")?,
        reason: row.string("reason")?,
        incident: row.parsed_option("incident")?,
        at: row.time("at")?,
    })
}
