//! Real proofs: a TLS server with the issued certificate and the agent's trust, and handshakes.

use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use rustls::server::NoServerSessionStorage;
use skink_agent::protocol::Pair;
use skink_api::{EndpointSpec, Mechanism};
use skink_deploy::probe::{Dial, Outcome};
use skink_deploy::tls::{Trust, provider};
use skink_trust::Held;
use skink_x509::Time;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::agent::Trouble;
use crate::ambient::now;
use crate::duties::{HANDSHAKES, SPREAD_MS};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nskink\n";

/// A refusal proves something beside an acceptance in the same second only.
const SAME_SECOND: Duration = Duration::from_secs(1);

/// The listener presents the certificate and takes the canary.
pub(crate) async fn installed(
    spec: &EndpointSpec,
    held: &Held,
    leaf: &Pair,
    canary: &Pair,
) -> Result<(), Trouble> {
    let software = Software::start(spec, held, leaf).await?;
    let expected = leaf.fingerprint().map_err(Trouble::Pair)?;
    match software.dial(canary).await? {
        Outcome::Accepted { presented } if presented.fingerprint() == Some(expected) => Ok(()),
        other => Err(unexpected("the installed certificate", &other)),
    }
}

/// Full handshakes in a row, spread over the settle time; when the first and the last were made.
pub(crate) async fn accepted(
    spec: &EndpointSpec,
    held: &Held,
    leaf: &Pair,
    canary: &Pair,
) -> Result<(Time, Time), Trouble> {
    let software = Software::start(spec, held, leaf).await?;
    let mut first = None;
    for _ in 0..HANDSHAKES {
        if first.is_some() {
            let step = SPREAD_MS / i64::from(HANDSHAKES - 1) + 1;
            tokio::time::sleep(Duration::from_millis(step.unsigned_abs())).await;
        }
        let outcome = software.dial(canary).await?;
        if !outcome.is_accepted() {
            return Err(unexpected("the active generation", &outcome));
        }
        first.get_or_insert_with(now);
    }
    let last = now();
    Ok((first.unwrap_or(last), last))
}

/// The denied generation's canary is refused, with which words and when, and right after it the
/// control is accepted.
pub(crate) async fn refused(
    spec: &EndpointSpec,
    held: &Held,
    leaf: &Pair,
    (rogue, control): (&Pair, &Pair),
) -> Result<(String, Time, Time), Trouble> {
    let software = Software::start(spec, held, leaf).await?;
    let outcome = software.dial(rogue).await?;
    let refused_at = now();
    let Some(reason) = outcome.refusal() else {
        return Err(unexpected("the denied generation", &outcome));
    };
    let accepted = software.dial(control).await?;
    if !accepted.is_accepted() {
        return Err(unexpected("the control", &accepted));
    }
    let control_at = now();
    if control_at.since(refused_at) > SAME_SECOND {
        return Err(Trouble::TooSlow);
    }
    Ok((reason.to_owned(), refused_at, control_at))
}

fn unexpected(what: &str, outcome: &Outcome) -> Trouble {
    Trouble::Proof(format!("{what}: {outcome:?}").chars().take(200).collect())
}

fn broken(error: &dyn std::error::Error) -> Trouble {
    Trouble::Proof(skink_model::with_causes(error))
}

/// A TLS server as an endpoint's software would be, for as long as it is kept.
struct Software {
    address: SocketAddr,
    name: String,
    serving: JoinHandle<()>,
}

impl Software {
    async fn start(spec: &EndpointSpec, held: &Held, leaf: &Pair) -> Result<Self, Trouble> {
        let config = Arc::new(config(spec, held, leaf)?);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.map_err(|error| broken(&error))?;
        let address = listener.local_addr().map_err(|error| broken(&error))?;
        let serving = tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                tokio::spawn(answer(tcp, TlsAcceptor::from(Arc::clone(&config))));
            }
        });
        let name = spec.names.first().cloned().unwrap_or_default();
        Ok(Self { address, name, serving })
    }

    async fn dial(&self, canary: &Pair) -> Result<Outcome, Trouble> {
        let identity = canary.identity().map_err(Trouble::Pair)?;
        let dial = Dial::new(self.address, &self.name);
        dial.present(Some(identity)).await.map_err(|error| broken(&error))
    }
}

impl Drop for Software {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// A client that is refused is answered by an alert, and nobody need hear of it here.
async fn answer(tcp: TcpStream, acceptor: TlsAcceptor) {
    let Ok(mut tls) = acceptor.accept(tcp).await else { return };
    let mut request = [0; 2048];
    if tls.read(&mut request).await.is_ok_and(|count| count > 0) {
        let _ = tls.write_all(ANSWER).await;
        let _ = tls.shutdown().await;
    }
}

fn config(spec: &EndpointSpec, held: &Held, leaf: &Pair) -> Result<ServerConfig, Trouble> {
    let (chain, key) = leaf.identity().map_err(Trouble::Pair)?.into_chain_and_key();
    let verifier = trust(spec.mechanism, held).client_verifier().map_err(|e| broken(&e))?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| broken(&error))?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .map_err(|error| broken(&error))?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

/// What the endpoint trusts, in the words of its mechanism.
fn trust(mechanism: Mechanism, held: &Held) -> Trust {
    let roots = held.roots().to_vec();
    let (mechanism, anchors) = match mechanism {
        Mechanism::Anchor => {
            let generations = held.issuing_anchors().map(|one| one.certificate.clone());
            (skink_deploy::Mechanism::Anchor, generations.collect())
        }
        Mechanism::ParentCrl => (skink_deploy::Mechanism::ParentCrl, roots),
        Mechanism::Deny => (skink_deploy::Mechanism::Deny, roots),
        Mechanism::None => (skink_deploy::Mechanism::None, roots),
    };
    let crls = held.crls().iter().map(|crl| crl.crl.clone()).collect();
    let denied: HashSet<_> = held.denied_keys().iter().copied().collect();
    Trust::new(mechanism, anchors, crls, denied)
}
