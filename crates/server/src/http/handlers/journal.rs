//! The journal and the audit trail.

use axum::extract::State;
use skink_api::{AuditRow, JournalEvent, JournalQuery, JournalReport, Page, PageQuery};

use crate::app::App;
use crate::failure::Result;
use crate::http::extract::{Json, Query};
use crate::journal;

pub(crate) async fn verify(State(app): State<App>) -> Result<Json<JournalReport>> {
    journal::verify(&app).await.map(Json)
}

pub(crate) async fn list(
    State(app): State<App>,
    Query(query): Query<JournalQuery>,
) -> Result<Json<Page<JournalEvent>>> {
    let stream = query.stream.clone().unwrap_or_else(|| "server".to_owned());
    journal::events(&app, &stream, &query).await.map(Json)
}

pub(crate) async fn audit(
    State(app): State<App>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<AuditRow>>> {
    journal::audit(&app, &query).await.map(Json)
}
