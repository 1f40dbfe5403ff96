//! Ceremonies, kits, and what the server knows of its root.

use skink_authority::ceremony::{Request, RootInfo};
use skink_model::{AuthorityCertificate, Ceremony, CeremonyState, Kit, Stamp};
use skink_signer::chain::Head;
use skink_store::authorities::{self, NewAuthority};
use skink_store::{ceremonies as table, incidents, kits as kit_table, settings};

use super::view;
use crate::app::App;
use crate::ceremonies::import::Harvest;
use crate::ceremonies::kept;
use crate::ceremonies::lists::{Fate, RootList};
use crate::failure::{Failure, Result};

pub(crate) async fn ceremonies(app: &App) -> Result<Vec<Ceremony>> {
    Ok(table::all(&mut view(app).await?).await?)
}

pub(crate) async fn ceremony(app: &App, id: &str) -> Result<Ceremony> {
    let found = table::find(&mut view(app).await?, id).await?;
    found.ok_or_else(|| Failure::not_found("ceremony request", id))
}

pub(crate) async fn insert_ceremony(
    app: &App,
    request: &Request,
    file: &str,
    by: &Stamp,
) -> Result<()> {
    app.store()
        .run_tx("request_ceremony", move |tx| {
            Box::pin(async move {
                let row = Ceremony {
                    id: request.body().id.clone(),
                    counter: table::next_number(tx).await?,
                    state: CeremonyState::Requested,
                    request_digest: request.digest(),
                    request: file.to_owned(),
                    response_digest: None,
                    requested_at: by.at,
                    imported_at: None,
                };
                Ok(table::request(tx, by, &row).await?)
            })
        })
        .await
}

/// How many ceremonies were taken in.
pub(crate) async fn ceremonies_taken_in(app: &App) -> Result<u64> {
    let found = settings::find(&mut view(app).await?, kept::CEREMONIES).await?;
    let count = found.map(|text| text.parse()).transpose();
    Ok(count.map_err(|_| Failure::Bug("the count of ceremonies"))?.unwrap_or(0))
}

pub(crate) async fn root_info(app: &App) -> Result<RootInfo> {
    let found = settings::find(&mut view(app).await?, kept::ROOT).await?;
    let text = found.ok_or_else(|| Failure::conflict("this server has no root"))?;
    serde_json::from_str(&text).map_err(Failure::Encode)
}

pub(crate) async fn root_head(app: &App) -> Result<Option<Head>> {
    let found = settings::find(&mut view(app).await?, kept::ROOT_HEAD).await?;
    found.map(|text| serde_json::from_str(&text)).transpose().map_err(Failure::Encode)
}

pub(crate) async fn anchors_part(app: &App) -> Result<Vec<u8>> {
    let found = settings::find(&mut view(app).await?, kept::ANCHORS).await?;
    let text = found.ok_or_else(|| Failure::conflict("no ceremony has signed the anchors yet"))?;
    Ok(text.into_bytes())
}

/// The root as the server knows it from the start.
pub(crate) async fn record_root(
    app: &App,
    new: &NewAuthority,
    certificate: &AuthorityCertificate,
    info: &RootInfo,
    by: &Stamp,
) -> Result<()> {
    let text = &serde_json::to_string(info).map_err(Failure::Encode)?;
    app.store()
        .run_tx("record_root", move |tx| {
            Box::pin(async move {
                authorities::create(tx, by, new).await?;
                authorities::attach_certificate(tx, by, &new.id, certificate).await?;
                authorities::activate(tx, by, &new.id, None).await?;
                Ok(settings::set(tx, kept::ROOT, text).await?)
            })
        })
        .await
}

/// A response, in one transaction: all of it or nothing. Says what became of its lists.
pub(crate) async fn take_in<'a>(
    app: &App,
    harvest: &'a Harvest,
    by: &Stamp,
) -> Result<Vec<(&'a RootList, Fate)>> {
    app.store()
        .run_tx("take_in_ceremony", move |tx| {
            Box::pin(async move {
                let (request, response) = (&harvest.request, &harvest.response);
                table::import(tx, by, &harvest.id, request, response).await?;
                for (id, certificate) in &harvest.certificates {
                    authorities::attach_certificate(tx, by, id, certificate).await?;
                }
                let mut fates = Vec::with_capacity(harvest.lists.len());
                for list in &harvest.lists {
                    fates.push((list, list.take_in(tx, &harvest.root, by).await?));
                }
                for (kit, escrow) in &harvest.kits {
                    // The later escrow outranks: whoever keeps an earlier kit keeps waste paper.
                    for older in kit_table::escrows_of(tx, &escrow.authority).await? {
                        kit_table::void(tx, by, &older.kit).await?;
                    }
                    kit_table::create(tx, by, kit).await?;
                    kit_table::add_escrow(tx, by.at, escrow).await?;
                }
                if let Some(anchors) = &harvest.anchors {
                    settings::set(tx, kept::ANCHORS, anchors).await?;
                }
                settings::set(tx, kept::ROOT_HEAD, &harvest.root_head).await?;
                let count = harvest.ceremonies.to_string();
                settings::set(tx, kept::CEREMONIES, &count).await?;
                Ok(fates)
            })
        })
        .await
}

pub(crate) async fn kits(app: &App) -> Result<Vec<Kit>> {
    Ok(kit_table::all(&mut view(app).await?).await?)
}

/// Ids of incidents that run.
pub(crate) async fn open_incidents(app: &App) -> Result<Vec<String>> {
    let running = incidents::running(&mut view(app).await?).await?;
    Ok(running.into_iter().map(|incident| incident.id.to_string()).collect())
}
