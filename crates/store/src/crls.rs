//! Revocation lists: numbers that only go up, lists that are signed, lists that are out.

use std::collections::HashMap;

use serde_json::json;
use skink_model::{AuthorityId, CrlFacts, CrlKind, CrlRow, IncidentId, Stamp, Time};

use crate::row::{self, Columns};
use crate::sql::{DbRow, Value, fetch_rows, query, query_scalar};
use crate::tx::Connected;
use crate::{Reader, Refusal, StoreError, Tx, audit, journal};

const RAISE: &str = "INSERT INTO crl_scope (scope, authority, last_number) VALUES ($1, $2, $3)
    ON CONFLICT (scope) DO UPDATE SET last_number = CASE
        WHEN excluded.last_number > crl_scope.last_number THEN excluded.last_number
        ELSE crl_scope.last_number END";
const NEXT: &str = "UPDATE crl_scope SET last_number = last_number + 1 WHERE scope = $1
    RETURNING last_number";
const LAST: &str = "SELECT last_number FROM crl_scope WHERE scope = $1";
const INSERT: &str = "INSERT INTO crl (scope, number, authority, kind, reserved_at, incident)
    VALUES ($1, $2, $3, $4, $5, $6)";
const SIGNED: &str = "UPDATE crl
    SET this_update = $3, next_update = $4, entries = $5, size = $6, digest = $7
    WHERE scope = $1 AND number = $2 AND digest IS NULL";
const INSERT_CHUNK: &str =
    "INSERT INTO crl_chunk (scope, number, seq, bytes) VALUES ($1, $2, $3, $4)";
const CHUNK: &str = "SELECT bytes FROM crl_chunk WHERE scope = $1 AND number = $2 AND seq = $3";
const NEWEST: &str = "SELECT scope, max(this_update) AS newest FROM crl WHERE scope IN ($1)
    GROUP BY scope";
const PUBLISH: &str = "UPDATE crl SET published_at = $3
    WHERE scope = $1 AND number = $2 AND digest IS NOT NULL AND published_at IS NULL";
const BY_NUMBER: &str = "SELECT * FROM crl WHERE scope = $1 AND number = $2";
const PUBLISHED: &str = "SELECT * FROM crl
    WHERE scope = $1 AND published_at IS NOT NULL ORDER BY number DESC LIMIT 1";
const ALL_PUBLISHED: &str = "SELECT c.* FROM crl c
    JOIN (SELECT scope, max(number) AS number FROM crl WHERE published_at IS NOT NULL
          GROUP BY scope) last ON last.scope = c.scope AND last.number = c.number
    ORDER BY c.scope";
const OF_AUTHORITY: &str = "SELECT * FROM crl WHERE authority = $1 ORDER BY scope, number";
const DUE: &str = "SELECT c.* FROM crl c
    JOIN (SELECT scope, max(number) AS number FROM crl WHERE published_at IS NOT NULL
          GROUP BY scope) last ON last.scope = c.scope AND last.number = c.number
    WHERE c.next_update <= $1 ORDER BY c.next_update";
const OWED: &str = "SELECT c.scope FROM crl c
    JOIN (SELECT scope, max(number) AS number FROM crl WHERE published_at IS NOT NULL
          GROUP BY scope) last ON last.scope = c.scope AND last.number = c.number
    WHERE c.kind = 'routine' AND c.scope NOT LIKE 'root/%'
      AND c.entries < (SELECT count(*) FROM revocation r WHERE r.authority = c.authority
          AND r.crl_part = CAST(substr(c.scope, length(c.authority) + 3) AS INTEGER))
    ORDER BY c.scope";

/// A list that is to be signed.
#[derive(Clone, Debug)]
pub struct NewCrl {
    /// The path under `/crl/`: `workloads-g1/p0`.
    pub scope: String,
    /// The authority that signs it.
    pub authority: AuthorityId,
    /// What it is.
    pub kind: CrlKind,
    /// A number that is in use elsewhere: read back by agents, or in a backup. See [`raise_floor`].
    pub floor: u64,
    /// The incident it belongs to, if to one.
    pub incident: Option<IncidentId>,
}

/// Takes the next number of a scope, `max(floor, last) + 1`, for one list. A number is taken once,
/// whatever comes of the signature.
pub async fn reserve(tx: &mut Tx<'_>, at: Time, new: &NewCrl) -> Result<u64, StoreError> {
    raise_floor(tx, &new.scope, &new.authority, new.floor).await?;
    let number: i64 = query_scalar(NEXT)
        .bind(new.scope.as_str())
        .fetch_one(tx.conn())
        .await
        .map_err(StoreError::query)?;
    let number = u64::try_from(number).map_err(|error| row::corrupt("last_number", error))?;
    insert(tx, at, new, number).await?;
    Ok(number)
}

