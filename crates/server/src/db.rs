//! The server's transactions, each a function: what a use case reads or changes at once.

mod authorities;
mod ceremonies;
mod certificates;
mod crls;
mod fleet;
mod history;
mod people;
mod trust;

use skink_store::{Glance, Snapshot};

use crate::app::App;
use crate::failure::{Failure, Result};

pub(crate) use authorities::*;
pub(crate) use ceremonies::*;
pub(crate) use certificates::*;
pub(crate) use crls::*;
pub(crate) use fleet::*;
pub(crate) use history::*;
pub(crate) use people::*;
pub(crate) use trust::*;

/// For one statement.
async fn glance(app: &App) -> Result<Glance> {
    app.store().glance().await.map_err(Failure::Store)
}

/// One consistent view.
async fn view(app: &App) -> Result<Snapshot> {
    app.store().read().await.map_err(Failure::Store)
}
