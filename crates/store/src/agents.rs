//! Agents, with the keys by which the server knows them: a chain alone lets nobody in.

use std::collections::BTreeMap;

use serde_json::json;
use skink_model::{Agent, AgentKey, AgentName, Stamp, Time};
use skink_x509::{Fingerprint, KeyDigest};

use crate::row::{self, Columns};
use crate::sql::{DbRow, for_each, query};
use crate::tx::Connected;
use crate::{Reader, StoreError, Tx, audit};

// An agent that lost its host enrols again with a new token; its old keys are shut out.
const UPSERT: &str = "INSERT INTO agent (name, token, version, enrolled_at)
    VALUES ($1, $2, $3, $4)
    ON CONFLICT (name) DO UPDATE SET token = excluded.token, version = excluded.version,
        enrolled_at = excluded.enrolled_at, disabled_at = NULL";
const FORGET_KEYS: &str = "DELETE FROM agent_key WHERE agent = $1";
const INSERT_KEY: &str = "INSERT INTO agent_key
    (fingerprint, agent, key_digest, spki_der, added_at, not_after)
    VALUES ($1, $2, $3, $4, $5, $6)";
const BY_NAME: &str = "SELECT * FROM agent WHERE name = $1";
const ALL: &str = "SELECT * FROM agent ORDER BY name";
const KEY: &str = "SELECT k.* FROM agent_key k JOIN agent a ON a.name = k.agent
    WHERE k.fingerprint = $1 AND k.key_digest = $2 AND k.not_after > $3 AND a.disabled_at IS NULL
    AND NOT EXISTS (SELECT 1 FROM certificate c JOIN revocation r ON r.authority = c.authority
        AND r.crl_part = c.crl_part AND r.serial = c.serial WHERE c.fingerprint = k.fingerprint)";
const KEYS_OF: &str = "SELECT * FROM agent_key WHERE agent = $1 ORDER BY added_at DESC";
const HEARD: &str = "WITH heard (name, at, clock) AS (VALUES ($1, $2, $3))
    UPDATE agent SET last_seen = heard.at,
    clock_offset_ms = coalesce(heard.clock, clock_offset_ms) FROM heard
    WHERE agent.name = heard.name AND (agent.last_seen IS NULL OR agent.last_seen <= heard.at)";
const DISABLE: &str = "UPDATE agent SET disabled_at = $2 WHERE name = $1 AND disabled_at IS NULL";

/// Enrols an agent with its first key, in the transaction that consumes its token.
pub async fn enroll(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    agent: &Agent,
    key: &AgentKey,
) -> Result<(), StoreError> {
    query(UPSERT)
        .bind(agent.name.as_str())
        .bind(agent.token.as_str())
        .bind(agent.version.as_str())
        .bind(agent.enrolled_at.as_millis())
        .execute(tx.conn())
        .await
        .map_err(StoreError::query)?;
    let forgotten = query(FORGET_KEYS).bind(agent.name.as_str()).execute(tx.conn()).await;
    forgotten.map_err(StoreError::query)?;
    let detail = json!({"token": agent.token, "key_digest": key.key_digest.to_string()});
    audit::record(tx, stamp, "agent.enroll", agent.name.as_str(), &detail).await?;
    add_key(tx, key).await
}

/// Adds a key (the next certificate under control) of an enrolled agent.
pub async fn add_key(tx: &mut Tx<'_>, key: &AgentKey) -> Result<(), StoreError> {
    query(INSERT_KEY)
        .bind(key.fingerprint.as_bytes().to_vec())
        .bind(key.agent.as_str())
        .bind(key.key_digest.as_bytes().to_vec())
        .bind(key.spki_der.as_slice())
        .bind(key.added_at.as_millis())
        .bind(key.not_after.as_millis())
        .execute(tx.conn())
        .await
        .map(drop)
        .map_err(|error| StoreError::insert("agent key", key.fingerprint, error))
}

