//! The turns of an authority's life.

use serde_json::{Value, json};
use skink_model::{
    Authority, AuthorityCertificate, AuthorityId, AuthorityState, IncidentId, Stamp,
};

use super::{active, of_issuer, require};
use crate::sql::query;
use crate::tx::Connected;
use crate::{Refusal, StoreError, Tx, audit, journal};

const SET_STATE: &str = "UPDATE authority SET state = $2 WHERE id = $1 AND state = $3";
const SET_CERTIFICATE: &str =
    "UPDATE authority SET certificate_pem = $2, fingerprint = $3, not_before = $4, not_after = $5
    WHERE id = $1 AND certificate_pem IS NULL";
const SET_ACTIVE: &str = "UPDATE authority SET activated_at = $2, barrier_open = $3 WHERE id = $1";
const OPEN_BARRIER: &str =
    "UPDATE authority SET barrier_open = 1 WHERE id = $1 AND barrier_open = 0";
const CLOSE: &str = "UPDATE authority SET closed = 1 WHERE id = $1 AND closed = 0";

/// `pending` → `prepared`: its parent has signed it.
pub async fn attach_certificate(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    id: &AuthorityId,
    certificate: &AuthorityCertificate,
) -> Result<(), StoreError> {
    let authority = require(tx, id).await?;
    if !authority.state.can_become(AuthorityState::Prepared) {
        return Err(refused(&authority, AuthorityState::Prepared));
    }
    query(SET_CERTIFICATE)
        .bind(id.as_str())
        .bind(certificate.pem.as_str())
        .bind(certificate.fingerprint.as_bytes().to_vec())
        .bind(certificate.not_before.as_millis())
        .bind(certificate.not_after.as_millis())
        .execute(tx.conn())
        .await
        .map_err(StoreError::query)?;
    let detail = json!({"fingerprint": certificate.fingerprint.to_string()});
    transition(tx, stamp, id, AuthorityState::Prepared, None, detail).await
}

/// `prepared` → `active`; the generation that was active before becomes `retiring`.
///
/// The first generation of an issuer has its barrier open: nobody relies on another. For later
/// ones see [`open_barrier`].
pub async fn activate(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    id: &AuthorityId,
    incident: Option<&IncidentId>,
) -> Result<(), StoreError> {
    let authority = require(tx, id).await?;
    let before = active(tx, &authority.issuer).await?;
    if let Some(before) = before.filter(|before| before.id != *id) {
        let detail = json!({"successor": id});
        transition(tx, stamp, &before.id, AuthorityState::Retiring, incident, detail).await?;
    }
    transition(tx, stamp, id, AuthorityState::Active, incident, json!({})).await?;
    let generations = of_issuer(tx, &authority.issuer).await?;
    let first = generations.iter().all(|other| other.id == *id || other.activated_at.is_none());
    let done = query(SET_ACTIVE)
        .bind(id.as_str())
        .bind(stamp.at.as_millis())
        .bind(i64::from(first))
        .execute(tx.conn())
        .await;
    done.map(drop).map_err(StoreError::query)
}

/// Every relying party is past this generation: from now on anybody may be issued from it.
/// Once open, a barrier stays open; opening it again changes nothing.
pub async fn open_barrier(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    id: &AuthorityId,
) -> Result<(), StoreError> {
    require(tx, id).await?;
    flag(tx, stamp, id, OPEN_BARRIER, "authority.barrier-open").await
}

/// The closing set is signed: the key signs nothing more. Doing it again changes nothing.
pub async fn close(tx: &mut Tx<'_>, stamp: &Stamp, id: &AuthorityId) -> Result<(), StoreError> {
    let authority = require(tx, id).await?;
    if !authority.state.is_compromised() && authority.state != AuthorityState::Retired {
        return Err(refused(&authority, AuthorityState::Retired));
    }
    flag(tx, stamp, id, CLOSE, "authority.closed").await
}

async fn flag(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    id: &AuthorityId,
    sql: &'static str,
    kind: &str,
) -> Result<(), StoreError> {
    let done = query(sql).bind(id.as_str()).execute(tx.conn()).await;
    if done.map_err(StoreError::query)?.rows_affected() == 0 {
        return Ok(());
    }
    let detail = json!({"authority": id, "by": stamp.actor.to_string()});
    journal::append(tx, journal::SERVER, stamp.at, kind, &detail).await?;
    audit::record(tx, stamp, kind, id.as_str(), &detail).await
}

/// `retiring` → `retired`: out of use, without harm.
pub async fn retire(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    id: &AuthorityId,
    incident: Option<&IncidentId>,
) -> Result<(), StoreError> {
    transition(tx, stamp, id, AuthorityState::Retired, incident, json!({})).await
}

/// `tainted` → `revoked`: the parent's published CRL says so.
pub async fn revoke(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    id: &AuthorityId,
    incident: &IncidentId,
) -> Result<(), StoreError> {
    transition(tx, stamp, id, AuthorityState::Revoked, Some(incident), json!({})).await
}

/// `revoked` → `distrusted`: no relying party accepts it, proven.
pub async fn distrust(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    id: &AuthorityId,
    incident: &IncidentId,
) -> Result<(), StoreError> {
    transition(tx, stamp, id, AuthorityState::Distrusted, Some(incident), json!({})).await
}

/// Where a state changes: with its journal row and its audit row.
async fn transition(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    id: &AuthorityId,
    to: AuthorityState,
    incident: Option<&IncidentId>,
    detail: Value,
) -> Result<(), StoreError> {
    let authority = require(tx, id).await?;
    if !authority.state.can_become(to) {
        return Err(refused(&authority, to));
    }
    query(SET_STATE)
        .bind(id.as_str())
        .bind(to.as_str())
        .bind(authority.state.as_str())
        .execute(tx.conn())
        .await
        .map_err(StoreError::query)?;
    record(tx, stamp, &authority, to, incident, detail).await
}

/// Writes the journal row and the audit row of a change of state.
pub(super) async fn record(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    authority: &Authority,
    to: AuthorityState,
    incident: Option<&IncidentId>,
    mut detail: Value,
) -> Result<(), StoreError> {
    detail["authority"] = json!(authority.id);
    detail["from"] = json!(authority.state);
    detail["to"] = json!(to);
    detail["incident"] = json!(incident);
    detail["by"] = json!(stamp.actor.to_string());
    let kind = format!("authority.{to}");
    journal::append(tx, journal::SERVER, stamp.at, &kind, &detail).await?;
    audit::record(tx, stamp, &kind, authority.id.as_str(), &detail).await
}

fn refused(authority: &Authority, to: AuthorityState) -> StoreError {
    let (authority, from) = (authority.id.clone(), authority.state);
    Refusal::Transition { authority, from, to }.into()
}
