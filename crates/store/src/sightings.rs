//! What the fleet sees: whose certificates its endpoints accept, and which CRLs its agents read.

use std::collections::BTreeMap;

use skink_model::{AgentName, AuthorityId, CrlRead, EndpointName, PeerSeen, Time};
use skink_x509::Fingerprint;

use crate::row::{self, Columns};
use crate::sql::{DbRow, for_each, query, query_scalar};
use crate::tx::Connected;
use crate::{Reader, StoreError, Tx};

// A certificate of ours tells its authority itself, whatever the agent could tell.
const UPSERT_PEER: &str = "INSERT INTO peer_seen (endpoint, fingerprint, authority, last_seen)
    VALUES ($1, $2, coalesce((SELECT authority FROM certificate WHERE fingerprint = $2), $3), $4)
    ON CONFLICT (endpoint, fingerprint) DO UPDATE SET last_seen = excluded.last_seen
    WHERE excluded.last_seen > peer_seen.last_seen";
const SET_MEASURED: &str = "WITH said (name, at) AS (VALUES ($1, $2))
    UPDATE endpoint SET peers_measured_at = said.at FROM said
    WHERE endpoint.name = said.name
      AND (endpoint.peers_measured_at IS NULL OR endpoint.peers_measured_at < said.at)";
const OF_AUTHORITY: &str = "SELECT * FROM peer_seen WHERE authority = $1 AND last_seen >= $2
    ORDER BY last_seen DESC, endpoint, fingerprint";
const MEASUREMENTS: &str = "SELECT e.name, e.peers_measured_at,
        (SELECT max(p.last_seen) FROM peer_seen p
         WHERE p.endpoint = e.name AND p.authority = $1) AS last_seen
    FROM endpoint e ORDER BY e.name";
const UPSERT_CRL: &str = "INSERT INTO crl_read (agent, scope, number, digest, at)
    VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (agent, scope) DO UPDATE SET
        number = excluded.number, digest = excluded.digest, at = excluded.at
    WHERE excluded.at >= crl_read.at";
const READERS: &str = "SELECT * FROM crl_read WHERE scope = $1 AND digest = $2
    ORDER BY agent LIMIT $3";
const INSERT_ROOT_LIST: &str = "INSERT INTO root_list_seen
    (scope, number, this_update, digest, der, agent, at) VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT (scope, number) DO NOTHING";
const ROOT_LISTS: &str = "SELECT s.* FROM root_list_seen s
    JOIN (SELECT scope, max(number) AS number FROM root_list_seen GROUP BY scope) last
        ON last.scope = s.scope AND last.number = s.number
    ORDER BY s.scope";
const FLOOR: &str = "SELECT max(number) FROM crl_read WHERE scope = $1";

/// Records which peers an endpoint accepted, and that it measured at `at`: an empty list from a
/// measurement means that there were none.
pub async fn peers(
    tx: &mut Tx<'_>,
    endpoint: &EndpointName,
    at: Time,
    seen: &[PeerSeen],
) -> Result<(), StoreError> {
    for peer in seen {
        query(UPSERT_PEER)
            .bind(endpoint.as_str())
            .bind(peer.fingerprint.as_bytes().to_vec())
            .bind(peer.authority.as_ref().map(|id| id.as_str().to_owned()))
            .bind(peer.last_seen.as_millis())
            .execute(tx.conn())
            .await
            .map_err(StoreError::query)?;
    }
    measured(tx, &[(endpoint, at)]).await
}

/// Records that endpoints measured whom they accept.
pub async fn measured(tx: &mut Tx<'_>, said: &[(&EndpointName, Time)]) -> Result<(), StoreError> {
    let mut latest: BTreeMap<&EndpointName, Time> = BTreeMap::new();
    for &(name, at) in said {
        let known = latest.entry(name).or_insert(at);
        *known = at.max(*known);
    }
    let rows = latest.into_iter();
    let rows = rows.map(|(name, at)| vec![name.as_str().to_owned().into(), at.as_millis().into()]);
    let done = for_each(tx.conn(), SET_MEASURED, rows.collect()).await;
    done.map(drop).map_err(StoreError::query)
}

/// Peers with a certificate of `authority` that were seen since `since`, latest first.
pub async fn peers_of(
    r: &mut impl Reader,
    authority: &AuthorityId,
    since: Time,
) -> Result<Vec<PeerSeen>, StoreError> {
    let query = query(OF_AUTHORITY).bind(authority.as_str()).bind(since.as_millis());
    let rows = query.fetch_all(r.conn()).await.map_err(StoreError::query)?;
    row::all(&rows, |row| {
        Ok(PeerSeen {
            endpoint: row.parsed("endpoint")?,
            fingerprint: row.digest("fingerprint")?,
            authority: row.parsed_option("authority")?,
            last_seen: row.time("last_seen")?,
        })
    })
}

