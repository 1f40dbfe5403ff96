//! Certificates: asking, finding, revoking.

use axum::extract::State;
use skink_api::{
    Certificate, CertificateQuery, IssueRequest, IssuedCertificate, KeyFound, KeyRevoked, Page,
    RevokeOutcome, RevokeRequest, RevokeSerials, RevokeSet, SerialsRevoked,
};
use skink_model::{AuthorityId, CertificateId};

use crate::app::App;
use crate::failure::Result;
use crate::http::authorise::Person;
use crate::http::extract::{Json, Lines, Path, Query};
use crate::{certificates, revoke};

pub(crate) async fn issue(
    State(app): State<App>,
    by: Person,
    Json(request): Json<IssueRequest>,
) -> Result<Json<IssuedCertificate>> {
    certificates::issue(&app, &by, &request).await.map(Json)
}

pub(crate) async fn list(
    State(app): State<App>,
    Query(query): Query<CertificateQuery>,
) -> Result<Json<Page<Certificate>>> {
    certificates::list(&app, &query).await.map(Json)
}

pub(crate) async fn show(
    State(app): State<App>,
    Path(id): Path<CertificateId>,
) -> Result<Json<Certificate>> {
    certificates::show(&app, &id).await.map(Json)
}

pub(crate) async fn revoke(
    State(app): State<App>,
    by: Person,
    Path(id): Path<CertificateId>,
    Json(request): Json<RevokeRequest>,
) -> Result<Json<RevokeOutcome>> {
    revoke::one(&app, &by, &id, &request).await.map(Json)
}

pub(crate) async fn revoke_set(
    State(app): State<App>,
    by: Person,
    Json(request): Json<RevokeSet>,
) -> Result<Json<RevokeOutcome>> {
    revoke::set(&app, &by, &request).await.map(Json)
}

pub(crate) async fn revoke_serials(
    State(app): State<App>,
    by: Person,
    Path(authority): Path<AuthorityId>,
    Query(request): Query<RevokeSerials>,
    Lines(list): Lines,
) -> Result<Json<SerialsRevoked>> {
    revoke::serials(&app, &by, &authority, &request, &list).await.map(Json)
}

pub(crate) async fn revoke_key(
    State(app): State<App>,
    by: Person,
    Json(request): Json<KeyFound>,
) -> Result<Json<KeyRevoked>> {
    revoke::key(&app, &by, &request).await.map(Json)
}
