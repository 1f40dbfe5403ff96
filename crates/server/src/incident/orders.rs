//! What people tell an incident: the engine judges, the journal records, the driver is woken.

use std::time::Duration;

use skink_api::{Approve, Code, Incident, Problem, Reasoned, RollBack, WaiverRequest};
use skink_incident::{ApprovalOf, Command, GateKind, Refusal, Waiver, order};
use skink_model::{EndpointName, IncidentId, Time};

use super::chronicle::{self, Chronicle};
use super::{show, shown};
use crate::app::App;
use crate::failure::{Failure, Result};
use crate::http::authorise::Person;
use crate::words::Unwire as _;

const WAIVER_LIFE: Duration = Duration::from_hours(24);

pub(crate) async fn approve(
    app: &App,
    by: &Person,
    id: &IncidentId,
    wanted: Approve,
) -> Result<Incident> {
    let approval: ApprovalOf = wanted
        .step
        .parse()
        .map_err(|error: skink_incident::UnknownApproval| Failure::malformed(error.to_string()))?;
    if approval == ApprovalOf::Kit && !brought(app, id).await? {
        let detail = "the kit is released by its custodians' shares";
        return Err(Problem::new(Code::Conflict, detail)
            .hint("use `skink incident release-kit`; without a kit, hold a ceremony first")
            .into());
    }
    let command = approval_by(by, approval);
    give(app, id, command).await
}

/// A person's word.
pub(super) fn approval_by(by: &Person, approval: ApprovalOf) -> Command {
    Command::Approve {
        approval,
        person: by.name.clone(),
        role: by.role.unwire(),
        vouched_by: by.vouched_by.clone(),
        registered: by.registered,
    }
}

/// Whether a ceremony has brought what a kit would: a successor whose key signs, and after a taint
/// the root's list that revokes. Then two people approve what it brought, without shares.
async fn brought(app: &App, id: &IncidentId) -> Result<bool> {
    let state = chronicle::load(app, id).await?.state;
    if super::execute::successor(app, &state).await.is_err() {
        return Ok(false);
    }
    let revokes = super::execute::root_list(app, &state).await?.is_some();
    Ok(revokes || !state.declaration().is_compromise())
}

pub(crate) async fn hold(
    app: &App,
    by: &Person,
    id: &IncidentId,
    why: Reasoned,
) -> Result<Incident> {
    give(app, id, Command::Hold { by: by.name.clone(), reason: why.reason }).await
}

pub(crate) async fn resume(
    app: &App,
    by: &Person,
    id: &IncidentId,
    _: Reasoned,
) -> Result<Incident> {
    give(app, id, Command::Resume { by: by.name.clone() }).await
}

pub(crate) async fn stand_down(
    app: &App,
    by: &Person,
    id: &IncidentId,
    why: Reasoned,
) -> Result<Incident> {
    give(app, id, Command::StandDown { by: by.name.clone(), reason: why.reason }).await
}

pub(crate) async fn waive(
    app: &App,
    by: &Person,
    id: &IncidentId,
    wanted: WaiverRequest,
) -> Result<Incident> {
    // A wave's own name stands for its kind.
    let kind = wanted.gate.split(':').next().unwrap_or_default();
    let gate: GateKind = kind
        .parse()
        .map_err(|_| Failure::malformed(format!("there is no gate {}", wanted.gate)))?;
    let waiver = Waiver {
        gate,
        subject: wanted.subject,
        reason: wanted.reason,
        owner: by.name.clone(),
        expires: wanted
            .expires_at_ms
            .map_or_else(|| app.now().plus(WAIVER_LIFE), Time::from_millis),
    };
    give(app, id, Command::Waive(waiver)).await
}

pub(crate) async fn roll_back(
    app: &App,
    by: &Person,
    id: &IncidentId,
    endpoint: &EndpointName,
    why: RollBack,
) -> Result<Incident> {
    crate::db::endpoint(app, endpoint).await?;
    let command =
        Command::RollBack { endpoint: endpoint.clone(), by: by.name.clone(), reason: why.reason };
    if why.dry_run {
        let chronicle = chronicle::load(app, id).await?;
        order(&chronicle.state, &command, app.now()).map_err(|why| refused(&why))?;
        return show(app, id).await;
    }
    give(app, id, command).await
}

/// Records what an order adds, and wakes the driver.
async fn give(app: &App, id: &IncidentId, command: Command) -> Result<Incident> {
    let chronicle: Chronicle = chronicle::record(app, id, |state, now| {
        order(state, &command, now).map_err(|why| refused(&why))
    })
    .await?;
    app.news().tell_incidents();
    Ok(shown(app, &chronicle))
}

/// Who must act decides the code.
pub(super) fn refused(refusal: &Refusal) -> Failure {
    let detail = refusal.to_string();
    let code = match refusal {
        Refusal::SamePerson { .. } | Refusal::SameLine { .. } => Code::SamePerson,
        Refusal::WrongRole { .. } | Refusal::NotInAdvance { .. } => Code::Forbidden,
        Refusal::AlreadyApproved { .. } | Refusal::NotYet { .. } => Code::NothingToApprove,
        Refusal::EmptyWaiver | Refusal::UnknownFollowUp { .. } => Code::Malformed,
        _ => Code::Conflict,
    };
    Problem::new(code, detail).into()
}
