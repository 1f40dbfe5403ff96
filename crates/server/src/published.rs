//! What the public listener hands out, ready in memory: a handshake's distribution points answer
//! without a look into the database.

use std::collections::{HashMap, VecDeque};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use axum::body::Bytes;
use skink_api::agent::PackageRef;
use skink_model::{CrlFacts, Time};

use crate::crl::Body;
use crate::http::caching::Validity;

/// The current answers of `/crl`, `/aia` and `/trust`.
#[derive(Debug, Default)]
pub(crate) struct Published(RwLock<Contents>);

#[derive(Debug, Default)]
struct Contents {
    /// By path.
    crls: HashMap<String, List>,
    certificates: HashMap<String, Bytes>,
    package: Option<(PackageRef, Bytes)>,
    parts: HashMap<String, Bytes>,
    /// Parts of the packages before, oldest first; an agent may be fetching one of them.
    before: VecDeque<Vec<String>>,
}

/// A list that is out.
#[derive(Clone, Debug)]
pub(crate) struct List {
    number: u64,
    pub(crate) body: Body,
    pub(crate) validity: Validity,
    next_update: Time,
}

/// The longest that a cache may keep a list: in an incident the next one has to be seen soon.
const LIST_AGE_MOST: Duration = Duration::from_mins(5);

impl List {
    /// For how many seconds others may keep it: never beyond its end.
    pub(crate) fn max_age(&self, now: Time) -> u64 {
        self.next_update.since(now).min(LIST_AGE_MOST).as_secs()
    }
}

/// How many packages' parts are kept.
const KEPT: usize = 8;

impl Published {
    /// The list at a path like `/crl/workloads-g1/p0.crl`.
    pub(crate) fn crl(&self, path: &str) -> Option<List> {
        self.read(|contents| contents.crls.get(path).cloned())
    }

    /// The certificate of an authority.
    pub(crate) fn certificate(&self, authority: &str) -> Option<Bytes> {
        self.read(|contents| contents.certificates.get(authority).cloned())
    }

    /// The package that is out.
    pub(crate) fn package(&self) -> Option<(PackageRef, Bytes)> {
        self.read(|contents| contents.package.clone())
    }

    /// Which package is out.
    pub(crate) fn package_reference(&self) -> Option<PackageRef> {
        self.read(|contents| contents.package.as_ref().map(|(reference, _)| reference.clone()))
    }

    /// A part of the package that is out, or of one before it.
    pub(crate) fn part(&self, digest: &str) -> Option<Bytes> {
        self.read(|contents| contents.parts.get(digest).cloned())
    }

    /// A list does not take the place of one with a higher number.
    pub(crate) fn put_crl(
        &self,
        path: String,
        number: u64,
        facts: &CrlFacts,
        body: impl Into<Body>,
    ) {
        let next_update = facts.next_update;
        let validity = Validity::new(facts.digest.as_bytes(), facts.this_update, next_update);
        let list = List { number, body: body.into(), validity, next_update };
        self.write(|contents| {
            if contents.crls.get(&path).is_none_or(|known| known.number <= number) {
                contents.crls.insert(path, list);
            }
        });
    }

    pub(crate) fn put_certificate(&self, authority: String, der: impl Into<Bytes>) {
        let der = der.into();
        self.write(|contents| contents.certificates.insert(authority, der));
    }

    /// A package comes with its parts, or not at all.
    pub(crate) fn put_package(
        &self,
        reference: PackageRef,
        envelope: impl Into<Bytes>,
        parts: impl IntoIterator<Item = (String, Bytes)>,
    ) {
        let envelope = envelope.into();
        self.write(|contents| {
            let mut names = Vec::new();
            for (digest, bytes) in parts {
                names.push(digest.clone());
                contents.parts.insert(digest, bytes);
            }
            contents.before.push_back(names);
            while contents.before.len() > KEPT {
                contents.before.pop_front();
            }
            let Contents { parts, before, .. } = contents;
            parts.retain(|digest, _| before.iter().flatten().any(|kept| kept == digest));
            contents.package = Some((reference, envelope));
        });
    }

    fn read<T>(&self, look: impl FnOnce(&Contents) -> T) -> T {
        look(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<T>(&self, change: impl FnOnce(&mut Contents) -> T) -> T {
        change(&mut self.0.write().unwrap_or_else(PoisonError::into_inner))
    }
}
