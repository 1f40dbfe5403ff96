//! What the server has not been told yet.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use skink_api::agent::{BarrierProof, CrlRead, DistrustProof, Installed, PackageRef};
use tokio::sync::Notify;

/// News that wait for a report; a report that fails puts them back.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    news: Mutex<News>,
    /// What is wrong with each endpoint now: every report of it repeats that.
    errors: Mutex<BTreeMap<String, String>>,
    arrived: Notify,
    complete: Notify,
}

/// All news there are.
#[derive(Clone, Debug, Default)]
pub(crate) struct News {
    pub(crate) endpoints: BTreeMap<String, EndpointNews>,
    pub(crate) crls: BTreeMap<String, CrlRead>,
    /// The package that is held is to be shown.
    pub(crate) package: bool,
}

/// News of one endpoint. An acknowledgement is signed when it is sent: its nonce must be fresh.
#[derive(Clone, Debug, Default)]
pub(crate) struct EndpointNews {
    pub(crate) runs: Option<PackageRef>,
    pub(crate) barrier: BTreeMap<String, BarrierProof>,
    pub(crate) distrust: BTreeMap<String, DistrustProof>,
    pub(crate) installed: Option<Installed>,
}

impl Outbox {
    /// Adds to an endpoint's news; [`Self::send`] when there is no more to come.
    pub(crate) fn add(&self, endpoint: &str, change: impl FnOnce(&mut EndpointNews)) {
        let mut news = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        change(news.endpoints.entry(endpoint.to_owned()).or_default());
        self.arrived.notify_one();
    }

    /// What is wrong with the endpoint now, or that nothing is.
    pub(crate) fn set_error(&self, endpoint: &str, error: Option<&str>) {
        let mut errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        let before = match error {
            Some(text) => errors.insert(endpoint.to_owned(), text.to_owned()),
            None => errors.remove(endpoint),
        };
        if before.as_deref() != error {
            drop(errors);
            self.add(endpoint, |_| {});
        }
    }

    /// What is wrong with the endpoint now.
    pub(crate) fn error_of(&self, endpoint: &str) -> Option<String> {
        self.errors.lock().unwrap_or_else(PoisonError::into_inner).get(endpoint).cloned()
    }

    /// Adds CRLs that were read.
    pub(crate) fn add_crls(&self, crls: impl IntoIterator<Item = CrlRead>) {
        let mut news = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        news.crls.extend(crls.into_iter().map(|crl| (crl.scope.clone(), crl)));
        self.arrived.notify_one();
    }

    /// The server has forgotten the package that is held.
    pub(crate) fn show_package(&self) {
        self.news.lock().unwrap_or_else(PoisonError::into_inner).package = true;
        self.arrived.notify_one();
        self.send();
    }

    /// Takes everything out.
    pub(crate) fn take(&self) -> News {
        std::mem::take(&mut self.news.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts back what could not be reported, below what came meanwhile.
    pub(crate) fn put_back(&self, old: News) {
        let mut news = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        news.package |= old.package;
        for (endpoint, old) in old.endpoints {
            news.endpoints.entry(endpoint).or_default().under(old);
        }
        for (scope, crl) in old.crls {
            news.crls.entry(scope).or_insert(crl);
        }
    }

    /// Waits until something is added.
    pub(crate) async fn arrival(&self) {
        self.arrived.notified().await;
    }

    /// Nothing more belongs to what was added: it may travel.
    pub(crate) fn send(&self) {
        self.complete.notify_one();
    }

    /// Waits until what was added is complete.
    pub(crate) async fn completion(&self) {
        self.complete.notified().await;
    }
}

impl EndpointNews {
    fn under(&mut self, old: Self) {
        self.runs = self.runs.take().or(old.runs);
        self.installed = self.installed.take().or(old.installed);
        for (authority, proof) in old.barrier {
            self.barrier.entry(authority).or_insert(proof);
        }
        for (authority, proof) in old.distrust {
            self.distrust.entry(authority).or_insert(proof);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(version: u64) -> PackageRef {
        PackageRef { epoch: 1, version, digest: String::new() }
    }

    #[test]
    fn what_came_meanwhile_wins_over_what_is_put_back() {
        let outbox = Outbox::default();
        let installed = Installed {
            fingerprint: "f".into(),
            authority: "workloads-g1".into(),
            proven_at_ms: 1,
            rolled_back: false,
        };
        outbox.add("a", |news| {
            news.runs = Some(package(1));
            news.installed = Some(installed.clone());
        });
        let taken = outbox.take();
        outbox.add("a", |news| news.runs = Some(package(2)));
        outbox.put_back(taken);
        let news = outbox.take();
        assert_eq!(news.endpoints["a"].runs, Some(package(2)));
        assert_eq!(news.endpoints["a"].installed, Some(installed));
        assert!(outbox.take().endpoints.is_empty());
    }

    #[test]
    fn an_error_is_news_when_it_changes_and_stays_until_it_is_over() {
        let outbox = Outbox::default();
        outbox.set_error("a", Some("bad"));
        assert_eq!(outbox.take().endpoints.len(), 1);
        outbox.set_error("a", Some("bad"));
        assert!(outbox.take().endpoints.is_empty());
        assert_eq!(outbox.error_of("a").as_deref(), Some("bad"));
        outbox.set_error("a", None);
        assert_eq!(outbox.take().endpoints.len(), 1);
        assert_eq!(outbox.error_of("a"), None);
    }
}
