//! The handshakes by which an endpoint is proven.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::time::Duration;

use skink_api::EndpointRole;
use skink_deploy::Target;
use skink_deploy::probe::{Dial, Outcome, Presented, ProbeServer};
use skink_deploy::tls::ConfigError;
use skink_model::{Clock, Time};
use skink_x509::Fingerprint;
use tokio::time::Instant;

use crate::pair::Pair;
use crate::state::StateError;

/// How long a single handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(3);

/// Between two tries of something that may still settle.
const PACE: Duration = Duration::from_millis(40);

/// A refusal proves something beside an acceptance in the same second only.
const SAME_SECOND: Duration = Duration::from_secs(1);

/// Why something is not proven.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// A server endpoint without an address, or a client that cannot be told to connect.
    #[error("there is no way to shake hands with this endpoint")]
    NoProbe,
    /// The refusal proves nothing without an acceptance beside it.
    #[error("the legitimate certificate was not accepted within a second of the refusal")]
    TooSlow,
    /// The address has no meaning.
    #[error("the endpoint's address {0:?} cannot be used")]
    Address(String),
    /// A certificate of this agent cannot be used.
    #[error("a probe certificate cannot be used")]
    Certificate(#[source] StateError),
    /// The TLS library does not take the probe's certificate.
    #[error("a probe cannot be made")]
    Config(#[source] ConfigError),
    /// The probe server cannot listen.
    #[error("the probe server cannot listen")]
    Listen(#[source] std::io::Error),
    /// It was not accepted in time.
    #[error("a certificate of {authority} was not accepted: {last}")]
    NotAccepted {
        /// The generation of the certificate.
        authority: String,
        /// What the last handshake came to.
        last: String,
    },
    /// The endpoint presents another certificate than the one installed.
    #[error("the endpoint presents {presented}, not {installed}")]
    OtherCertificate {
        /// What it presents.
        presented: Fingerprint,
        /// What was installed.
        installed: Fingerprint,
    },
    /// It was not refused in time.
    #[error("a certificate of {authority} was not refused: {last}")]
    NotRefused {
        /// The generation of the certificate.
        authority: String,
        /// What the last handshake came to.
        last: String,
    },
}

/// How to shake hands with one endpoint.
pub(crate) struct Prober<'a> {
    pub(crate) role: EndpointRole,
    pub(crate) address: Option<&'a str>,
    pub(crate) server_name: &'a str,
    pub(crate) target: &'a dyn Target,
    pub(crate) clock: &'a dyn Clock,
}

/// When a series of handshakes was made.
pub(crate) struct Series {
    pub(crate) handshakes: u32,
    pub(crate) first: Time,
    pub(crate) last: Time,
}

/// When one certificate was refused and another accepted, on the same listener.
pub(crate) struct Refusal {
    pub(crate) reason: String,
    pub(crate) refused_at: Time,
    pub(crate) control_at: Time,
}

impl Prober<'_> {
    /// The endpoint presents the installed certificate and takes `canary`, within `limit`.
    pub(crate) async fn prove_installed(
        &self,
        canary: &Pair,
        installed: Fingerprint,
        limit: Duration,
    ) -> Result<Time, ProofError> {
        let until = Instant::now() + limit;
        loop {
            let outcome = self.probe(canary).await?;
            let failure = match &outcome {
                Outcome::Accepted { presented } => match presented.fingerprint() {
                    Some(other) if other != installed => {
                        ProofError::OtherCertificate { presented: other, installed }
                    }
                    _ => return Ok(self.clock.now()),
                },
                _ => not_accepted(canary, &outcome),
            };
            pause(until, failure).await?;
        }
    }

    /// `handshakes` consecutive full ones with data, over at least `spread`.
    pub(crate) async fn prove_accepted(
        &self,
        canary: &Pair,
        handshakes: u32,
        spread: Duration,
        limit: Duration,
    ) -> Result<Series, ProofError> {
        let until = Instant::now() + limit + spread;
        let step = spread / handshakes.saturating_sub(1).max(1);
        let (mut count, mut first) = (0, self.clock.now());
        let mut began = Instant::now();
        loop {
            let outcome = self.probe(canary).await?;
            if outcome.is_accepted() {
                if count == 0 {
                    (first, began) = (self.clock.now(), Instant::now());
                }
                count += 1;
                if count >= handshakes && began.elapsed() >= spread {
                    return Ok(Series { handshakes: count, first, last: self.clock.now() });
                }
                tokio::time::sleep(step.max(Duration::from_millis(1))).await;
            } else {
                count = 0;
                pause(until, not_accepted(canary, &outcome)).await?;
            }
        }
    }

    /// `rogue` is refused for its certificate, and right after it `control` is accepted.
    pub(crate) async fn prove_refused(
        &self,
        rogue: &Pair,
        control: &Pair,
        limit: Duration,
    ) -> Result<Refusal, ProofError> {
        let until = Instant::now() + limit;
        loop {
            let refused = self.probe(rogue).await?;
            let refused_at = self.clock.now();
            let Some(reason) = refused.refusal() else {
                let failure = ProofError::NotRefused {
                    authority: rogue.authority.clone(),
                    last: words(&refused),
                };
                pause(until, failure).await?;
                continue;
            };
            let accepted = self.probe(control).await?;
            if accepted.is_accepted() {
                let (reason, control_at) = (reason.to_owned(), self.clock.now());
                // Who is tried again at once beside hundreds of others is as slow once more.
                if control_at.since(refused_at) > SAME_SECOND {
                    return Err(ProofError::TooSlow);
                }
                return Ok(Refusal { reason, refused_at, control_at });
            }
            pause(until, not_accepted(control, &accepted)).await?;
        }
    }

    /// One handshake in which this agent presents `canary`.
    async fn probe(&self, canary: &Pair) -> Result<Outcome, ProofError> {
        match self.role {
            EndpointRole::Server => self.dial(canary).await,
            EndpointRole::Client => self.receive(canary).await,
        }
    }

    async fn dial(&self, canary: &Pair) -> Result<Outcome, ProofError> {
        let address = self.address.ok_or(ProofError::NoProbe)?;
        let mut dial = Dial::new(socket(address)?, self.server_name);
        dial.timeout = HANDSHAKE;
        let identity = canary.identity().map_err(ProofError::Certificate)?;
        dial.present(Some(identity)).await.map_err(ProofError::Config)
    }

    /// The client under test connects to a server of ours. Both sides are asked: the client for
    /// whether it got its data, the server for the alert, which is the client's own word.
    async fn receive(&self, canary: &Pair) -> Result<Outcome, ProofError> {
        let identity = canary.identity().map_err(ProofError::Certificate)?;
        let server = ProbeServer::bind().await.map_err(ProofError::Listen)?;
        let address = server.address().map_err(ProofError::Listen)?;
        let done = tokio::sync::Notify::new();
        let serving = async {
            tokio::select! {
                outcome = server.serve_one(identity, HANDSHAKE) => outcome.map(Some),
                () = done.notified() => Ok(None),
            }
        };
        let connecting = async {
            let outcome =
                tokio::time::timeout(HANDSHAKE, self.target.connect(address, self.server_name));
            let outcome = outcome.await.unwrap_or_else(|_| {
                Some(Outcome::Failed { reason: "the client did not finish".to_owned() })
            });
            if !outcome.as_ref().is_some_and(Outcome::is_accepted) {
                // Its alert may still be on the way.
                let grace = Duration::from_millis(if outcome.is_some() { 200 } else { 0 });
                tokio::time::sleep(grace).await;
                done.notify_one();
            }
            outcome
        };
        let (connected, seen) = tokio::join!(connecting, serving);
        let connected = connected.ok_or(ProofError::NoProbe)?;
        Ok(both_sides(connected, seen.map_err(ProofError::Config)?))
    }
}

