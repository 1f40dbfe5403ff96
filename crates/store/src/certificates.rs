//! Certificates: intended, linted, issued; found by id, serial, fingerprint, endpoint or prefix.

use serde_json::json;
use skink_model::{
    AttemptState, AuthorityId, CertificateId, CertificateKind, CertificateRow, CertificateState,
    EndpointName, Stamp, Time,
};
use skink_x509::{Fingerprint, KeyDigest, Serial};

use crate::row::{self, Columns};
use crate::sql::{DbRow, query, query_scalar};
use crate::tx::Connected;
use crate::{Reader, Refusal, StoreError, Tx, attempts, audit, keys};

mod query;

pub use query::{CertificateQuery, ScopeCount, count_valid, expiring, list, scope};

const INSERT: &str = "INSERT INTO certificate
    (id, authority, serial, kind, state, profile, name, names, key_digest, crl_part, not_before,
     not_after, channel, requested_by, endpoint, agent, replaces, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)";
const SET_LINTED: &str =
    "UPDATE certificate SET state = 'linted' WHERE id = $1 AND state = 'intended'";
const SET_ISSUED: &str = "UPDATE certificate SET state = 'issued', issued_at = $2, fingerprint = $3
    WHERE id = $1 AND state = 'linted'";
const SET_REPLACED: &str = "UPDATE certificate SET replaced_by = $1
    WHERE id = (SELECT replaces FROM certificate WHERE id = $1)";
const INSERT_DER: &str = "INSERT INTO certificate_der (id, der) VALUES ($1, $2)";
const DER: &str = "SELECT der FROM certificate_der WHERE id = $1";
const BY_ID: &str = "SELECT * FROM certificate WHERE id = $1";
const BY_SERIAL: &str = "SELECT * FROM certificate WHERE authority = $1 AND serial = $2";
const BY_FINGERPRINT: &str = "SELECT * FROM certificate WHERE fingerprint = $1";
const BY_KEY: &str = "SELECT * FROM certificate WHERE key_digest = $1 ORDER BY id";
const NEWEST: &str = "SELECT * FROM certificate
    WHERE endpoint = $1 AND authority = $2 AND kind = $3 AND state = 'issued'
    ORDER BY issued_at DESC, id DESC LIMIT 1";
const NEWEST_ANY: &str = "SELECT * FROM certificate
    WHERE endpoint = $1 AND kind = $2 AND state = 'issued'
    ORDER BY issued_at DESC, id DESC LIMIT 1";

/// Records certificates to be, with their serials, as `intended` or (when the lints have run before)
/// as `linted`. A blocked key is refused.
pub async fn record(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    certificates: &[CertificateRow],
) -> Result<(), StoreError> {
    for certificate in certificates {
        if let Some(blocked) = keys::blocked(tx, &certificate.key_digest).await? {
            let (digest, reason) = (blocked.digest, blocked.reason);
            return Err(Refusal::KeyBlocked { digest, reason }.into());
        }
        insert(tx, stamp, certificate).await?;
    }
    Ok(())
}

async fn insert(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    certificate: &CertificateRow,
) -> Result<(), StoreError> {
    let state = match certificate.state {
        CertificateState::Linted => CertificateState::Linted,
        _ => CertificateState::Intended,
    };
    query(INSERT)
        .bind(certificate.id.as_str())
        .bind(certificate.authority.as_str())
        .bind(row::serial_bytes(&certificate.serial))
        .bind(certificate.kind.as_str())
        .bind(state.as_str())
        .bind(certificate.profile.as_str())
        .bind(certificate.name.as_str())
        .bind(row::json(&certificate.names))
        .bind(certificate.key_digest.as_bytes().to_vec())
        .bind(i64::from(certificate.partition))
        .bind(certificate.not_before.as_millis())
        .bind(certificate.not_after.as_millis())
        .bind(certificate.channel.as_str())
        .bind(certificate.requested_by.as_str())
        .bind(certificate.endpoint.as_ref().map(|name| name.as_str().to_owned()))
        .bind(certificate.agent.as_ref().map(|name| name.as_str().to_owned()))
        .bind(certificate.replaces.as_ref().map(|id| id.as_str().to_owned()))
        .bind(stamp.at.as_millis())
        .execute(tx.conn())
        .await
        .map_err(|error| StoreError::insert("certificate", &certificate.id, error))?;
    Ok(())
}

/// The lints have passed: the certificates may be asked for.
pub async fn set_linted(tx: &mut Tx<'_>, ids: &[CertificateId]) -> Result<(), StoreError> {
    for id in ids {
        let done = query(SET_LINTED).bind(id.as_str()).execute(tx.conn()).await;
        if done.map_err(StoreError::query)?.rows_affected() == 0 {
            return Err(StoreError::not_found("intended certificate", id));
        }
    }
    Ok(())
}

/// A certificate whose signature was made and verified.
#[derive(Clone, Debug)]
pub struct Issued {
    /// Its row.
    pub id: CertificateId,
    /// The certificate.
    pub der: Vec<u8>,
}

/// Stores signed certificates: from now on they may be given out, once.
///
/// Each must have an attempt that was settled as signed. One that crashed in between has become
/// unknown and is refused: its serial is in the final CRL, and nobody was given it.
pub async fn release(tx: &mut Tx<'_>, stamp: &Stamp, issued: &[Issued]) -> Result<(), StoreError> {
    for certificate in issued {
        release_one(tx, stamp, certificate).await?;
    }
    Ok(())
}

