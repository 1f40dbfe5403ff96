//! The ledger of signatures: every attempt is on the disk before its provider is called.

use std::collections::HashSet;
use std::time::Duration;

use skink_model::{
    Attempt, AttemptCounts, AttemptId, AttemptPurpose, AttemptState, AuthorityId, CertificateId,
    IncidentId, Time,
};
use skink_x509::SignatureAlgorithm;

use crate::row::{self, Columns};
use crate::sql::{DbRow, Value, fetch_rows, for_each, query, query_scalar};
use crate::tx::Connected;
use crate::{Reader, Refusal, StoreError, Tx};

pub(crate) mod rules;

pub use rules::AskRefusal;

pub(crate) const INSERT: &str = "INSERT INTO attempt
    (id, authority, signer_key, purpose, subject, algorithm, incident, state, asked_at, replica)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
const SETTLE: &str = "UPDATE attempt SET state = news.column2, settled_at = news.column3,
    code = news.column4, request_id = news.column5
    FROM (VALUES ($1, $2, CAST($3 AS BIGINT), $4, $5)) AS news
    WHERE attempt.id = news.column1 AND attempt.state = 'asked'
    RETURNING attempt.id";
const SETTLE_CERTIFICATE: &str = "UPDATE certificate SET state = $2
    WHERE id = (SELECT subject FROM attempt WHERE id = $1) AND state = 'linted'";
// Signed but not stored before the crash: nobody was given it, nobody will be.
const SWEEP_CERTIFICATES: &str = "UPDATE certificate SET state = 'unknown'
    WHERE state = 'linted' AND id IN (
        SELECT subject FROM attempt WHERE purpose IN ('certificate', 'closing_set')
        AND state IN ('asked', 'signed', 'unknown'))";
const SWEEP_INTENTIONS: &str =
    "UPDATE certificate SET state = 'failed' WHERE state IN ('intended', 'linted')";
const SWEEP: &str = "UPDATE attempt SET state = 'unknown', settled_at = $1, code = 'crash'
    WHERE state = 'asked'";
// The same of what servers left that are gone: each has a lease while it is there.
const GONE_CERTIFICATES: &str = "UPDATE certificate SET state = 'unknown'
    WHERE state = 'linted' AND id IN (
        SELECT c.id FROM certificate c JOIN attempt a ON a.subject = c.id
        WHERE c.state IN ('intended', 'linted') AND a.purpose IN ('certificate', 'closing_set')
          AND a.state IN ('asked', 'signed', 'unknown')
          AND NOT EXISTS (SELECT 1 FROM lease l
              WHERE l.name = 'replica/' || a.replica AND l.expires_at > $1))";
const GONE_INTENTIONS: &str = "UPDATE certificate SET state = 'failed'
    WHERE state IN ('intended', 'linted') AND created_at < $1 AND NOT EXISTS (
        SELECT 1 FROM attempt a WHERE a.subject = certificate.id
        AND a.purpose IN ('certificate', 'closing_set') AND a.state <> 'failed')";
const GONE: &str = "UPDATE attempt SET state = 'unknown', settled_at = $1, code = 'crash'
    WHERE state = 'asked' AND NOT EXISTS (SELECT 1 FROM lease l
        WHERE l.name = 'replica/' || attempt.replica AND l.expires_at > $1)";
const BY_ID: &str = "SELECT * FROM attempt WHERE id = $1";
const OF_CERTIFICATE: &str = "SELECT * FROM attempt
    WHERE purpose IN ('certificate', 'closing_set') AND subject = $1";
const OPEN: &str = "SELECT * FROM attempt WHERE authority = $1 AND state = 'asked' ORDER BY id";
const AFTER: &str = "SELECT * FROM attempt WHERE authority = $1 AND id > $2 ORDER BY id LIMIT $3";
const BY_REQUEST: &str = "SELECT count(*) FROM attempt WHERE signer_key = $1 AND request_id = $2";
const OPEN_BEFORE: &str = "SELECT count(*) FROM attempt
    WHERE signer_key = $1 AND state = 'asked' AND asked_at <= $2";
