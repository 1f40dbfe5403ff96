//! Revocations: insert-only, in the order in which CRLs are written.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};

use serde_json::json;
use skink_model::{
    AuthorityId, BlockedKey, CertificateId, EndpointName, IncidentId, ProfileName, Revocation,
    Stamp, Time,
};
use skink_x509::crl::Reason;
use skink_x509::{Fingerprint, Serial};

use crate::error::SqlError;
use crate::file::Lent;
use crate::row::{self, Columns};
use crate::sql::{Conn, DbRow, Query, Value, fetch_rows, for_each, query, query_scalar};
use crate::tx::Connected;
use crate::{Reader, StoreError, Tx, audit, journal, keys};

// A serial counts as certified when a signature over it exists or may exist. Sets leave responders
// out: their keys are their own, and they must go on answering.
const REVOKE_ONE: &str = "INSERT INTO revocation
    (authority, crl_part, serial, revoked_at, reason, invalidity_date)
    SELECT authority, crl_part, serial, $2, $3, $4 FROM certificate
    WHERE id = $1 AND state IN ('issued', 'unknown')
    ON CONFLICT (authority, crl_part, serial) DO NOTHING";
// Without filters the index is all that is read.
const REVOKE_ALL: &str = "INSERT INTO revocation
    (authority, crl_part, serial, revoked_at, reason, invalidity_date)
    SELECT c.authority, c.crl_part, c.serial, $2, $3, $4 FROM certificate c
    WHERE c.authority = $1 AND c.kind <> 'ocsp' AND c.state IN ('issued', 'unknown')
    ORDER BY c.crl_part, c.serial
    ON CONFLICT (authority, crl_part, serial) DO NOTHING";
const REVOKE_IN_FLIGHT: &str = "INSERT INTO revocation
    (authority, crl_part, serial, revoked_at, reason, invalidity_date)
    SELECT c.authority, c.crl_part, c.serial, $2, $3, $4 FROM certificate c
    WHERE c.authority = $1 AND c.kind <> 'ocsp' AND c.state = 'linted' AND EXISTS (
        SELECT 1 FROM attempt a WHERE a.purpose = 'certificate' AND a.subject = c.id)
    ORDER BY c.crl_part, c.serial
    ON CONFLICT (authority, crl_part, serial) DO NOTHING";
const REVOKE_SET: &str = "INSERT INTO revocation
    (authority, crl_part, serial, revoked_at, reason, invalidity_date)
    SELECT c.authority, c.crl_part, c.serial, $2, $3, $4 FROM certificate c
    WHERE c.authority = $1 AND c.kind <> 'ocsp'
      AND (c.state IN ('issued', 'unknown') OR (c.state = 'linted' AND EXISTS (
           SELECT 1 FROM attempt a WHERE a.purpose = 'certificate' AND a.subject = c.id)))
      AND (CAST($5 AS TEXT) IS NULL OR c.profile = $5)
      AND (CAST($6 AS TEXT) IS NULL OR c.endpoint = $6)
      AND (CAST($7 AS TEXT) IS NULL OR (c.name >= $7 AND c.name < $8))
      AND (CAST($9 AS TEXT) IS NULL
           OR c.endpoint IN (SELECT e.name FROM endpoint e WHERE e.owner = $9))
    ORDER BY c.crl_part, c.serial
    ON CONFLICT (authority, crl_part, serial) DO NOTHING";
const COUNT_SET: &str = "SELECT count(*) FROM certificate c
    WHERE c.authority = $1 AND c.kind <> 'ocsp'
      AND (c.state IN ('issued', 'unknown') OR (c.state = 'linted' AND EXISTS (
           SELECT 1 FROM attempt a WHERE a.purpose = 'certificate' AND a.subject = c.id)))
      AND (CAST($2 AS TEXT) IS NULL OR c.profile = $2)
      AND (CAST($3 AS TEXT) IS NULL OR c.endpoint = $3)
      AND (CAST($4 AS TEXT) IS NULL OR (c.name >= $4 AND c.name < $5))
      AND (CAST($6 AS TEXT) IS NULL
           OR c.endpoint IN (SELECT e.name FROM endpoint e WHERE e.owner = $6))
      AND NOT EXISTS (SELECT 1 FROM revocation r WHERE r.authority = c.authority
                      AND r.crl_part = c.crl_part AND r.serial = c.serial)";
