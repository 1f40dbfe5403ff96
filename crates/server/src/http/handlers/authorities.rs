//! Issuers, authorities, profiles and keys.

use axum::extract::State;
use skink_api::{
    Activation, Attempt, Authority, Freeze, HeldList, HeldListWaiver, Issuer, Key, NewIssuer, Page,
    PageQuery, Profile,
};
use skink_model::AuthorityId;

use crate::app::App;
use crate::authorities;
use crate::failure::Result;
use crate::http::authorise::Person;
use crate::http::extract::{Json, Path, Query};

pub(crate) async fn issuers(State(app): State<App>) -> Result<Json<Vec<Issuer>>> {
    authorities::issuers(&app).await.map(Json)
}

pub(crate) async fn create_issuer(
    State(app): State<App>,
    by: Person,
    Json(new): Json<NewIssuer>,
) -> Result<Json<Issuer>> {
    authorities::create_issuer(&app, &by, &new).await.map(Json)
}

pub(crate) async fn list(State(app): State<App>) -> Result<Json<Vec<Authority>>> {
    authorities::list(&app).await.map(Json)
}

pub(crate) async fn show(
    State(app): State<App>,
    Path(id): Path<AuthorityId>,
) -> Result<Json<Authority>> {
    authorities::show(&app, &id).await.map(Json)
}

pub(crate) async fn freeze(
    State(app): State<App>,
    by: Person,
    Path(id): Path<AuthorityId>,
    Json(why): Json<Freeze>,
) -> Result<Json<Authority>> {
    authorities::freeze(&app, &by, &id, &why.reason).await?;
    authorities::show(&app, &id).await.map(Json)
}

pub(crate) async fn unfreeze(
    State(app): State<App>,
    by: Person,
    Path(id): Path<AuthorityId>,
    Json(why): Json<Freeze>,
) -> Result<Json<Authority>> {
    authorities::unfreeze(&app, &by, &id, &why.reason).await?;
    authorities::show(&app, &id).await.map(Json)
}

pub(crate) async fn activate(
    State(app): State<App>,
    by: Person,
    Path(id): Path<AuthorityId>,
    Json(activation): Json<Activation>,
) -> Result<Json<Authority>> {
    authorities::activate(&app, &by, &id, &activation).await?;
    authorities::show(&app, &id).await.map(Json)
}

pub(crate) async fn attempts(
    State(app): State<App>,
    Path(id): Path<AuthorityId>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<Attempt>>> {
    authorities::attempts(&app, &id, &query).await.map(Json)
}

pub(crate) async fn profiles(State(app): State<App>) -> Result<Json<Vec<Profile>>> {
    authorities::profiles(&app).await.map(Json)
}

pub(crate) async fn keys(State(app): State<App>) -> Result<Json<Vec<Key>>> {
    authorities::keys(&app).await.map(Json)
}

pub(crate) async fn held_lists(State(app): State<App>) -> Result<Json<Vec<HeldList>>> {
    authorities::held_lists(&app).await.map(Json)
}

pub(crate) async fn waive_held_list(
    State(app): State<App>,
    by: Person,
    Json(waiver): Json<HeldListWaiver>,
) -> Result<Json<Vec<HeldList>>> {
    authorities::waive_held_list(&app, &by, &waiver).await?;
    authorities::held_lists(&app).await.map(Json)
}
