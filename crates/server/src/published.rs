//! What the public listener hands out, ready in memory: a handshake's distribution points answer
//! without a look into the database.

use std::collections::{HashMap, VecDeque};
use std::sync::{PoisonError, RwLock};

use axum::body::Bytes;
use skink_api::agent::PackageRef;

use crate::crl::Body;

/// The current answers of `/crl`, `/aia` and `/trust`.
#[derive(Debug, Default)]
pub(crate) struct Published(RwLock<Contents>);

#[derive(Debug, Default)]
struct Contents {
    /// By path, with their numbers.
    crls: HashMap<String, (u64, Body)>,
    certificates: HashMap<String, Bytes>,
    package: Option<(PackageRef, Bytes)>,
    parts: HashMap<String, Bytes>,
    /// Parts of the packages before, oldest first; an agent may be fetching one of them.
    before: VecDeque<Vec<String>>,
}

/// How many packages' parts are kept.
const KEPT: usize = 8;

impl Published {
    /// The list at a path like `/crl/workloads-g1/p0.crl`.
    pub(crate) fn crl(&self, path: &str) -> Option<Body> {
        self.read(|contents| contents.crls.get(path).map(|(_, body)| body.clone()))
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
    pub(crate) fn put_crl(&self, path: String, number: u64, body: impl Into<Body>) {
        let body = body.into();
        self.write(|contents| {
            if contents.crls.get(&path).is_none_or(|(known, _)| *known <= number) {
                contents.crls.insert(path, (number, body));
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
