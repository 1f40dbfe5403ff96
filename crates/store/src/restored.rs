//! What a database that was put back from a backup has forgotten: which lists may be neither signed
//! nor handed out until the newest that was out has been given, or people have decided without it.
//!
//! A backup is written with these marks in it, for every list that there is. Whichever way it comes
//! back, a server that opens it holds its lists.

use serde::{Deserialize, Serialize};
use serde_json::json;
use skink_model::{AuthorityId, CrlFacts, CrlKind, Stamp, Time};
use skink_x509::crl::RevokedEntry;

use crate::crls::{self, NewCrl};
use crate::row::{self, Columns};
use crate::sql::{DbRow, for_each, query};
use crate::tx::Connected;
use crate::{Reader, Refusal, StoreError, Tx, audit, journal, sightings};

/// Nothing but [`hold_all`] and [`release`] writes these.
const HOLD: &str = "INSERT INTO setting (name, value)
    SELECT 'restored/' || scope, $1 FROM crl_scope WHERE scope <> ''
    ON CONFLICT (name) DO NOTHING";
const HELD: &str = "SELECT s.value, c.scope, c.authority FROM crl_scope c
    JOIN setting s ON s.name = 'restored/' || c.scope ORDER BY c.scope";
const ONE: &str = "SELECT s.value, c.scope, c.authority FROM crl_scope c
    JOIN setting s ON s.name = 'restored/' || c.scope WHERE c.scope = $1";
const SET: &str = "UPDATE setting SET value = $2 WHERE name = 'restored/' || CAST($1 AS TEXT)";
const RELEASE: &str = "DELETE FROM setting WHERE name = 'restored/' || CAST($1 AS TEXT)";
const MERGE: &str = "INSERT INTO revocation
    (authority, crl_part, serial, revoked_at, reason, invalidity_date)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (authority, crl_part, serial) DO NOTHING";

/// How many entries of a list are in one statement's way at a time.
const CHUNK: usize = 10_000;

/// A backup is not older than so many lists of a scope.
const LEAP: u64 = 10_000;

/// A list that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its scope: `workloads-g1/p0`.
    pub scope: String,
    /// Whose list it is.
    pub authority: AuthorityId,
    /// When the backup was taken: what was revoked since then is not in this database.
    pub taken_at: Time,
    /// Who would go on without the newest list; it takes another one.
    pub waived_by: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Mark {
    taken_at_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    waived_by: Option<String>,
}

/// A list that was out, whose signature was verified.
#[derive(Clone, Debug)]
pub struct Given<'l> {
    /// Its scope.
    pub scope: &'l str,
    /// The partition that its entries are of; none of a list of the root's.
    pub partition: Option<u32>,
    /// Its number.
    pub number: u64,
    /// What is kept of it.
    pub facts: CrlFacts,
    /// The list.
    pub der: &'l [u8],
}

/// Holds every list that there is, in a copy that was made at `taken_at`.
pub async fn hold_all(tx: &mut Tx<'_>, taken_at: Time) -> Result<u64, StoreError> {
    let mark = Mark { taken_at_ms: taken_at.as_millis(), waived_by: None };
    let done = query(HOLD).bind(row::json(&mark)).execute(tx.conn()).await;
    Ok(done.map_err(StoreError::query)?.rows_affected())
}

/// The lists that wait.
pub async fn held(r: &mut impl Reader) -> Result<Vec<Held>, StoreError> {
    let rows = query(HELD).fetch_all(r.conn()).await.map_err(StoreError::query)?;
    row::all(&rows, read)
}

/// Whether and since when this list waits.
pub async fn find(r: &mut impl Reader, scope: &str) -> Result<Option<Held>, StoreError> {
    let row = query(ONE).bind(scope).fetch_optional(r.conn()).await;
    row.map_err(StoreError::query)?.as_ref().map(read).transpose()
}

/// Refuses while the list waits. To be called in the transaction that takes its next number.
pub async fn require_free(r: &mut impl Reader, scope: &str) -> Result<(), StoreError> {
    match find(r, scope).await? {
        None => Ok(()),
        Some(held) => Err(Refusal::Held { scope: held.scope, taken_at: held.taken_at }.into()),
    }
}