/// Makes sure that later numbers of a scope are above `floor`.
pub async fn raise_floor(
    tx: &mut Tx<'_>,
    scope: &str,
    authority: &AuthorityId,
    floor: u64,
) -> Result<(), StoreError> {
    query(RAISE)
        .bind(scope)
        .bind(authority.as_str())
        .bind(row::int(floor))
        .execute(tx.conn())
        .await
        .map(drop)
        .map_err(StoreError::query)
}

async fn insert(tx: &mut Tx<'_>, at: Time, new: &NewCrl, number: u64) -> Result<(), StoreError> {
    query(INSERT)
        .bind(new.scope.as_str())
        .bind(row::int(number))
        .bind(new.authority.as_str())
        .bind(new.kind.as_str())
        .bind(at.as_millis())
        .bind(new.incident.as_ref().map(|id| id.as_str().to_owned()))
        .execute(tx.conn())
        .await
        .map(drop)
        .map_err(|error| StoreError::insert("CRL", format!("{} {number}", new.scope), error))
}

/// Takes over a list that the offline root signed: its number must outrank everything in its scope.
pub async fn import(
    tx: &mut Tx<'_>,
    at: Time,
    new: &NewCrl,
    number: u64,
    facts: &CrlFacts,
    der: &[u8],
) -> Result<(), StoreError> {
    let last = last_number(tx, &new.scope).await?.unwrap_or(0);
    if number <= last {
        let scope = new.scope.clone();
        return Err(Refusal::DoesNotOutrank { scope, number, last }.into());
    }
    raise_floor(tx, &new.scope, &new.authority, number).await?;
    insert(tx, at, new, number).await?;
    add_chunks(tx, &new.scope, number, der).await?;
    set_signed(tx, &new.scope, number, facts).await
}

/// Stores a whole signed list that is at hand.
pub(crate) async fn add_chunks(
    tx: &mut Tx<'_>,
    scope: &str,
    number: u64,
    der: &[u8],
) -> Result<(), StoreError> {
    for (seq, bytes) in (0..).zip(der.chunks(CHUNK_MAX)) {
        add_chunk(tx, scope, number, seq, bytes).await?;
    }
    Ok(())
}

/// The most bytes that one piece of a list has.
pub const CHUNK_MAX: usize = 1 << 20;

/// Stores piece number `seq` of a signed list, from 0, in the transaction that calls it signed.
pub async fn add_chunk(
    tx: &mut Tx<'_>,
    scope: &str,
    number: u64,
    seq: u32,
    bytes: &[u8],
) -> Result<(), StoreError> {
    let insert = query(INSERT_CHUNK).bind(scope).bind(row::int(number));
    let done = insert.bind(i64::from(seq)).bind(bytes).execute(tx.conn()).await;
    done.map(drop).map_err(StoreError::query)
}

/// Calls a list under its reserved number signed.
pub async fn set_signed(
    tx: &mut Tx<'_>,
    scope: &str,
    number: u64,
    facts: &CrlFacts,
) -> Result<(), StoreError> {
    let done = query(SIGNED)
        .bind(scope)
        .bind(row::int(number))
        .bind(facts.this_update.as_millis())
        .bind(facts.next_update.as_millis())
        .bind(row::int(facts.entries))
        .bind(row::int(facts.size))
        .bind(facts.digest.as_bytes().to_vec())
        .execute(tx.conn())
        .await
        .map_err(StoreError::query)?;
    if done.rows_affected() == 0 {
        return Err(StoreError::not_found("reserved CRL", format!("{scope} {number}")));
    }
    Ok(())
}

/// Puts a signed list out. A list below the one that is out is refused; again changes nothing.
pub async fn publish(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    scope: &str,
    number: u64,
) -> Result<(), StoreError> {
    if let Some(last) = published(tx, scope).await? {
        if last.number == number {
            return Ok(());
        }
        if last.number > number {
            let (scope, last) = (scope.to_owned(), last.number);
            return Err(Refusal::DoesNotOutrank { scope, number, last }.into());
        }
    }
    let done = query(PUBLISH)
        .bind(scope)
        .bind(row::int(number))
        .bind(stamp.at.as_millis())
        .execute(tx.conn())
        .await
        .map_err(StoreError::query)?;
    if done.rows_affected() == 0 {
        return Err(StoreError::not_found("signed CRL", format!("{scope} {number}")));
    }
    let detail = json!({"scope": scope, "number": number, "by": stamp.actor.to_string()});
    journal::append(tx, journal::SERVER, stamp.at, "crl.published", &detail).await?;
    audit::record(tx, stamp, "crl.publish", scope, &detail).await
}

