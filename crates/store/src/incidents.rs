//! Incidents: the frame. What happens in one is in its journal stream, named by its id.

use serde_json::json;
use skink_model::{AuthorityId, Incident, IncidentId, IncidentState, Stamp};

use crate::row::{self, Columns};
use crate::sql::{DbRow, query};
use crate::tx::Connected;
use crate::{Reader, Refusal, StoreError, Tx, audit, journal};

const INSERT: &str = "INSERT INTO incident
    (id, plan, authority, state, severity, policy, cause, suspected_since, detected_at, aware_at,
     declared_at, declared_by, deadline)
    VALUES ($1, $2, $3, 'open', $4, $5, $6, $7, $8, $9, $10, $11, $12)";
const SET_STATE: &str = "UPDATE incident SET state = $2, closed_at = $3
    WHERE id = $1 AND state IN ('open', 'held')";
const BY_ID: &str = "SELECT * FROM incident WHERE id = $1";
const RUNNING: &str =
    "SELECT * FROM incident WHERE state IN ('open', 'held') ORDER BY declared_at, id";
const RUNNING_FOR: &str =
    "SELECT * FROM incident WHERE authority = $1 AND state IN ('open', 'held')";
const ALL: &str = "SELECT * FROM incident ORDER BY declared_at DESC, id";

/// Declares an incident. An authority has one at a time.
pub async fn declare(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    incident: &Incident,
) -> Result<(), StoreError> {
    query(INSERT)
        .bind(incident.id.as_str())
        .bind(incident.plan.as_str())
        .bind(incident.authority.as_str())
        .bind(incident.severity.as_str())
        .bind(incident.policy.as_str())
        .bind(incident.trigger.as_str())
        .bind(row::millis(incident.suspected_since))
        .bind(row::millis(incident.detected_at))
        .bind(row::millis(incident.aware_at))
        .bind(incident.declared_at.as_millis())
        .bind(incident.declared_by.as_str())
        .bind(row::millis(incident.deadline))
        .execute(tx.conn())
        .await
        .map_err(|error| {
            let id = format!("{} (running) for {}", incident.id, incident.authority);
            StoreError::insert("incident", id, error)
        })?;
    let detail = json!({
        "incident": incident.id, "plan": incident.plan, "authority": incident.authority,
        "severity": incident.severity, "trigger": incident.trigger, "policy": incident.policy,
        "by": stamp.actor.to_string(),
    });
    journal::append(tx, journal::SERVER, stamp.at, "incident.declared", &detail).await?;
    audit::record(tx, stamp, "incident.declare", incident.id.as_str(), &detail).await
}

/// Holds, resumes, stands down or closes a running incident. One that is over stays over.
pub async fn set_state(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    id: &IncidentId,
    state: IncidentState,
) -> Result<(), StoreError> {
    let over = matches!(state, IncidentState::StoodDown | IncidentState::Closed);
    let done = query(SET_STATE)
        .bind(id.as_str())
        .bind(state.as_str())
        .bind(over.then(|| stamp.at.as_millis()))
        .execute(tx.conn())
        .await
        .map_err(StoreError::query)?;
    if done.rows_affected() == 0 {
        let incident = find(tx, id).await?.ok_or_else(|| StoreError::not_found("incident", id))?;
        if incident.state == state {
            return Ok(());
        }
        let (incident, authority) = (incident.id, incident.authority);
        return Err(Refusal::NotItsIncident { incident, authority }.into());
    }
    let kind = format!("incident.{state}");
    let detail = json!({"incident": id, "by": stamp.actor.to_string()});
    journal::append(tx, journal::SERVER, stamp.at, &kind, &detail).await?;
    audit::record(tx, stamp, &kind, id.as_str(), &detail).await
}

/// The incident of this id.
pub async fn find(r: &mut impl Reader, id: &IncidentId) -> Result<Option<Incident>, StoreError> {
    let row = query(BY_ID).bind(id.as_str()).fetch_optional(r.conn()).await;
    row.map_err(StoreError::query)?.as_ref().map(read).transpose()
}

/// Incidents that are open or held, oldest first: what a starting server takes up again.
pub async fn running(r: &mut impl Reader) -> Result<Vec<Incident>, StoreError> {
    let rows = query(RUNNING).fetch_all(r.conn()).await.map_err(StoreError::query)?;
    row::all(&rows, read)
}

/// The running incident of an authority.
pub async fn running_for(
    r: &mut impl Reader,
    authority: &AuthorityId,
) -> Result<Option<Incident>, StoreError> {
    let row = query(RUNNING_FOR).bind(authority.as_str()).fetch_optional(r.conn()).await;
    row.map_err(StoreError::query)?.as_ref().map(read).transpose()
}

/// Every incident, newest first.
pub async fn all(r: &mut impl Reader) -> Result<Vec<Incident>, StoreError> {
    let rows = query(ALL).fetch_all(r.conn()).await.map_err(StoreError::query)?;
    row::all(&rows, read)
}

fn read(row: &DbRow) -> Result<Incident, StoreError> {
    Ok(Incident {
        id: row.parsed("id")?,
        plan: row.parsed("plan")?,
        authority: row.parsed("authority")?,
        state: row.parsed("state")?,
        severity: row.parsed("severity")?,
        policy: row.parsed("policy")?,
        trigger: row.parsed("cause")?,
        suspected_since: row.time_option("suspected_since")?,
        detected_at: row.time_option("detected_at")?,
        aware_at: row.time_option("aware_at")?,
        declared_at: row.time("declared_at")?,
        declared_by: row.parsed("declared_by")?,
        deadline: row.time_option("deadline")?,
        closed_at: row.time_option("closed_at")?,
    })
}
