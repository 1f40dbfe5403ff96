//! The journal and the audit trail, for reading.

use skink_api::{
    AuditRow, JournalEvent, JournalQuery, JournalReport, Page, PageQuery, StreamReport,
};

use crate::app::App;
use crate::endpoints::{next, page_size};
use crate::failure::{Failure, Result};
use crate::views;

/// Walks every stream's chain.
pub(crate) async fn verify(app: &App) -> Result<JournalReport> {
    let found = crate::db::verification(app).await?;
    let streams = found.streams.iter().map(|stream| StreamReport {
        stream: stream.stream.clone(),
        events: stream.head.seq,
        head: stream.head.hash.to_string(),
        fault: stream.fault.as_ref().map(ToString::to_string),
    });
    Ok(JournalReport {
        verified: found.is_whole(),
        events: found.events,
        streams: streams.collect(),
    })
}

/// Events of one stream.
pub(crate) async fn events(
    app: &App,
    stream: &str,
    query: &JournalQuery,
) -> Result<Page<JournalEvent>> {
    let size = page_size(query.limit);
    let rows = crate::db::events(app, stream, query.after, size).await?;
    let next = next(&rows, size, |row| row.seq.to_string());
    Ok(Page { items: rows.iter().map(views::event).collect(), next })
}

/// The audit trail, oldest first.
pub(crate) async fn audit(app: &App, query: &PageQuery) -> Result<Page<AuditRow>> {
    let after = query.after.as_deref().map(str::parse::<u64>).transpose();
    let after = after.map_err(|_| Failure::malformed("after is a number here"))?.unwrap_or(0);
    let size = page_size(query.limit);
    let rows = crate::db::audit(app, after, size).await?;
    let next = next(&rows, size, |row| row.id.to_string());
    Ok(Page { items: rows.iter().map(views::audit).collect(), next })
}
