//! Authorities: their rows here, their life in [`life`], the taint and the freeze in [`mod@taint`].
//!
//! A change of state, its journal row and its audit row are one transaction: there is no other way
//! to change a state than these functions.

use serde_json::json;
use skink_model::{
    Authority, AuthorityCertificate, AuthorityId, AuthorityKey, AuthorityState, Freeze, IssuerName,
    KeyState, KeyUse, SigningKey, Stamp, Taint, Time,
};
use skink_x509::{KeyAlgorithm, KeyDigest};

use crate::row::{self, Columns};
use crate::sql::{DbRow, query, query_scalar};
use crate::tx::Connected;
use crate::{Reader, Refusal, StoreError, Tx, audit, journal, keys};

mod life;
mod taint;

pub use life::{activate, attach_certificate, close, distrust, open_barrier, retire, revoke};
pub use taint::{TAINT_STEP, freeze, taint, taint_standby, unfreeze};

const INSERT: &str = "INSERT INTO authority
    (id, issuer, generation, parent, state, barrier_open, closed, key_uri, key_algorithm, key_digest,
     csr_pem, crl_uri, crl_partitions, created_at)
    VALUES ($1, $2, $3, $4, 'pending', 0, 0, $5, $6, $7, $8, $9, $10, $11)";
const BY_ID: &str = "SELECT * FROM authority WHERE id = $1";
const BY_KEY: &str = "SELECT * FROM authority WHERE key_digest = $1";
const ACTIVE: &str = "SELECT * FROM authority WHERE issuer = $1 AND state = 'active'";
const OF_ISSUER: &str = "SELECT * FROM authority WHERE issuer = $1 ORDER BY generation";
const ALL: &str = "SELECT * FROM authority ORDER BY issuer, generation";
const NEXT_GENERATION: &str =
    "SELECT coalesce(max(generation), 0) + 1 FROM authority WHERE issuer = $1";

/// An authority to be: its key and request exist, its parent has not signed.
#[derive(Clone, Debug)]
pub struct NewAuthority {
    /// `workloads-g2`.
    pub id: AuthorityId,
    /// The issuer it is a generation of.
    pub issuer: IssuerName,
    /// From 1; see [`next_generation`].
    pub generation: u32,
    /// The authority that will sign it; none for a root.
    pub parent: Option<AuthorityId>,
    /// The key's URI at its provider; none where the key is not the server's.
    pub key_uri: Option<String>,
    /// What kind of key it is.
    pub key_algorithm: KeyAlgorithm,
    /// Digest of the normalised public key.
    pub key_digest: KeyDigest,
    /// Its PKCS#10.
    pub csr_pem: Option<String>,
    /// The distribution point in the certificates that it will sign, the first of them if its list
    /// has partitions.
    pub crl_uri: Option<String>,
    /// How many lists share its revocations: 1 to 1024, for good.
    pub crl_partitions: u32,
}

/// Records a pending authority, and its key if the server has it.
///
/// A key that was ever an authority's, or is blocked, is refused: never the same key again.
pub async fn create(tx: &mut Tx<'_>, stamp: &Stamp, new: &NewAuthority) -> Result<(), StoreError> {
    if let Some(other) = by_key(tx, &new.key_digest).await? {
        return Err(Refusal::KeyReused(other.id).into());
    }
    if let Some(blocked) = keys::blocked(tx, &new.key_digest).await? {
        let (digest, reason) = (blocked.digest, blocked.reason);
        return Err(Refusal::KeyBlocked { digest, reason }.into());
    }
    query(INSERT)
        .bind(new.id.as_str())
        .bind(new.issuer.as_str())
        .bind(i64::from(new.generation))
        .bind(new.parent.as_ref().map(|id| id.as_str().to_owned()))
        .bind(new.key_uri.as_deref())
        .bind(new.key_algorithm.as_str())
        .bind(new.key_digest.as_bytes().to_vec())
        .bind(new.csr_pem.as_deref())
        .bind(new.crl_uri.as_deref())
        .bind(i64::from(new.crl_partitions))
        .bind(stamp.at.as_millis())
        .execute(tx.conn())
        .await
        .map_err(|error| StoreError::insert("authority", &new.id, error))?;
    if let Some(uri) = &new.key_uri {
        keys::create(tx, &own_key(new, uri, stamp.at)).await?;
    }
    let detail = json!({
        "authority": new.id, "issuer": new.issuer, "state": AuthorityState::Pending,
        "key_digest": new.key_digest.to_string(), "by": stamp.actor.to_string(),
    });
    journal::append(tx, journal::SERVER, stamp.at, "authority.pending", &detail).await?;
    audit::record(tx, stamp, "authority.create", new.id.as_str(), &detail).await
}

