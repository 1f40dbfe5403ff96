//! Revocation lists.

use skink_model::{AuthorityId, CrlFacts, CrlRow, Stamp, Time};
use skink_store::Snapshot;
use skink_store::crls::{self as table, NewCrl};
use skink_store::sightings::RootListSeen;
use skink_store::{revocations, sightings};
use skink_x509::crl::{Reason, RevokedEntry};
use skink_x509::{Fingerprint, Serial};

use super::{glance, view};
use crate::app::App;
use crate::crl::Listing;
use crate::failure::{Failure, Result};

/// How far ahead of the database an agent's word may carry a number. A backup is not older than so
/// many lists; a higher number is a thief's, and would only use the numbers up.
const LEAP_MAX: u64 = 10_000;

/// The list that is out for each scope.
pub(crate) async fn current_crls(app: &App) -> Result<Vec<CrlRow>> {
    Ok(table::all_published(&mut view(app).await?).await?)
}

/// The list that is out for a scope.
pub(crate) async fn published_crl(app: &App, scope: &str) -> Result<Option<CrlRow>> {
    Ok(table::published(&mut view(app).await?, scope).await?)
}

/// Authorities whose list lacks something that is revoked.
pub(crate) async fn owed_crls(app: &App) -> Result<Vec<AuthorityId>> {
    Ok(table::owed(&mut view(app).await?).await?)
}

pub(crate) async fn crl_der(app: &App, scope: &str, number: u64) -> Result<Vec<u8>> {
    let found = table::der(&mut view(app).await?, scope, number).await?;
    found.ok_or_else(|| Failure::not_found("list", format!("{scope} {number}")))
}

/// When the newest list that was signed for a scope was said.
pub(crate) async fn newest_crl_time(
    app: &App,
    authority: &AuthorityId,
    scope: &str,
) -> Result<Option<Time>> {
    let rows = table::of_authority(&mut view(app).await?, authority).await?;
    let own = rows.into_iter().filter(|row| row.scope == scope);
    Ok(own.filter_map(|row| row.signed.map(|facts| facts.this_update)).max())
}

/// Whether a list is one of those that the database has.
pub(crate) async fn knows_crl(
    app: &App,
    scope: &str,
    number: u64,
    digest: &Fingerprint,
) -> Result<bool> {
    let row = table::find(&mut glance(app).await?, scope, number).await?;
    Ok(row.and_then(|row| row.signed).is_some_and(|facts| facts.digest == *digest))
}

/// The newest of the root's lists that agents hold and this database has forgotten.
pub(crate) async fn forgotten_root_lists(app: &App) -> Result<Vec<RootListSeen>> {
    Ok(sightings::root_lists(&mut view(app).await?).await?)
}

pub(crate) async fn reserve_crl(app: &App, scope: &str, listing: &Listing) -> Result<CrlRow> {
    let now = app.now();
    let new = NewCrl {
        scope: scope.to_owned(),
        authority: listing.authority.clone(),
        kind: listing.kind,
        floor: 0,
        incident: listing.incident.clone(),
    };
    let new = &new;
    let reserved = app.store().run_tx("reserve_crl", move |tx| {
        Box::pin(async move {
            // Lists that agents have read are out there, whatever a restored backup says.
            let last = table::last_number(tx, &new.scope).await?.unwrap_or(0);
            let read = sightings::crl_floor(tx, &new.scope).await?;
            let floor = if read <= last.saturating_add(LEAP_MAX) { read } else { 0 };
            let new = NewCrl { floor, ..new.clone() };
            Ok::<_, Failure>(table::reserve(tx, now, &new).await?)
        })
    });
    let number = reserved.await?;
    let found = table::find(&mut view(app).await?, scope, number).await?;
    found.ok_or(Failure::Bug("a reserved list is gone"))
}

pub(crate) async fn store_crl(
    app: &App,
    scope: &str,
    number: u64,
    facts: &CrlFacts,
    der: &[u8],
) -> Result<()> {
    app.store()
        .run_tx("store_crl", move |tx| {
            Box::pin(async move { Ok(table::set_signed(tx, scope, number, facts, der).await?) })
        })
        .await
}

pub(crate) async fn publish_crl(app: &App, scope: &str, number: u64, by: &Stamp) -> Result<()> {
    app.store()
        .run_tx("publish_crl", move |tx| {
            Box::pin(async move { Ok(table::publish(tx, by, scope, number).await?) })
        })
        .await
}

/// One moment of the database, from which a list is written page by page.
pub(crate) async fn moment(app: &App) -> Result<Snapshot> {
    view(app).await
}

pub(crate) async fn revoked(
    reading: &mut Snapshot,
    authority: &AuthorityId,
    after: Option<&Serial>,
    limit: u32,
) -> Result<Vec<RevokedEntry>> {
    let page = revocations::page(reading, authority, 0, after, limit).await?;
    let entry = |one: skink_model::Revocation| RevokedEntry {
        serial: one.serial,
        revoked_at: one.revoked_at,
        reason: (one.reason != Reason::Unspecified).then_some(one.reason),
        invalidity_date: one.invalidity_date,
    };
    Ok(page.into_iter().map(entry).collect())
}

/// Everything that was ever signed; what was revoked before keeps its own date and reason.
pub(crate) async fn everything(
    reading: &mut Snapshot,
    authority: &AuthorityId,
    (revoked_at, suspected_since): (Time, Option<Time>),
    after: Option<&Serial>,
    limit: u32,
) -> Result<Vec<RevokedEntry>> {
    let page = revocations::closing_page(reading, authority, 0, after, limit).await?;
    let entry = |one: revocations::ClosingEntry| match one.revoked {
        Some(before) => RevokedEntry {
            serial: one.serial,
            revoked_at: before.revoked_at,
            reason: (before.reason != Reason::Unspecified).then_some(before.reason),
            invalidity_date: before.invalidity_date,
        },
        None => RevokedEntry {
            serial: one.serial,
            revoked_at,
            reason: Some(Reason::CaCompromise),
            invalidity_date: suspected_since,
        },
    };
    Ok(page.into_iter().map(entry).collect())
}
