//! Revocation lists.

use std::collections::{BTreeSet, HashMap};
use std::io::Write as _;

use skink_model::{AuthorityId, CrlRow, Stamp, Time};
use skink_store::crls::{self as table, NewCrl};
use skink_store::restored::Held;
use skink_store::revocations::{Cursor, Page};
use skink_store::sightings::RootListSeen;
use skink_store::{Refusal, Snapshot, StoreError, restored, revocations, sightings};
use skink_x509::Fingerprint;

use super::{glance, view};
use crate::app::App;
use crate::crl::body::BodyWriter;
use crate::crl::{Body, Listing, Overtaken, SignedList};
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

/// Scopes whose list lacks something that is revoked.
pub(crate) async fn owed_crls(app: &App) -> Result<Vec<String>> {
    Ok(table::owed(&mut view(app).await?).await?)
}

/// Lists that wait because the database was put back from a backup.
pub(crate) async fn held_lists(app: &App) -> Result<Vec<Held>> {
    Ok(restored::held(&mut view(app).await?).await?)
}

/// Says whether the list is free now; it takes two people.
pub(crate) async fn waive_list(app: &App, scope: &str, why: &str, by: &Stamp) -> Result<bool> {
    app.store()
        .run_tx("waive_list", move |tx| {
            Box::pin(async move { Ok(restored::waive(tx, by, scope, why).await?) })
        })
        .await
}

pub(crate) async fn crl_der(app: &App, scope: &str, number: u64) -> Result<Vec<u8>> {
    let found = table::der(&mut view(app).await?, scope, number).await?;
    found.ok_or_else(|| Failure::not_found("list", format!("{scope} {number}")))
}

/// The same where it may be large.
pub(crate) async fn crl_body(app: &App, scope: &str, number: u64) -> Result<Body> {
    let mut out = BodyWriter::new(app.settings().dir());
    let mut reading = glance(app).await?;
    for seq in 0.. {
        match table::chunk(&mut reading, scope, number, seq).await? {
            Some(bytes) => out.write_all(&bytes).map_err(Failure::Io)?,
            None if seq == 0 => {
                return Err(Failure::not_found("list", format!("{scope} {number}")));
            }
            None => break,
        }
    }
    Ok(out.finish().map_err(Failure::Io)?.0)
}

/// When the newest list that was signed for each of these scopes was said.
pub(crate) async fn newest_crl_times(
    app: &App,
    scopes: &[String],
) -> Result<HashMap<String, Time>> {
    Ok(table::newest(&mut view(app).await?, scopes).await?)
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

/// The next number of each of these scopes, in their order.
pub(crate) async fn reserve_crls(
    app: &App,
    scopes: &[String],
    listing: &Listing,
) -> Result<Vec<CrlRow>> {
    let now = app.now();
    let reserved = app.store().run_tx("reserve_crls", move |tx| {
        Box::pin(async move {
            let mut rows = Vec::with_capacity(scopes.len());
            for scope in scopes {
                restored::require_free(tx, scope).await?;
                // Lists that agents have read are out there, whatever a restored backup says.
                let last = table::last_number(tx, scope).await?.unwrap_or(0);
                let read = sightings::crl_floor(tx, scope).await?;
                let floor = if read <= last.saturating_add(LEAP_MAX) { read } else { 0 };
                let new = NewCrl {
                    scope: scope.clone(),
                    authority: listing.authority.clone(),
                    kind: listing.kind,
                    floor,
                    incident: listing.incident.clone(),
                };
                let number = table::reserve(tx, now, &new).await?;
                rows.extend(table::find(tx, scope, number).await?);
            }
            Ok::<_, Failure>(rows)
        })
    });
    let rows = reserved.await?;
    if rows.len() == scopes.len() { Ok(rows) } else { Err(Failure::Bug("a reserved list is gone")) }
}

/// Keeps signed lists, all or none, piece by piece.
pub(crate) async fn store_crls(app: &App, lists: &[SignedList]) -> Result<()> {
    app.store()
        .run_tx("store_crls", move |tx| {
            Box::pin(async move {
                for SignedList { row, body } in lists {
                    for seq in 0.. {
                        let bytes = body.chunk(seq).map_err(Failure::Io)?;
                        if bytes.is_empty() {
                            break;
                        }
                        table::add_chunk(tx, &row.scope, row.number, seq, &bytes).await?;
                    }
                    let facts = row.signed.as_ref().ok_or(Failure::Bug("an unsigned list"))?;
                    table::set_signed(tx, &row.scope, row.number, facts).await?;
                }
                Ok(())
            })
        })
        .await
}

/// Puts signed lists out. Says which scopes have a list of a higher number out, where those may stay
/// behind.
pub(crate) async fn publish_crls(
    app: &App,
    lists: &[SignedList],
    by: &Stamp,
    overtaken: Overtaken,
) -> Result<BTreeSet<String>> {
    app.store()
        .run_tx("publish_crls", move |tx| {
            Box::pin(async move {
                let mut behind = BTreeSet::new();
                for SignedList { row, .. } in lists {
                    match table::publish(tx, by, &row.scope, row.number).await {
                        Err(StoreError::Refused(Refusal::DoesNotOutrank { .. }))
                            if overtaken == Overtaken::Stays =>
                        {
                            behind.insert(row.scope.clone());
                        }
                        done => done?,
                    }
                }
                Ok(behind)
            })
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
    partition: u32,
    after: &Cursor,
    limit: u32,
) -> Result<Page> {
    Ok(revocations::page(reading, authority, partition, after, limit).await?)
}

/// Everything that was ever signed.
pub(crate) async fn everything(
    reading: &mut Snapshot,
    authority: &AuthorityId,
    partition: u32,
    after: &Cursor,
    limit: u32,
) -> Result<Page> {
    Ok(revocations::closing_page(reading, authority, partition, after, limit).await?)
}
