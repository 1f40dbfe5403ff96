//! Certificates: intended, linted, issued; found by id, fingerprint, endpoint or prefix.

use skink_model::{
    AgentName, AuthorityId, CertificateId, CertificateKind, CertificateRow, CertificateState,
    EndpointName, Stamp, Time,
};
use skink_x509::{Fingerprint, KeyDigest};

use crate::row::{self, Columns};
use crate::sql::{DbRow, Value, fetch_rows, for_each, query, query_scalar};
use crate::tx::Connected;
use crate::{Reader, Refusal, StoreError, Tx, keys};

mod query;

pub use query::{CertificateQuery, ScopeCount, count_valid, expiring, list, scope};

pub(crate) const INSERT: &str = "INSERT INTO certificate
    (id, authority, serial, kind, state, profile, name, names, key_digest, crl_part, not_before,
     not_after, channel, requested_by, endpoint, agent, replaces, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)";
pub(crate) const SET_REPLACED: &str = "UPDATE certificate SET replaced_by = $1 WHERE id = $2";
const SAME: &str = "SELECT c.id FROM certificate c
    WHERE c.key_digest = $1 AND c.authority = $2 AND c.kind = $3 AND c.profile = $4
      AND c.names = $5 AND c.endpoint IS NOT DISTINCT FROM $6
      AND c.agent IS NOT DISTINCT FROM $8
      AND c.state IN ('intended', 'linted', 'issued') AND c.replaced_by IS NULL
      AND c.not_after > $7 AND NOT EXISTS (SELECT 1 FROM revocation r
          WHERE r.authority = c.authority AND r.crl_part = c.crl_part AND r.serial = c.serial)
    LIMIT 1";
pub(crate) const INSERT_DER: &str = "INSERT INTO certificate_der (id, der) VALUES ($1, $2)";
const DER: &str = "SELECT der FROM certificate_der WHERE id = $1";
const BY_ID: &str = "SELECT * FROM certificate WHERE id = $1";
const AMONG: &str = "SELECT * FROM certificate WHERE id IN ($1)";
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
    let Some(first) = certificates.first() else { return Ok(()) };
    let digests = certificates.iter().map(|certificate| &certificate.key_digest);
    if let Some(blocked) = keys::blocked_among(tx, digests).await?.into_iter().next() {
        let (digest, reason) = (blocked.digest, blocked.reason);
        return Err(Refusal::KeyBlocked { digest, reason }.into());
    }
    insert(tx, &first.id, certificates.iter().map(|certificate| (certificate, stamp.at))).await
}

/// Refuses if the same certificate is on its way or was issued: same key, names, kind, profile and
/// endpoint of the same authority, and still good. Whoever asks again gets that one.
pub async fn not_asked_before(
    tx: &mut Tx<'_>,
    now: Time,
    certificate: &CertificateRow,
) -> Result<(), StoreError> {
    let row = query(SAME)
        .bind(certificate.key_digest.as_bytes().to_vec())
        .bind(certificate.authority.as_str())
        .bind(certificate.kind.as_str())
        .bind(certificate.profile.as_str())
        .bind(row::json(&certificate.names))
        .bind(certificate.endpoint.as_ref().map(|name| name.as_str().to_owned()))
        .bind(now.as_millis())
        .bind(certificate.agent.as_ref().map(|name| name.as_str().to_owned()))
        .fetch_optional(tx.conn())
        .await
        .map_err(StoreError::query)?;
    row.map_or(Ok(()), |row| Err(Refusal::AskedAlready(row.parsed("id")?).into()))
}

/// Rows whose keys are known not to be blocked.
pub(crate) async fn insert<'c>(
    tx: &mut Tx<'_>,
    first: &CertificateId,
    certificates: impl Iterator<Item = (&'c CertificateRow, Time)>,
) -> Result<(), StoreError> {
    let rows = certificates.map(|(certificate, at)| values(certificate, at)).collect();
    let done = for_each(tx.conn(), INSERT, rows).await;
    done.map(drop).map_err(|error| StoreError::insert("certificate", first, error))
}

/// What [`INSERT`] takes.
pub(crate) fn values(certificate: &CertificateRow, at: Time) -> Vec<Value<'_>> {
    let state = match certificate.state {
        CertificateState::Linted => CertificateState::Linted,
        _ => CertificateState::Intended,
    };
    vec![
        certificate.id.as_str().into(),
        certificate.authority.as_str().into(),
        row::serial_bytes(&certificate.serial).into(),
        certificate.kind.as_str().into(),
        state.as_str().into(),
        certificate.profile.as_str().into(),
        certificate.name.as_str().into(),
        row::json(&certificate.names).into(),
        certificate.key_digest.as_bytes().to_vec().into(),
        i64::from(certificate.partition).into(),
        certificate.not_before.as_millis().into(),
        certificate.not_after.as_millis().into(),
        certificate.channel.as_str().into(),
        certificate.requested_by.as_str().into(),
        certificate.endpoint.as_ref().map(EndpointName::as_str).into(),
        certificate.agent.as_ref().map(AgentName::as_str).into(),
        certificate.replaces.as_ref().map(CertificateId::as_str).into(),
        at.as_millis().into(),
    ]
}

/// Those of these ids that are there.
pub(crate) async fn among(
    r: &mut impl Reader,
    ids: impl Iterator<Item = &str>,
) -> Result<Vec<CertificateRow>, StoreError> {
    let ids: Vec<_> = ids.map(|id| vec![Value::from(id)]).collect();
    let rows = fetch_rows(r.conn(), AMONG, &ids).await;
    row::all(&rows.map_err(StoreError::query)?, read)
}

/// The certificate of this id.
pub async fn find(
    r: &mut impl Reader,
    id: &CertificateId,
) -> Result<Option<CertificateRow>, StoreError> {
    let row = query(BY_ID).bind(id.as_str()).fetch_optional(r.conn()).await;
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