/// Accepted only if both say so; the server's word on a refusal is the alert that the client sent.
fn both_sides(client: Outcome, served: Option<Outcome>) -> Outcome {
    match (&client, served) {
        (Outcome::Accepted { .. }, Some(served))
        | (_, Some(served @ Outcome::CertificateRefused { .. })) => served,
        _ => client,
    }
}

fn socket(address: &str) -> Result<SocketAddr, ProofError> {
    let bad = || ProofError::Address(address.to_owned());
    address.to_socket_addrs().map_err(|_| bad())?.next().ok_or_else(bad)
}

fn not_accepted(canary: &Pair, outcome: &Outcome) -> ProofError {
    ProofError::NotAccepted { authority: canary.authority.clone(), last: words(outcome) }
}

fn words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Accepted { presented: Presented(_) } => "accepted".to_owned(),
        Outcome::CertificateRefused { reason } => format!("refused: {reason}"),
        Outcome::Unreachable { reason } => format!("unreachable: {reason}"),
        Outcome::Failed { reason } => format!("failed: {reason}"),
        _ => "of unknown outcome".to_owned(),
    }
}

/// Waits for the next try, or gives up with `failure`.
async fn pause(until: Instant, failure: ProofError) -> Result<(), ProofError> {
    if Instant::now() + PACE >= until {
        return Err(failure);
    }
    tokio::time::sleep(PACE).await;
    Ok(())
}
