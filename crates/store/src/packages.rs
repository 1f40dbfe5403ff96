//! Trust packages and their parts, which are fetched by digest.

use serde_json::json;
use skink_model::{Package, PackageVersion, Stamp};
use skink_x509::Fingerprint;

use crate::row::{self, Columns};
use crate::sql::{DbRow, query, query_scalar};
use crate::tx::Connected;
use crate::{Reader, Refusal, StoreError, Tx, audit, journal};

const INSERT: &str = "INSERT INTO package
    (epoch, version, digest, envelope, parts, issued_at, not_after, reason, incident)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
const CURRENT: &str = "SELECT * FROM package ORDER BY epoch DESC, version DESC LIMIT 1";
const BY_VERSION: &str = "SELECT * FROM package WHERE epoch = $1 AND version = $2";
const BY_DIGEST: &str = "SELECT * FROM package WHERE digest = $1";
const INSERT_PART: &str =
    "INSERT INTO part (digest, bytes) VALUES ($1, $2) ON CONFLICT (digest) DO NOTHING";
const PART: &str = "SELECT bytes FROM part WHERE digest = $1";

/// Publishes a package with its parts. Its (epoch, version) must be above that of every other.
pub async fn publish(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    package: &Package,
    parts: &[Vec<u8>],
) -> Result<(), StoreError> {
    let last = current_version(tx).await?;
    if last.is_some_and(|last| (package.epoch, package.version) <= (last.epoch, last.version)) {
        let last = last.unwrap_or(PackageVersion { epoch: 0, version: 0 });
        return Err(StoreError::Refused(Refusal::PackageOrder {
            epoch: package.epoch,
            version: package.version,
            last_epoch: last.epoch,
            last_version: last.version,
        }));
    }
    for part in parts {
        put_part(tx, part).await?;
    }
    insert(tx, package).await?;
    let detail = json!({
        "epoch": package.epoch, "version": package.version, "digest": package.digest.to_string(),
        "reason": package.reason, "incident": package.incident, "by": stamp.actor.to_string(),
    });
    let subject = format!("{}.{}", package.epoch, package.version);
    journal::append(tx, journal::SERVER, stamp.at, "trust.published", &detail).await?;
    audit::record(tx, stamp, "trust.publish", &subject, &detail).await
}

async fn insert(tx: &mut Tx<'_>, package: &Package) -> Result<(), StoreError> {
    query(INSERT)
        .bind(row::int(package.epoch))
        .bind(row::int(package.version))
        .bind(package.digest.as_bytes().to_vec())
        .bind(package.envelope.as_slice())
        .bind(row::json(&package.parts))
        .bind(package.issued_at.as_millis())
        .bind(package.not_after.as_millis())
        .bind(package.reason.as_str())
        .bind(package.incident.as_ref().map(|id| id.as_str().to_owned()))
        .execute(tx.conn())
        .await
        .map(drop)
        .map_err(|error| StoreError::insert("package", package.digest, error))
}

/// Keeps a part, under its SHA-256.
pub async fn put_part(tx: &mut Tx<'_>, bytes: &[u8]) -> Result<Fingerprint, StoreError> {
    let digest = Fingerprint::of(bytes);
    let query = query(INSERT_PART).bind(digest.as_bytes().to_vec()).bind(bytes);
    query.execute(tx.conn()).await.map_err(StoreError::query)?;
    Ok(digest)
}

/// The package that is out.
pub async fn current(r: &mut impl Reader) -> Result<Option<Package>, StoreError> {
    let row = query(CURRENT).fetch_optional(r.conn()).await.map_err(StoreError::query)?;
    row.as_ref().map(read).transpose()
}

/// What the package that is out is called.
pub async fn current_version(r: &mut impl Reader) -> Result<Option<PackageVersion>, StoreError> {
    let package = current(r).await?;
    Ok(package.map(|it| PackageVersion { epoch: it.epoch, version: it.version }))
}

/// One package, by what it is called.
pub async fn find(
    r: &mut impl Reader,
    version: PackageVersion,
) -> Result<Option<Package>, StoreError> {
    let query = query(BY_VERSION).bind(row::int(version.epoch));
    let row = query.bind(row::int(version.version)).fetch_optional(r.conn()).await;
    row.map_err(StoreError::query)?.as_ref().map(read).transpose()
}

/// One package, by the SHA-256 of its envelope.
pub async fn by_digest(
    r: &mut impl Reader,
    digest: &Fingerprint,
) -> Result<Option<Package>, StoreError> {
    let bytes = digest.as_bytes().to_vec();
    let row = query(BY_DIGEST).bind(bytes).fetch_optional(r.conn()).await;
    row.map_err(StoreError::query)?.as_ref().map(read).transpose()
}

/// A part, by its SHA-256.
pub async fn part(
    r: &mut impl Reader,
    digest: &Fingerprint,
) -> Result<Option<Vec<u8>>, StoreError> {
    let query = query_scalar(PART).bind(digest.as_bytes().to_vec());
    query.fetch_optional(r.conn()).await.map_err(StoreError::query)
}

fn read(row: &DbRow) -> Result<Package, StoreError> {
    Ok(Package {
        epoch: row.number("epoch")?,
        version: row.number("version")?,
        digest: row.digest("digest")?,
        envelope: row.bytes("envelope")?,
        parts: row.json("parts")?,
        issued_at: row.time("issued_at")?,
        not_after: row.time("not_after")?,
        reason: row.string("reason")?,
        incident: row.parsed_option("incident")?,
    })
}
