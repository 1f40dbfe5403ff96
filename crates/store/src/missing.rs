//! How many endpoints a gate still waits for at least, counted by the database: of a large fleet nobody
//! has to read every row to see that a gate is shut.
//!
//! A count says only what is missing for certain. That nothing is missing is for whoever reads the rows.

use skink_model::{AuthorityId, IncidentId, IssuerName, PackageVersion, Time};

use crate::row::{self, Columns};
use crate::sql::{Query, query};
use crate::{Reader, StoreError};

const BARRIER: &str = "SELECT count(*) AS target, count(*) FILTER (WHERE NOT EXISTS (
        SELECT 1 FROM barrier_proof p WHERE p.authority = $2 AND p.endpoint = e.name
          AND (p.epoch > $3 OR (p.epoch = $3 AND p.version >= $4)))) AS missing
    FROM endpoint e WHERE e.issuer = $1 AND e.agent IS NOT NULL";
const DISTRUST: &str = "SELECT count(*) AS target, count(*) FILTER (WHERE NOT EXISTS (
        SELECT 1 FROM distrust_proof p WHERE p.authority = $2 AND p.endpoint = e.name
          AND (p.epoch > $3 OR (p.epoch = $3 AND p.version >= $4)))) AS missing
    FROM endpoint e WHERE e.issuer = $1 AND e.agent IS NOT NULL";
const RUNNING: &str = "SELECT count(*) AS target, count(*) FILTER (WHERE NOT EXISTS (
        SELECT 1 FROM ack a WHERE a.endpoint = e.name
          AND (a.epoch > $2 OR (a.epoch = $2 AND a.version >= $3)))) AS missing
    FROM endpoint e WHERE e.issuer = $1 AND e.agent IS NOT NULL";
const QUIET: &str = "SELECT count(*) AS target, count(*) FILTER (
        WHERE e.peers_measured_at IS NULL OR e.peers_measured_at < $2) AS missing
    FROM endpoint e WHERE e.issuer = $1 AND e.agent IS NOT NULL";
const WAVE: &str = "SELECT count(*) AS target, count(*) FILTER (
        WHERE e.installed_by IS DISTINCT FROM o.authority OR e.rolled_back = 1) AS missing
    FROM (SELECT endpoint, authority FROM renew_order
          WHERE authority = $2 AND incident = $3 ORDER BY number LIMIT $4 OFFSET $5) o
    JOIN endpoint e ON e.name = o.endpoint
    WHERE e.issuer = $1 AND e.agent IS NOT NULL";

/// How many managed endpoints a gate is about, and how many of them cannot have met it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing {
    /// All of them.
    pub target: u64,
    /// Those that lack what the gate asks for.
    pub missing: u64,
}

/// Endpoints without a proof, under `package` or a later one, that they are past a generation.
pub async fn barrier(
    r: &mut impl Reader,
    issuer: &IssuerName,
    successor: &AuthorityId,
    package: PackageVersion,
) -> Result<Missing, StoreError> {
    unproven(r, BARRIER, issuer, successor, package).await
}

/// Endpoints without a proof, under `package` or a later one, that they refuse a generation.
pub async fn distrust(
    r: &mut impl Reader,
    issuer: &IssuerName,
    authority: &AuthorityId,
    package: PackageVersion,
) -> Result<Missing, StoreError> {
    unproven(r, DISTRUST, issuer, authority, package).await
}

async fn unproven(
    r: &mut impl Reader,
    statement: &'static str,
    issuer: &IssuerName,
    authority: &AuthorityId,
    package: PackageVersion,
) -> Result<Missing, StoreError> {
    let asked = query(statement).bind(issuer.as_str()).bind(authority.as_str());
    counted(r, asked.bind(row::int(package.epoch)).bind(row::int(package.version))).await
}

/// Endpoints that have not acknowledged `package` or a later one.
pub async fn running(
    r: &mut impl Reader,
    issuer: &IssuerName,
    package: PackageVersion,
) -> Result<Missing, StoreError> {
    let asked = query(RUNNING).bind(issuer.as_str()).bind(row::int(package.epoch));
    counted(r, asked.bind(row::int(package.version))).await
}

/// Endpoints that have not said at `by` or later which peers they see.
pub async fn quiet(
    r: &mut impl Reader,
    issuer: &IssuerName,
    by: Time,
) -> Result<Missing, StoreError> {
    counted(r, query(QUIET).bind(issuer.as_str()).bind(by.as_millis())).await
}

/// Of an incident's orders to move to `successor`, in the order of their numbers, those from number
/// `from` up to number `to`, counted from 0: endpoints that serve no certificate of it.
pub async fn wave(
    r: &mut impl Reader,
    issuer: &IssuerName,
    successor: &AuthorityId,
    incident: &IncidentId,
    (from, to): (usize, usize),
) -> Result<Missing, StoreError> {
    let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let asked = query(WAVE).bind(issuer.as_str()).bind(successor.as_str()).bind(incident.as_str());
    counted(r, asked.bind(number(to.saturating_sub(from))).bind(number(from))).await
}

async fn counted(r: &mut impl Reader, asked: Query<'_>) -> Result<Missing, StoreError> {
    let row = asked.fetch_one(r.conn()).await.map_err(StoreError::query)?;
    Ok(Missing { target: row.number("target")?, missing: row.number("missing")? })
}
