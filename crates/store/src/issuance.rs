//! Certificates issued one by one, in two transactions each, shared with everybody who is under way:
//! the intention with the permission to sign it, before the key is used; what came of the attempt
//! with the certificate, after.

use serde_json::json;
use skink_model::{AttemptId, AttemptPurpose, CertificateId, CertificateRow, Stamp, Time};
use skink_x509::Fingerprint;

use crate::attempts::{self, Ask, AskRefusal, rules};
use crate::certificates::{self, INSERT_DER, SET_REPLACED};
use crate::sql::{Conn, Value, for_each, query};
use crate::tx::Connected;
use crate::{Refusal, StoreError, Tx, audit};

const FILE_SETTLE: &str = "UPDATE attempt
    SET state = 'signed', settled_at = news.column3, request_id = news.column4
    FROM (VALUES ($1, $2, $3, $4)) AS news
    WHERE attempt.id = news.column1 AND attempt.subject = news.column2
      AND attempt.state = 'asked'";
const SERVER_SETTLE: &str = "UPDATE attempt
    SET state = 'signed', settled_at = news.column3, request_id = news.column4
    FROM (VALUES ($1, $2, CAST($3 AS BIGINT), $4)) AS news
    WHERE attempt.id = news.column1 AND attempt.subject = news.column2
      AND attempt.state = 'asked'";
const FILE_SET_ISSUED: &str = "UPDATE certificate
    SET state = 'issued', issued_at = news.column2, fingerprint = news.column3
    FROM (VALUES ($1, $2, $3)) AS news
    WHERE certificate.id = news.column1 AND certificate.state = 'linted'";
const SERVER_SET_ISSUED: &str = "UPDATE certificate
    SET state = 'issued', issued_at = news.column2, fingerprint = news.column3
    FROM (VALUES ($1, CAST($2 AS BIGINT), CAST($3 AS BYTEA))) AS news
    WHERE certificate.id = news.column1 AND certificate.state = 'linted'";

/// A certificate to be, linted, and the signature that it needs.
#[derive(Clone, Debug)]
pub struct Begun {
    /// Its row.
    pub row: CertificateRow,
    /// The request for its signature: its subject is the row.
    pub ask: Ask,
}

/// Records intentions and attempts of those that the rules allow, and says for each of the others why
/// not; of them nothing is kept. When the transaction has committed, the allowed ones may be signed.
///
/// The rules are the ones of [`attempts::ask`], read in this very transaction.
pub async fn begin(
    tx: &mut Tx<'_>,
    at: Time,
    batch: &[Begun],
) -> Result<Vec<Result<(), AskRefusal>>, StoreError> {
    let mut seen = rules::Seen::new(tx, batch.iter().map(|one| &one.row)).await?;
    let (mut answers, mut allowed) = (Vec::with_capacity(batch.len()), Vec::new());
    for one in batch {
        if one.ask.purpose == AttemptPurpose::ClosingSet {
            // Its rules look at what is in flight.
            insert(tx, at, std::mem::take(&mut allowed)).await?;
        }
        let answer = rules::check(tx, &mut seen, &one.ask).await?;
        if answer.is_ok() {
            allowed.push(one);
        }
        answers.push(answer);
    }
    insert(tx, at, allowed).await?;
    Ok(answers)
}

async fn insert(tx: &mut Tx<'_>, at: Time, begun: Vec<&Begun>) -> Result<(), StoreError> {
    let Some(first) = begun.first() else { return Ok(()) };
    let rows = begun.iter().map(|one| (&one.row, one.row.created_at));
    certificates::insert(tx, &first.row.id, rows).await?;
    attempts::insert(tx, at, begun.iter().map(|one| &one.ask).collect()).await
}

/// A certificate whose signature was made and verified.
#[derive(Clone, Debug)]
pub struct Finished {
    /// The attempt that made it.
    pub attempt: AttemptId,
    /// The service's own id of the call.
    pub request_id: Option<String>,
    /// Its row.
    pub id: CertificateId,
    /// The certificate.
    pub der: Vec<u8>,
    /// The row of the one that it replaces.
    pub replaces: Option<CertificateId>,
    /// On whose behalf.
    pub by: Stamp,
}

/// Settles attempts as signed and stores what they signed: from now on it may be given out, once.
///
/// One whose attempt is not open, because a restart has swept it, is refused, and with it the whole
/// batch: its serial is in the final CRL, and nobody was given it.
pub async fn finish(tx: &mut Tx<'_>, at: Time, batch: &[Finished]) -> Result<(), StoreError> {
    let Some(first) = batch.first() else { return Ok(()) };
    let (settle, set_issued) = match tx.conn() {
        Conn::File(..) => (FILE_SETTLE, FILE_SET_ISSUED),
        Conn::Postgres(..) => (SERVER_SETTLE, SERVER_SET_ISSUED),
    };
    let outcomes = batch.iter().map(|one| {
        vec![
            Value::from(one.attempt.as_str()),
            one.id.as_str().into(),
            at.as_millis().into(),
            one.request_id.as_deref().into(),
        ]
    });
    let settled = for_each(tx.conn(), settle, outcomes.collect()).await;
    if settled.map_err(StoreError::query)? != count(batch) {
        return Err(Refusal::AttemptNotOpen(first.attempt.clone()).into());
    }
    let prints: Vec<_> = batch.iter().map(|one| Fingerprint::of(&one.der)).collect();
    let news = batch.iter().zip(&prints).map(|(one, print)| {
        let at = one.by.at.as_millis();
        vec![Value::from(one.id.as_str()), at.into(), print.as_bytes().as_slice().into()]
    });
    let issued = for_each(tx.conn(), set_issued, news.collect()).await;
    if issued.map_err(StoreError::query)? != count(batch) {
        return Err(Refusal::NotSigned(first.id.clone()).into());
    }
    let ders = batch.iter().map(|one| vec![one.id.as_str().into(), one.der.as_slice().into()]);
    for_each(tx.conn(), INSERT_DER, ders.collect()).await.map_err(StoreError::query)?;
    for one in batch {
        if let Some(before) = &one.replaces {
            let update = query(SET_REPLACED).bind(one.id.as_str()).bind(before.as_str());
            update.execute(tx.conn()).await.map_err(StoreError::query)?;
        }
    }
    let told = batch
        .iter()
        .zip(&prints)
        .map(|(one, print)| (&one.by, one.id.as_str(), json!({"fingerprint": print.to_string()})));
    audit::record_many(tx, "certificate.issue", told).await
}

fn count(batch: &[Finished]) -> u64 {
    u64::try_from(batch.len()).unwrap_or(u64::MAX)
}
