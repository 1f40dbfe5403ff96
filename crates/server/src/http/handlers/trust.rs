//! Trust packages, for operators.

use axum::extract::State;
use skink_api::{Publish, TrustCurrent};

use crate::app::App;
use crate::failure::Result;
use crate::http::authorise::Person;
use crate::http::extract::Json;
use crate::package;

pub(crate) async fn show(State(app): State<App>) -> Result<Json<TrustCurrent>> {
    package::current(&app).await.map(Json)
}

pub(crate) async fn publish(
    State(app): State<App>,
    by: Person,
    Json(publish): Json<Publish>,
) -> Result<Json<TrustCurrent>> {
    if !publish.dry_run {
        package::publish(&app, by.stamp(app.now()), &publish.reason, None).await?;
    }
    package::current(&app).await.map(Json)
}
