//! Approvals: one per person, step and incident, however many sessions the person has.

use std::collections::BTreeSet;

use serde_json::json;
use skink_model::{Approval, IncidentId, Stamp};

use crate::row::{self, Columns};
use crate::sql::{DbRow, query};
use crate::tx::Connected;
use crate::{Reader, Refusal, StoreError, Tx, audit};

const INSERT: &str = "INSERT INTO approval (incident, step, person, id, role, at)
    VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (incident, step, person) DO NOTHING";
// An approval counts while the one who gave it is still an operator.
const OF_STEP: &str = "SELECT a.*, coalesce(o.vouched_by, o.name) AS line FROM approval a
    JOIN operator o ON o.name = a.person AND o.disabled_at IS NULL
    WHERE a.incident = $1 AND a.step = $2 ORDER BY a.at, a.person";
const OF_INCIDENT: &str = "SELECT * FROM approval WHERE incident = $1 ORDER BY at, step, person";

/// Records an approval. A second one by the same person changes nothing; says whether it is new.
pub async fn give(tx: &mut Tx<'_>, stamp: &Stamp, approval: &Approval) -> Result<bool, StoreError> {
    let done = query(INSERT)
        .bind(approval.incident.as_str())
        .bind(approval.step.as_str())
        .bind(approval.person.as_str())
        .bind(approval.id.as_str())
        .bind(approval.role.as_str())
        .bind(approval.at.as_millis())
        .execute(tx.conn())
        .await
        .map_err(|error| StoreError::insert("approval", &approval.id, error))?;
    let new = done.rows_affected() == 1;
    let detail = json!({"step": approval.step, "role": approval.role, "new": new});
    audit::record(tx, stamp, "incident.approve", approval.incident.as_str(), &detail).await?;
    Ok(new)
}

/// The approvals of one step by people who are still operators.
pub async fn of_step(
    r: &mut impl Reader,
    incident: &IncidentId,
    step: &str,
) -> Result<Vec<Approval>, StoreError> {
    let query = query(OF_STEP).bind(incident.as_str()).bind(step);
    let rows = query.fetch_all(r.conn()).await.map_err(StoreError::query)?;
    row::all(&rows, read)
}

/// Every approval of an incident, oldest first.
pub async fn of_incident(
    r: &mut impl Reader,
    incident: &IncidentId,
) -> Result<Vec<Approval>, StoreError> {
    let rows = query(OF_INCIDENT).bind(incident.as_str()).fetch_all(r.conn()).await;
    row::all(&rows.map_err(StoreError::query)?, read)
}

/// Refuses unless two different people, in roles that may approve, have approved the step: two who
/// do not stand on one registration, so that nobody makes a second person of himself.
///
/// To be called in the transaction that does what they approved.
pub async fn require_two(
    r: &mut impl Reader,
    incident: &IncidentId,
    step: &str,
) -> Result<(), StoreError> {
    let query = query(OF_STEP).bind(incident.as_str()).bind(step);
    let rows = query.fetch_all(r.conn()).await.map_err(StoreError::query)?;
    let mut lines = BTreeSet::new();
    for row in &rows {
        if read(row)?.role.may_approve() {
            lines.insert(row.string("line")?);
        }
    }
    if lines.len() < 2 {
        let (incident, step, approvals) = (incident.clone(), step.to_owned(), lines.len());
        return Err(Refusal::NeedsTwoPeople { incident, step, approvals }.into());
    }
    Ok(())
}

fn read(row: &DbRow) -> Result<Approval, StoreError> {
    Ok(Approval {
        id: row.parsed("id")?,
        incident: row.parsed("incident")?,
        step: row.string("step")?,
        person: row.parsed("person")?,
        role: row.parsed("role")?,
        at: row.time("at")?,
    })
}