// Of every authority, and responders, too: whoever found the key can sign in their names.
const REVOKE_KEY: &str = "INSERT INTO revocation
    (authority, crl_part, serial, revoked_at, reason, invalidity_date)
    SELECT c.authority, c.crl_part, c.serial, $2, $3, $4 FROM certificate c
    WHERE c.key_digest = $1 AND (c.state IN ('issued', 'unknown')
        OR (c.state = 'linted' AND EXISTS (
            SELECT 1 FROM attempt a WHERE a.purpose = 'certificate' AND a.subject = c.id)))
    ON CONFLICT (authority, crl_part, serial) DO NOTHING";
const WANT: &str = "INSERT INTO wanted_serial (request, serial) VALUES ($1, $2)
    ON CONFLICT (request, serial) DO NOTHING";
const KNOWN: &str = "SELECT count(*) FROM wanted_serial w
    JOIN certificate c ON c.serial = w.serial AND c.authority = $2
    WHERE w.request = $1 AND c.kind <> 'ocsp'
      AND (c.state IN ('issued', 'unknown') OR (c.state = 'linted' AND EXISTS (
           SELECT 1 FROM attempt a WHERE a.purpose = 'certificate' AND a.subject = c.id)))";
const REVOKE_WANTED: &str = "INSERT INTO revocation
    (authority, crl_part, serial, revoked_at, reason, invalidity_date)
    SELECT c.authority, c.crl_part, c.serial, $3, $4, $5 FROM wanted_serial w
    JOIN certificate c ON c.serial = w.serial AND c.authority = $2
    WHERE w.request = $1 AND c.kind <> 'ocsp'
      AND (c.state IN ('issued', 'unknown') OR (c.state = 'linted' AND EXISTS (
           SELECT 1 FROM attempt a WHERE a.purpose = 'certificate' AND a.subject = c.id)))
    ORDER BY c.crl_part, c.serial
    ON CONFLICT (authority, crl_part, serial) DO NOTHING";
const FORGET_WANTED: &str = "DELETE FROM wanted_serial WHERE request = $1";
const OF_CERTIFICATE: &str = "SELECT r.* FROM certificate c
    JOIN revocation r
      ON r.authority = c.authority AND r.crl_part = c.crl_part AND r.serial = c.serial
    WHERE c.id = $1";
// In this order: the serials that are asked about, each by the index.
const FILE_STATUSES: &str = "SELECT c.authority, c.crl_part, c.serial, r.revoked_at, r.reason,
        r.invalidity_date
    FROM (VALUES ($1, $2)) AS asked
    CROSS JOIN certificate c
    LEFT JOIN revocation r
      ON r.authority = c.authority AND r.crl_part = c.crl_part AND r.serial = c.serial
    WHERE c.authority = asked.column1 AND c.serial = asked.column2 AND c.state <> 'intended'";
const SERVER_STATUSES: &str = "SELECT c.authority, c.crl_part, c.serial, r.revoked_at, r.reason,
        r.invalidity_date
    FROM (VALUES ($1, CAST($2 AS BYTEA))) AS asked
    CROSS JOIN certificate c
    LEFT JOIN revocation r
      ON r.authority = c.authority AND r.crl_part = c.crl_part AND r.serial = c.serial
    WHERE c.authority = asked.column1 AND c.serial = asked.column2 AND c.state <> 'intended'";
// The rows of a file are looked at where they lie.
const FILE_PAGE: &str = "SELECT serial, revoked_at, reason, invalidity_date FROM revocation
    WHERE authority = $1 AND crl_part = $2 AND serial > $3 ORDER BY serial LIMIT $4";