const UNKNOWN_WITHOUT_ID: &str = "SELECT count(*) FROM attempt
    WHERE signer_key = $1 AND state = 'unknown' AND request_id IS NULL";
const COUNTS: &str = "SELECT state, count(*) AS total FROM attempt
    WHERE signer_key = $1 GROUP BY state";

/// A request for one signature.
#[derive(Clone, Debug)]
pub struct Ask {
    /// A fresh id.
    pub id: AttemptId,
    /// The authority in whose name is signed.
    pub authority: AuthorityId,
    /// The key's URI.
    pub key: String,
    /// What the signature is for.
    pub purpose: AttemptPurpose,
    /// The thing to be signed: a certificate's id, a list's scope and number, a package's digest.
    pub subject: String,
    /// How it is signed.
    pub algorithm: SignatureAlgorithm,
    /// The incident it belongs to, if to one.
    pub incident: Option<IncidentId>,
}

/// Records the attempts that the rules allow and says for each of the others why not, in the order
/// of the requests. When the transaction has committed, the allowed ones may be signed.
///
/// The rules are read in this very transaction: a taint that commits before it refuses everything,
/// a request that was linted long before included.
pub async fn ask(
    tx: &mut Tx<'_>,
    at: Time,
    batch: &[Ask],
) -> Result<Vec<Result<(), AskRefusal>>, StoreError> {
    let mut answers = Vec::with_capacity(batch.len());
    let mut seen = rules::Seen::of(tx, batch).await?;
    let mut allowed = Vec::with_capacity(batch.len());
    for ask in batch {
        if ask.purpose == AttemptPurpose::ClosingSet {
            // Its rules look at what is in flight.
            insert(tx, at, std::mem::take(&mut allowed)).await?;
        }
        let answer = rules::check(tx, &mut seen, ask).await?;
        if answer.is_ok() {
            allowed.push(ask);
        }
        answers.push(answer);
    }
    insert(tx, at, allowed).await?;
    Ok(answers)
}

pub(crate) async fn insert(tx: &mut Tx<'_>, at: Time, asks: Vec<&Ask>) -> Result<(), StoreError> {
    let Some(first) = asks.first().map(|ask| ask.id.clone()) else { return Ok(()) };
    let replica = tx.replica();
    let rows = asks.into_iter().map(|ask| values(ask, at, &replica));
    let done = for_each(tx.conn(), INSERT, rows.collect()).await;
    done.map(drop).map_err(|error| StoreError::insert("attempt", &first, error))
}

/// What [`INSERT`] takes.
pub(crate) fn values<'v>(ask: &'v Ask, at: Time, replica: &'v str) -> Vec<Value<'v>> {
    vec![
        Value::from(ask.id.as_str()),
        ask.authority.as_str().into(),
        ask.key.as_str().into(),
        ask.purpose.as_str().into(),
        ask.subject.as_str().into(),
        ask.algorithm.as_str().into(),
        ask.incident.as_ref().map(IncidentId::as_str).into(),
        AttemptState::Asked.as_str().into(),
        at.as_millis().into(),
        replica.into(),
    ]
}

/// What came of an attempt.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// The attempt.
    pub attempt: AttemptId,
    /// What came of it.
    pub outcome: Outcome,
    /// The provider's code of a failure.
    pub code: Option<String>,
    /// The service's own id of the call.
    pub request_id: Option<String>,
}

/// What can come of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A signature that verifies.
    Signed,
    /// Certainly no signature.
    Failed,
    /// Nobody knows; never retried.
    Unknown,
}

impl Outcome {
    const fn state(self) -> AttemptState {
        match self {
            Self::Signed => AttemptState::Signed,
            Self::Failed => AttemptState::Failed,
            Self::Unknown => AttemptState::Unknown,
        }
    }
}

