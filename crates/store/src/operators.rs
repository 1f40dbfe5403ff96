//! Operators: one row per person.

use serde_json::json;
use skink_model::{Actor, Operator, OperatorName, Role, Stamp};
use skink_x509::{Fingerprint, KeyDigest};

use crate::row::{self, Columns};
use crate::sql::{DbRow, query};
use crate::tx::Connected;
use crate::{Reader, StoreError, Tx, audit};

const INSERT: &str = "INSERT INTO operator
        (name, role, key_digest, token_digest, created_at, vouched_by)
    VALUES ($1, $2, $3, $4, $5,
        coalesce((SELECT coalesce(vouched_by, name) FROM operator WHERE name = $6), $1))";
const BY_NAME: &str = "SELECT *, coalesce(vouched_by, name) AS line FROM operator WHERE name = $1";
const BY_TOKEN: &str = "SELECT *, coalesce(vouched_by, name) AS line FROM operator
    WHERE token_digest = $1 AND disabled_at IS NULL";
const BY_KEY: &str = "SELECT *, coalesce(vouched_by, name) AS line FROM operator
    WHERE key_digest = $1 AND disabled_at IS NULL";
const ALL: &str = "SELECT *, coalesce(vouched_by, name) AS line FROM operator ORDER BY name";
const DISABLE: &str = "UPDATE operator SET disabled_at = $2, token_digest = NULL, key_digest = NULL
    WHERE name = $1 AND disabled_at IS NULL";
const SET_TOKEN: &str =
    "UPDATE operator SET token_digest = $2 WHERE name = $1 AND disabled_at IS NULL";

/// An operator to be registered. Of a bearer token only the SHA-256 is kept.
#[derive(Clone, Debug)]
pub struct NewOperator {
    /// His name.
    pub name: OperatorName,
    /// His role.
    pub role: Role,
    /// Digest of his client key.
    pub key_digest: Option<KeyDigest>,
    /// SHA-256 of his bearer token.
    pub token_digest: Option<Fingerprint>,
}

/// Registers an operator, in the line of the operator who does so: see [`Operator::vouched_by`].
pub async fn create(tx: &mut Tx<'_>, stamp: &Stamp, new: &NewOperator) -> Result<(), StoreError> {
    let by = if let Actor::Operator(name) = &stamp.actor { Some(name) } else { None };
    query(INSERT)
        .bind(new.name.as_str())
        .bind(new.role.as_str())
        .bind(new.key_digest.map(|digest| digest.as_bytes().to_vec()))
        .bind(new.token_digest.map(|digest| digest.as_bytes().to_vec()))
        .bind(stamp.at.as_millis())
        .bind(by.map(|name| name.as_str().to_owned()))
        .execute(tx.conn())
        .await
        .map_err(|error| StoreError::insert("operator", &new.name, error))?;
    audit::record(tx, stamp, "operator.create", new.name.as_str(), &json!({"role": new.role})).await
}

/// Shuts an operator out. His row stays: approvals and audit rows name it.
pub async fn disable(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    name: &OperatorName,
) -> Result<(), StoreError> {
    let done = query(DISABLE)
        .bind(name.as_str())
        .bind(stamp.at.as_millis())
        .execute(tx.conn())
        .await
        .map_err(StoreError::query)?;
    if done.rows_affected() == 0 {
        return Err(StoreError::not_found("operator", name));
    }
    audit::record(tx, stamp, "operator.disable", name.as_str(), &json!({})).await
}

/// Gives an operator a new bearer token, by its SHA-256; the old one is worth nothing from now on.
pub async fn set_token(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    name: &OperatorName,
    digest: &Fingerprint,
) -> Result<(), StoreError> {
    let done = query(SET_TOKEN)
        .bind(name.as_str())
        .bind(digest.as_bytes().to_vec())
        .execute(tx.conn())
        .await
        .map_err(StoreError::query)?;
    if done.rows_affected() == 0 {
        return Err(StoreError::not_found("operator", name));
    }
    audit::record(tx, stamp, "operator.token", name.as_str(), &json!({})).await
}

/// The operator of this name, disabled or not.
pub async fn find(
    r: &mut impl Reader,
    name: &OperatorName,
) -> Result<Option<Operator>, StoreError> {
    let row = query(BY_NAME).bind(name.as_str()).fetch_optional(r.conn()).await;
    row.map_err(StoreError::query)?.as_ref().map(read).transpose()
}

/// The operator who bears the token with this SHA-256, unless disabled.
pub async fn by_token(
    r: &mut impl Reader,
    digest: &Fingerprint,
) -> Result<Option<Operator>, StoreError> {
    let bytes = digest.as_bytes().to_vec();
    let row = query(BY_TOKEN).bind(bytes).fetch_optional(r.conn()).await;
    row.map_err(StoreError::query)?.as_ref().map(read).transpose()
}

/// The operator whose client key has this digest, unless disabled.
pub async fn by_key(
    r: &mut impl Reader,
    digest: &KeyDigest,
) -> Result<Option<Operator>, StoreError> {
    let bytes = digest.as_bytes().to_vec();
    let row = query(BY_KEY).bind(bytes).fetch_optional(r.conn()).await;
    row.map_err(StoreError::query)?.as_ref().map(read).transpose()
}

/// Every operator, disabled ones too, by name.
pub async fn all(r: &mut impl Reader) -> Result<Vec<Operator>, StoreError> {
    let rows = query(ALL).fetch_all(r.conn()).await.map_err(StoreError::query)?;
    row::all(&rows, read)
}

fn read(row: &DbRow) -> Result<Operator, StoreError> {
    Ok(Operator {
        name: row.parsed("name")?,
        role: row.parsed("role")?,
        key_digest: row.digest_option("key_digest")?,
        has_token: row.raw::<Option<Vec<u8>>>("token_digest")?.is_some(),
        created_at: row.time("created_at")?,
        disabled_at: row.time_option("disabled_at")?,
        vouched_by: row.parsed("line")?,
    })
}