// A server answers one row for all serials that were revoked together: a row for each would cost more
// than what is done with it.
const SERVER_PAGE: &str = "SELECT revoked_at, reason, invalidity_date,
        string_agg(encode(serial, 'hex'), '') AS serials, max(encode(serial, 'hex')) AS last
    FROM (SELECT serial, revoked_at, reason, invalidity_date FROM revocation
          WHERE authority = $1 AND crl_part = $2 AND serial > $3 ORDER BY serial LIMIT $4) AS page
    GROUP BY revoked_at, reason, invalidity_date";
const FILE_CLOSING_PAGE: &str =
    "SELECT c.serial, r.revoked_at, r.reason, r.invalidity_date FROM certificate c
    LEFT JOIN revocation r
      ON r.authority = c.authority AND r.crl_part = c.crl_part AND r.serial = c.serial
    WHERE c.authority = $1 AND c.crl_part = $2 AND c.serial > $3 AND c.kind <> 'ocsp'
      AND (c.state IN ('issued', 'unknown') OR (c.state = 'linted' AND EXISTS (
           SELECT 1 FROM attempt a WHERE a.purpose = 'certificate' AND a.subject = c.id)))
    ORDER BY c.serial LIMIT $4";
const SERVER_CLOSING_PAGE: &str = "SELECT revoked_at, reason, invalidity_date,
        string_agg(encode(serial, 'hex'), '') AS serials, max(encode(serial, 'hex')) AS last
    FROM (SELECT c.serial, r.revoked_at, r.reason, r.invalidity_date FROM certificate c
          LEFT JOIN revocation r
            ON r.authority = c.authority AND r.crl_part = c.crl_part AND r.serial = c.serial
          WHERE c.authority = $1 AND c.crl_part = $2 AND c.serial > $3 AND c.kind <> 'ocsp'
            AND (c.state IN ('issued', 'unknown') OR (c.state = 'linted' AND EXISTS (
                 SELECT 1 FROM attempt a WHERE a.purpose = 'certificate' AND a.subject = c.id)))
          ORDER BY c.serial LIMIT $4) AS page
    GROUP BY revoked_at, reason, invalidity_date";
const COUNT: &str = "SELECT count(*) FROM revocation WHERE authority = $1";
const PARTITIONS: &str =
    "SELECT DISTINCT crl_part FROM certificate WHERE authority = $1 ORDER BY crl_part";

/// How many serials of a list are written down at a time.
const WANT_AT_ONCE: usize = 8_192;

/// Why and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grounds {
    /// Since when the serials are revoked.
    pub revoked_at: Time,
    /// Why.
    pub reason: Reason,
    /// Since when the keys may have been in other hands.
    pub invalidity_date: Option<Time>,
}

/// Which certificates of an authority; the fields narrow the set together.
#[derive(Clone, Debug)]
pub struct RevocationSet {
    /// The generation whose certificates they are.
    pub authority: AuthorityId,
    /// Only of this profile.
    pub profile: Option<ProfileName>,
    /// Only for this endpoint.
    pub endpoint: Option<EndpointName>,
    /// Only those whose name begins so.
    pub prefix: Option<String>,
    /// Only for endpoints of this owner.
    pub owner: Option<String>,
    /// The incident that revokes, if one does.
    pub incident: Option<IncidentId>,
}

impl RevocationSet {
    /// Everything that the authority ever certified, or may have.
    pub const fn everything_of(authority: AuthorityId) -> Self {
        let (profile, endpoint, prefix, owner, incident) = (None, None, None, None, None);
        Self { authority, profile, endpoint, prefix, owner, incident }
    }

    const fn is_everything(&self) -> bool {
        self.profile.is_none()
            && self.endpoint.is_none()
            && self.prefix.is_none()
            && self.owner.is_none()
    }
}