/// Records what came of attempts. One that is not open, because a restart has swept it, is refused,
/// and with it the whole batch.
pub async fn settle(tx: &mut Tx<'_>, at: Time, batch: &[Settlement]) -> Result<(), StoreError> {
    let news = batch.iter().map(|settlement| {
        vec![
            Value::from(settlement.attempt.as_str()),
            settlement.outcome.state().as_str().into(),
            at.as_millis().into(),
            settlement.code.as_deref().into(),
            settlement.request_id.as_deref().into(),
        ]
    });
    let news: Vec<_> = news.collect();
    let rows = fetch_rows(tx.conn(), SETTLE, &news).await.map_err(StoreError::query)?;
    let settled = rows.iter().map(|row| row.string("id")).collect::<Result<HashSet<_>, _>>()?;
    for settlement in batch {
        let id = settlement.attempt.as_str();
        if !settled.contains(id) {
            return Err(Refusal::AttemptNotOpen(settlement.attempt.clone()).into());
        }
        if settlement.outcome != Outcome::Signed {
            let state = settlement.outcome.state().as_str();
            let update = query(SETTLE_CERTIFICATE).bind(id).bind(state);
            update.execute(tx.conn()).await.map_err(StoreError::query)?;
        }
    }
    Ok(())
}

/// What [`sweep_unknown`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Swept {
    /// Attempts that were open when the server stopped.
    pub attempts: u64,
    /// Serials that may be signed and that nobody was given.
    pub certificates: u64,
}

/// To be called once, when the server starts and before it signs anything: nobody works on what is
/// open, so open attempts become unknown, and certificates that were on their way are given up.
/// A new attempt takes a new serial; the old ones stay for the final CRL.
pub async fn sweep_unknown(tx: &mut Tx<'_>, at: Time) -> Result<Swept, StoreError> {
    let certificates = query(SWEEP_CERTIFICATES).execute(tx.conn()).await;
    let certificates = certificates.map_err(StoreError::query)?.rows_affected();
    query(SWEEP_INTENTIONS).execute(tx.conn()).await.map_err(StoreError::query)?;
    let attempts = query(SWEEP).bind(at.as_millis()).execute(tx.conn()).await;
    let attempts = attempts.map_err(StoreError::query)?.rows_affected();
    Ok(Swept { attempts, certificates })
}

/// How long an intention may wait to be asked for before it counts as given up: whoever asks for the
/// same once more waits for so long.
const INTENTION: Duration = Duration::from_secs(15);

/// The name of the lease that a server holds while it is there: without it, what it has open is
/// anybody's to call unknown.
pub fn presence(replica: &str) -> String {
    format!("replica/{replica}")
}

/// The same as [`sweep_unknown`] of what servers left whose lease ([`presence`]) has run out, while
/// others work on. One that was only late finds its attempts settled and is refused.
pub async fn sweep_gone(tx: &mut Tx<'_>, at: Time) -> Result<Swept, StoreError> {
    let (now, long_ago) = (at.as_millis(), at.minus(INTENTION).as_millis());
    let certificates = query(GONE_CERTIFICATES).bind(now).execute(tx.conn()).await;
    let certificates = certificates.map_err(StoreError::query)?.rows_affected();
    let given_up = query(GONE_INTENTIONS).bind(long_ago).execute(tx.conn()).await;
    given_up.map_err(StoreError::query)?;
    let attempts = query(GONE).bind(now).execute(tx.conn()).await;
    let attempts = attempts.map_err(StoreError::query)?.rows_affected();
    Ok(Swept { attempts, certificates })
}

/// The attempt of this id.
pub async fn find(r: &mut impl Reader, id: &AttemptId) -> Result<Option<Attempt>, StoreError> {
    let row = query(BY_ID).bind(id.as_str()).fetch_optional(r.conn()).await;
    row.map_err(StoreError::query)?.as_ref().map(read).transpose()
}

