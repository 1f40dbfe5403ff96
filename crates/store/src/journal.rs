//! The journal: append-only streams, sealed by the one who holds the write transaction.

use std::collections::BTreeMap;

use serde::Serialize;
use skink_model::journal::{Fault, Verifier, global_head};
use skink_model::{EventHash, Head, JournalEvent, Time};

use crate::row::{self, Columns};
use crate::sql::{DbRow, query};
use crate::tx::Connected;
use crate::{Reader, Refusal, StoreError, Tx};

/// The stream of everything that belongs to no incident: life cycles, kits, ceremonies.
pub const SERVER: &str = "server";

const PAGE: u32 = 1000;

const INSERT: &str = "INSERT INTO journal (stream, seq, at, kind, body, prev, hash)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";
const HEAD: &str = "SELECT seq, hash FROM journal WHERE stream = $1 ORDER BY seq DESC LIMIT 1";
const AFTER: &str = "SELECT stream, seq, at, kind, body, prev, hash FROM journal
    WHERE stream = $1 AND seq > $2 ORDER BY seq LIMIT $3";
const HEADS: &str = "SELECT j.stream, j.seq, j.hash FROM journal j
    JOIN (SELECT stream, max(seq) AS seq FROM journal GROUP BY stream) last
      ON last.stream = j.stream AND last.seq = j.seq";

/// Appends an event to `stream` and returns it sealed. `body` is written as JSON.
pub async fn append(
    tx: &mut Tx<'_>,
    stream: &str,
    at: Time,
    kind: &str,
    body: &impl Serialize,
) -> Result<JournalEvent, StoreError> {
    let head = head(tx, stream).await?;
    insert(tx, &JournalEvent::seal(stream, head, at, kind, row::json(body))).await
}

/// Appends events of kind and JSON body, in order, provided that `stream` still ends at `expected`.
///
/// This is how an incident's driver records what it observed: if another driver went on meanwhile,
/// nothing is written and it must fold again.
pub async fn append_after(
    tx: &mut Tx<'_>,
    stream: &str,
    expected: u64,
    at: Time,
    events: impl IntoIterator<Item = (String, String)> + Send,
) -> Result<Head, StoreError> {
    let mut head = head(tx, stream).await?;
    if head.seq != expected {
        let stream = stream.to_owned();
        return Err(Refusal::StreamMoved { stream, expected, found: head.seq }.into());
    }
    let events: Vec<_> = events.into_iter().collect();
    for (kind, body) in events {
        head = insert(tx, &JournalEvent::seal(stream, head, at, &kind, body)).await?.head();
    }
    Ok(head)
}

async fn insert(tx: &mut Tx<'_>, event: &JournalEvent) -> Result<JournalEvent, StoreError> {
    query(INSERT)
        .bind(event.stream.as_str())
        .bind(row::int(event.seq))
        .bind(event.at.as_millis())
        .bind(event.kind.as_str())
        .bind(event.body.as_str())
        .bind(event.prev.as_bytes().to_vec())
        .bind(event.hash.as_bytes().to_vec())
        .execute(tx.conn())
        .await
        .map_err(StoreError::query)?;
    Ok(event.clone())
}

/// Where `stream` ends.
pub async fn head(r: &mut impl Reader, stream: &str) -> Result<Head, StoreError> {
    let row = query(HEAD).bind(stream).fetch_optional(r.conn()).await.map_err(StoreError::query)?;
    row.as_ref().map_or(Ok(Head::EMPTY), read_head)
}

/// Where every stream ends.
pub async fn heads(r: &mut impl Reader) -> Result<BTreeMap<String, Head>, StoreError> {
    let rows = query(HEADS).fetch_all(r.conn()).await.map_err(StoreError::query)?;
    rows.iter().map(|row| Ok((row.string("stream")?, read_head(row)?))).collect()
}

