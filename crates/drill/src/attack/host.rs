//! A stolen host: an agent's own identity, used on the agents' channel to ask for certificates.
//!
//! It may ask for its endpoint's certificate, and before the incident it gets one. While the
//! authority is contained it asks again: with a request that it began before the declaration and
//! has not finished sending, and with a new one.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use serde::Deserialize;
use skink_api::agent::{CertificateAnswer, CertificateRequest, Purpose};
use skink_api::{Code, Problem};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::scoreboard::{Attempt, Phase, Scoreboard};
use super::server::refusal;
use crate::DrillError;
use crate::csr;
use crate::fleet::Fleet;
use crate::headquarters::{DOMAIN, Headquarters};
use crate::operator::{Answer, OUTAGE_LIMIT, REPEAT_PACE};
use crate::outcome::Outcome;
use crate::thief::forge::Identity;
use crate::thief::key::thwarted;
use crate::thief::tls::RogueClient;

pub(crate) const ISSUANCE: &str = "issuance-during-containment-at-agents-channel";
pub(crate) const UNDER_WAY: &str = "issuance-under-way-at-agents-channel";

const CONTAINED: &[Code] = &[Code::AuthorityTainted, Code::AuthorityFrozen];

/// The identity of one host of the fleet in the thief's hands.
pub(crate) struct StolenHost {
    name: String,
    client: RogueClient,
    addr: SocketAddr,
    request: String,
    begun: Mutex<Option<Begun>>,
    met: Mutex<Vec<(&'static str, Outcome)>>,
}

/// A request of which the server has all but the last byte.
struct Begun {
    stream: TlsStream<TcpStream>,
    rest: u8,
}

#[derive(Deserialize)]
struct Pair {
    #[serde(rename = "certificate_pem")]
    certificate: String,
    #[serde(rename = "chain_pem")]
    chain: String,
    #[serde(rename = "key_pem")]
    key: String,
}

impl StolenHost {
    /// Takes an agent's identity off its disk, and gets one certificate with it.
    pub(crate) async fn take(
        headquarters: &Headquarters,
        fleet: &Fleet,
        scoreboard: &Scoreboard,
    ) -> Result<Self, DrillError> {
        let failed = |error: &dyn std::fmt::Display| thwarted("taking a host over", error);
        let party = fleet.parties().first().ok_or_else(|| failed(&"there is none"))?;
        let client = RogueClient::new(&identity(headquarters, &party.name)?)?;
        let body = CertificateRequest {
            purpose: Purpose::Leaf,
            endpoint: Some(party.name.clone()),
            issuer: None,
            csr_pem: csr::for_name(&party.dns)?,
        };
        let body = serde_json::to_string(&body).map_err(|error| failed(&error))?;
        let request = format!(
            "POST /agent/v1/certificates HTTP/1.1\r\nHost: skink.{DOMAIN}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let addr = headquarters.server.ports().agent;
        let (begun, met) = (Mutex::new(None), Mutex::default());
        let host = Self { name: party.name.clone(), client, addr, request, begun, met };
        let before = host.ask().await?;
        for name in [ISSUANCE, UNDER_WAY] {
            host.record(scoreboard, name, Phase::Before, refusal(&before, CONTAINED), true);
        }
        let begun = host.begin().await.map_err(|error| failed(&error))?;
        *host.begun.lock().unwrap_or_else(PoisonError::into_inner) = Some(begun);
        Ok(host)
    }

    /// Finishes the request that it began, and makes another one.
    pub(crate) async fn ask_contained(&self) -> Result<(), DrillError> {
        let begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner).take();
        let finished = match begun {
            Some(begun) => finish(begun).await.ok(),
            None => None,
        };
        let finished = match finished {
            Some(answer) => answer,
            // The connection fell with a server that was killed: whoever waits asks again.
            None => self.ask().await?,
        };
        let again = self.ask().await?;
        let mut met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
        met.push((UNDER_WAY, refusal(&finished, CONTAINED)));
        met.push((ISSUANCE, refusal(&again, CONTAINED)));
        Ok(())
    }

    /// Records what it met. The host's own agent has got its certificate of the new generation over
    /// the same channel, or nothing is proven.
    pub(crate) fn judge(&self, reissued: bool, scoreboard: &Scoreboard) {
        let met = std::mem::take(&mut *self.met.lock().unwrap_or_else(PoisonError::into_inner));
        for (name, outcome) in met {
            self.record(scoreboard, name, Phase::After, outcome, reissued);
        }
    }

    /// The host's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    fn record(
        &self,
        scoreboard: &Scoreboard,
        name: &'static str,
        phase: Phase,
        outcome: Outcome,
        control: bool,
    ) {
        let attempt = Attempt { target: self.name.clone(), mechanism: None, outcome, control };
        scoreboard.record(name, phase, attempt);
    }

    /// One request, repeated while the server is away.
    async fn ask(&self) -> Result<Answer<CertificateAnswer>, DrillError> {
        let deadline = tokio::time::Instant::now() + OUTAGE_LIMIT;
        loop {
            let asked = async { finish(self.begin().await?).await };
            match asked.await {
                Ok(answer) => return Ok(answer),
                Err(error) if tokio::time::Instant::now() >= deadline => {
                    return Err(thwarted("asking as a host", &error));
                }
                Err(_) => tokio::time::sleep(REPEAT_PACE).await,
            }
        }
    }

    async fn begin(&self) -> std::io::Result<Begun> {
        let mut stream = self.client.handshake(self.addr, &format!("skink.{DOMAIN}")).await?;
        let (rest, most) =
            self.request.as_bytes().split_last().ok_or(std::io::ErrorKind::InvalidData)?;
        stream.write_all(most).await?;
        stream.flush().await?;
        Ok(Begun { stream, rest: *rest })
    }
}

/// An agent's own identity, as it lies on its disk now.
pub(super) fn identity(headquarters: &Headquarters, agent: &str) -> Result<Identity, DrillError> {
    let failed = |error: &dyn std::fmt::Display| thwarted("reading an agent's identity", error);
    let file = headquarters.agents().join(agent).join("identity.json");
    let text = fs_err::read_to_string(file).map_err(|error| failed(&error))?;
    let pair: Pair = serde_json::from_str(&text).map_err(|error| failed(&error))?;
    let certificates = pair.certificate + &pair.chain;
    let chain = CertificateDer::pem_slice_iter(certificates.as_bytes())
        .map(|der| der.map(|der| der.to_vec()))
        .collect::<Result<_, _>>()
        .map_err(|error| failed(&error))?;
    let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).map_err(|error| failed(&error))?;
    Ok(Identity::new(chain, key.secret_der().to_vec()))
}

async fn finish(begun: Begun) -> std::io::Result<Answer<CertificateAnswer>> {
    let Begun { mut stream, rest } = begun;
    stream.write_all(&[rest]).await?;
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let Some((head, body)) = answer.split_once("\r\n\r\n") else {
        read?;
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    };
    let success = head.split(' ').nth(1).is_some_and(|status| status.starts_with('2'));
    if success {
        Ok(Ok(serde_json::from_str(body)?))
    } else {
        Ok(Err(serde_json::from_str::<Problem>(body)?))
    }
}
