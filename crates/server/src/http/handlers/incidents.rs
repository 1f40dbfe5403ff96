//! Incidents over the API.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use skink_api::{
    Approve, Declare, Incident, IncidentSummary, JournalEvent, JournalQuery, KitRelease, Page,
    Reasoned, RollBack, WaiverRequest,
};
use skink_model::{EndpointName, IncidentId};

use crate::app::App;
use crate::failure::Result;
use crate::http::authorise::Person;
use crate::http::extract::{Json, Path, Query, with_type};
use crate::{incident, journal};

type Answer = Result<Json<Incident>>;

pub(crate) async fn declare(
    State(app): State<App>,
    by: Person,
    Json(declare): Json<Declare>,
) -> Answer {
    incident::declare(&app, &by, declare).await.map(Json)
}

pub(crate) async fn list(State(app): State<App>) -> Result<Json<Vec<IncidentSummary>>> {
    incident::list(&app).await.map(Json)
}

pub(crate) async fn show(State(app): State<App>, Path(id): Path<IncidentId>) -> Answer {
    incident::show(&app, &id).await.map(Json)
}

pub(crate) async fn approve(
    State(app): State<App>,
    by: Person,
    Path(id): Path<IncidentId>,
    Json(approve): Json<Approve>,
) -> Answer {
    incident::approve(&app, &by, &id, approve).await.map(Json)
}

pub(crate) async fn kit(
    State(app): State<App>,
    by: Person,
    Path(id): Path<IncidentId>,
    Json(share): Json<KitRelease>,
) -> Answer {
    incident::kit(&app, &by, &id, share).await.map(Json)
}

pub(crate) async fn hold(
    State(app): State<App>,
    by: Person,
    Path(id): Path<IncidentId>,
    Json(why): Json<Reasoned>,
) -> Answer {
    incident::hold(&app, &by, &id, why).await.map(Json)
}

pub(crate) async fn resume(
    State(app): State<App>,
    by: Person,
    Path(id): Path<IncidentId>,
    Json(why): Json<Reasoned>,
) -> Answer {
    incident::resume(&app, &by, &id, why).await.map(Json)
}

pub(crate) async fn stand_down(
    State(app): State<App>,
    by: Person,
    Path(id): Path<IncidentId>,
    Json(why): Json<Reasoned>,
) -> Answer {
    incident::stand_down(&app, &by, &id, why).await.map(Json)
}

pub(crate) async fn waive(
    State(app): State<App>,
    by: Person,
    Path(id): Path<IncidentId>,
    Json(waiver): Json<WaiverRequest>,
) -> Answer {
    incident::waive(&app, &by, &id, waiver).await.map(Json)
}

pub(crate) async fn roll_back(
    State(app): State<App>,
    by: Person,
    Path((id, endpoint)): Path<(IncidentId, EndpointName)>,
    Json(why): Json<RollBack>,
) -> Answer {
    incident::roll_back(&app, &by, &id, &endpoint, why).await.map(Json)
}

pub(crate) async fn report(State(app): State<App>, Path(id): Path<IncidentId>) -> Result<Response> {
    let text = incident::report(&app, &id).await?;
    Ok(with_type(StatusCode::OK, "text/markdown; charset=utf-8", text))
}

pub(crate) async fn report_json(
    State(app): State<App>,
    Path(id): Path<IncidentId>,
) -> Result<Json<serde_json::Value>> {
    incident::report_json(&app, &id).await.map(Json)
}

pub(crate) async fn events(
    State(app): State<App>,
    Path(id): Path<IncidentId>,
    Query(query): Query<JournalQuery>,
) -> Result<Json<Page<JournalEvent>>> {
    journal::events(&app, id.as_str(), &query).await.map(Json)
}
