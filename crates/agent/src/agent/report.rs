//! Telling the server.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use skink_api::agent::{Ack, EndpointReport, PackageRef, PeerSeen, PollQuery, Report};
use skink_deploy::Target;
use skink_model::with_causes;
use skink_trust::{AuthorityState, Held};
use skink_x509::{Fingerprint, Time};
use tokio::time::Instant;

use super::Shared;
use crate::channel::ChannelError;
use crate::key::LocalKey;
use crate::outbox::{EndpointNews, News};

/// News that come together travel together, for as long as more may come.
const GATHER: Duration = Duration::from_millis(400);

/// An endpoint that has no peers to tell of says so every so many times: each report is a
/// transaction of the server's.
const IDLE: u32 = 4;

impl Shared {
    /// Reports news when they come, and peers at regular times.
    pub(super) async fn report_forever(self: Arc<Self>) {
        let every = Duration::from_millis(self.config.report_every_ms);
        let mut next_peers = Instant::now() + every;
        let (mut idle, mut failures) = (0, 0);
        loop {
            let peers_due = tokio::select! {
                () = self.outbox.arrival() => {
                    let _ = tokio::time::timeout(GATHER, self.outbox.completion()).await;
                    false
                }
                () = tokio::time::sleep_until(next_peers) => true,
            };
            let peers = if peers_due { self.peers_to_tell(&mut idle).await } else { Peers::new() };
            if peers_due {
                next_peers = Instant::now() + every;
            }
            match self.report(peers).await {
                Ok(()) => failures = 0,
                Err(error) => {
                    tracing::debug!(error = with_causes(&error), "a report will be repeated");
                    failures += 1;
                    tokio::time::sleep(self.backoff(failures)).await;
                    self.outbox.add_crls([]);
                    self.outbox.send();
                }
            }
        }
    }

    /// What endpoints say of their peers, unless it is nothing and was said not long ago.
    async fn peers_to_tell(&self, idle: &mut u32) -> Peers {
        let peers = self.peers().await;
        let anything = peers.values().any(|seen| !seen.is_empty());
        *idle = if anything || *idle + 1 >= IDLE { 0 } else { *idle + 1 };
        if *idle == 0 { peers } else { Peers::new() }
    }

