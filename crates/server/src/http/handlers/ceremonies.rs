//! The file exchange with the offline root.

use axum::extract::State;
use skink_api::{Ceremony, CeremonyImported, CeremonyRequest, NewCeremony};

use crate::app::App;
use crate::ceremonies;
use crate::failure::Result;
use crate::http::authorise::Person;
use crate::http::extract::{Json, Raw};

pub(crate) async fn list(State(app): State<App>) -> Result<Json<Vec<Ceremony>>> {
    ceremonies::list(&app).await.map(Json)
}

pub(crate) async fn create(
    State(app): State<App>,
    by: Person,
    Json(new): Json<NewCeremony>,
) -> Result<Json<CeremonyRequest>> {
    ceremonies::create(&app, by.stamp(app.now()), &new).await.map(Json)
}

pub(crate) async fn import(
    State(app): State<App>,
    by: Person,
    Raw(file): Raw,
) -> Result<Json<CeremonyImported>> {
    ceremonies::import(&app, by.stamp(app.now()), &file).await.map(Json)
}
