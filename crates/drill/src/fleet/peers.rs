//! Which certificates an endpoint's peers presented, and when last.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use rustls::pki_types::CertificateDer;
use skink_deploy::PeerSeen;
use skink_x509::{Certificate, Fingerprint};

use crate::clock::now;

/// The peers an endpoint has accepted, by certificate.
#[derive(Debug, Default)]
pub(crate) struct Peers(Mutex<HashMap<Fingerprint, PeerSeen>>);

impl Peers {
    /// Notes that the peer with this leaf was accepted just now.
    pub(crate) fn saw(&self, leaf: &CertificateDer<'_>) {
        let fingerprint = Fingerprint::of(leaf);
        let mut peers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        peers
            .entry(fingerprint)
            .or_insert_with(|| {
                let leaf = Certificate::from_der(leaf).ok();
                let authority_key_id =
                    leaf.and_then(|leaf| leaf.authority_key_id().map(<[u8]>::to_vec));
                PeerSeen { fingerprint, authority_key_id, last_seen: now() }
            })
            .last_seen = now();
    }

    pub(crate) fn all(&self) -> Vec<PeerSeen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}