/// Takes the newest list that was out back in: its entries are revoked, its number is used, and it is
/// what is handed out. Says how many of its revocations this database had forgotten.
///
/// One that what is here outranks is refused.
pub async fn take_back<'e>(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    given: &Given<'_>,
    entries: impl Iterator<Item = RevokedEntry> + Send + 'e,
) -> Result<u64, StoreError> {
    let (scope, number) = (given.scope, given.number);
    let held = find(tx, scope).await?;
    let held = held.ok_or_else(|| StoreError::not_found("held list", scope))?;
    // What agents have read since is later than what is here; a word too high is a thief's.
    let read = sightings::crl_floor(tx, scope).await?;
    if read > number && read <= number.saturating_add(LEAP) {
        return Err(Refusal::DoesNotOutrank { scope: scope.to_owned(), number, last: read }.into());
    }
    // The root's are its own to keep; the server hands them out.
    let ours = given.partition;
    let mut entries = entries.filter(|_| ours.is_some()).peekable();
    let mut forgotten = 0;
    tx.revokes().await?;
    while entries.peek().is_some() {
        let rows = entries.by_ref().take(CHUNK).map(|entry| {
            vec![
                held.authority.as_str().to_owned().into(),
                i64::from(ours.unwrap_or(0)).into(),
                row::serial_bytes(&entry.serial).into(),
                entry.revoked_at.as_millis().into(),
                i64::from(entry.reason.map_or(0, skink_x509::crl::Reason::code)).into(),
                row::millis(entry.invalidity_date).into(),
            ]
        });
        let rows = rows.collect();
        forgotten += for_each(tx.conn(), MERGE, rows).await.map_err(StoreError::query)?;
    }
    put_out(tx, stamp, given, &held.authority).await?;
    let detail = json!({
        "scope": scope, "number": number, "forgotten": forgotten,
        "taken_at_ms": held.taken_at.as_millis(), "by": stamp.actor.to_string(),
    });
    release(tx, stamp, scope, "crl.taken-back", &detail).await?;
    Ok(forgotten)
}

/// Under the number that the list has, whatever a backup was taken between.
async fn put_out(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    given: &Given<'_>,
    authority: &AuthorityId,
) -> Result<(), StoreError> {
    let (scope, number) = (given.scope, given.number);
    match crls::find(tx, scope, number).await? {
        // Nothing was said since, or what was begun here was finished after the backup.
        Some(row)
            if row.signed.as_ref().is_some_and(|facts| facts.digest == given.facts.digest) => {}
        Some(row) if row.signed.is_none() => {
            crls::add_chunks(tx, scope, number, given.der).await?;
            crls::set_signed(tx, scope, number, &given.facts).await?;
        }
        Some(_) => return Err(StoreError::Exists { kind: "another list", id: scope.to_owned() }),
        None => {
            let (scope, authority) = (scope.to_owned(), authority.clone());
            let kind = CrlKind::Routine;
            let new = NewCrl { scope, authority, kind, floor: 0, incident: None };
            crls::import(tx, stamp.at, &new, number, &given.facts, given.der).await?;
        }
    }
    crls::publish(tx, stamp, scope, number).await
}

/// Goes on without the newest list, once a second person says so, too. Says whether it does.
pub async fn waive(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    scope: &str,
    reason: &str,
) -> Result<bool, StoreError> {
    let held = find(tx, scope).await?;
    let held = held.ok_or_else(|| StoreError::not_found("held list", scope))?;
    let person = stamp.actor.to_string();
    let detail = json!({
        "scope": scope, "reason": reason, "taken_at_ms": held.taken_at.as_millis(), "by": person,
        "first": held.waived_by,
    });
    if held.waived_by.as_ref().is_some_and(|first| *first != person) {
        // Numbers that were out and nobody knows of are not used again.
        let last = crls::last_number(tx, scope).await?.unwrap_or(0);
        crls::raise_floor(tx, scope, &held.authority, last.saturating_add(LEAP)).await?;
        release(tx, stamp, scope, "crl.waived", &detail).await?;
        return Ok(true);
    }
    let mark = Mark { taken_at_ms: held.taken_at.as_millis(), waived_by: Some(person) };
    let set = query(SET).bind(scope).bind(row::json(&mark));
    set.execute(tx.conn()).await.map_err(StoreError::query)?;
    audit::record(tx, stamp, "crl.waive", scope, &detail).await?;
    Ok(false)
}

async fn release(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    scope: &str,
    kind: &str,
    detail: &serde_json::Value,
) -> Result<(), StoreError> {
    let done = query(RELEASE).bind(scope).execute(tx.conn()).await;
    done.map_err(StoreError::query)?;
    journal::append(tx, journal::SERVER, stamp.at, kind, detail).await?;
    audit::record(tx, stamp, "crl.release", scope, detail).await
}

fn read(row: &DbRow) -> Result<Held, StoreError> {
    let mark: Mark = row.json("value")?;
    Ok(Held {
        scope: row.string("scope")?,
        authority: row.parsed("authority")?,
        taken_at: Time::from_millis(mark.taken_at_ms),
        waived_by: mark.waived_by,
    })
}
