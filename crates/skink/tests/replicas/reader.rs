//! Somebody who fetches the list from both servers all the time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use skink_x509::Fingerprint;
use skink_x509::crl::{Crl, CrlNumber};
use tokio::task::JoinHandle;

use crate::cluster::Clients;

pub(crate) const LIST: &str = "/crl/workloads-g1/p0.crl";

/// Every number that was read, with the digest of its list.
pub(crate) type Seen = BTreeMap<CrlNumber, Fingerprint>;

pub(crate) struct Reader {
    stop: Arc<AtomicBool>,
    reading: JoinHandle<Seen>,
}

impl Reader {
    pub(crate) fn start(clients: &Arc<Clients>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (clients, stopped) = (Arc::clone(clients), Arc::clone(&stop));
        let reading = tokio::spawn(async move {
            let (mut seen, mut last) = (Seen::new(), [None, None]);
            while !stopped.load(Ordering::SeqCst) {
                for (one, last) in last.iter_mut().enumerate() {
                    if let Some(der) = clients.public(one, LIST, None).await {
                        note(&mut seen, last, one, &der);
                    }
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            seen
        });
        Self { stop, reading }
    }

    pub(crate) async fn finish(self) -> Seen {
        self.stop.store(true, Ordering::SeqCst);
        self.reading.await.unwrap()
    }
}

/// A number is one list, wherever it is read; a server's numbers only go up, whenever it was killed.
fn note(seen: &mut Seen, last: &mut Option<CrlNumber>, one: usize, der: &[u8]) {
    let number = number(der);
    let digest = Fingerprint::of(der);
    let known = seen.entry(number.clone()).or_insert(digest);
    assert_eq!(*known, digest, "two lists with the number {number}");
    if let Some(before) = last {
        assert!(*before <= number, "server {one} went back from {before} to {number}");
    }
    *last = Some(number);
}

pub(crate) fn number(der: &[u8]) -> CrlNumber {
    Crl::from_der(der).unwrap().number().cloned().unwrap()
}
