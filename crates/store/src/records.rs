//! What an incident leaves on paper: waivers, notices, evidence.

use serde_json::json;
use skink_model::{Evidence, IncidentId, Notice, Stamp, Time, Waiver};
use skink_x509::Fingerprint;

use crate::row::{self, Columns};
use crate::sql::{DbRow, query};
use crate::tx::Connected;
use crate::{Reader, StoreError, Tx, audit};

const WAIVE: &str = "INSERT INTO waiver
    (incident, step, subject, reason, owner, at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT (incident, step, subject) DO UPDATE SET reason = excluded.reason,
        owner = excluded.owner, at = excluded.at, expires_at = excluded.expires_at";
const WAIVERS: &str = "SELECT * FROM waiver WHERE incident = $1 ORDER BY step, subject";
const NOTIFY: &str = "INSERT INTO notice (incident, message, recipient, due)
    VALUES ($1, $2, $3, $4) ON CONFLICT (incident, message, recipient) DO NOTHING";
const SENT: &str = "UPDATE notice SET sent_at = $4, file = $5, digest = $6
    WHERE incident = $1 AND message = $2 AND recipient = $3 AND sent_at IS NULL";
const NOTICES: &str = "SELECT * FROM notice WHERE incident = $1 ORDER BY due, message, recipient";
const PRESERVE: &str = "INSERT INTO evidence (incident, name, file, size, digest, at)
    VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (incident, name) DO NOTHING";
const EVIDENCE: &str = "SELECT * FROM evidence WHERE incident = $1 ORDER BY name";

/// Records an exception. A later one for the same step and subject takes its place.
pub async fn waive(tx: &mut Tx<'_>, stamp: &Stamp, waiver: &Waiver) -> Result<(), StoreError> {
    query(WAIVE)
        .bind(waiver.incident.as_str())
        .bind(waiver.step.as_str())
        .bind(waiver.subject.as_str())
        .bind(waiver.reason.as_str())
        .bind(waiver.owner.as_str())
        .bind(waiver.at.as_millis())
        .bind(waiver.expires_at.as_millis())
        .execute(tx.conn())
        .await
        .map_err(StoreError::query)?;
    let detail = json!({
        "step": waiver.step, "subject": waiver.subject, "reason": waiver.reason,
        "expires_at_ms": waiver.expires_at.as_millis(),
    });
    audit::record(tx, stamp, "incident.waive", waiver.incident.as_str(), &detail).await
}

/// The waivers of an incident, expired ones too.
pub async fn waivers(
    r: &mut impl Reader,
    incident: &IncidentId,
) -> Result<Vec<Waiver>, StoreError> {
    let rows = query(WAIVERS).bind(incident.as_str()).fetch_all(r.conn()).await;
    row::all(&rows.map_err(StoreError::query)?, read_waiver)
}

/// Records that somebody has to be told. Says whether it is new.
pub async fn plan_notice(tx: &mut Tx<'_>, notice: &Notice) -> Result<bool, StoreError> {
    let done = query(NOTIFY)
        .bind(notice.incident.as_str())
        .bind(notice.key.as_str())
        .bind(notice.recipient.as_str())
        .bind(notice.due.as_millis())
        .execute(tx.conn())
        .await;
    done.map(|done| done.rows_affected() == 1).map_err(StoreError::query)
}

/// Records that a planned notice went out, as a rendered file. The first time stands.
pub async fn notice_sent(
    tx: &mut Tx<'_>,
    notice: &Notice,
    at: Time,
    file: &str,
    digest: &Fingerprint,
) -> Result<(), StoreError> {
    query(SENT)
        .bind(notice.incident.as_str())
        .bind(notice.key.as_str())
        .bind(notice.recipient.as_str())
        .bind(at.as_millis())
        .bind(file)
        .bind(digest.as_bytes().to_vec())
        .execute(tx.conn())
        .await
        .map(drop)
        .map_err(StoreError::query)
}

/// The notices of an incident, by deadline.
pub async fn notices(
    r: &mut impl Reader,
    incident: &IncidentId,
) -> Result<Vec<Notice>, StoreError> {
    let rows = query(NOTICES).bind(incident.as_str()).fetch_all(r.conn()).await;
    row::all(&rows.map_err(StoreError::query)?, read_notice)
}

/// Records a preserved thing. The first stands; says whether it is new.
pub async fn preserve(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    evidence: &Evidence,
) -> Result<bool, StoreError> {
    let done = query(PRESERVE)
        .bind(evidence.incident.as_str())
        .bind(evidence.name.as_str())
        .bind(evidence.file.as_str())
        .bind(row::int(evidence.size))
        .bind(evidence.digest.as_bytes().to_vec())
        .bind(evidence.at.as_millis())
        .execute(tx.conn())
        .await
        .map_err(StoreError::query)?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    let detail = json!({"name": evidence.name, "digest": evidence.digest.to_string()});
    audit::record(tx, stamp, "incident.evidence", evidence.incident.as_str(), &detail).await?;
    Ok(true)
}

/// The evidence of an incident, by name.
pub async fn evidence(
    r: &mut impl Reader,
    incident: &IncidentId,
) -> Result<Vec<Evidence>, StoreError> {
    let rows = query(EVIDENCE).bind(incident.as_str()).fetch_all(r.conn()).await;
    row::all(&rows.map_err(StoreError::query)?, read_evidence)
}

fn read_waiver(row: &DbRow) -> Result<Waiver, StoreError> {
    Ok(Waiver {
        incident: row.parsed("incident")?,
        step: row.string("step")?,
        subject: row.string("subject")?,
        reason: row.string("reason")?,
        owner: row.parsed("owner")?,
        at: row.time("at")?,
        expires_at: row.time("expires_at")?,
    })
}

fn read_notice(row: &DbRow) -> Result<Notice, StoreError> {
    Ok(Notice {
        incident: row.parsed("incident")?,
        key: row.string("message")?,
        recipient: row.string("recipient")?,
        due: row.time("due")?,
        sent_at: row.time_option("sent_at")?,
        file: row.raw("file")?,
        digest: row.digest_option("digest")?,
    })
}

fn read_evidence(row: &DbRow) -> Result<Evidence, StoreError> {
    Ok(Evidence {
        incident: row.parsed("incident")?,
        name: row.string("name")?,
        file: row.string("file")?,
        size: row.number("size")?,
        digest: row.digest("digest")?,
        at: row.time("at")?,
    })
}
