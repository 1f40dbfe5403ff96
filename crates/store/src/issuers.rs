//! Issuers: the stable names above generations.

use serde_json::json;
use skink_model::{Issuer, IssuerName, Stamp};

use crate::row::{self, Columns};
use crate::sql::{DbRow, query};
use crate::tx::Connected;
use crate::{Reader, StoreError, Tx, audit};

const INSERT: &str =
    "INSERT INTO issuer (name, kind, profiles, created_at) VALUES ($1, $2, $3, $4)";
const BY_NAME: &str = "SELECT name, kind, profiles, created_at FROM issuer WHERE name = $1";
const ALL: &str = "SELECT name, kind, profiles, created_at FROM issuer ORDER BY name";

/// Makes an issuer; its first generation comes from a ceremony.
pub async fn create(tx: &mut Tx<'_>, stamp: &Stamp, issuer: &Issuer) -> Result<(), StoreError> {
    query(INSERT)
        .bind(issuer.name.as_str())
        .bind(issuer.kind.as_str())
        .bind(row::json(&issuer.profiles))
        .bind(issuer.created_at.as_millis())
        .execute(tx.conn())
        .await
        .map_err(|error| StoreError::insert("issuer", &issuer.name, error))?;
    let detail = json!({"kind": issuer.kind, "profiles": issuer.profiles});
    audit::record(tx, stamp, "issuer.create", issuer.name.as_str(), &detail).await
}

/// The issuer of this name.
pub async fn find(r: &mut impl Reader, name: &IssuerName) -> Result<Option<Issuer>, StoreError> {
    let row = query(BY_NAME).bind(name.as_str()).fetch_optional(r.conn()).await;
    row.map_err(StoreError::query)?.as_ref().map(read).transpose()
}

/// Every issuer, by name.
pub async fn all(r: &mut impl Reader) -> Result<Vec<Issuer>, StoreError> {
    let rows = query(ALL).fetch_all(r.conn()).await.map_err(StoreError::query)?;
    row::all(&rows, read)
}

fn read(row: &DbRow) -> Result<Issuer, StoreError> {
    Ok(Issuer {
        name: row.parsed("name")?,
        kind: row.parsed("kind")?,
        profiles: row.json("profiles")?,
        created_at: row.time("created_at")?,
    })
}
