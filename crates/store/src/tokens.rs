//! Enrolment tokens: used once, for minutes, for what they name.

use serde_json::json;
use skink_model::{AgentName, EndpointName, Stamp, Time, Token, TokenId};
use skink_x509::Fingerprint;

use crate::dialect::DbRow;
use crate::row::{self, Columns};
use crate::tx::Connected;
use crate::{Reader, Refusal, StoreError, Tx, audit};

const INSERT: &str = "INSERT INTO token
    (id, secret_digest, agent, endpoints, created_by, created_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";
const CONSUME: &str = "UPDATE token SET used_at = $3
    WHERE id = $1 AND secret_digest = $2 AND used_at IS NULL AND expires_at > $3";
const BY_ID: &str = "SELECT * FROM token WHERE id = $1";
const SECRET: &str = "SELECT secret_digest FROM token WHERE id = $1";
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

/// Records a token.
pub async fn create(tx: &mut Tx<'_>, stamp: &Stamp, new: &NewToken) -> Result<(), StoreError> {
    sqlx::query(INSERT)
        .bind(new.id.as_str())
        .bind(new.secret_digest.as_bytes().to_vec())
        .bind(new.agent.as_str())
        .bind(row::json(&new.endpoints))
        .bind(stamp.actor.to_string())
        .bind(stamp.at.as_millis())
        .bind(new.expires_at.as_millis())
        .execute(tx.conn())
        .await
        .map_err(|error| StoreError::insert("token", &new.id, error))?;
    let detail = json!({"agent": new.agent, "endpoints": new.endpoints});
    audit::record(tx, stamp, "token.create", new.id.as_str(), &detail).await
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
    let done = sqlx::query(CONSUME)
        .bind(id.as_str())
        .bind(secret_digest.as_bytes().to_vec())
        .bind(stamp.at.as_millis())
        .execute(tx.conn())
        .await
        .map_err(StoreError::query)?;
    let token = find(tx, id).await?.ok_or(Refusal::TokenUnknown)?;
    if done.rows_affected() == 1 {
        let detail = json!({"agent": token.agent});
        audit::record(tx, stamp, "token.use", id.as_str(), &detail).await?;
        return Ok(token);
    }
    let known: Vec<u8> = sqlx::query_scalar(SECRET)
        .bind(id.as_str())
        .fetch_one(tx.conn())
        .await
        .map_err(StoreError::query)?;
    Err(StoreError::Refused(if known != secret_digest.as_bytes() {
        Refusal::TokenUnknown
    } else if token.used_at.is_some() {
        Refusal::TokenUsed
    } else {
        Refusal::TokenExpired { at: token.expires_at }
    }))
}

/// The token of this id.
pub async fn find(r: &mut impl Reader, id: &TokenId) -> Result<Option<Token>, StoreError> {
    let row = sqlx::query(BY_ID).bind(id.as_str()).fetch_optional(r.conn()).await;
    row.map_err(StoreError::query)?.as_ref().map(read).transpose()
}

/// Every token, newest first.
pub async fn all(r: &mut impl Reader) -> Result<Vec<Token>, StoreError> {
    let rows = sqlx::query(ALL).fetch_all(r.conn()).await.map_err(StoreError::query)?;
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
