//! One simulated agent: what it is, and its life of polls.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use skink_agent::protocol::{FetchError, Joined, Pair, crls_held, fetch_package};
use skink_agent::{Channel, ChannelError};
use skink_api::EndpointSpec;
use skink_api::agent::{CrlRead, PollAnswer, PollQuery, RenewNow, Report};
use skink_trust::{Digest, Held, Limits};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::ambient::{now, share};
use crate::duties::Duties;
use crate::gauge::{Connected, Gauge};

/// Answers by which the clock's offset is estimated.
const CLOCK_ANSWERS: usize = 8;
/// Between two attempts, where the server does not say.
const RETRY: Duration = Duration::from_millis(500);
/// The longest wait between two attempts.
const RETRY_MOST: Duration = Duration::from_secs(10);
/// Between two polls of the polling form, where the server does not say.
const PACE: Duration = Duration::from_secs(2);

/// What all agents share.
pub(crate) struct Fleet {
    pub(crate) gauge: Arc<Gauge>,
    /// How long a poll may wait.
    pub(crate) wait: Duration,
    pub(crate) polling: bool,
    /// One permit for each connection that may be open.
    pub(crate) connections: Arc<Semaphore>,
    /// What many agents have come to believe is kept once.
    pub(crate) believed: Mutex<HashMap<Digest, Arc<Held>>>,
}

