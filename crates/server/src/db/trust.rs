//! Trust packages.

use skink_model::{Package, PackageVersion, Stamp};
use skink_store::{endpoints, packages as table, proofs, settings};
use skink_x509::Fingerprint;

use super::{glance, view};
use crate::app::App;
use crate::failure::{Failure, Result};

pub(crate) async fn latest_package(app: &App) -> Result<Option<Package>> {
    Ok(table::current(&mut glance(app).await?).await?)
}

pub(crate) async fn part(app: &App, digest: &str) -> Result<Vec<u8>> {
    let parsed: Fingerprint =
        digest.parse().map_err(|_| Failure::Bug("a part's digest cannot be read"))?;
    let found = table::part(&mut view(app).await?, &parsed).await?;
    found.ok_or_else(|| Failure::not_found("part", digest))
}

/// The version that comes next in an epoch: above everything published and everything that an
/// agent holds.
pub(crate) async fn next_package_version(app: &App, epoch: u64) -> Result<u64> {
    let mut reading = view(app).await?;
    let last = table::current_version(&mut reading).await?;
    let last = last.filter(|last| last.epoch == epoch).map_or(0, |last| last.version);
    let floor = settings::find(&mut reading, &floor_of(epoch)).await?;
    let floor = floor.and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    Ok(last.max(floor).saturating_add(1))
}

/// Remembers that an agent holds a version.
pub(crate) async fn raise_package_floor(app: &App, epoch: u64, version: u64) -> Result<()> {
    let (name, value) = (&floor_of(epoch), &version.to_string());
    app.store()
        .run_tx("raise_package_floor", move |tx| {
            Box::pin(async move { Ok(settings::set(tx, name, value).await?) })
        })
        .await
}

fn floor_of(epoch: u64) -> String {
    format!("package_floor_{epoch}")
}

pub(crate) async fn insert_package(
    app: &App,
    row: &Package,
    parts: &[Vec<u8>],
    by: &Stamp,
) -> Result<()> {
    app.store()
        .run_tx("publish_package", move |tx| {
            Box::pin(async move { Ok(table::publish(tx, by, row, parts).await?) })
        })
        .await
}

/// How many of the managed endpoints have acknowledged a package, and how many there are.
pub(crate) async fn acknowledged(app: &App, row: &Package) -> Result<(u64, u64)> {
    let mut reading = view(app).await?;
    let version = PackageVersion { epoch: row.epoch, version: row.version };
    let acks = proofs::acks_of(&mut reading, version).await?;
    let managed = endpoints::all(&mut reading).await?.into_iter().filter(|one| one.agent.is_some());
    let counted = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let ours = acks.iter().filter(|ack| ack.digest == row.digest);
    Ok((counted(ours.count()), counted(managed.count())))
}