fn own_key(new: &NewAuthority, uri: &str, at: Time) -> SigningKey {
    SigningKey {
        uri: uri.to_owned(),
        key_use: KeyUse::Authority,
        authority: Some(new.id.clone()),
        algorithm: new.key_algorithm,
        digest: new.key_digest,
        state: KeyState::Enabled,
        refusal_code: None,
        created_at: at,
        changed_at: at,
    }
}

/// The authority of this id.
pub async fn find(r: &mut impl Reader, id: &AuthorityId) -> Result<Option<Authority>, StoreError> {
    let row = query(BY_ID).bind(id.as_str()).fetch_optional(r.conn()).await;
    row.map_err(StoreError::query)?.as_ref().map(read).transpose()
}

/// The authority of this id, or that there is none.
pub async fn require(r: &mut impl Reader, id: &AuthorityId) -> Result<Authority, StoreError> {
    find(r, id).await?.ok_or_else(|| StoreError::not_found("authority", id))
}

/// The authority whose key has this digest.
pub async fn by_key(
    r: &mut impl Reader,
    digest: &KeyDigest,
) -> Result<Option<Authority>, StoreError> {
    let bytes = digest.as_bytes().to_vec();
    let row = query(BY_KEY).bind(bytes).fetch_optional(r.conn()).await;
    row.map_err(StoreError::query)?.as_ref().map(read).transpose()
}

/// The generation of `issuer` that issues, if one does.
pub async fn active(
    r: &mut impl Reader,
    issuer: &IssuerName,
) -> Result<Option<Authority>, StoreError> {
    let row = query(ACTIVE).bind(issuer.as_str()).fetch_optional(r.conn()).await;
    row.map_err(StoreError::query)?.as_ref().map(read).transpose()
}

/// Every generation of `issuer`, oldest first.
pub async fn of_issuer(
    r: &mut impl Reader,
    issuer: &IssuerName,
) -> Result<Vec<Authority>, StoreError> {
    let rows = query(OF_ISSUER).bind(issuer.as_str()).fetch_all(r.conn()).await;
    row::all(&rows.map_err(StoreError::query)?, read)
}

/// Every authority, by issuer and generation.
pub async fn all(r: &mut impl Reader) -> Result<Vec<Authority>, StoreError> {
    let rows = query(ALL).fetch_all(r.conn()).await.map_err(StoreError::query)?;
    row::all(&rows, read)
}

/// The number of the next generation of `issuer`.
pub async fn next_generation(r: &mut impl Reader, issuer: &IssuerName) -> Result<u32, StoreError> {
    let next: i64 = query_scalar(NEXT_GENERATION)
        .bind(issuer.as_str())
        .fetch_one(r.conn())
        .await
        .map_err(StoreError::query)?;
    u32::try_from(next).map_err(|error| row::corrupt("generation", error))
}

fn read(row: &DbRow) -> Result<Authority, StoreError> {
    Ok(Authority {
        id: row.parsed("id")?,
        issuer: row.parsed("issuer")?,
        generation: row.number("generation")?,
        parent: row.parsed_option("parent")?,
        state: row.parsed("state")?,
        frozen: read_freeze(row)?,
        taint: read_taint(row)?,
        barrier_open: row.flag("barrier_open")?,
        closed: row.flag("closed")?,
        key: AuthorityKey {
            uri: row.raw("key_uri")?,
            algorithm: row.parsed("key_algorithm")?,
            digest: row.digest("key_digest")?,
            csr_pem: row.raw("csr_pem")?,
        },
        certificate: read_certificate(row)?,
        crl_uri: row.raw("crl_uri")?,
        crl_partitions: row.number("crl_partitions")?,
        created_at: row.time("created_at")?,
        activated_at: row.time_option("activated_at")?,
    })
}

fn read_freeze(row: &DbRow) -> Result<Option<Freeze>, StoreError> {
    let Some(at) = row.time_option("frozen_at")? else { return Ok(None) };
    let reason = row.raw::<Option<String>>("frozen_reason")?.unwrap_or_default();
    Ok(Some(Freeze { at, reason, incident: row.parsed_option("frozen_incident")? }))
}

fn read_taint(row: &DbRow) -> Result<Option<Taint>, StoreError> {
    let Some(at) = row.time_option("tainted_at")? else { return Ok(None) };
    Ok(Some(Taint {
        at,
        incident: row.parsed("taint_incident")?,
        suspected_since: row.time_option("suspected_since")?,
        from: row.parsed_option("tainted_from")?,
    }))
}

fn read_certificate(row: &DbRow) -> Result<Option<AuthorityCertificate>, StoreError> {
    let Some(pem) = row.raw("certificate_pem")? else { return Ok(None) };
    Ok(Some(AuthorityCertificate {
        pem,
        fingerprint: row.digest("fingerprint")?,
        not_before: row.time("not_before")?,
        not_after: row.time("not_after")?,
    }))
}
