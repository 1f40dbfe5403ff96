//! The journal: append-only streams of events, each chained to the one before by SHA-256.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use skink_x509::{BadHex, Fingerprint, Time};

use crate::wire;

/// SHA-256 of an event and, through its `prev`, of everything before it in its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EventHash([u8; 32]);

impl EventHash {
    /// What stands before the first event of a stream.
    pub const GENESIS: Self = Self([0; 32]);

    /// From the 32 bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    fn of(bytes: &[u8]) -> Self {
        Self(*Fingerprint::of(bytes).as_bytes())
    }
}

impl fmt::Display for EventHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Fingerprint::from_bytes(self.0).fmt(f)
    }
}

impl FromStr for EventHash {
    type Err = BadHex;
    fn from_str(text: &str) -> Result<Self, BadHex> {
        text.parse::<Fingerprint>().map(|digest| Self(*digest.as_bytes()))
    }
}

impl TryFrom<String> for EventHash {
    type Error = BadHex;
    fn try_from(text: String) -> Result<Self, BadHex> {
        text.parse()
    }
}

impl From<EventHash> for String {
    fn from(hash: EventHash) -> Self {
        hash.to_string()
    }
}

/// One sealed event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalEvent {
    /// `server`, or an incident's id.
    pub stream: String,
    /// From 1 within the stream, without gaps.
    pub seq: u64,
    /// When it was sealed.
    #[serde(with = "wire::millis")]
    pub at: Time,
    /// What it is.
    pub kind: String,
    /// What it says: JSON text, kept byte for byte because the hash is over it.
    pub body: String,
    /// Hash of the event before.
    pub prev: EventHash,
    /// Hash of this event.
    pub hash: EventHash,
}

impl JournalEvent {
    /// Seals the event that follows `head`.
    pub fn seal(stream: &str, head: Head, at: Time, kind: &str, body: String) -> Self {
        let mut event = Self {
            stream: stream.to_owned(),
            seq: head.seq.saturating_add(1),
            at,
            kind: kind.to_owned(),
            body,
            prev: head.hash,
            hash: EventHash::GENESIS,
        };
        event.hash = event.expected_hash();
        event
    }

    /// What `hash` must be.
    pub fn expected_hash(&self) -> EventHash {
        EventHash::of(&self.canonical_bytes())
    }

    /// The stream's head once this event stands.
    pub const fn head(&self) -> Head {
        Head { seq: self.seq, hash: self.hash }
    }

    /// The body, read as JSON.
    pub fn read<'a, T: Deserialize<'a>>(&'a self) -> Result<T, serde_json::Error> {
        serde_json::from_str(&self.body)
    }

    /// `prev`, then every field with its length in front, so that no two events have the same bytes.
    fn canonical_bytes(&self) -> Vec<u8> {
        let mut bytes = b"skink-journal-v1\0".to_vec();
        bytes.extend_from_slice(&self.prev.0);
        bytes.extend_from_slice(&self.seq.to_be_bytes());
        bytes.extend_from_slice(&self.at.as_millis().to_be_bytes());
        for field in [&self.stream, &self.kind, &self.body] {
            let length = u64::try_from(field.len()).unwrap_or(u64::MAX);
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(field.as_bytes());
        }
        bytes
    }
}

/// The end of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Number of the last event; 0 for none.
    pub seq: u64,
    /// Its hash.
    pub hash: EventHash,
}

impl Head {
    /// The head of a stream without events.
    pub const EMPTY: Self = Self { seq: 0, hash: EventHash::GENESIS };
}

/// What is wrong with a stream, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Fault {
    /// Events are missing or out of order.
    #[error("event {expected} is missing: {found} stands in its place")]
    Gap {
        /// The number that should come.
        expected: u64,
        /// The number that came.
        found: u64,
    },
    /// The event does not follow from the one before it.
    #[error("event {seq} does not follow from the event before it")]
    Broken {
        /// Its number.
        seq: u64,
    },
    /// The event was altered after it was sealed.
    #[error("event {seq} was altered")]
    Altered {
        /// Its number.
        seq: u64,
    },
    /// The event belongs to another stream.
    #[error("event {seq} belongs to stream {stream}")]
    Foreign {
        /// Its number.
        seq: u64,
        /// The stream it names.
        stream: String,
    },
    /// The stream ends before the head that a witness holds.
    #[error("the stream ends at event {found}; a witness has seen event {witnessed}")]
    Truncated {
        /// The last event there is.
        found: u64,
        /// The last event that a witness has seen.
        witnessed: u64,
    },
    /// The stream is not the one that a witness saw.
    #[error("event {seq} is not the one that a witness has seen")]
    Rewritten {
        /// Its number.
        seq: u64,
    },
}

