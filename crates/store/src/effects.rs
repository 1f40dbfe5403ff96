//! Effects: what an incident does in the world, once for each incident, step and subject.

use serde_json::Value;
use skink_model::{Effect, EffectState, IncidentId, Time};

use crate::row::{self, Columns};
use crate::sql::{DbRow, query};
use crate::tx::Connected;
use crate::{Reader, StoreError, Tx};

const START: &str = "INSERT INTO effect (incident, step, subject, state, starts, started_at)
    VALUES ($1, $2, $3, 'started', 1, $4)
    ON CONFLICT (incident, step, subject) DO UPDATE SET
        state = 'started', starts = effect.starts + 1, started_at = excluded.started_at,
        finished_at = NULL
    WHERE effect.state <> 'done'";
const FINISH: &str = "UPDATE effect SET state = $4, finished_at = $5, outcome = $6
    WHERE incident = $1 AND step = $2 AND subject = $3 AND state <> 'done'";
const FIND: &str = "SELECT * FROM effect WHERE incident = $1 AND step = $2 AND subject = $3";
const OF_INCIDENT: &str =
    "SELECT * FROM effect WHERE incident = $1 ORDER BY started_at, step, subject";
const OPEN: &str = "SELECT * FROM effect WHERE incident = $1 AND state = 'started'
    ORDER BY started_at, step, subject";

/// Whether an effect should be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Started {
    /// Yes, for the first time.
    First,
    /// Yes, but it was started before and may have happened: observe before acting again.
    Again {
        /// How often it was started, this time included.
        starts: u32,
    },
    /// No: it is done, with this outcome.
    Done(Option<Value>),
}

/// Claims an effect before it is carried out.
pub async fn start(
    tx: &mut Tx<'_>,
    at: Time,
    incident: &IncidentId,
    step: &str,
    subject: &str,
) -> Result<Started, StoreError> {
    query(START)
        .bind(incident.as_str())
        .bind(step)
        .bind(subject)
        .bind(at.as_millis())
        .execute(tx.conn())
        .await
        .map_err(StoreError::query)?;
    let effect = find(tx, incident, step, subject)
        .await?
        .ok_or_else(|| StoreError::not_found("effect", format!("{incident} {step} {subject}")))?;
    Ok(match (effect.state, effect.starts) {
        (EffectState::Done, _) => Started::Done(effect.outcome),
        (_, 1) => Started::First,
        (_, starts) => Started::Again { starts },
    })
}

/// Records what came of an effect. What is done stays done.
pub async fn finish(tx: &mut Tx<'_>, at: Time, effect: &Effect) -> Result<(), StoreError> {
    query(FINISH)
        .bind(effect.incident.as_str())
        .bind(effect.step.as_str())
        .bind(effect.subject.as_str())
        .bind(effect.state.as_str())
        .bind(at.as_millis())
        .bind(effect.outcome.as_ref().map(Value::to_string))
        .execute(tx.conn())
        .await
        .map(drop)
        .map_err(StoreError::query)
}

/// One effect.
pub async fn find(
    r: &mut impl Reader,
    incident: &IncidentId,
    step: &str,
    subject: &str,
) -> Result<Option<Effect>, StoreError> {
    let query = query(FIND).bind(incident.as_str()).bind(step).bind(subject);
    let row = query.fetch_optional(r.conn()).await;
    row.map_err(StoreError::query)?.as_ref().map(read).transpose()
}

/// Every effect of an incident, in the order of their last start.
pub async fn of_incident(
    r: &mut impl Reader,
    incident: &IncidentId,
) -> Result<Vec<Effect>, StoreError> {
    let rows = query(OF_INCIDENT).bind(incident.as_str()).fetch_all(r.conn()).await;
    row::all(&rows.map_err(StoreError::query)?, read)
}

/// Effects that were started and not finished: after a crash, those to be observed first.
pub async fn open(r: &mut impl Reader, incident: &IncidentId) -> Result<Vec<Effect>, StoreError> {
    let rows = query(OPEN).bind(incident.as_str()).fetch_all(r.conn()).await;
    row::all(&rows.map_err(StoreError::query)?, read)
}

fn read(row: &DbRow) -> Result<Effect, StoreError> {
    Ok(Effect {
        incident: row.parsed("incident")?,
        step: row.string("step")?,
        subject: row.string("subject")?,
        state: row.parsed("state")?,
        starts: row.number("starts")?,
        started_at: row.time("started_at")?,
        finished_at: row.time_option("finished_at")?,
        outcome: row.json_option("outcome")?,
    })
}