/// The one attempt at a certificate, if it was asked for.
pub async fn of_certificate(
    r: &mut impl Reader,
    id: &CertificateId,
) -> Result<Option<Attempt>, StoreError> {
    let row = query(OF_CERTIFICATE).bind(id.as_str()).fetch_optional(r.conn()).await;
    row.map_err(StoreError::query)?.as_ref().map(read).transpose()
}

/// Tickets in flight: a closing set waits until there are none.
pub async fn open(
    r: &mut impl Reader,
    authority: &AuthorityId,
) -> Result<Vec<Attempt>, StoreError> {
    let rows = query(OPEN).bind(authority.as_str()).fetch_all(r.conn()).await;
    row::all(&rows.map_err(StoreError::query)?, read)
}

/// Attempts of an authority after id `after`, by id: for reconciling with a provider's log.
pub async fn after(
    r: &mut impl Reader,
    authority: &AuthorityId,
    after: Option<&AttemptId>,
    limit: u32,
) -> Result<Vec<Attempt>, StoreError> {
    let rows = query(AFTER)
        .bind(authority.as_str())
        .bind(after.map_or("", AttemptId::as_str).to_owned())
        .bind(i64::from(limit))
        .fetch_all(r.conn())
        .await
        .map_err(StoreError::query)?;
    row::all(&rows, read)
}

/// How many attempts with `key` were the service's call of this id.
pub async fn recorded(r: &mut impl Reader, key: &str, request_id: &str) -> Result<u64, StoreError> {
    let found = query_scalar(BY_REQUEST).bind(key).bind(request_id).fetch_one(r.conn()).await;
    let found: i64 = found.map_err(StoreError::query)?;
    Ok(u64::try_from(found).unwrap_or_default())
}

/// Whether an attempt with `key` that was asked for until `before` is open.
pub async fn is_open(r: &mut impl Reader, key: &str, before: Time) -> Result<bool, StoreError> {
    let open = query_scalar(OPEN_BEFORE).bind(key).bind(before.as_millis());
    let open = open.fetch_one(r.conn()).await;
    open.map(|open: i64| open > 0).map_err(StoreError::query)
}

/// How many attempts with `key` may have signed, with nothing to pair them by.
pub async fn unknown_without_id(r: &mut impl Reader, key: &str) -> Result<u64, StoreError> {
    let count: i64 = query_scalar(UNKNOWN_WITHOUT_ID)
        .bind(key)
        .fetch_one(r.conn())
        .await
        .map_err(StoreError::query)?;
    u64::try_from(count).map_err(|error| row::corrupt("count", error))
}

/// How often a key was used, by the ledger.
pub async fn counts(r: &mut impl Reader, key: &str) -> Result<AttemptCounts, StoreError> {
    let rows = query(COUNTS).bind(key).fetch_all(r.conn()).await;
    let mut counts = AttemptCounts::default();
    for row in rows.map_err(StoreError::query)? {
        let total = row.number("total")?;
        match row.parsed::<AttemptState>("state")? {
            AttemptState::Asked => counts.asked = total,
            AttemptState::Signed => counts.signed = total,
            AttemptState::Failed => counts.failed = total,
            AttemptState::Unknown => counts.unknown = total,
        }
    }
    Ok(counts)
}

fn read(row: &DbRow) -> Result<Attempt, StoreError> {
    Ok(Attempt {
        id: row.parsed("id")?,
        authority: row.parsed("authority")?,
        key: row.string("signer_key")?,
        purpose: row.parsed("purpose")?,
        subject: row.string("subject")?,
        algorithm: row.parsed("algorithm")?,
        incident: row.parsed_option("incident")?,
        state: row.parsed("state")?,
        asked_at: row.time("asked_at")?,
        settled_at: row.time_option("settled_at")?,
        code: row.raw("code")?,
        request_id: row.raw("request_id")?,
    })
}