/// Revokes one certificate. Says whether this did it; an earlier revocation stands as it is.
pub async fn revoke(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    id: &CertificateId,
    grounds: &Grounds,
) -> Result<bool, StoreError> {
    tx.revokes().await?;
    let done = query(REVOKE_ONE)
        .bind(id.as_str())
        .bind(grounds.revoked_at.as_millis())
        .bind(i64::from(grounds.reason.code()))
        .bind(row::millis(grounds.invalidity_date))
        .execute(tx.conn())
        .await
        .map_err(StoreError::query)?;
    if done.rows_affected() == 0 {
        return match of_certificate(tx, id).await? {
            Some(_) => Ok(false),
            None => Err(StoreError::not_found("certified serial", id)),
        };
    }
    let detail = json!({"reason": grounds.reason.as_str()});
    audit::record(tx, stamp, "certificate.revoke", id.as_str(), &detail).await?;
    Ok(true)
}

/// Revokes a set at once, with one journal row. Returns how many this revoked.
pub async fn revoke_set(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    set: &RevocationSet,
    grounds: &Grounds,
) -> Result<u64, StoreError> {
    tx.revokes().await?;
    let revoked = if set.is_everything() {
        insert(tx, REVOKE_ALL, set, grounds).await?
            + insert(tx, REVOKE_IN_FLIGHT, set, grounds).await?
    } else {
        insert(tx, REVOKE_SET, set, grounds).await?
    };
    if revoked > 0 {
        let detail = json!({
            "authority": set.authority, "profile": set.profile, "endpoint": set.endpoint,
            "prefix": set.prefix, "owner": set.owner, "incident": set.incident, "revoked": revoked,
            "reason": grounds.reason.as_str(), "by": stamp.actor.to_string(),
        });
        let id = set.authority.as_str();
        journal::append(tx, journal::SERVER, stamp.at, "certificates.revoked", &detail).await?;
        audit::record(tx, stamp, "certificates.revoke", id, &detail).await?;
    }
    Ok(revoked)
}

async fn insert(
    tx: &mut Tx<'_>,
    sql: &'static str,
    set: &RevocationSet,
    grounds: &Grounds,
) -> Result<u64, StoreError> {
    let mut query = query(sql)
        .bind(set.authority.as_str())
        .bind(grounds.revoked_at.as_millis())
        .bind(i64::from(grounds.reason.code()))
        .bind(row::millis(grounds.invalidity_date));
    if sql == REVOKE_SET {
        query = query
            .bind(set.profile.as_ref().map(|profile| profile.as_str().to_owned()))
            .bind(set.endpoint.as_ref().map(|endpoint| endpoint.as_str().to_owned()))
            .bind(set.prefix.clone())
            .bind(set.prefix.as_ref().map(|prefix| format!("{prefix}\u{10ffff}")))
            .bind(set.owner.clone());
    }
    let done = query.execute(tx.conn()).await.map_err(StoreError::query)?;
    Ok(done.rows_affected())
}

/// How many [`revoke_set`] would revoke.
pub async fn count_set(r: &mut impl Reader, set: &RevocationSet) -> Result<u64, StoreError> {
    let count: i64 = query_scalar(COUNT_SET)
        .bind(set.authority.as_str())
        .bind(set.profile.as_ref().map(|profile| profile.as_str().to_owned()))
        .bind(set.endpoint.as_ref().map(|endpoint| endpoint.as_str().to_owned()))
        .bind(set.prefix.clone())
        .bind(set.prefix.as_ref().map(|prefix| format!("{prefix}\u{10ffff}")))
        .bind(set.owner.clone())
        .fetch_one(r.conn())
        .await
        .map_err(StoreError::query)?;
    u64::try_from(count).map_err(|error| row::corrupt("count", error))
}

/// Revokes everything that was ever certified for a key, by whichever authority, and blocks the key:
/// it was found where it must not be. Returns how many this revoked.
pub async fn revoke_key(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    found: &BlockedKey,
    grounds: &Grounds,
) -> Result<u64, StoreError> {
    tx.revokes().await?;
    let done = query(REVOKE_KEY)
        .bind(found.digest.as_bytes().to_vec())
        .bind(grounds.revoked_at.as_millis())
        .bind(i64::from(grounds.reason.code()))
        .bind(row::millis(grounds.invalidity_date))
        .execute(tx.conn())
        .await;
    let revoked = done.map_err(StoreError::query)?.rows_affected();
    let blocked = keys::block(tx, stamp, found).await?;
    if revoked > 0 || blocked {
        let digest = found.digest.to_string();
        let detail = json!({
            "key_digest": digest, "found": found.reason, "revoked": revoked,
            "reason": grounds.reason.as_str(), "by": stamp.actor.to_string(),
        });
        journal::append(tx, journal::SERVER, stamp.at, "key.found", &detail).await?;
        audit::record(tx, stamp, "key.found", &digest, &detail).await?;
    }
    Ok(revoked)
}

