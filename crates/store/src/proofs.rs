//! What endpoints prove: which package they run, that they are past a generation, that they refuse one.

use std::collections::BTreeMap;

use skink_model::{Ack, AuthorityId, BarrierProof, DistrustProof, EndpointName, PackageVersion};

use crate::row::{self, Columns};
use crate::sql::{DbRow, for_each, query};
use crate::tx::Connected;
use crate::{Reader, StoreError, Tx};

const INSERT_ACK: &str = "INSERT INTO ack
    (endpoint, epoch, version, digest, agent, nonce, signature, at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (endpoint, epoch, version) DO NOTHING";
const LATEST_ACKS: &str = "SELECT a.* FROM ack a WHERE NOT EXISTS (
        SELECT 1 FROM ack b WHERE b.endpoint = a.endpoint
          AND (b.epoch > a.epoch OR (b.epoch = a.epoch AND b.version > a.version)))
    ORDER BY a.endpoint";
const LATEST_ACK: &str = "SELECT * FROM ack WHERE endpoint = $1
    ORDER BY epoch DESC, version DESC LIMIT 1";
const ACKS_OF: &str = "SELECT * FROM ack WHERE epoch = $1 AND version = $2 ORDER BY endpoint";
const UPSERT_BARRIER: &str = "INSERT INTO barrier_proof
    (authority, endpoint, epoch, version, digest, handshakes, first_at, last_at, clock_offset_ms, at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    ON CONFLICT (authority, endpoint) DO UPDATE SET
        epoch = excluded.epoch, version = excluded.version, digest = excluded.digest,
        handshakes = excluded.handshakes, first_at = excluded.first_at,
        last_at = excluded.last_at, clock_offset_ms = excluded.clock_offset_ms, at = excluded.at
    WHERE excluded.last_at > barrier_proof.last_at";
const BARRIER: &str = "SELECT * FROM barrier_proof WHERE authority = $1 ORDER BY endpoint";
const BARRIER_OF_ENDPOINT: &str =
    "SELECT * FROM barrier_proof WHERE endpoint = $1 ORDER BY authority";
const UPSERT_DISTRUST: &str = "INSERT INTO distrust_proof
    (authority, endpoint, epoch, version, digest, refusal, refused_at, control_authority,
     control_at, at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    ON CONFLICT (authority, endpoint) DO UPDATE SET
        epoch = excluded.epoch, version = excluded.version, digest = excluded.digest,
        refusal = excluded.refusal, refused_at = excluded.refused_at,
        control_authority = excluded.control_authority, control_at = excluded.control_at,
        at = excluded.at
    WHERE excluded.refused_at > distrust_proof.refused_at";
const DISTRUST: &str = "SELECT * FROM distrust_proof WHERE authority = $1 ORDER BY endpoint";
const DISTRUST_OF_ENDPOINT: &str =
    "SELECT * FROM distrust_proof WHERE endpoint = $1 ORDER BY authority";
const FORGET_ACKS: &str = "DELETE FROM ack WHERE endpoint = $1";
const FORGET_BARRIERS: &str = "DELETE FROM barrier_proof WHERE endpoint = $1";
const FORGET_DISTRUSTS: &str = "DELETE FROM distrust_proof WHERE endpoint = $1";

/// Forgets what an endpoint proved: it is on another host now.
pub(crate) async fn forget(tx: &mut Tx<'_>, endpoint: &EndpointName) -> Result<(), StoreError> {
    for statement in [FORGET_ACKS, FORGET_BARRIERS, FORGET_DISTRUSTS] {
        let query = query(statement).bind(endpoint.as_str());
        query.execute(tx.conn()).await.map_err(StoreError::query)?;
    }
    Ok(())
}

/// Records that endpoints run packages. Says how much of it is news.
pub async fn acks(tx: &mut Tx<'_>, acks: &[&Ack]) -> Result<u64, StoreError> {
    let row = |ack: &&Ack| {
        vec![
            ack.endpoint.as_str().to_owned().into(),
            row::int(ack.epoch).into(),
            row::int(ack.version).into(),
            ack.digest.as_bytes().to_vec().into(),
            ack.agent.as_str().to_owned().into(),
            ack.nonce.clone().into(),
            ack.signature.clone().into(),
            ack.at.as_millis().into(),
        ]
    };
    let rows = acks.iter().map(row).collect();
    for_each(tx.conn(), INSERT_ACK, rows).await.map_err(StoreError::query)
}

/// What every endpoint acknowledged last.
pub async fn latest_acks(r: &mut impl Reader) -> Result<Vec<Ack>, StoreError> {
    let rows = query(LATEST_ACKS).fetch_all(r.conn()).await.map_err(StoreError::query)?;
    row::all(&rows, read_ack)
}

/// What one endpoint acknowledged last.
pub async fn latest_ack(
    r: &mut impl Reader,
    endpoint: &EndpointName,
) -> Result<Option<Ack>, StoreError> {
    let row = query(LATEST_ACK).bind(endpoint.as_str()).fetch_optional(r.conn()).await;
    row.map_err(StoreError::query)?.as_ref().map(read_ack).transpose()
}

/// Who acknowledged one package.
pub async fn acks_of(r: &mut impl Reader, package: PackageVersion) -> Result<Vec<Ack>, StoreError> {
    let query = query(ACKS_OF).bind(row::int(package.epoch)).bind(row::int(package.version));
    let rows = query.fetch_all(r.conn()).await.map_err(StoreError::query)?;
    row::all(&rows, read_ack)
}

/// Records that endpoints are past generations; newer handshakes take the place of older ones. Says
/// how much of it is news.
pub async fn barriers(tx: &mut Tx<'_>, proofs: &[&BarrierProof]) -> Result<u64, StoreError> {
    let mut latest: BTreeMap<(&AuthorityId, &EndpointName), &BarrierProof> = BTreeMap::new();
    for &proof in proofs {
        let known = latest.entry((&proof.authority, &proof.endpoint)).or_insert(proof);
        if known.last < proof.last {
            *known = proof;
        }
    }
    let row = |proof: &BarrierProof| {
        vec![
            proof.authority.as_str().to_owned().into(),
            proof.endpoint.as_str().to_owned().into(),
            row::int(proof.package.epoch).into(),
            row::int(proof.package.version).into(),
            proof.digest.as_bytes().to_vec().into(),
            i64::from(proof.handshakes).into(),
            proof.first.as_millis().into(),
            proof.last.as_millis().into(),
            proof.clock_offset_ms.into(),
            proof.at.as_millis().into(),
        ]
    };
    let rows = latest.into_values().map(row).collect();
    let done = for_each(tx.conn(), UPSERT_BARRIER, rows).await;
    done.map_err(StoreError::query)
}

/// Who is past a generation.
pub async fn barrier_of(
    r: &mut impl Reader,
    authority: &AuthorityId,
) -> Result<Vec<BarrierProof>, StoreError> {
    let rows = query(BARRIER).bind(authority.as_str()).fetch_all(r.conn()).await;
    row::all(&rows.map_err(StoreError::query)?, read_barrier)
}

/// Which generations an endpoint is past.
pub async fn barrier_of_endpoint(
    r: &mut impl Reader,
    endpoint: &EndpointName,
) -> Result<Vec<BarrierProof>, StoreError> {
    let rows = query(BARRIER_OF_ENDPOINT).bind(endpoint.as_str()).fetch_all(r.conn()).await;
    row::all(&rows.map_err(StoreError::query)?, read_barrier)
}

/// Records that endpoints refuse generations. Says how much of it is news.
pub async fn distrusts(tx: &mut Tx<'_>, proofs: &[&DistrustProof]) -> Result<u64, StoreError> {
    let mut latest: BTreeMap<(&AuthorityId, &EndpointName), &DistrustProof> = BTreeMap::new();
    for &proof in proofs {
        let known = latest.entry((&proof.authority, &proof.endpoint)).or_insert(proof);
        if known.refused_at < proof.refused_at {
            *known = proof;
        }
    }
    let row = |proof: &DistrustProof| {
        vec![
            proof.authority.as_str().to_owned().into(),
            proof.endpoint.as_str().to_owned().into(),
            row::int(proof.package.epoch).into(),
            row::int(proof.package.version).into(),
            proof.digest.as_bytes().to_vec().into(),
            proof.refusal.clone().into(),
            proof.refused_at.as_millis().into(),
            proof.control_authority.as_str().to_owned().into(),
            proof.control_at.as_millis().into(),
            proof.at.as_millis().into(),
        ]
    };
    let rows = latest.into_values().map(row).collect();
    let done = for_each(tx.conn(), UPSERT_DISTRUST, rows).await;
    done.map_err(StoreError::query)
}

/// Who refuses a generation.
pub async fn distrust_of(
    r: &mut impl Reader,
    authority: &AuthorityId,
) -> Result<Vec<DistrustProof>, StoreError> {
    let rows = query(DISTRUST).bind(authority.as_str()).fetch_all(r.conn()).await;
    row::all(&rows.map_err(StoreError::query)?, read_distrust)
}

/// Which generations an endpoint refuses.
pub async fn distrust_of_endpoint(
    r: &mut impl Reader,
    endpoint: &EndpointName,
) -> Result<Vec<DistrustProof>, StoreError> {
    let rows = query(DISTRUST_OF_ENDPOINT).bind(endpoint.as_str()).fetch_all(r.conn()).await;
    row::all(&rows.map_err(StoreError::query)?, read_distrust)
}

fn read_version(row: &DbRow) -> Result<PackageVersion, StoreError> {
    Ok(PackageVersion { epoch: row.number("epoch")?, version: row.number("version")? })
}

fn read_ack(row: &DbRow) -> Result<Ack, StoreError> {
    Ok(Ack {
        endpoint: row.parsed("endpoint")?,
        epoch: row.number("epoch")?,
        version: row.number("version")?,
        digest: row.digest("digest")?,
        agent: row.parsed("agent")?,
        nonce: row.string("nonce")?,
        signature: row.bytes("signature")?,
        at: row.time("at")?,
    })
}

fn read_barrier(row: &DbRow) -> Result<BarrierProof, StoreError> {
    Ok(BarrierProof {
        endpoint: row.parsed("endpoint")?,
        authority: row.parsed("authority")?,
        package: read_version(row)?,
        digest: row.digest("digest")?,
        handshakes: row.number("handshakes")?,
        first: row.time("first_at")?,
        last: row.time("last_at")?,
        clock_offset_ms: row.raw("clock_offset_ms")?,
        at: row.time("at")?,
    })
}

fn read_distrust(row: &DbRow) -> Result<DistrustProof, StoreError> {
    Ok(DistrustProof {
        endpoint: row.parsed("endpoint")?,
        authority: row.parsed("authority")?,
        package: read_version(row)?,
        digest: row.digest("digest")?,
        refusal: row.string("refusal")?,
        refused_at: row.time("refused_at")?,
        control_authority: row.parsed("control_authority")?,
        control_at: row.time("control_at")?,
        at: row.time("at")?,
    })
}
