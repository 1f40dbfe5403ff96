//! The server about itself.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use skink_api::{Posture, Status};

use crate::app::App;
use crate::failure::{Failure, Result};
use crate::http::extract::{Json, with_type};
use crate::overview;

pub(crate) async fn status(State(app): State<App>) -> Result<Json<Status>> {
    overview::status(&app).await.map(Json)
}

pub(crate) async fn posture(State(app): State<App>) -> Result<Json<Posture>> {
    overview::posture(&app).await.map(Json)
}

pub(crate) async fn metrics(State(app): State<App>) -> Response {
    with_type(StatusCode::OK, "text/plain; version=0.0.4", app.rendered_metrics())
}

pub(crate) async fn openapi() -> Result<Response> {
    let json = serde_json::to_vec_pretty(&skink_api::document()).map_err(Failure::Encode)?;
    Ok(with_type(StatusCode::OK, "application/json", json))
}