/// What a list of serials came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SerialsRevoked {
    /// Revoked by this.
    pub revoked: u64,
    /// Revoked before.
    pub before: u64,
    /// Never certified by the authority.
    pub unknown: u64,
}

/// Revokes these serials of an authority, however many, in one statement and with one journal row.
/// None of them may stand twice in the list.
pub async fn revoke_serials(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    authority: &AuthorityId,
    serials: &[Serial],
    grounds: &Grounds,
) -> Result<SerialsRevoked, StoreError> {
    // Nobody else's, were he at it in the same moment.
    let request = format!("{:016x}", RandomState::new().hash_one(stamp.at));
    for some in serials.chunks(WANT_AT_ONCE) {
        let rows = some
            .iter()
            .map(|serial| vec![Value::from(request.as_str()), row::serial_bytes(serial).into()]);
        for_each(tx.conn(), WANT, rows.collect()).await.map_err(StoreError::query)?;
    }
    let known = query_scalar(KNOWN).bind(request.as_str()).bind(authority.as_str());
    let known: i64 = known.fetch_one(tx.conn()).await.map_err(StoreError::query)?;
    let known = u64::try_from(known).map_err(|error| row::corrupt("count", error))?;
    tx.revokes().await?;
    let done = query(REVOKE_WANTED)
        .bind(request.as_str())
        .bind(authority.as_str())
        .bind(grounds.revoked_at.as_millis())
        .bind(i64::from(grounds.reason.code()))
        .bind(row::millis(grounds.invalidity_date))
        .execute(tx.conn())
        .await;
    let revoked = done.map_err(StoreError::query)?.rows_affected();
    let forget = query(FORGET_WANTED).bind(request.as_str()).execute(tx.conn()).await;
    forget.map_err(StoreError::query)?;
    let asked = u64::try_from(serials.len()).unwrap_or(u64::MAX);
    if revoked > 0 {
        let detail = json!({
            "authority": authority, "serials": asked, "digest": digest(serials).to_string(),
            "revoked": revoked,
            "reason": grounds.reason.as_str(), "by": stamp.actor.to_string(),
        });
        let id = authority.as_str();
        journal::append(tx, journal::SERVER, stamp.at, "certificates.revoked", &detail).await?;
        audit::record(tx, stamp, "certificates.revoke", id, &detail).await?;
    }
    let (before, unknown) = (known.saturating_sub(revoked), asked.saturating_sub(known));
    Ok(SerialsRevoked { revoked, before, unknown })
}

/// SHA-256 over the values of the serials in their order, each with its length in front.
fn digest(serials: &[Serial]) -> Fingerprint {
    Fingerprint::of(&serials.iter().flat_map(row::serial_bytes).collect::<Vec<u8>>())
}

/// The revocation of a certificate, if it is revoked.
pub async fn of_certificate(
    r: &mut impl Reader,
    id: &CertificateId,
) -> Result<Option<Revocation>, StoreError> {
    let row = query(OF_CERTIFICATE).bind(id.as_str()).fetch_optional(r.conn()).await;
    row.map_err(StoreError::query)?.as_ref().map(read).transpose()
}

/// What OCSP answers about a serial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SerialStatus {
    /// This authority never used this serial.
    NeverIssued,
    /// It is in use and not revoked.
    Good,
    /// It is revoked.
    Revoked(Revocation),
}