/// Why a turn was not carried to its end; the agent tries again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error("the server")]
    Channel(#[source] ChannelError),
    #[error("a package is refused")]
    Package(#[source] skink_trust::Refusal),
    #[error("a certificate or a key")]
    Pair(#[source] skink_agent::StateError),
    #[error("a key")]
    Key(#[source] skink_agent::KeyFault),
    #[error("a chain is refused: {0}")]
    Chain(String),
    #[error("a proof: {0}")]
    Proof(String),
    #[error("a refusal and its control were not made in one second")]
    TooSlow,
    #[error("there is nothing to probe with yet")]
    NoCanary,
}

impl Trouble {
    pub(crate) fn count(&self, gauge: &Gauge) {
        match self {
            Self::Channel(error) => gauge.failed(error),
            Self::NoCanary | Self::TooSlow => {}
            other => gauge.fault(skink_model::with_causes(other)),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Channel(error) => error.retry_after(),
            _ => None,
        }
    }
}

/// A connection, or rather a client that keeps one.
struct Line {
    channel: Channel,
    _open: Connected,
    _permit: OwnedSemaphorePermit,
}

/// A simulated agent with its one endpoint.
pub(crate) struct Agent {
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) name: String,
    pub(crate) spec: EndpointSpec,
    /// Whether its proofs come from handshakes.
    pub(crate) probes: bool,
    url: Arc<str>,
    server_name: Arc<str>,
    pub(crate) identity: Pair,
    pub(crate) held: Arc<Held>,
    line: Option<Line>,
    clock: Vec<i64>,
    pub(crate) nonce: Option<String>,
    order: u64,
    pub(crate) renew: Option<RenewNow>,
    pub(crate) duties: Duties,
    crls: Vec<CrlRead>,
    peers_due: Instant,
    first_wait: Option<Duration>,
    at_work: bool,
}

impl Agent {
    /// An agent that has enrolled.
    pub(crate) fn new(fleet: Arc<Fleet>, joined: Joined, probes: bool) -> Option<Self> {
        let Joined { url, server_name, enrolled, identity, held } = joined;
        let spec = enrolled.endpoints.into_iter().next()?;
        let crls = crls_held(&held, now());
        let held = fleet.believe(held);
        // Not all of them come at one time.
        let first_wait = Some(fleet.wait.mul_f64(share()));
        Some(Self {
            name: enrolled.agent,
            spec,
            probes,
            url: url.into(),
            server_name: server_name.into(),
            identity,
            held,
            line: None,
            clock: Vec::new(),
            nonce: None,
            order: 0,
            renew: None,
            duties: Duties::default(),
            crls,
            peers_due: Instant::now(),
            first_wait,
            at_work: false,
            fleet,
        })
    }

    /// Lives until it is dropped.
    pub(crate) async fn live(mut self) {
        let (mut failures, mut behind) = (0u32, true);
        loop {
            let wait = match self.turn(behind).await {
                Ok(wait) => {
                    (failures, behind) = (0, false);
                    wait
                }
                Err(trouble) => {
                    trouble.count(&self.fleet.gauge);
                    failures += 1;
                    behind = true;
                    let own = RETRY.saturating_mul(1 << failures.min(6)).min(RETRY_MOST);
                    trouble.retry_after().unwrap_or_default().max(own.mul_f64(0.5 + share() / 2.0))
                }
            };
            if self.fleet.polling {
                self.line = None;
            }
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
            }
        }
    }

    /// Asks for news, does what follows from them, and says so. How long to stay away then.
    async fn turn(&mut self, behind: bool) -> Result<Duration, Trouble> {
        let answer = self.poll(behind).await?;
        self.follow(&answer).await?;
        self.renew = answer.renew.first().cloned();
        let done = self.perform().await;
        self.report().await?;
        done?;
        if !self.at_work && self.duties.has_certificate() {
            self.at_work = true;
            self.fleet.gauge.at_work.fetch_add(1, Ordering::Relaxed);
        }
        let asked = Duration::from_millis(answer.retry_after_ms);
        if self.fleet.polling && asked.is_zero() {
            return Ok(PACE.mul_f64(0.5 + share()));
        }
        Ok(asked)
    }

    async fn poll(&mut self, behind: bool) -> Result<PollAnswer, Trouble> {
        let wait = match self.first_wait.take() {
            _ if behind || self.fleet.polling => Duration::ZERO,
            Some(first) => first,
            None => self.fleet.wait,
        };
        let edition = self.held.edition();
        let query = PollQuery {
            epoch: edition.epoch,
            version: edition.version,
            order: self.order,
            wait_ms: millis(wait),
        };
        let asked = Instant::now();
        let channel = self.channel().await?;
        let answer = channel.poll(&query).await;
        let answer = self.answered(answer)?;
        let took = asked.elapsed();
        // An answer that came early has news: how long they were on their way nobody can tell.
        if took >= wait {
            self.fleet.gauge.polled(took.saturating_sub(wait));
        }
        if self.clock.len() == CLOCK_ANSWERS {
            self.clock.remove(0);
        }
        self.clock.push(now().as_millis() - answer.server_time_ms);
        self.order = answer.order;
        self.nonce = Some(answer.nonce.clone());
        Ok(answer)
    }

    /// Takes the package that is out, when it is newer.
    async fn follow(&mut self, answer: &PollAnswer) -> Result<(), Trouble> {
        let (edition, limits) = (self.held.edition(), Limits::default());
        if (answer.package.epoch, answer.package.version) <= (edition.epoch, edition.version) {
            return Ok(());
        }
        let channel = self.channel().await?;
        let fetched = fetch_package(&channel, &self.held, &limits).await;
        Gauge::count(&self.fleet.gauge.requests);
        let (envelope, parts) = fetched.map_err(|error| match error {
            FetchError::Channel(error) => Trouble::Channel(error),
            FetchError::Refused(refusal) => Trouble::Package(refusal),
        })?;
        let accepted = self.held.accept(&envelope, &parts, now(), &limits);
        let accepted = match accepted {
            Err(skink_trust::Refusal::Replayed(_)) => return Ok(()),
            accepted => accepted.map_err(Trouble::Package)?,
        };
        Gauge::count(&self.fleet.gauge.packages_accepted);
        self.crls = crls_held(&accepted.held, now());
        self.held = self.fleet.believe(accepted.held);
        Ok(())
    }

    /// Tells what is new, and that no peer was seen.
    async fn report(&mut self) -> Result<(), Trouble> {
        let peers = Instant::now() >= self.peers_due;
        if !peers && self.crls.is_empty() && !self.duties.has_news() {
            return Ok(());
        }
        let mut endpoint = self.endpoint_report().await?;
        endpoint.peers_measured = peers;
        let report = Report {
            clock_offset_ms: self.clock.iter().min().copied().unwrap_or(0),
            endpoints: vec![endpoint],
            crls: self.crls.clone(),
            held: None,
        };
        let channel = self.channel().await?;
        let sent = channel.report(&report).await;
        if sent.is_err() {
            // A stale nonce is no reason to sign it again.
            self.nonce = None;
        }
        self.answered(sent)?;
        self.crls.clear();
        self.duties.reported();
        if peers {
            self.peers_due = Instant::now() + self.fleet.wait.mul_f64(0.8);
        }
        Ok(())
    }

    /// Counts a request; one that failed takes the connection with it.
    pub(crate) fn answered<T>(&mut self, answer: Result<T, ChannelError>) -> Result<T, Trouble> {
        Gauge::count(&self.fleet.gauge.requests);
        if let Err(ChannelError::Unreachable(_)) = &answer {
            self.line = None;
        }
        answer.map_err(Trouble::Channel)
    }

    /// A fresh nonce: that of the last poll, or of another one.
    pub(crate) async fn fresh_nonce(&mut self) -> Result<String, Trouble> {
        if let Some(nonce) = self.nonce.clone() {
            return Ok(nonce);
        }
        let edition = self.held.edition();
        let (epoch, version) = (edition.epoch, edition.version);
        let query = PollQuery { epoch, version, order: u64::MAX >> 1, wait_ms: 0 };
        let channel = self.channel().await?;
        let answer = channel.poll(&query).await;
        Ok(self.answered(answer)?.nonce)
    }

    /// The channel, pinned to the server's keys in what is held.
    pub(crate) async fn channel(&mut self) -> Result<Channel, Trouble> {
        if let Some(line) = &self.line {
            return Ok(line.channel.clone());
        }
        let permit = Arc::clone(&self.fleet.connections).acquire_owned().await;
        let permit = permit.map_err(|_| Trouble::NoCanary)?;
        let channel = Channel::pinned(&self.url, &self.server_name, &self.held, &self.identity)
            .map_err(Trouble::Channel)?;
        let open = self.fleet.gauge.connected();
        self.line = Some(Line { channel: channel.clone(), _open: open, _permit: permit });
        Ok(channel)
    }
}

impl Fleet {
    /// What an agent has come to believe by itself; where another believes the same already, in the
    /// same memory.
    fn believe(&self, held: Held) -> Arc<Held> {
        let Some(digest) = held.digest() else { return Arc::new(held) };
        let mut believed = self.believed.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(believed.entry(digest).or_insert_with(|| Arc::new(held)))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