/// Walks one stream, event by event, in constant memory.
#[derive(Clone, Debug)]
pub struct Verifier {
    stream: String,
    head: Head,
}

impl Verifier {
    /// Begins before the first event of `stream`.
    pub fn new(stream: &str) -> Self {
        Self { stream: stream.to_owned(), head: Head::EMPTY }
    }

    /// Takes the next event, or says what is wrong with it.
    pub fn take(&mut self, event: &JournalEvent) -> Result<(), Fault> {
        if event.stream != self.stream {
            return Err(Fault::Foreign { seq: event.seq, stream: event.stream.clone() });
        }
        let expected = self.head.seq.saturating_add(1);
        if event.seq != expected {
            return Err(Fault::Gap { expected, found: event.seq });
        }
        if event.prev != self.head.hash {
            return Err(Fault::Broken { seq: event.seq });
        }
        if event.hash != event.expected_hash() {
            return Err(Fault::Altered { seq: event.seq });
        }
        self.head = event.head();
        Ok(())
    }

    /// The last good event.
    pub const fn head(&self) -> Head {
        self.head
    }
}

/// Verifies a whole stream in memory.
pub fn verify<'a>(
    stream: &str,
    events: impl IntoIterator<Item = &'a JournalEvent>,
) -> Result<Head, Fault> {
    let mut verifier = Verifier::new(stream);
    events.into_iter().try_for_each(|event| verifier.take(event))?;
    Ok(verifier.head())
}

/// One digest over the heads of all streams: what trust packages and ceremony files carry, so that
/// whoever holds them is a witness of the whole journal.
pub fn global_head(heads: &BTreeMap<String, Head>) -> EventHash {
    let mut bytes = b"skink-journal-head-v1\0".to_vec();
    for (stream, head) in heads {
        let length = u64::try_from(stream.len()).unwrap_or(u64::MAX);
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(stream.as_bytes());
        bytes.extend_from_slice(&head.seq.to_be_bytes());
        bytes.extend_from_slice(&head.hash.0);
    }
    EventHash::of(&bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stream(length: u64) -> Vec<JournalEvent> {
        let mut head = Head::EMPTY;
        (0..length)
            .map(|n| {
                let at = Time::from_millis(i64::try_from(n).unwrap());
                let event = JournalEvent::seal("server", head, at, "k", format!("{{\"n\":{n}}}"));
                head = event.head();
                event
            })
            .collect()
    }

    #[test]
    fn an_untouched_stream_verifies() {
        let events = stream(20);
        assert_eq!(verify("server", &events).unwrap(), events.last().unwrap().head());
        assert_eq!(verify("server", &[]).unwrap(), Head::EMPTY);
    }

    #[test]
    fn the_first_wrong_event_is_named() {
        let mut events = stream(5);
        events[2].body = "{\"n\":7}".to_owned();
        assert_eq!(verify("server", &events), Err(Fault::Altered { seq: 3 }));
        events[2].hash = events[2].expected_hash();
        assert_eq!(verify("server", &events), Err(Fault::Broken { seq: 4 }));
        events.remove(1);
        assert_eq!(verify("server", &events), Err(Fault::Gap { expected: 2, found: 3 }));
        assert!(matches!(verify("inc-1", &events), Err(Fault::Foreign { seq: 1, .. })));
    }

    #[test]
    fn the_global_head_depends_on_every_stream() {
        let heads: BTreeMap<_, _> = [("a", 1), ("b", 2)]
            .map(|(s, n)| (s.to_owned(), stream(n).pop().unwrap().head()))
            .into();
        let mut shorter = heads.clone();
        shorter.remove("b");
        assert_ne!(global_head(&heads), global_head(&shorter));
        assert_eq!(global_head(&heads), global_head(&heads.clone()));
    }

    proptest! {
        #[test]
        fn any_change_to_any_field_is_found(index in 0_usize..6, field in 0..5, text in "[a-z]{1,8}") {
            let mut events = stream(6);
            let event = &mut events[index];
            let before = event.clone();
            match field {
                0 => event.kind = text,
                1 => event.body = text,
                2 => event.at = Time::from_millis(event.at.as_millis() ^ 1),
                3 => event.hash = EventHash::of(text.as_bytes()),
                _ => event.prev = EventHash::of(text.as_bytes()),
            }
            prop_assume!(*event != before);
            prop_assert!(verify("server", &events).is_err());
        }
    }
}
