//! Enrolment: once, by a token.

use std::sync::Arc;

use skink_api::agent::{CertificateAnswer, EnrollRequest, Enrolled};
use skink_api::token::EnrolmentToken;
use skink_model::{Clock, EndpointName, Rng};
use skink_trust::{Edition, Envelope, Held, Limits, Parts};
use skink_x509::{Certificate, Fingerprint};

use crate::channel::{Channel, ChannelError, PinnedRoot};
use crate::config::AgentConfig;
use crate::error::AgentError;
use crate::key::LocalKey;
use crate::pair::Pair;
use crate::state::{Membership, StateDir, StateError};

/// The one stream of packages that there is so far.
const STREAM: &str = "main";

/// Uses the token up: makes the agent's key, has it certified, takes the first trust package (not
/// below the least version that the token allows), and keeps all that in the configured directory.
///
/// The answering server's key must be in that package; a token has one use, so after a failure
/// beyond the first request another one is needed.
pub async fn enroll(
    config: &AgentConfig,
    token: &str,
    clock: &dyn Clock,
    rng: &dyn Rng,
) -> Result<(), AgentError> {
    let token = EnrolmentToken::decode(token).map_err(AgentError::Token)?;
    let state = StateDir::new(&config.dir);
    if state.is_enrolled() {
        return Err(AgentError::State(StateError::AlreadyEnrolled(config.dir.clone())));
    }
    state.create().map_err(AgentError::State)?;
    let joined = join(token, clock, rng).await?;
    keep(&state, joined).map_err(AgentError::State)
}

/// What an enrolment gives, before anything of it is kept.
#[derive(Debug)]
pub struct Joined {
    /// `https://host:port` of the agents' listener.
    pub url: String,
    /// The DNS name in the server's certificate.
    pub server_name: String,
    /// The agent's name, its endpoints and the rest of the server's answer.
    pub enrolled: Enrolled,
    /// The agent's own certificate and key.
    pub identity: Pair,
    /// What it believes.
    pub held: Held,
}

/// Uses the token up and keeps nothing: [`enroll`] without a disk.
pub async fn join(
    token: EnrolmentToken,
    clock: &dyn Clock,
    rng: &dyn Rng,
) -> Result<Joined, AgentError> {
    let pin: Fingerprint = token.root.parse().map_err(|_| AgentError::OtherRoot)?;
    let verifier = Arc::new(PinnedRoot::new(pin));
    let key = LocalKey::generate().map_err(AgentError::Key)?;
    let enrolled = ask(&token, &verifier, &key).await?;
    let root = Certificate::from_pem(&enrolled.root_pem)
        .map_err(StateError::Certificate)
        .map_err(AgentError::State)?;
    if root.fingerprint() != pin || enrolled.domain != token.domain {
        return Err(AgentError::OtherRoot);
    }
    let identity = identity(&enrolled, &key, rng).map_err(AgentError::State)?;
    let least = Edition::new(token.epoch, token.version);
    let pinned = Held::pinned(&token.domain, STREAM, root, least);
    let channel = Channel::build(&token.url, &token.server_name, verifier.clone(), Some(&identity))
        .map_err(AgentError::Channel)?;
    let held = first_package(&channel, &pinned, clock).await?;
    if !verifier.met().is_some_and(|key| held.server_keys().contains(&key)) {
        return Err(AgentError::ServerKey);
    }
    Ok(Joined { url: token.url, server_name: token.server_name, enrolled, identity, held })
}

async fn ask(
    token: &EnrolmentToken,
    verifier: &Arc<PinnedRoot>,
    key: &LocalKey,
) -> Result<Enrolled, AgentError> {
    let channel = Channel::build(&token.url, &token.server_name, verifier.clone(), None)
        .map_err(AgentError::Channel)?;
    let request = EnrollRequest {
        token_id: token.id.clone(),
        secret: token.secret.clone(),
        agent: token.agent.clone(),
        csr_pem: key.csr_pem(&[]).map_err(AgentError::Key)?,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    channel.enroll(&request).await.map_err(AgentError::Channel)
}

fn identity(enrolled: &Enrolled, key: &LocalKey, rng: &dyn Rng) -> Result<Pair, StateError> {
    let answer = CertificateAnswer {
        certificate_id: String::new(),
        authority: String::new(),
        certificate_pem: enrolled.certificate_pem.clone(),
        chain_pem: enrolled.chain_pem.clone(),
        staple: None,
    };
    Pair::new(answer, key.pem(), rng)
}

async fn first_package(
    channel: &Channel,
    pinned: &Held,
    clock: &dyn Clock,
) -> Result<Held, AgentError> {
    let limits = Limits::default();
    let (envelope, parts) =
        fetch_package(channel, pinned, &limits).await.map_err(|error| match error {
            FetchError::Channel(error) => AgentError::Channel(error),
            FetchError::Refused(refusal) => AgentError::Package(refusal),
        })?;
    let accepted = pinned.accept(&envelope, &parts, clock.now(), &limits);
    accepted.map(|acceptance| acceptance.held).map_err(AgentError::Package)
}

/// A package could not be fetched whole.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The server cannot be reached or says no.
    #[error("the package cannot be fetched")]
    Channel(#[source] ChannelError),
    /// What it sent is no package.
    #[error("the package is refused")]
    Refused(#[source] skink_trust::Refusal),
}

/// Fetches the package that is out, and the parts of it that are not held.
pub async fn fetch_package(
    channel: &Channel,
    held: &Held,
    limits: &Limits,
) -> Result<(Vec<u8>, Parts), FetchError> {
    let bytes = channel.package(limits).await.map_err(FetchError::Channel)?;
    let envelope = Envelope::parse(&bytes, limits).map_err(FetchError::Refused)?;
    let mut parts = Parts::new();
    // Two rounds: the envelope names anchors and status, the status names the CRLs.
    for _ in 0..2 {
        for digest in held.wanted(&envelope, &parts).map_err(FetchError::Refused)? {
            parts.insert(channel.part(digest, limits).await.map_err(FetchError::Channel)?);
        }
    }
    Ok((bytes, parts))
}

fn keep(state: &StateDir, joined: Joined) -> Result<(), StateError> {
    let Joined { url, server_name, enrolled, identity, held } = joined;
    // A name becomes part of a path: only what is a name comes in.
    let named = |spec: &skink_api::EndpointSpec| spec.name.parse::<EndpointName>().is_ok();
    let membership = Membership {
        agent: enrolled.agent,
        domain: enrolled.domain,
        url,
        server_name,
        endpoints: enrolled.endpoints.into_iter().filter(named).collect(),
    };
    state.save_identity(&identity)?;
    state.save_held(&held)?;
    state.save_membership(&membership)
}