/// One digest over all streams, for trust packages and ceremony files.
pub async fn digest(r: &mut impl Reader) -> Result<EventHash, StoreError> {
    Ok(global_head(&heads(r).await?))
}

/// Events of `stream` after number `after`, oldest first.
pub async fn after(
    r: &mut impl Reader,
    stream: &str,
    after: u64,
    limit: u32,
) -> Result<Vec<JournalEvent>, StoreError> {
    let rows = query(AFTER)
        .bind(stream)
        .bind(row::int(after))
        .bind(i64::from(limit))
        .fetch_all(r.conn())
        .await
        .map_err(StoreError::query)?;
    row::all(&rows, read)
}

/// Every event of `stream`, oldest first. An incident's stream is small.
pub async fn all(r: &mut impl Reader, stream: &str) -> Result<Vec<JournalEvent>, StoreError> {
    let mut events: Vec<JournalEvent> = Vec::new();
    loop {
        let seq = events.last().map_or(0, |event| event.seq);
        let page = after(r, stream, seq, PAGE).await?;
        if page.is_empty() {
            return Ok(events);
        }
        events.extend(page);
    }
}

/// What a walk over the whole journal found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// Events read.
    pub events: u64,
    /// Stream by stream.
    pub streams: Vec<StreamVerification>,
    /// The digest over all streams.
    pub digest: EventHash,
}

/// What a walk over one stream found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StreamVerification {
    /// The stream.
    pub stream: String,
    /// The last good event.
    pub head: Head,
    /// The first broken link, if there is one.
    pub fault: Option<Fault>,
}

impl Verification {
    /// Whether every link holds.
    pub fn is_whole(&self) -> bool {
        self.streams.iter().all(|stream| stream.fault.is_none())
    }
}

/// Walks every stream, in constant memory, and says where the first link of each breaks.
pub async fn verify(r: &mut impl Reader) -> Result<Verification, StoreError> {
    let heads = heads(r).await?;
    let mut streams = Vec::with_capacity(heads.len());
    for stream in heads.keys() {
        streams.push(verify_stream(r, stream).await?);
    }
    let events = heads.values().map(|head| head.seq).sum();
    Ok(Verification { events, streams, digest: global_head(&heads) })
}

async fn verify_stream(
    r: &mut impl Reader,
    stream: &str,
) -> Result<StreamVerification, StoreError> {
    let mut verifier = Verifier::new(stream);
    let mut fault = None;
    loop {
        let page = after(r, stream, verifier.head().seq, PAGE).await?;
        for event in &page {
            fault = verifier.take(event).err();
            if fault.is_some() {
                break;
            }
        }
        if page.is_empty() || fault.is_some() {
            return Ok(StreamVerification {
                stream: stream.to_owned(),
                head: verifier.head(),
                fault,
            });
        }
    }
}

/// Compares `stream` with a head that a witness (a package, a ceremony file) holds.
pub async fn witness(
    r: &mut impl Reader,
    stream: &str,
    witnessed: Head,
) -> Result<Option<Fault>, StoreError> {
    let found = head(r, stream).await?.seq;
    if found < witnessed.seq {
        return Ok(Some(Fault::Truncated { found, witnessed: witnessed.seq }));
    }
    let Some(before) = witnessed.seq.checked_sub(1) else { return Ok(None) };
    let same = after(r, stream, before, 1).await?.first().is_some_and(|e| e.head() == witnessed);
    Ok((!same).then_some(Fault::Rewritten { seq: witnessed.seq }))
}

fn read_head(row: &DbRow) -> Result<Head, StoreError> {
    Ok(Head { seq: row.number("seq")?, hash: row.digest("hash")? })
}

fn read(row: &DbRow) -> Result<JournalEvent, StoreError> {
    Ok(JournalEvent {
        stream: row.string("stream")?,
        seq: row.number("seq")?,
        at: row.time("at")?,
        kind: row.string("kind")?,
        body: row.string("body")?,
        prev: row.digest("prev")?,
        hash: row.digest("hash")?,
    })
}
