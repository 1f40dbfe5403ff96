//! What became of what agents were told: checked, then recorded.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use skink_api::agent::{self as wire, EndpointReport, PackageRef, Report};
use skink_api::{Code, Problem};
use skink_model::with_causes;
use skink_model::{
    Ack, AgentName, BarrierProof, CrlRead, DistrustProof, Endpoint, EndpointName, Installed,
    PackageVersion, PeerSeen, Time,
};
use skink_store::sightings::RootListSeen;
use skink_x509::crl::{Crl, CrlNumber};
use skink_x509::{Certificate, Fingerprint, PublicKey};

use super::records::Record;
use crate::app::App;
use crate::crl;
use crate::failure::{Failure, Result};
use crate::http::authorise::CallingAgent;
use crate::operators::parsed;
use crate::package;

/// A report, checked, ready for one transaction.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) clock_offset_ms: i64,
    pub(crate) acks: Vec<Ack>,
    pub(crate) barriers: Vec<BarrierProof>,
    pub(crate) distrusts: Vec<DistrustProof>,
    pub(crate) installed: Vec<(EndpointName, Installed)>,
    /// Endpoints that measured whom they accept, with whom.
    pub(crate) peers: Vec<(EndpointName, Vec<PeerSeen>)>,
    pub(crate) errors: Vec<(EndpointName, Option<String>)>,
    pub(crate) crls: Vec<CrlRead>,
    /// Lists of the root's that this server does not know.
    pub(crate) root_lists: Vec<RootListSeen>,
}

/// Records a report and wakes whoever waits for a gate. Of endpoints that are not the agent's (any
/// more) nothing is recorded; what it says of its own counts all the same.
pub(crate) async fn take(app: &App, agent: &CallingAgent, report: Report) -> Result<()> {
    let own = crate::db::endpoints_of(app, &agent.0).await?;
    let mut findings = Findings { clock_offset_ms: report.clock_offset_ms, ..Findings::default() };
    for one in report.endpoints {
        match own.iter().find(|endpoint| endpoint.name.as_str() == one.endpoint) {
            Some(endpoint) => endpoint_findings(app, agent, endpoint, one, &mut findings).await?,
            None => pass_over(&agent.0, &one.endpoint),
        }
    }
    for read in report.crls {
        let Some(found) = crl_read(&agent.0, &read, app.now())? else { continue };
        findings.root_lists.extend(root_list(app, &found, read.der.as_deref()).await?);
        findings.crls.push(found);
    }
    let record = Record { agent: agent.0.clone(), at: app.now(), findings };
    app.records().record(record).await?;
    if let Some(held) = &report.held
        && let Err(error) = package::overtake(app, &agent.0, held).await
    {
        let error = with_causes(&error);
        tracing::error!(error, "what an agent holds is not overtaken yet; it is tried again");
    }
    app.news().tell_incidents();
    Ok(())
}

fn pass_over(agent: &AgentName, endpoint: &str) {
    metrics::counter!(crate::metrics::REPORTS_PASSED_OVER).increment(1);
    tracing::warn!(
        agent.name = %agent,
        endpoint.name = endpoint,
        "an agent reports about an endpoint that is not its own; that is passed over"
    );
}

async fn endpoint_findings(
    app: &App,
    agent: &CallingAgent,
    endpoint: &Endpoint,
    report: EndpointReport,
    findings: &mut Findings,
) -> Result<()> {
    let (name, now) = (&endpoint.name, app.now());
    if let Some(ack) = &report.ack {
        findings.acks.push(verified(app, agent, name, ack, now).await?);
    }
    for proof in &report.barrier {
        findings.barriers.push(BarrierProof {
            endpoint: name.clone(),
            authority: parsed(&proof.authority)?,
            package: PackageVersion { epoch: proof.epoch, version: proof.version },
            digest: fingerprint(&proof.digest)?,
            handshakes: proof.handshakes,
            first: Time::from_millis(proof.first_ms),
            last: Time::from_millis(proof.last_ms),
            clock_offset_ms: findings.clock_offset_ms,
            at: now,
        });
    }
    for proof in &report.distrust {
        findings.distrusts.push(distrust(name, proof, now)?);
    }
    if let Some(installed) = &report.installed {
        let found = installation(app, installed).await?;
        findings.installed.push((name.clone(), found));
    }
    if report.peers_measured {
        let clock = (findings.clock_offset_ms, now);
        let seen = report.peers.iter().map(|peer| peer_seen(name, peer, clock));
        findings.peers.push((name.clone(), seen.collect::<Result<_>>()?));
    }
    findings.errors.push((name.clone(), report.error));
    Ok(())
}

/// An acknowledgement counts only with the agent's own signature over what it runs and a fresh
/// nonce.
async fn verified(
    app: &App,
    agent: &CallingAgent,
    endpoint: &EndpointName,
    ack: &wire::Ack,
    now: Time,
) -> Result<Ack> {
    let bad = |why: &str| {
        let detail = format!("the acknowledgement of {endpoint}: {why}");
        Failure::from(Problem::new(Code::BadSignature, detail).hint("poll, and sign the new nonce"))
    };
    if !app.nonces().is_fresh(&ack.nonce, &agent.0, now) {
        return Err(bad("its nonce is not fresh"));
    }
    let package = PackageRef { epoch: ack.epoch, version: ack.version, digest: ack.digest.clone() };
    let input = wire::Ack::signing_input(agent.0.as_str(), endpoint.as_str(), &package, &ack.nonce);
    let signature = STANDARD.decode(&ack.signature).map_err(|_| bad("its signature is garbled"))?;
    let keys = crate::db::agent_keys(app, &agent.0).await?;
    let verifies = |spki: &[u8]| {
        PublicKey::from_spki_der(spki).is_ok_and(|key| {
            key.verify(key.algorithm().signature_algorithm(), &input, &signature).is_ok()
        })
    };
    if !keys.iter().any(|key| verifies(&key.spki_der)) {
        return Err(bad("it is not signed with an enrolled key"));
    }
    Ok(Ack {
        endpoint: endpoint.clone(),
        epoch: ack.epoch,
        version: ack.version,
        digest: fingerprint(&ack.digest)?,
        agent: agent.0.clone(),
        nonce: ack.nonce.clone(),
        signature,
        at: now,
    })
}

