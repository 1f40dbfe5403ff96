//! Incidents: the driver that executes the engine's effects, and the use cases of the API.

use skink_api::{
    Approve, Declare, Incident, IncidentSummary, KitRelease, Reasoned, RollBack, WaiverRequest,
};
use skink_api::{Code, Problem};
use skink_model::{EndpointName, IncidentId};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::app::App;
use crate::failure::Result;
use crate::http::authorise::Person;

/// Drives every open incident until `stop` turns true.
pub(crate) fn spawn(_app: &App, _tasks: &mut JoinSet<()>, _stop: &watch::Receiver<bool>) {}

pub(crate) async fn declare(_app: &App, _by: &Person, _declare: Declare) -> Result<Incident> {
    none()
}

pub(crate) async fn list(_app: &App) -> Result<Vec<IncidentSummary>> {
    Ok(Vec::new())
}

pub(crate) async fn show(_app: &App, _id: &IncidentId) -> Result<Incident> {
    none()
}

pub(crate) async fn approve(
    _app: &App,
    _by: &Person,
    _id: &IncidentId,
    _approve: Approve,
) -> Result<Incident> {
    none()
}

pub(crate) async fn kit(
    _app: &App,
    _by: &Person,
    _id: &IncidentId,
    _share: KitRelease,
) -> Result<Incident> {
    none()
}

pub(crate) async fn hold(
    _app: &App,
    _by: &Person,
    _id: &IncidentId,
    _why: Reasoned,
) -> Result<Incident> {
    none()
}

pub(crate) async fn resume(
    _app: &App,
    _by: &Person,
    _id: &IncidentId,
    _why: Reasoned,
) -> Result<Incident> {
    none()
}

pub(crate) async fn stand_down(
    _app: &App,
    _by: &Person,
    _id: &IncidentId,
    _why: Reasoned,
) -> Result<Incident> {
    none()
}

pub(crate) async fn waive(
    _app: &App,
    _by: &Person,
    _id: &IncidentId,
    _waiver: WaiverRequest,
) -> Result<Incident> {
    none()
}

pub(crate) async fn roll_back(
    _app: &App,
    _by: &Person,
    _id: &IncidentId,
    _endpoint: &EndpointName,
    _why: RollBack,
) -> Result<Incident> {
    none()
}

/// The report in Markdown.
pub(crate) async fn report(_app: &App, _id: &IncidentId) -> Result<String> {
    none()
}

/// The report in JSON.
pub(crate) async fn report_json(_app: &App, _id: &IncidentId) -> Result<serde_json::Value> {
    none()
}

fn none<T>() -> Result<T> {
    Err(Problem::new(Code::NotFound, "there is no such incident").into())
}
