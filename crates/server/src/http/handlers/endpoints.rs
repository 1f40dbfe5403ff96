//! Endpoints.

use axum::extract::State;
use skink_api::{Endpoint, EndpointSpec, Page, PageQuery, Reasoned};
use skink_model::EndpointName;

use crate::app::App;
use crate::endpoints;
use crate::failure::Result;
use crate::http::authorise::Person;
use crate::http::extract::{Json, Path, Query};

pub(crate) async fn list(
    State(app): State<App>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<Endpoint>>> {
    endpoints::list(&app, &query).await.map(Json)
}

pub(crate) async fn create(
    State(app): State<App>,
    by: Person,
    Json(spec): Json<EndpointSpec>,
) -> Result<Json<Endpoint>> {
    endpoints::create(&app, &by, &spec).await.map(Json)
}

pub(crate) async fn show(
    State(app): State<App>,
    Path(name): Path<EndpointName>,
) -> Result<Json<Endpoint>> {
    endpoints::show(&app, &name).await.map(Json)
}

pub(crate) async fn renew(
    State(app): State<App>,
    by: Person,
    Path(name): Path<EndpointName>,
    Json(_why): Json<Reasoned>,
) -> Result<Json<Endpoint>> {
    endpoints::renew(&app, &by, &name).await.map(Json)
}