/// When it was seen by this server's clock, which is what the quiet gate goes by; the host's is
/// `offset_ms` ahead of it.
fn peer_seen(
    endpoint: &EndpointName,
    peer: &wire::PeerSeen,
    (offset_ms, now): (i64, Time),
) -> Result<PeerSeen> {
    let seen = Time::from_millis(peer.last_seen_ms.saturating_sub(offset_ms));
    Ok(PeerSeen {
        endpoint: endpoint.clone(),
        fingerprint: fingerprint(&peer.fingerprint)?,
        authority: peer.authority.as_deref().map(parsed).transpose()?,
        last_seen: seen.min(now),
    })
}

fn distrust(
    endpoint: &EndpointName,
    proof: &wire::DistrustProof,
    now: Time,
) -> Result<DistrustProof> {
    Ok(DistrustProof {
        endpoint: endpoint.clone(),
        authority: parsed(&proof.authority)?,
        package: PackageVersion { epoch: proof.epoch, version: proof.version },
        digest: fingerprint(&proof.digest)?,
        refusal: proof.refusal.clone(),
        refused_at: Time::from_millis(proof.refused_at_ms),
        control_authority: parsed(&proof.control_authority)?,
        control_at: Time::from_millis(proof.control_at_ms),
        at: now,
    })
}

/// The row says who signed it: an agent's word counts only for certificates that are not ours.
async fn installation(app: &App, installed: &wire::Installed) -> Result<Installed> {
    let fingerprint = fingerprint(&installed.fingerprint)?;
    let row = crate::db::certificate_by_fingerprint(app, &fingerprint).await?;
    let authority = match &row {
        Some(row) => row.authority.clone(),
        None => parsed(&installed.authority)?,
    };
    Ok(Installed {
        fingerprint,
        certificate: row.map(|row| row.id),
        authority: Some(authority),
        // Older news changes nothing, so none may be from the future.
        proven_at: Time::from_millis(installed.proven_at_ms).min(app.now()),
        rolled_back: installed.rolled_back,
    })
}

fn crl_read(agent: &AgentName, read: &wire::CrlRead, now: Time) -> Result<Option<CrlRead>> {
    let scope = crl::scope_of(&read.scope)
        .ok_or_else(|| Failure::malformed(format!("{} is no scope", read.scope)))?;
    // A number beyond what this server counts is none of its lists.
    let Ok(number) = read.number.parse() else { return Ok(None) };
    Ok(Some(CrlRead {
        agent: agent.clone(),
        scope: scope.to_owned(),
        number,
        digest: fingerprint(&read.digest)?,
        at: now,
    }))
}

/// Most bytes of a list of the root's: one partition has one entry at most.
const ROOT_LIST_MAX: usize = 64 << 10;

/// A list that the root signed, and that this server has forgotten. An agent's word alone is no
/// floor: a stolen host would keep every recovery kit shut with it.
async fn root_list(app: &App, read: &CrlRead, der: Option<&str>) -> Result<Option<RootListSeen>> {
    let Some(der) = der.filter(|der| der.len() <= ROOT_LIST_MAX) else { return Ok(None) };
    let published = || app.published().crl(&crl::path(&read.scope));
    if !read.scope.starts_with(crl::OF_ROOT)
        || published()
            .and_then(|list| list.body.whole().ok())
            .is_some_and(|list| Fingerprint::of(&list) == read.digest)
        || crate::db::knows_crl(app, &read.scope, read.number, &read.digest).await?
    {
        return Ok(None);
    }
    let root = Certificate::from_pem(&app.root_pem().await?).map_err(Failure::Stored)?;
    let seen = STANDARD.decode(der).ok().and_then(|der| by_root(app, &root, read, der));
    if seen.is_none() {
        tracing::warn!(
            agent.name = %read.agent,
            crl.scope = read.scope,
            crl.number = read.number,
            "an agent tells of a list of the root's that the root has not signed"
        );
    }
    Ok(seen)
}

fn by_root(app: &App, root: &Certificate, read: &CrlRead, der: Vec<u8>) -> Option<RootListSeen> {
    let list = Crl::from_der(&der).ok()?;
    let uri = format!("{}{}", app.locations().base(), crl::path(&read.scope));
    let scope = list.issuing_distribution_point().map(|point| point.uris.clone());
    let genuine = list.issuer() == root.subject()
        && list.verify_signed_by(root.public_key()).is_ok()
        && list.number().and_then(CrlNumber::to_u64) == Some(read.number)
        && scope == Some(vec![uri])
        && list.fingerprint() == read.digest;
    genuine.then(|| RootListSeen {
        scope: read.scope.clone(),
        number: read.number,
        this_update: list.this_update(),
        digest: read.digest,
        der,
        agent: read.agent.clone(),
        at: read.at,
    })
}

fn fingerprint(text: &str) -> Result<Fingerprint> {
    text.parse().map_err(|_| Failure::malformed(format!("{text:?} is no SHA-256 in hex")))
}
