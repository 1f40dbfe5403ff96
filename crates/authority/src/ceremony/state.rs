//! What the root remembers: the sum of its log, which is only ever added to.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use skink_model::{AuthorityId, IssuerName, Time};
use skink_signer::chain::Head;
use skink_signer::sealed::Envelope;
use skink_x509::Certificate;

use super::request::Revoke;
use crate::hierarchy::AuthorityKind;

/// One line of the root's log.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase", deny_unknown_fields)]
pub(super) enum Event {
    /// The root came to be.
    Begun { domain: String, root: String, at_ms: i64 },
    /// Numbers and times that belong to a ceremony, whatever becomes of it. Written before anything
    /// is signed: after a crash nothing is signed twice under one number.
    Reserved {
        ceremony: u64,
        request: String,
        /// The first number not used by this ceremony, of each scope.
        next: BTreeMap<String, u64>,
        /// The newest time of any list of this ceremony, in seconds since 1970.
        newest: i64,
    },
    /// The ceremony is through.
    Held {
        ceremony: u64,
        request: String,
        request_digest: String,
        response_digest: String,
        requester: String,
        at_ms: i64,
        head: Head,
        certified: Vec<KnownAuthority>,
        revoked: Vec<Revoke>,
        journal_head: Option<String>,
    },
    /// A key for trust packages was certified without a request: the server was lost.
    Package { authority: KnownAuthority, next: u64, newest: i64 },
}

/// An authority below this root.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KnownAuthority {
    pub(super) authority: AuthorityId,
    pub(super) issuer: IssuerName,
    pub(super) kind: AuthorityKind,
    pub(super) certificate: String,
    pub(super) epoch: Option<u64>,
    pub(super) replaces: Option<AuthorityId>,
    pub(super) credential: Option<Envelope>,
}

impl KnownAuthority {
    pub(super) fn certificate(&self) -> Option<Certificate> {
        Certificate::from_pem(&self.certificate).ok()
    }
}

/// The sum of the log.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    pub(super) begun: bool,
    /// The number of the last ceremony that anything was reserved for.
    pub(super) last_reserved: u64,
    /// The number of the last ceremony that is through.
    pub(super) last_held: u64,
    /// Where the log stood at that one.
    pub(super) head: Option<Head>,
    /// The next free number of each scope.
    pub(super) next: BTreeMap<String, u64>,
    /// The newest time of any list.
    pub(super) newest: Option<Time>,
    /// Requests that were answered.
    pub(super) answered: BTreeSet<String>,
    /// The key that signed the last request.
    pub(super) requester: Option<String>,
    pub(super) authorities: BTreeMap<AuthorityId, KnownAuthority>,
    pub(super) revoked: BTreeMap<AuthorityId, Revoke>,
}

impl State {
    pub(super) fn of(events: Vec<Value>) -> Result<Self, serde_json::Error> {
        let mut state = Self::default();
        for event in events {
            state.add(serde_json::from_value(event)?);
        }
        Ok(state)
    }

    pub(super) fn add(&mut self, event: Event) {
        match event {
            Event::Begun { .. } => self.begun = true,
            Event::Reserved { ceremony, next, newest, .. } => {
                self.last_reserved = self.last_reserved.max(ceremony);
                for (scope, number) in next {
                    self.reserve(scope, number);
                }
                self.newest = self.newest.max(Some(Time::from_secs(newest)));
            }
            Event::Package { authority, next, newest } => {
                self.reserve(authority.authority.to_string(), next);
                self.newest = self.newest.max(Some(Time::from_secs(newest)));
                self.authorities.insert(authority.authority.clone(), authority);
            }
            Event::Held { ceremony, request, requester, head, certified, revoked, .. } => {
                self.last_held = ceremony;
                self.head = Some(head);
                self.answered.insert(request);
                self.requester = Some(requester);
                let named = |one: KnownAuthority| (one.authority.clone(), one);
                self.authorities.extend(certified.into_iter().map(named));
                for one in revoked {
                    self.revoked.entry(one.authority.clone()).or_insert(one);
                }
            }
        }
    }

    fn reserve(&mut self, scope: String, next: u64) {
        let known = self.next.entry(scope).or_insert(1);
        *known = (*known).max(next);
    }

    /// The next free number of a scope.
    pub(super) fn next(&self, scope: &str) -> u64 {
        self.next.get(scope).copied().unwrap_or(1)
    }

    /// The standby of an authority: the newest that replaces it and is not revoked.
    pub(super) fn standby_for(&self, authority: &AuthorityId) -> Option<&KnownAuthority> {
        let standby = |one: &&KnownAuthority| {
            one.replaces.as_ref() == Some(authority) && !self.revoked.contains_key(&one.authority)
        };
        self.authorities
            .values()
            .filter(standby)
            .max_by_key(|one| one.certificate().map(|certificate| certificate.not_before()))
    }
}
