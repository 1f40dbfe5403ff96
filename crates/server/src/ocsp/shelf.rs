//! Remembered answers: bounded by their size, with what was asked for last staying longest.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use axum::body::Bytes;
use skink_model::Time;
use skink_x509::ocsp::CertStatus;

use super::{until_due, until_old};
use crate::http::caching::Validity;

const SHARDS: usize = 64;
/// What an answer takes beside its bytes and its key's.
const OVERHEAD: usize = 640;
/// Of an answer whose statuses have to be looked up each time.
const NO_EDITION: u64 = u64::MAX;

/// What a request is known by.
pub(super) fn key(authority: &str, request: &[u8]) -> Box<[u8]> {
    [authority.as_bytes(), &[0], request].concat().into()
}

/// A key's authority and request.
pub(super) fn of_key(key: &[u8]) -> Option<(&str, &[u8])> {
    let end = key.iter().position(|byte| *byte == 0)?;
    let (authority, request) = key.split_at(end);
    Some((std::str::from_utf8(authority).ok()?, request.get(1..)?))
}

/// A signed answer.
#[derive(Debug)]
pub(crate) struct Kept {
    der: Bytes,
    statuses: Vec<CertStatus>,
    /// The edition of all statuses in which these were looked up last.
    edition: AtomicU64,
    due: Time,
    old: Time,
    /// When it was signed, and when relying parties stop believing it.
    validity: Validity,
    asked: AtomicBool,
    turn: AtomicBool,
}

impl Kept {
    pub(super) fn new(
        der: Vec<u8>,
        statuses: Vec<CertStatus>,
        edition: Option<u64>,
        now: Time,
        life: Duration,
    ) -> Self {
        let hash = digest(&SHA256, &der);
        let produced = now.truncated_to_secs();
        Self {
            validity: Validity::new(&hash.as_ref()[..16], produced, produced.plus(life)),
            due: produced.plus(until_due(life)),
            old: produced.plus(until_old(life)),
            der: der.into(),
            statuses,
            edition: AtomicU64::new(edition.unwrap_or(NO_EDITION)),
            asked: AtomicBool::new(false),
            turn: AtomicBool::new(false),
        }
    }

    pub(crate) const fn der(&self) -> &Bytes {
        &self.der
    }

    pub(crate) const fn validity(&self) -> &Validity {
        &self.validity
    }

    /// For how many seconds others may keep it: until there is a new one, always before it ends.
    pub(crate) fn max_age(&self, now: Time) -> u64 {
        let left = if now < self.due { self.due } else { self.old };
        let seconds = left.since(now).as_secs();
        if now < self.due { seconds } else { seconds.min(60) }
    }

    pub(super) fn says(&self, statuses: &[CertStatus]) -> bool {
        self.statuses == statuses
    }

    pub(super) fn is_of(&self, edition: u64) -> bool {
        self.edition.load(Ordering::Acquire) == edition
    }

    /// Its statuses were looked up once more.
    pub(super) fn seen_in(&self, edition: Option<u64>) {
        if self.edition.load(Ordering::Acquire) != NO_EDITION {
            self.edition.store(edition.unwrap_or(NO_EDITION - 1), Ordering::Release);
        }
    }

    pub(super) fn is_good(&self, now: Time) -> bool {
        now < self.old
    }

    pub(super) fn is_due(&self, now: Time) -> bool {
        now >= self.due
    }

    pub(super) fn was_asked(&self) {
        if !self.asked.load(Ordering::Relaxed) {
            self.asked.store(true, Ordering::Relaxed);
        }
    }

    /// Whether nobody else is about to sign it anew.
    pub(super) fn take_turn(&self) -> bool {
        !self.turn.swap(true, Ordering::Relaxed)
    }

    pub(super) fn give_turn_back(&self) {
        self.turn.store(false, Ordering::Relaxed);
    }
}

/// Answers by what was asked.
#[derive(Debug)]
pub(super) struct Shelf {
    shards: Vec<Mutex<Shard>>,
    hashes: RandomState,
    /// Bytes that a half of a shard may have.
    most: usize,
}

/// What was put or asked for last is in the new half; when that is full it becomes the old one, and
/// what is left in the old one goes.
#[derive(Debug, Default)]
struct Shard {
    new: HashMap<Box<[u8]>, Arc<Kept>>,
    old: HashMap<Box<[u8]>, Arc<Kept>>,
    bytes: usize,
}