/// The status of a serial of an authority.
pub async fn status(
    r: &mut impl Reader,
    authority: &AuthorityId,
    serial: &Serial,
) -> Result<SerialStatus, StoreError> {
    let mut found = statuses(r, &[(authority, serial)]).await?;
    Ok(found.pop().unwrap_or(SerialStatus::NeverIssued))
}

/// The statuses of serials, each of an authority, in this order.
pub async fn statuses(
    r: &mut impl Reader,
    asked: &[(&AuthorityId, &Serial)],
) -> Result<Vec<SerialStatus>, StoreError> {
    let values = |(authority, serial): &(&AuthorityId, &Serial)| {
        vec![Value::from(authority.as_str().to_owned()), row::serial_bytes(serial).into()]
    };
    let values: Vec<_> = asked.iter().map(values).collect();
    let sql = match r.conn() {
        Conn::File(..) => FILE_STATUSES,
        Conn::Postgres(..) => SERVER_STATUSES,
    };
    let rows = fetch_rows(r.conn(), sql, &values).await.map_err(StoreError::query)?;
    let mut found = HashMap::with_capacity(rows.len());
    for row in &rows {
        let status = read_option(row)?.map_or(SerialStatus::Good, SerialStatus::Revoked);
        found.insert((row.parsed::<AuthorityId>("authority")?, row.serial("serial")?), status);
    }
    let status = |(authority, serial): &(&AuthorityId, &Serial)| {
        let key = (AuthorityId::clone(authority), Serial::clone(serial));
        found.get(&key).cloned().unwrap_or(SerialStatus::NeverIssued)
    };
    Ok(asked.iter().map(status).collect())
}

/// Serials that were revoked together, or, in a final CRL, that were not revoked yet.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Run {
    grounds: Option<Grounds>,
    /// One after another, each with its length in front.
    serials: Vec<u8>,
}

impl Run {
    fn serials(&self) -> impl Iterator<Item = &[u8]> {
        let mut left = &self.serials[..];
        std::iter::from_fn(move || {
            let length = usize::from(*left.first()?);
            let (serial, rest) = left.split_at_checked(length + 1)?;
            left = rest;
            Some(serial)
        })
    }
}

/// Some serials of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    runs: Vec<Run>,
    last: Vec<u8>,
}

/// Up to which serial a partition was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cursor(Vec<u8>);

impl Page {
    /// The values of the serials, big-endian, in their order, and why each is revoked; none in a
    /// final CRL for what was not revoked before.
    pub fn entries(&self) -> Vec<(&[u8], Option<Grounds>)> {
        let runs = self.runs.iter();
        let entries = runs.flat_map(|run| run.serials().map(|serial| (serial, run.grounds)));
        let mut entries: Vec<_> = entries.collect();
        entries.sort_unstable_by_key(|(serial, _)| *serial);
        for (serial, _) in &mut entries {
            *serial = serial.get(1..).unwrap_or_default();
        }
        entries
    }

    /// Where the next page begins; none if this one was the last.
    pub fn cursor(&self) -> Option<Cursor> {
        (!self.runs.is_empty()).then(|| Cursor(self.last.clone()))
    }
}

/// The next revocations of one CRL partition in the order of serials, after `after`.
///
/// A CRL is written from pages of one [`crate::Snapshot`], so that it shows one moment.
pub async fn page(
    r: &mut impl Reader,
    authority: &AuthorityId,
    partition: u32,
    after: &Cursor,
    limit: u32,
) -> Result<Page, StoreError> {
    read_page(r, [FILE_PAGE, SERVER_PAGE], authority, partition, after, limit).await
}

/// The next serials of one partition that an authority ever certified or may have, unknown attempts
/// and signatures not yet stored included: what its final CRL lists.
pub async fn closing_page(
    r: &mut impl Reader,
    authority: &AuthorityId,
    partition: u32,
    after: &Cursor,
    limit: u32,
) -> Result<Page, StoreError> {
    let either = [FILE_CLOSING_PAGE, SERVER_CLOSING_PAGE];
    read_page(r, either, authority, partition, after, limit).await
}

