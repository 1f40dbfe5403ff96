//! Incidents: the driver that executes the engine's effects, and the use cases of the API.
//!
//! The engine ([`skink_incident`]) decides; `driver` lets `execute` act on what it decides and
//! records what came of it in the incident's journal (`chronicle`). People's orders go the same way:
//! the engine says what they add to the journal, or why they are refused.

mod board;
mod chronicle;
mod declare;
mod driver;
mod execute;
mod kit;
mod measure;
mod orders;
mod view;

pub(crate) use board::Board;
pub(crate) use chronicle::withdraw;
pub(crate) use declare::declare;
pub(crate) use kit::kit;
pub(crate) use orders::{approve, hold, resume, roll_back, stand_down, waive};

use skink_api::{Incident, IncidentSummary};
use skink_incident::Catalogue;
use skink_model::IncidentId;
use skink_store::incidents;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::app::App;
use crate::failure::{Failure, Result};
use chronicle::Chronicle;

/// Drives every open incident until `stop` turns true.
pub(crate) fn spawn(app: &App, tasks: &mut JoinSet<()>, stop: &watch::Receiver<bool>) {
    tasks.spawn(driver::supervise(app.clone(), stop.clone()));
}

async fn running(app: &App) -> Result<Vec<IncidentId>> {
    let mut snapshot = app.store().read().await.map_err(Failure::Store)?;
    let rows = incidents::running(&mut snapshot).await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// One line each, newest first.
pub(crate) async fn list(app: &App) -> Result<Vec<IncidentSummary>> {
    let mut snapshot = app.store().read().await.map_err(Failure::Store)?;
    let rows = incidents::all(&mut snapshot).await?;
    drop(snapshot);
    let mut list = Vec::with_capacity(rows.len());
    for row in rows {
        list.push(view::summary(&chronicle::load(app, &row.id).await?.state));
    }
    Ok(list)
}

/// All about one.
pub(crate) async fn show(app: &App, id: &IncidentId) -> Result<Incident> {
    Ok(shown(app, &chronicle::load(app, id).await?))
}

fn shown(app: &App, chronicle: &Chronicle) -> Incident {
    let latest = app.board().latest(chronicle.state.incident());
    view::incident(&chronicle.state, &latest, app.now())
}

/// The report in Markdown, as things stand.
pub(crate) async fn report(app: &App, id: &IncidentId) -> Result<String> {
    let Chronicle { state, events, .. } = chronicle::load(app, id).await?;
    Ok(view::report(&state, &events).to_markdown(&Catalogue::english()))
}

/// The report in JSON, as things stand.
pub(crate) async fn report_json(app: &App, id: &IncidentId) -> Result<serde_json::Value> {
    let Chronicle { state, events, .. } = chronicle::load(app, id).await?;
    Ok(view::report(&state, &events).to_json())
}