/// How quiet it is around an authority at one endpoint: what the quiet gate is measured by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quiet {
    /// The endpoint.
    pub endpoint: EndpointName,
    /// When it last measured whom it accepts; without a measurement nothing is known.
    pub measured_at: Option<Time>,
    /// When it last accepted a certificate of the authority.
    pub last_seen: Option<Time>,
}

/// For every endpoint: when it measured, and when it last accepted a certificate of `authority`.
pub async fn quiet(r: &mut impl Reader, authority: &AuthorityId) -> Result<Vec<Quiet>, StoreError> {
    let rows = query(MEASUREMENTS).bind(authority.as_str()).fetch_all(r.conn()).await;
    row::all(&rows.map_err(StoreError::query)?, |row| {
        Ok(Quiet {
            endpoint: row.parsed("name")?,
            measured_at: row.time_option("peers_measured_at")?,
            last_seen: row.time_option("last_seen")?,
        })
    })
}

/// Records CRLs that agents read back.
pub async fn crls(tx: &mut Tx<'_>, reads: &[&CrlRead]) -> Result<(), StoreError> {
    let mut latest: BTreeMap<(&AgentName, &str), &CrlRead> = BTreeMap::new();
    for &read in reads {
        let known = latest.entry((&read.agent, read.scope.as_str())).or_insert(read);
        if known.at <= read.at {
            *known = read;
        }
    }
    let row = |read: &CrlRead| {
        vec![
            read.agent.as_str().to_owned().into(),
            read.scope.clone().into(),
            row::int(read.number).into(),
            read.digest.as_bytes().to_vec().into(),
            read.at.as_millis().into(),
        ]
    };
    let rows = latest.into_values().map(row).collect();
    let done = for_each(tx.conn(), UPSERT_CRL, rows).await;
    done.map(drop).map_err(StoreError::query)
}

/// Agents that read this very list last of its scope, `most` of them.
pub async fn crl_readers(
    r: &mut impl Reader,
    scope: &str,
    digest: &Fingerprint,
    most: u64,
) -> Result<Vec<CrlRead>, StoreError> {
    let query = query(READERS).bind(scope).bind(digest.as_bytes().to_vec()).bind(row::int(most));
    let rows = query.fetch_all(r.conn()).await;
    row::all(&rows.map_err(StoreError::query)?, read_crl)
}

/// The highest number that anybody says to have read of a scope. It is an agent's word and no
/// more: see [`root_lists`] for what is proven.
pub async fn crl_floor(r: &mut impl Reader, scope: &str) -> Result<u64, StoreError> {
    let number: Option<i64> =
        query_scalar(FLOOR).bind(scope).fetch_one(r.conn()).await.map_err(StoreError::query)?;
    u64::try_from(number.unwrap_or(0)).map_err(|error| row::corrupt("number", error))
}

/// A list that the root signed and an agent holds, and that this server does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootListSeen {
    /// Its scope: `root/workloads-g1`.
    pub scope: String,
    /// Its number.
    pub number: u64,
    /// When it was said.
    pub this_update: Time,
    /// SHA-256 of it.
    pub digest: Fingerprint,
    /// The list, whose signature was verified.
    pub der: Vec<u8>,
    /// Who showed it first.
    pub agent: AgentName,
    /// When.
    pub at: Time,
}

/// Records a list of the root's that an agent showed. Says whether it is new.
pub async fn root_list(tx: &mut Tx<'_>, seen: &RootListSeen) -> Result<bool, StoreError> {
    let done = query(INSERT_ROOT_LIST)
        .bind(seen.scope.as_str())
        .bind(row::int(seen.number))
        .bind(seen.this_update.as_millis())
        .bind(seen.digest.as_bytes().to_vec())
        .bind(seen.der.as_slice())
        .bind(seen.agent.as_str())
        .bind(seen.at.as_millis())
        .execute(tx.conn())
        .await
        .map_err(StoreError::query)?;
    Ok(done.rows_affected() == 1)
}

/// The newest list of each of the root's scopes that agents showed and this server did not know:
/// floors, and what a restored server has forgotten.
pub async fn root_lists(r: &mut impl Reader) -> Result<Vec<RootListSeen>, StoreError> {
    let rows = query(ROOT_LISTS).fetch_all(r.conn()).await.map_err(StoreError::query)?;
    row::all(&rows, |row| {
        Ok(RootListSeen {
            scope: row.string("scope")?,
            number: row.number("number")?,
            this_update: row.time("this_update")?,
            digest: row.digest("digest")?,
            der: row.raw("der")?,
            agent: row.parsed("agent")?,
            at: row.time("at")?,
        })
    })
}

fn read_crl(row: &DbRow) -> Result<CrlRead, StoreError> {
    Ok(CrlRead {
        agent: row.parsed("agent")?,
        scope: row.string("scope")?,
        number: row.number("number")?,
        digest: row.digest("digest")?,
        at: row.time("at")?,
    })
}
