//! Freeze, reversible; and taint, for ever.

use serde_json::json;
use skink_model::{Authority, AuthorityId, AuthorityState, IncidentId, IncidentState, Stamp, Time};

use super::{life, require};
use crate::sql::query;
use crate::tx::Connected;
use crate::{Refusal, StoreError, Tx, approvals, audit, incidents, journal};

/// The step whose approvals [`taint`] counts.
pub const TAINT_STEP: &str = "taint";

const FREEZE: &str = "UPDATE authority SET frozen_at = $2, frozen_reason = $3, frozen_incident = $4
    WHERE id = $1 AND (frozen_at IS NULL OR (frozen_incident IS NULL AND CAST($4 AS TEXT) IS NOT NULL))";
const UNFREEZE: &str =
    "UPDATE authority SET frozen_at = NULL, frozen_reason = NULL, frozen_incident = NULL
    WHERE id = $1 AND frozen_at IS NOT NULL AND (frozen_incident IS NULL OR frozen_incident = $2)";
const TAINT: &str = "UPDATE authority SET state = 'tainted', tainted_from = state, tainted_at = $2,
        taint_incident = $3, suspected_since = $4
    WHERE id = $1 AND tainted_at IS NULL";

/// From now on the authority issues nothing, until [`unfreeze`]. Again changes nothing, but an
/// incident takes over what a person froze.
pub async fn freeze(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    id: &AuthorityId,
    reason: &str,
    incident: Option<&IncidentId>,
) -> Result<(), StoreError> {
    require(tx, id).await?;
    let done = query(FREEZE)
        .bind(id.as_str())
        .bind(stamp.at.as_millis())
        .bind(reason)
        .bind(incident.map(|incident| incident.as_str().to_owned()))
        .execute(tx.conn())
        .await
        .map_err(StoreError::query)?;
    if done.rows_affected() == 0 {
        return Ok(());
    }
    let detail = json!({
        "authority": id, "reason": reason, "incident": incident, "by": stamp.actor.to_string(),
    });
    journal::append(tx, journal::SERVER, stamp.at, "authority.frozen", &detail).await?;
    audit::record(tx, stamp, "authority.freeze", id.as_str(), &detail).await
}

/// Takes a freeze back, without a scar. Again changes nothing. A tainted authority stays refused.
///
/// What an incident froze is `incident`'s to take back, and while one runs for the authority,
/// nobody else's.
pub async fn unfreeze(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    id: &AuthorityId,
    reason: &str,
    incident: Option<&IncidentId>,
) -> Result<(), StoreError> {
    let frozen = require(tx, id).await?.frozen;
    let running = incidents::running_for(tx, id).await?.map(|it| it.id);
    let holder = frozen.and_then(|freeze| freeze.incident).or(running);
    if let Some(holder) = holder.filter(|holder| Some(holder) != incident) {
        let authority = id.clone();
        return Err(Refusal::FrozenByIncident { authority, incident: holder }.into());
    }
    let query = query(UNFREEZE).bind(id.as_str());
    let query = query.bind(incident.map(|incident| incident.as_str().to_owned()));
    let done = query.execute(tx.conn()).await;
    if done.map_err(StoreError::query)?.rows_affected() == 0 {
        return Ok(());
    }
    let detail = json!({"authority": id, "reason": reason, "by": stamp.actor.to_string()});
    journal::append(tx, journal::SERVER, stamp.at, "authority.unfrozen", &detail).await?;
    audit::record(tx, stamp, "authority.unfreeze", id.as_str(), &detail).await
}

/// A thief may use this authority. Irreversible.
///
/// Two different people in a role that may approve must have approved the step [`TAINT_STEP`] of
/// `incident`, which must run and be about this authority; all of it is checked here, in the
/// transaction. Tainting what the same incident has tainted changes nothing.
pub async fn taint(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    id: &AuthorityId,
    incident: &IncidentId,
    suspected_since: Option<Time>,
) -> Result<(), StoreError> {
    let authority = require(tx, id).await?;
    if authority.taint.as_ref().is_some_and(|taint| taint.incident == *incident) {
        return Ok(());
    }
    let running = incidents::find(tx, incident).await?.filter(|it| {
        it.authority == *id && matches!(it.state, IncidentState::Open | IncidentState::Held)
    });
    if running.is_none() {
        let (incident, authority) = (incident.clone(), id.clone());
        return Err(Refusal::NotItsIncident { incident, authority }.into());
    }
    approvals::require_two(tx, incident, TAINT_STEP).await?;
    if !authority.state.can_become(AuthorityState::Tainted) {
        let (authority, from) = (id.clone(), authority.state);
        return Err(Refusal::Transition { authority, from, to: AuthorityState::Tainted }.into());
    }
    write(tx, stamp, &authority, incident, suspected_since).await
}

/// A standby of a tainted authority's issuer whose credential was on the stolen host is in the
/// thief's hands as well: it is tainted by the same incident, on the same two approvals.
///
/// Refuses unless the incident has tainted its own authority. Again changes nothing.
pub async fn taint_standby(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    standby: &AuthorityId,
    incident: &IncidentId,
) -> Result<(), StoreError> {
    let standby = require(tx, standby).await?;
    if standby.state.is_compromised() {
        return Ok(());
    }
    let known = incidents::find(tx, incident).await?;
    let known = known.ok_or_else(|| StoreError::not_found("incident", incident.as_str()))?;
    let own = require(tx, &known.authority).await?;
    let taint = own.taint.filter(|taint| taint.incident == *incident);
    let beside = standby.issuer == own.issuer && standby.state == AuthorityState::Prepared;
    match taint {
        Some(taint) if beside => write(tx, stamp, &standby, incident, taint.suspected_since).await,
        _ => {
            let (incident, authority) = (incident.clone(), standby.id);
            Err(Refusal::NotItsIncident { incident, authority }.into())
        }
    }
}

async fn write(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    authority: &Authority,
    incident: &IncidentId,
    suspected_since: Option<Time>,
) -> Result<(), StoreError> {
    query(TAINT)
        .bind(authority.id.as_str())
        .bind(stamp.at.as_millis())
        .bind(incident.as_str())
        .bind(suspected_since.map(Time::as_millis))
        .execute(tx.conn())
        .await
        .map_err(StoreError::query)?;
    let detail = json!({"suspected_since_ms": suspected_since.map(Time::as_millis)});
    life::record(tx, stamp, authority, AuthorityState::Tainted, Some(incident), detail).await
}
