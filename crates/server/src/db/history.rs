//! The journal and the audit trail.

use skink_model::{AuditRow, JournalEvent};
use skink_store::journal::Verification;
use skink_store::{audit as audit_table, journal as table};

use super::view;
use crate::app::App;
use crate::failure::Result;

pub(crate) async fn verification(app: &App) -> Result<Verification> {
    Ok(table::verify(&mut view(app).await?).await?)
}

pub(crate) async fn events(
    app: &App,
    stream: &str,
    after: u64,
    limit: u32,
) -> Result<Vec<JournalEvent>> {
    Ok(table::after(&mut view(app).await?, stream, after, limit).await?)
}

/// One digest over all streams, hex.
pub(crate) async fn journal_head(app: &App) -> Result<String> {
    Ok(table::digest(&mut view(app).await?).await?.to_string())
}

pub(crate) async fn audit(app: &App, after: u64, limit: u32) -> Result<Vec<AuditRow>> {
    Ok(audit_table::after(&mut view(app).await?, after, limit).await?)
}