async fn release_one(tx: &mut Tx<'_>, stamp: &Stamp, issued: &Issued) -> Result<(), StoreError> {
    let id = &issued.id;
    let signed = attempts::of_certificate(tx, id).await?;
    if signed.is_none_or(|attempt| attempt.state != AttemptState::Signed) {
        return Err(Refusal::NotSigned(id.clone()).into());
    }
    let fingerprint = Fingerprint::of(&issued.der);
    let done = query(SET_ISSUED)
        .bind(id.as_str())
        .bind(stamp.at.as_millis())
        .bind(fingerprint.as_bytes().to_vec())
        .execute(tx.conn())
        .await
        .map_err(StoreError::query)?;
    if done.rows_affected() == 0 {
        return Err(Refusal::NotSigned(id.clone()).into());
    }
    let der = query(INSERT_DER).bind(id.as_str()).bind(issued.der.as_slice());
    der.execute(tx.conn()).await.map_err(StoreError::query)?;
    let replaced = query(SET_REPLACED).bind(id.as_str()).execute(tx.conn()).await;
    replaced.map_err(StoreError::query)?;
    let detail = json!({"fingerprint": fingerprint.to_string()});
    audit::record(tx, stamp, "certificate.issue", id.as_str(), &detail).await
}

/// The certificate of this id.
pub async fn find(
    r: &mut impl Reader,
    id: &CertificateId,
) -> Result<Option<CertificateRow>, StoreError> {
    let row = query(BY_ID).bind(id.as_str()).fetch_optional(r.conn()).await;
    row.map_err(StoreError::query)?.as_ref().map(read).transpose()
}

/// The certificate with this serial of this authority.
pub async fn by_serial(
    r: &mut impl Reader,
    authority: &AuthorityId,
    serial: &Serial,
) -> Result<Option<CertificateRow>, StoreError> {
    let query = query(BY_SERIAL).bind(authority.as_str()).bind(row::serial_bytes(serial));
    let row = query.fetch_optional(r.conn()).await;
    row.map_err(StoreError::query)?.as_ref().map(read).transpose()
}

/// The issued certificate with this fingerprint.
pub async fn by_fingerprint(
    r: &mut impl Reader,
    fingerprint: &Fingerprint,
) -> Result<Option<CertificateRow>, StoreError> {
    let bytes = fingerprint.as_bytes().to_vec();
    let row = query(BY_FINGERPRINT).bind(bytes).fetch_optional(r.conn()).await;
    row.map_err(StoreError::query)?.as_ref().map(read).transpose()
}

/// Everything that was ever to be certified for this public key.
pub async fn by_key(
    r: &mut impl Reader,
    digest: &KeyDigest,
) -> Result<Vec<CertificateRow>, StoreError> {
    let rows = query(BY_KEY).bind(digest.as_bytes().to_vec()).fetch_all(r.conn()).await;
    row::all(&rows.map_err(StoreError::query)?, read)
}

/// The newest issued certificate of this kind for an endpoint, of one authority or of any.
pub async fn newest(
    r: &mut impl Reader,
    endpoint: &EndpointName,
    authority: Option<&AuthorityId>,
    kind: CertificateKind,
) -> Result<Option<CertificateRow>, StoreError> {
    let query = match authority {
        Some(id) => query(NEWEST).bind(endpoint.as_str()).bind(id.as_str()),
        None => query(NEWEST_ANY).bind(endpoint.as_str()),
    };
    let row = query.bind(kind.as_str()).fetch_optional(r.conn()).await;
    row.map_err(StoreError::query)?.as_ref().map(read).transpose()
}

/// The DER of an issued certificate.
pub async fn der(r: &mut impl Reader, id: &CertificateId) -> Result<Option<Vec<u8>>, StoreError> {
    let der = query_scalar(DER).bind(id.as_str()).fetch_optional(r.conn()).await;
    der.map_err(StoreError::query)
}

fn read(row: &DbRow) -> Result<CertificateRow, StoreError> {
    Ok(CertificateRow {
        id: row.parsed("id")?,
        authority: row.parsed("authority")?,
        serial: row.serial("serial")?,
        kind: row.parsed("kind")?,
        state: row.parsed("state")?,
        profile: row.parsed("profile")?,
        name: row.string("name")?,
        names: row.json("names")?,
        key_digest: row.digest("key_digest")?,
        partition: row.number("crl_part")?,
        not_before: row.time("not_before")?,
        not_after: row.time("not_after")?,
        channel: row.parsed("channel")?,
        requested_by: row.string("requested_by")?,
        endpoint: row.parsed_option("endpoint")?,
        agent: row.parsed_option("agent")?,
        replaces: row.parsed_option("replaces")?,
        replaced_by: row.parsed_option("replaced_by")?,
        created_at: row.time("created_at")?,
        issued_at: row.time_option("issued_at")?,
        fingerprint: row.digest_option("fingerprint")?,
    })
}

/// Whether a certificate issued by `now` still runs; for callers that filter rows they hold.
pub fn is_valid(certificate: &CertificateRow, now: Time) -> bool {
    certificate.state == CertificateState::Issued
        && certificate.not_before <= now
        && now < certificate.not_after
}