impl Shelf {
    /// One of so many bytes.
    pub(super) fn new(bytes: usize) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { shards, hashes: RandomState::new(), most: bytes / SHARDS / 2 }
    }

    pub(super) fn find(&self, key: &[u8]) -> Option<Arc<Kept>> {
        let mut shard = self.shard(key).lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = shard.new.get(key) {
            return Some(Arc::clone(kept));
        }
        let (key, kept) = shard.old.remove_entry(key)?;
        shard.put(key, Arc::clone(&kept), self.most);
        Some(kept)
    }

    pub(super) fn put(&self, key: Box<[u8]>, kept: Arc<Kept>) {
        let mut shard = self.shard(&key).lock().unwrap_or_else(PoisonError::into_inner);
        shard.old.remove(&key);
        shard.put(key, kept, self.most);
    }

    /// What was asked for since it was signed and is due, for whoever takes its turn.
    pub(super) fn due(&self, now: Time) -> Vec<Box<[u8]>> {
        let mut due = Vec::new();
        for shard in &self.shards {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            let both = shard.new.iter().chain(&shard.old);
            let asked = both.filter(|(_, kept)| {
                kept.is_due(now)
                    && kept.is_good(now)
                    && kept.asked.load(Ordering::Relaxed)
                    && kept.take_turn()
            });
            due.extend(asked.map(|(key, _)| key.clone()));
        }
        due
    }

    fn shard(&self, key: &[u8]) -> &Mutex<Shard> {
        let number = usize::try_from(self.hashes.hash_one(key) % 64).unwrap_or_default();
        &self.shards[number % SHARDS]
    }
}

impl Shard {
    fn put(&mut self, key: Box<[u8]>, kept: Arc<Kept>, most: usize) {
        let size = key.len() + kept.der.len() + OVERHEAD;
        if self.bytes + size > most {
            self.old = std::mem::take(&mut self.new);
            self.bytes = 0;
        }
        self.bytes += size;
        self.new.insert(key, kept);
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body as HttpBody;
    use axum::http::{HeaderMap, HeaderValue};

    use super::*;

    const LIFE: Duration = Duration::from_hours(1);

    fn kept(size: usize, now: Time) -> Arc<Kept> {
        Arc::new(Kept::new(vec![1; size], vec![CertStatus::Good], Some(1), now, LIFE))
    }

    #[test]
    fn what_was_asked_for_last_stays_and_the_size_is_bounded() {
        let shelf = Shelf::new(SHARDS * 2 * (1000 + OVERHEAD) * 4);
        let (now, first) = (Time::from_secs(1_000_000), key("a", b"first"));
        shelf.put(first.clone(), kept(900, now));
        for number in 0..10_000_u32 {
            shelf.put(key("a", &number.to_be_bytes()), kept(900, now));
            assert!(shelf.find(&first).is_some(), "after {number}");
        }
        let held = |shard: &Mutex<Shard>| {
            let shard = shard.lock().unwrap();
            shard.new.len() + shard.old.len()
        };
        let held: usize = shelf.shards.iter().map(held).sum();
        assert!(held <= SHARDS * 10, "{held}");
        assert!(shelf.find(&key("a", &0_u32.to_be_bytes())).is_none());
        assert!(shelf.find(&key("a", &9_999_u32.to_be_bytes())).is_some());
    }

    #[test]
    fn an_answer_is_kept_by_others_until_there_is_a_new_one_and_never_to_its_end() {
        let now = Time::from_secs(1_000_000);
        let one = kept(10, now);
        assert_eq!(one.max_age(now), 1800);
        for second in 0..3600 {
            let later = now.plus(Duration::from_secs(second));
            assert!(second + one.max_age(later) < 3600, "{second}");
            assert_eq!(one.is_due(later), second >= 1800);
            assert_eq!(one.is_good(later), second < 3150);
        }
        let kind = HeaderValue::from_static("a/b");
        let told = one.validity().response(&HeaderMap::new(), (kind, 0), HttpBody::empty);
        assert_eq!(told.headers()["last-modified"], "Mon, 12 Jan 1970 13:46:40 GMT");
        assert_eq!(told.headers()["expires"], "Mon, 12 Jan 1970 14:46:40 GMT");
    }

    #[test]
    fn only_what_was_asked_for_is_signed_ahead_and_only_once() {
        let (shelf, now) = (Shelf::new(1 << 20), Time::from_secs(1_000_000));
        let later = now.plus(LIFE / 2);
        shelf.put(key("a", b"asked"), kept(10, now));
        shelf.put(key("a", b"not asked"), kept(10, now));
        shelf.find(&key("a", b"asked")).unwrap().was_asked();
        assert!(shelf.due(now).is_empty());
        assert_eq!(shelf.due(later), [key("a", b"asked")]);
        assert!(shelf.due(later).is_empty());
        shelf.find(&key("a", b"asked")).unwrap().give_turn_back();
        assert_eq!(of_key(&shelf.due(later)[0]), Some(("a", &b"asked"[..])));
        assert!(shelf.due(now.plus(LIFE)).is_empty());
    }

    #[test]
    fn what_must_be_looked_up_each_time_stays_so() {
        let now = Time::from_secs(1_000_000);
        let strange = Kept::new(vec![], vec![CertStatus::NEVER_ISSUED], None, now, LIFE);
        strange.seen_in(Some(7));
        assert!(!strange.is_of(7));
        let known = kept(10, now);
        assert!(known.is_of(1) && !known.is_of(2));
        known.seen_in(None);
        assert!(!known.is_of(1));
        known.seen_in(Some(2));
        assert!(known.is_of(2));
    }
}