/// One list.
pub async fn find(
    r: &mut impl Reader,
    scope: &str,
    number: u64,
) -> Result<Option<CrlRow>, StoreError> {
    let query = query(BY_NUMBER).bind(scope).bind(row::int(number));
    let row = query.fetch_optional(r.conn()).await;
    row.map_err(StoreError::query)?.as_ref().map(read).transpose()
}

/// The list that is out for a scope.
pub async fn published(r: &mut impl Reader, scope: &str) -> Result<Option<CrlRow>, StoreError> {
    let row = query(PUBLISHED).bind(scope).fetch_optional(r.conn()).await;
    row.map_err(StoreError::query)?.as_ref().map(read).transpose()
}

/// The list that is out for each scope.
pub async fn all_published(r: &mut impl Reader) -> Result<Vec<CrlRow>, StoreError> {
    let rows = query(ALL_PUBLISHED).fetch_all(r.conn()).await.map_err(StoreError::query)?;
    row::all(&rows, read)
}

/// Lists that are out and due at `by`.
pub async fn due(r: &mut impl Reader, by: Time) -> Result<Vec<CrlRow>, StoreError> {
    let rows = query(DUE).bind(by.as_millis()).fetch_all(r.conn()).await;
    row::all(&rows.map_err(StoreError::query)?, read)
}

/// Scopes `AUTHORITY/pNUMBER` whose list that is out lacks some of the revocations: whoever revoked
/// them was cut off before he had signed the list that says so.
pub async fn owed(r: &mut impl Reader) -> Result<Vec<String>, StoreError> {
    let rows = query(OWED).fetch_all(r.conn()).await;
    row::all(&rows.map_err(StoreError::query)?, |row| row.string("scope"))
}

/// Every list that an authority signed or was to sign.
pub async fn of_authority(
    r: &mut impl Reader,
    authority: &AuthorityId,
) -> Result<Vec<CrlRow>, StoreError> {
    let rows = query(OF_AUTHORITY).bind(authority.as_str()).fetch_all(r.conn()).await;
    row::all(&rows.map_err(StoreError::query)?, read)
}

/// The highest number taken in a scope.
pub async fn last_number(r: &mut impl Reader, scope: &str) -> Result<Option<u64>, StoreError> {
    let number: Option<i64> =
        query_scalar(LAST).bind(scope).fetch_optional(r.conn()).await.map_err(StoreError::query)?;
    number.map(u64::try_from).transpose().map_err(|error| row::corrupt("last_number", error))
}

/// When the newest signed list of each of these scopes was said.
pub async fn newest(
    r: &mut impl Reader,
    scopes: &[String],
) -> Result<HashMap<String, Time>, StoreError> {
    let scopes: Vec<_> = scopes.iter().map(|scope| vec![Value::from(scope)]).collect();
    let rows = fetch_rows(r.conn(), NEWEST, &scopes).await.map_err(StoreError::query)?;
    let said = rows.iter().filter_map(|row| {
        let newest = row.time_option("newest").transpose()?;
        Some(row.string("scope").and_then(|scope| Ok((scope, newest?))))
    });
    said.collect()
}

/// Piece number `seq` of a signed list, from 0; none after the last.
pub async fn chunk(
    r: &mut impl Reader,
    scope: &str,
    number: u64,
    seq: u32,
) -> Result<Option<Vec<u8>>, StoreError> {
    let query = query_scalar(CHUNK).bind(scope).bind(row::int(number)).bind(i64::from(seq));
    query.fetch_optional(r.conn()).await.map_err(StoreError::query)
}

/// The whole DER of a signed list, for one that is known to be small.
pub async fn der(
    r: &mut impl Reader,
    scope: &str,
    number: u64,
) -> Result<Option<Vec<u8>>, StoreError> {
    let mut whole: Option<Vec<u8>> = None;
    for seq in 0.. {
        let Some(bytes) = chunk(r, scope, number, seq).await? else { break };
        whole.get_or_insert_default().extend(bytes);
    }
    Ok(whole)
}

fn read(row: &DbRow) -> Result<CrlRow, StoreError> {
    Ok(CrlRow {
        scope: row.string("scope")?,
        number: row.number("number")?,
        authority: row.parsed("authority")?,
        kind: row.parsed("kind")?,
        reserved_at: row.time("reserved_at")?,
        signed: read_facts(row)?,
        published_at: row.time_option("published_at")?,
        incident: row.parsed_option("incident")?,
    })
}

fn read_facts(row: &DbRow) -> Result<Option<CrlFacts>, StoreError> {
    let Some(digest) = row.digest_option("digest")? else { return Ok(None) };
    Ok(Some(CrlFacts {
        this_update: row.time("this_update")?,
        next_update: row.time("next_update")?,
        entries: row.number("entries")?,
        size: row.number("size")?,
        digest,
    }))
}