async fn read_page(
    r: &mut impl Reader,
    [of_file, of_server]: [&'static str; 2],
    authority: &AuthorityId,
    partition: u32,
    after: &Cursor,
    limit: u32,
) -> Result<Page, StoreError> {
    let selected = |sql| {
        query(sql)
            .bind(authority.as_str())
            .bind(i64::from(partition))
            .bind(&after.0[..])
            .bind(i64::from(limit))
    };
    match r.conn() {
        Conn::File(conn, pace) => {
            pace.run(|| file_page(conn, &selected(of_file))).map_err(StoreError::query)
        }
        conn @ Conn::Postgres(..) => {
            let rows = selected(of_server).fetch_all(conn).await;
            server_page(&rows.map_err(StoreError::query)?)
        }
    }
}

fn file_page(conn: &Lent, query: &Query<'_>) -> Result<Page, SqlError> {
    let mut page = Page { runs: Vec::new(), last: Vec::new() };
    query.visit(conn, |row| {
        let serial = row.get_ref(0)?.as_blob().map_err(|_| SqlError::Shape)?;
        let grounds = match row.get(1)? {
            None => None,
            Some(at) => Some(Grounds {
                revoked_at: Time::from_millis(at),
                reason: Reason::from_code(row.get(2)?).unwrap_or(Reason::Unspecified),
                invalidity_date: row.get::<_, Option<_>>(3)?.map(Time::from_millis),
            }),
        };
        match page.runs.last_mut().filter(|run| run.grounds == grounds) {
            Some(run) => run.serials.extend_from_slice(serial),
            None => page.runs.push(Run { grounds, serials: serial.to_vec() }),
        }
        page.last.clear();
        page.last.extend_from_slice(serial);
        Ok(())
    })?;
    Ok(page)
}

fn server_page(rows: &[DbRow]) -> Result<Page, StoreError> {
    let mut page = Page { runs: Vec::with_capacity(rows.len()), last: Vec::new() };
    for row in rows {
        let bytes =
            |column| hex::decode(row.string(column)?).map_err(|error| row::corrupt(column, error));
        page.last = page.last.max(bytes("last")?);
        page.runs.push(Run { grounds: read_grounds(row)?, serials: bytes("serials")? });
    }
    Ok(page)
}

fn read_grounds(row: &DbRow) -> Result<Option<Grounds>, StoreError> {
    let Some(revoked_at) = row.time_option("revoked_at")? else { return Ok(None) };
    let reason = Reason::from_code(row.number("reason")?).unwrap_or(Reason::Unspecified);
    Ok(Some(Grounds { revoked_at, reason, invalidity_date: row.time_option("invalidity_date")? }))
}

/// How many serials of an authority are revoked.
pub async fn count(r: &mut impl Reader, authority: &AuthorityId) -> Result<u64, StoreError> {
    let count: i64 = query_scalar(COUNT)
        .bind(authority.as_str())
        .fetch_one(r.conn())
        .await
        .map_err(StoreError::query)?;
    u64::try_from(count).map_err(|error| row::corrupt("count", error))
}

/// The CRL partitions that an authority's certificates name.
pub async fn partitions(
    r: &mut impl Reader,
    authority: &AuthorityId,
) -> Result<Vec<u32>, StoreError> {
    let rows = query(PARTITIONS).bind(authority.as_str()).fetch_all(r.conn()).await;
    row::all(&rows.map_err(StoreError::query)?, |row| row.number("crl_part"))
}

fn read(row: &DbRow) -> Result<Revocation, StoreError> {
    let code: u8 = row.number("reason")?;
    Ok(Revocation {
        authority: row.parsed("authority")?,
        partition: row.number("crl_part")?,
        serial: row.serial("serial")?,
        revoked_at: row.time("revoked_at")?,
        reason: Reason::from_code(code).unwrap_or(Reason::Unspecified),
        invalidity_date: row.time_option("invalidity_date")?,
    })
}

fn read_option(row: &DbRow) -> Result<Option<Revocation>, StoreError> {
    row.time_option("revoked_at")?.map(|_| read(row)).transpose()
}