    async fn report(&self, peers: Peers) -> Result<(), ChannelError> {
        let news = self.outbox.take();
        let nothing = news.endpoints.is_empty() && news.crls.is_empty() && !news.package;
        if nothing && peers.is_empty() {
            return Ok(());
        }
        let sent = self.send(&news, peers).await;
        if sent.is_err() {
            self.outbox.put_back(news);
            // The peers of this report are told of again: a quiet gate must not miss one.
            self.told.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
        sent
    }

    async fn send(&self, news: &News, mut peers: Peers) -> Result<(), ChannelError> {
        let mut endpoints = Vec::new();
        for (endpoint, news) in &news.endpoints {
            let mut report = self.endpoint_report(endpoint, news).await?;
            if let Some(peers) = peers.remove(endpoint) {
                (report.peers, report.peers_measured) = (peers, true);
            }
            endpoints.push(report);
        }
        endpoints.extend(peers.into_iter().map(|(endpoint, peers)| EndpointReport {
            error: self.outbox.error_of(&endpoint),
            endpoint,
            peers,
            peers_measured: true,
            ..EndpointReport::default()
        }));
        let report = Report {
            clock_offset_ms: self.clock_offset.millis(),
            endpoints,
            crls: news.crls.values().cloned().collect(),
            held: self.held().envelope().filter(|_| news.package).map(|it| STANDARD.encode(it)),
        };
        let sent = self.channel().report(&report).await;
        if matches!(&sent, Err(ChannelError::Problem(problem))
            if problem.code == skink_api::Code::BadSignature)
        {
            // The nonce was stale: the next attempt signs a new one.
            *self.nonce.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        sent
    }

    async fn endpoint_report(
        &self,
        endpoint: &str,
        news: &EndpointNews,
    ) -> Result<EndpointReport, ChannelError> {
        let ack = match &news.runs {
            Some(package) => self.acknowledgement(endpoint, package).await?,
            None => None,
        };
        Ok(EndpointReport {
            endpoint: endpoint.to_owned(),
            ack,
            barrier: news.barrier.values().cloned().collect(),
            distrust: news.distrust.values().cloned().collect(),
            installed: news.installed.clone(),
            peers: Vec::new(),
            peers_measured: false,
            error: self.outbox.error_of(endpoint),
        })
    }

    /// Signed with the agent's enrolled key over what runs and the server's nonce.
    async fn acknowledgement(
        &self,
        endpoint: &str,
        package: &PackageRef,
    ) -> Result<Option<Ack>, ChannelError> {
        let nonce = self.fresh_nonce().await?;
        let input = Ack::signing_input(&self.membership.agent, endpoint, package, &nonce);
        let signed = LocalKey::from_pem(&self.identity().key_pem).and_then(|key| key.sign(&input));
        Ok(match signed {
            Ok(signature) => Some(Ack {
                epoch: package.epoch,
                version: package.version,
                digest: package.digest.clone(),
                nonce,
                signature: STANDARD.encode(signature),
            }),
            Err(error) => {
                tracing::error!(error = with_causes(&error), "the agent cannot sign");
                None
            }
        })
    }

    async fn fresh_nonce(&self) -> Result<String, ChannelError> {
        let known = self.nonce.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(nonce) = known {
            return Ok(nonce);
        }
        let edition = self.held().edition();
        let query = PollQuery {
            epoch: edition.epoch,
            version: edition.version,
            order: u64::MAX >> 1,
            wait_ms: 0,
        };
        Ok(self.ask(&query).await?.nonce)
    }

    /// What each endpoint says of its peers; absent where it cannot tell.
    async fn peers(&self) -> Peers {
        let (held, own) = (self.held(), self.canaries.fingerprints());
        let mut all = BTreeMap::new();
        for (endpoint, target) in &self.targets {
            let Some(mut peers) = target.peers_seen().await else { continue };
            peers.retain(|peer| !own.contains(&peer.fingerprint));
            peers.sort_by_key(|peer| std::cmp::Reverse(peer.last_seen));
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            let told = told.entry(endpoint.clone()).or_default();
            all.insert(endpoint.clone(), worth_telling(peers, &held, told));
        }
        all
    }
}

/// Peers by endpoint.
type Peers = BTreeMap<String, Vec<PeerSeen>>;

/// Peers that were told of, and when they had been seen.
pub(crate) type Told = HashMap<Fingerprint, Time>;

/// Most peers of one kind in one report.
const PEERS: usize = 32;

/// Of a large fleet only what decides something: who was seen for the first time, and who was seen
/// again with a certificate of a generation that is not active, the latest first.
fn worth_telling(
    peers: Vec<skink_deploy::PeerSeen>,
    held: &Held,
    told: &mut Told,
) -> Vec<PeerSeen> {
    let (mut first, mut again) = (0, 0);
    let mut tell = Vec::new();
    for peer in peers {
        let (fingerprint, seen) = (peer.fingerprint, peer.last_seen);
        let peer = with_generation(&peer, held);
        let active = peer.authority.as_deref().and_then(|id| held.authority(id));
        let active = active.is_some_and(|it| it.state == AuthorityState::Active);
        let count = match told.get(&fingerprint) {
            None => &mut first,
            Some(before) if !active && *before < seen => &mut again,
            Some(_) => continue,
        };
        if *count < PEERS {
            *count += 1;
            told.insert(fingerprint, seen);
            tell.push(peer);
        }
    }
    tell
}

/// Targets by endpoint.
pub(crate) type Targets = HashMap<String, Arc<dyn Target>>;

fn with_generation(peer: &skink_deploy::PeerSeen, held: &Held) -> PeerSeen {
    let key_id = peer.authority_key_id.as_deref();
    let authority = key_id.and_then(|key_id| {
        let mut authorities = held.authorities().iter();
        authorities.find(|authority| authority.certificate.subject_key_id() == Some(key_id))
    });
    PeerSeen {
        fingerprint: peer.fingerprint.to_string(),
        authority: authority.map(|authority| authority.id.clone()),
        last_seen_ms: peer.last_seen.as_millis(),
    }
}

#[cfg(test)]
mod tests {
    use skink_testkit::{NOW, TestPki};
    use skink_trust::Edition;

    use super::*;

    fn peer(number: u8, seen: i64) -> skink_deploy::PeerSeen {
        skink_deploy::PeerSeen {
            fingerprint: Fingerprint::from_bytes([number; 32]),
            authority_key_id: None,
            last_seen: Time::from_millis(NOW.as_millis() + seen),
        }
    }

    #[test]
    fn peers_of_no_active_generation_are_told_of_whenever_they_are_seen() {
        let held = Held::pinned("d", "main", TestPki::new().root.certificate, Edition::default());
        let mut told = Told::new();
        assert_eq!(worth_telling(vec![peer(1, 0), peer(2, 0)], &held, &mut told).len(), 2);
        assert_eq!(worth_telling(vec![peer(1, 0), peer(2, 0)], &held, &mut told).len(), 0);
        let again = worth_telling(vec![peer(1, 9), peer(2, 0)], &held, &mut told);
        assert_eq!(again.len(), 1);
        assert_eq!(again[0].last_seen_ms, NOW.as_millis() + 9);
    }

    #[test]
    fn a_crowd_is_told_of_the_latest_first() {
        let held = Held::pinned("d", "main", TestPki::new().root.certificate, Edition::default());
        let mut told = Told::new();
        let crowd: Vec<_> = (0..100).rev().map(|number| peer(number, number.into())).collect();
        let tell = worth_telling(crowd.clone(), &held, &mut told);
        assert_eq!(tell.len(), PEERS);
        assert_eq!(tell[0].last_seen_ms, NOW.as_millis() + 99);
        assert_eq!(worth_telling(crowd, &held, &mut told).len(), PEERS);
    }
}
