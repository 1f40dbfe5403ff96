//! The agents' channel.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use skink_api::agent::{
    CertificateAnswer, CertificateRequest, EnrollRequest, Enrolled, PollAnswer, PollQuery, Report,
};

use super::public;
use crate::app::App;
use crate::failure::Result;
use crate::fleet;
use crate::http::authorise::CallingAgent;
use crate::http::extract::{Json, Path, Query};

pub(crate) async fn enroll(
    State(app): State<App>,
    Json(request): Json<EnrollRequest>,
) -> Result<Json<Enrolled>> {
    fleet::enroll::enroll(&app, request).await.map(Json)
}

pub(crate) async fn poll(
    State(app): State<App>,
    agent: CallingAgent,
    Query(query): Query<PollQuery>,
) -> Result<Json<PollAnswer>> {
    fleet::poll::poll(&app, &agent, &query).await.map(Json)
}

pub(crate) async fn package(state: State<App>) -> Result<Response> {
    public::envelope(state).await
}

pub(crate) async fn part(state: State<App>, path: Path<String>) -> Result<Response> {
    public::part(state, path).await
}

pub(crate) async fn certificate(
    State(app): State<App>,
    agent: CallingAgent,
    Json(request): Json<CertificateRequest>,
) -> Result<Json<CertificateAnswer>> {
    fleet::certificates::answer(&app, &agent, &request).await.map(Json)
}

pub(crate) async fn report(
    State(app): State<App>,
    agent: CallingAgent,
    Json(report): Json<Report>,
) -> Result<StatusCode> {
    fleet::report::take(&app, &agent, report).await?;
    Ok(StatusCode::NO_CONTENT)
}