/// The agent behind this certificate *and* key, unless it is shut out, or the certificate is over
/// or revoked.
pub async fn authenticate(
    r: &mut impl Reader,
    fingerprint: &Fingerprint,
    key_digest: &KeyDigest,
    now: Time,
) -> Result<Option<AgentKey>, StoreError> {
    let row = query(KEY)
        .bind(fingerprint.as_bytes().to_vec())
        .bind(key_digest.as_bytes().to_vec())
        .bind(now.as_millis())
        .fetch_optional(r.conn())
        .await;
    row.map_err(StoreError::query)?.as_ref().map(read_key).transpose()
}

/// The keys of an agent, newest first.
pub async fn keys(r: &mut impl Reader, name: &AgentName) -> Result<Vec<AgentKey>, StoreError> {
    let rows = query(KEYS_OF).bind(name.as_str()).fetch_all(r.conn()).await;
    row::all(&rows.map_err(StoreError::query)?, read_key)
}

/// An agent was heard of.
#[derive(Clone, Copy, Debug)]
pub struct Heard<'a> {
    /// Which.
    pub agent: &'a AgentName,
    /// When.
    pub at: Time,
    /// Its clock minus the server's, if it said so.
    pub clock_offset_ms: Option<i64>,
}

/// Agents were heard of, in any order; what they did not say stays as it was.
pub async fn heard(tx: &mut Tx<'_>, heard: &[Heard<'_>]) -> Result<(), StoreError> {
    let mut latest: BTreeMap<&AgentName, Heard<'_>> = BTreeMap::new();
    for one in heard {
        let known = latest.entry(one.agent).or_insert(*one);
        let clock = one.clock_offset_ms.or(known.clock_offset_ms);
        *known = Heard { at: one.at.max(known.at), clock_offset_ms: clock, ..*one };
    }
    let row = |one: &Heard<'_>| {
        vec![
            one.agent.as_str().to_owned().into(),
            one.at.as_millis().into(),
            one.clock_offset_ms.into(),
        ]
    };
    let rows = latest.values().map(row).collect();
    let done = for_each(tx.conn(), HEARD, rows).await;
    done.map(drop).map_err(StoreError::query)
}

/// Shuts an agent out, until it enrols again.
pub async fn disable(tx: &mut Tx<'_>, stamp: &Stamp, name: &AgentName) -> Result<(), StoreError> {
    let query = query(DISABLE).bind(name.as_str()).bind(stamp.at.as_millis());
    if query.execute(tx.conn()).await.map_err(StoreError::query)?.rows_affected() == 0 {
        return Err(StoreError::not_found("agent", name));
    }
    audit::record(tx, stamp, "agent.disable", name.as_str(), &json!({})).await
}

/// The agent of this name.
pub async fn find(r: &mut impl Reader, name: &AgentName) -> Result<Option<Agent>, StoreError> {
    let row = query(BY_NAME).bind(name.as_str()).fetch_optional(r.conn()).await;
    row.map_err(StoreError::query)?.as_ref().map(read).transpose()
}

/// Every agent, by name.
pub async fn all(r: &mut impl Reader) -> Result<Vec<Agent>, StoreError> {
    let rows = query(ALL).fetch_all(r.conn()).await.map_err(StoreError::query)?;
    row::all(&rows, read)
}

fn read(row: &DbRow) -> Result<Agent, StoreError> {
    Ok(Agent {
        name: row.parsed("name")?,
        token: row.parsed("token")?,
        version: row.string("version")?,
        enrolled_at: row.time("enrolled_at")?,
        last_seen: row.time_option("last_seen")?,
        clock_offset_ms: row.raw("clock_offset_ms")?,
        disabled_at: row.time_option("disabled_at")?,
    })
}

fn read_key(row: &DbRow) -> Result<AgentKey, StoreError> {
    Ok(AgentKey {
        agent: row.parsed("agent")?,
        fingerprint: row.digest("fingerprint")?,
        key_digest: row.digest("key_digest")?,
        spki_der: row.bytes("spki_der")?,
        added_at: row.time("added_at")?,
        not_after: row.time("not_after")?,
    })
}
