//! Enrolment tokens: used once, for minutes, for what they name.

use std::collections::BTreeMap;

use serde_json::json;
use skink_model::{AgentName, EndpointName, Stamp, Time, Token, TokenId};
use skink_x509::Fingerprint;

use crate::row::{self, Columns};
use crate::sql::{DbRow, query, query_scalar};
use crate::tx::Connected;
use crate::{Reader, Refusal, StoreError, Tx, agents, audit, endpoints};

const INSERT: &str = "INSERT INTO token
    (id, secret_digest, agent, endpoints, created_by, created_at, expires_at, tended)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const CONSUME: &str = "UPDATE token SET used_at = $3
    WHERE id = $1 AND secret_digest = $2 AND used_at IS NULL AND expires_at > $3";
const BY_ID: &str = "SELECT * FROM token WHERE id = $1";
const SECRET: &str = "SELECT secret_digest FROM token WHERE id = $1";
const TENDED: &str = "SELECT tended FROM token WHERE id = $1";
const ALL: &str = "SELECT * FROM token ORDER BY created_at DESC, id";

/// A token to be. Of its secret only the SHA-256 is kept.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// Its public half.
    pub id: TokenId,
    /// SHA-256 of its secret half.
    pub secret_digest: Fingerprint,
    /// The agent it is for.
    pub agent: AgentName,
    /// The endpoints it names.
    pub endpoints: Vec<EndpointName>,
    /// When it expires.
    pub expires_at: Time,
}

/// Who tends the endpoints of a token.
type Tended = BTreeMap<EndpointName, AgentName>;

/// Records a token, and who tends its endpoints now. It names all that its agent is to tend: what
/// the agent tends already is no gift beside it.
pub async fn create(tx: &mut Tx<'_>, stamp: &Stamp, new: &NewToken) -> Result<(), StoreError> {
    if let Some(endpoint) = left_out(tx, &new.agent, &new.endpoints).await? {
        let agent = new.agent.clone();
        return Err(StoreError::Refused(Refusal::TokenLeavesOut { agent, endpoint }));
    }
    let mut tended = Tended::new();
    for name in &new.endpoints {
        let agent = endpoints::find(tx, name).await?.and_then(|known| known.agent);
        tended.extend(agent.map(|agent| (name.clone(), agent)));
    }
    query(INSERT)
        .bind(new.id.as_str())
        .bind(new.secret_digest.as_bytes().to_vec())
        .bind(new.agent.as_str())
        .bind(row::json(&new.endpoints))
        .bind(stamp.actor.to_string())
        .bind(stamp.at.as_millis())
        .bind(new.expires_at.as_millis())
        .bind(row::json(&tended))
        .execute(tx.conn())
        .await
        .map_err(|error| StoreError::insert("token", &new.id, error))?;
    let detail = json!({"agent": new.agent, "endpoints": new.endpoints});
    audit::record(tx, stamp, "token.create", new.id.as_str(), &detail).await
}

/// An endpoint that the agent tends and a token of it would not name.
async fn left_out(
    r: &mut impl Reader,
    agent: &AgentName,
    named: &[EndpointName],
) -> Result<Option<EndpointName>, StoreError> {
    let tended = endpoints::of_agent(r, agent).await?.into_iter().map(|endpoint| endpoint.name);
    Ok(tended.into_iter().find(|name| !named.contains(name)))
}

/// The token, if it could be used now. Whoever does not know the secret learns nothing about it, not
/// even that it exists.
pub async fn usable(
    r: &mut impl Reader,
    id: &TokenId,
    secret_digest: &Fingerprint,
    now: Time,
) -> Result<Token, StoreError> {
    let token = find(r, id).await?.ok_or(Refusal::TokenUnknown)?;
    let known: Vec<u8> = query_scalar(SECRET)
        .bind(id.as_str())
        .fetch_one(r.conn())
        .await
        .map_err(StoreError::query)?;
    Err(StoreError::Refused(if known != secret_digest.as_bytes() {
        Refusal::TokenUnknown
    } else if token.used_at.is_some() {
        Refusal::TokenUsed
    } else if token.expires_at <= now {
        Refusal::TokenExpired { at: token.expires_at }
    } else {
        return Ok(token);
    }))
}

/// Gives the endpoints of a token to its agent. It takes them from whoever tended them when it was
/// made, and from nobody who came to tend them since; nor does it let an agent in again that was
/// shut out since, or give what it does not name.
pub async fn hand_over(tx: &mut Tx<'_>, stamp: &Stamp, token: &Token) -> Result<(), StoreError> {
    let agent = agents::find(tx, &token.agent).await?;
    if agent.is_some_and(|agent| agent.disabled_at.is_some_and(|at| at >= token.created_at)) {
        return Err(Refusal::TokenOfShutOut { agent: token.agent.clone() }.into());
    }
    if let Some(endpoint) = left_out(tx, &token.agent, &token.endpoints).await? {
        return Err(Refusal::TokenOutOfDate { endpoint }.into());
    }
    let row = query(TENDED).bind(token.id.as_str()).fetch_one(tx.conn()).await;
    let tended: Tended = row.map_err(StoreError::query)?.json("tended")?;
    for name in &token.endpoints {
        let known = endpoints::find(tx, name).await?;
        let known = known.ok_or_else(|| StoreError::not_found("endpoint", name))?;
        let may = [Some(&token.agent), tended.get(name), None];
        if !may.contains(&known.agent.as_ref()) {
            return Err(Refusal::TokenOutOfDate { endpoint: name.clone() }.into());
        }
        endpoints::hand_over(tx, stamp, &known, &token.agent).await?;
    }
    Ok(())
}

/// Uses a token, once. Of two at the same time one gets it; the other is told it is used.
///
/// Whoever does not know the secret learns nothing about the token, not even that it exists.
pub async fn consume(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    id: &TokenId,
    secret_digest: &Fingerprint,
) -> Result<Token, StoreError> {
    let done = query(CONSUME)
        .bind(id.as_str())
        .bind(secret_digest.as_bytes().to_vec())
        .bind(stamp.at.as_millis())
        .execute(tx.conn())
        .await
        .map_err(StoreError::query)?;
    if done.rows_affected() == 0 {
        usable(tx, id, secret_digest, stamp.at).await?;
    }
    let token = find(tx, id).await?.ok_or(Refusal::TokenUnknown)?;
    let detail = json!({"agent": token.agent});
    audit::record(tx, stamp, "token.use", id.as_str(), &detail).await?;
    Ok(token)
}

/// The token of this id.
pub async fn find(r: &mut impl Reader, id: &TokenId) -> Result<Option<Token>, StoreError> {
    let row = query(BY_ID).bind(id.as_str()).fetch_optional(r.conn()).await;
    row.map_err(StoreError::query)?.as_ref().map(read).transpose()
}

/// Every token, newest first.
pub async fn all(r: &mut impl Reader) -> Result<Vec<Token>, StoreError> {
    let rows = query(ALL).fetch_all(r.conn()).await.map_err(StoreError::query)?;
    row::all(&rows, read)
}

fn read(row: &DbRow) -> Result<Token, StoreError> {
    Ok(Token {
        id: row.parsed("id")?,
        agent: row.parsed("agent")?,
        endpoints: row.json("endpoints")?,
        created_by: row.string("created_by")?,
        created_at: row.time("created_at")?,
        expires_at: row.time("expires_at")?,
        used_at: row.time_option("used_at")?,
    })
}
