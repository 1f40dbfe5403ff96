//! Certificates for agents: what their token named, and nothing else.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use skink_api::agent::{CertificateAnswer, CertificateRequest, Purpose};
use skink_api::{Code, Problem};
use skink_model::{AgentKey, CertificateKind, Channel, EndpointName, IssuerName, Stamp};
use skink_x509::GeneralName;

use super::enroll;
use crate::app::{App, CONTROL};
use crate::failure::{Failure, Result};
use crate::http::authorise::CallingAgent;
use crate::issue::{self, Delivery, Order};
use crate::ocsp;
use crate::operators::parsed;

/// The profile of canaries.
const CANARY: &str = "canary";

pub(crate) async fn answer(
    app: &App,
    agent: &CallingAgent,
    request: &CertificateRequest,
) -> Result<CertificateAnswer> {
    let delivery = match request.purpose {
        Purpose::Leaf => leaf(app, agent, request).await?,
        Purpose::Canary => canary(app, agent, request).await?,
        Purpose::Control => control(app, agent, request).await?,
    };
    let staple = match request.purpose {
        Purpose::Leaf => {
            ocsp::staple(app, &delivery.authority, delivery.certificate.serial()).await?
        }
        Purpose::Canary | Purpose::Control => None,
    };
    Ok(CertificateAnswer {
        certificate_id: delivery.id.to_string(),
        authority: delivery.authority.to_string(),
        certificate_pem: delivery.certificate.to_pem(),
        chain_pem: delivery.chain_pem,
        staple: staple.map(|der| STANDARD.encode(der)),
    })
}

async fn leaf(app: &App, agent: &CallingAgent, request: &CertificateRequest) -> Result<Delivery> {
    let name = request.endpoint.as_deref();
    let name = name.ok_or_else(|| Failure::malformed("a leaf is for an endpoint"))?;
    let endpoint = crate::db::endpoint(app, &parsed::<EndpointName>(name)?).await?;
    if endpoint.agent.as_ref() != Some(&agent.0) {
        let detail = format!("{name} is not an endpoint of {}", agent.0);
        return Err(Problem::new(Code::Forbidden, detail).into());
    }
    let applicant = issue::applicant(&request.csr_pem)?;
    issue::only_names(&applicant, &endpoint.names, name)?;
    let order = Order {
        issuer: endpoint.issuer,
        authority: None,
        profile: endpoint.profile,
        kind: CertificateKind::Leaf,
        applicant,
        channel: Channel::Agent,
        by: Stamp::agent(agent.0.clone(), app.now()),
        endpoint: Some(endpoint.name),
        agent: Some(agent.0.clone()),
        closing: None,
    };
    issue::issue_once(app, order).await
}

/// The agent's standing canary of an issuer's active generation. It carries the names of all its
/// endpoints there, so that a probe is as convincing as a thief would be.
async fn canary(app: &App, agent: &CallingAgent, request: &CertificateRequest) -> Result<Delivery> {
    let issuer = request.issuer.as_deref();
    let issuer = issuer.ok_or_else(|| Failure::malformed("a canary is of an issuer"))?;
    let issuer: IssuerName = parsed(issuer)?;
    let endpoints = crate::db::endpoints_of(app, &agent.0).await?;
    let own = || endpoints.iter().filter(|endpoint| endpoint.issuer == issuer);
    if own().next().is_none() {
        let detail = format!("{} has no endpoint with certificates of {issuer}", agent.0);
        return Err(Problem::new(Code::Forbidden, detail).into());
    }
    let mut applicant = issue::applicant(&request.csr_pem)?;
    let names: BTreeSet<&String> = own().flat_map(|endpoint| &endpoint.names).collect();
    applicant.names = names.into_iter().map(|name| general_name(name)).collect();
    let order = Order {
        issuer,
        authority: None,
        profile: parsed(CANARY)?,
        kind: CertificateKind::Canary,
        applicant,
        channel: Channel::Agent,
        by: Stamp::agent(agent.0.clone(), app.now()),
        endpoint: None,
        agent: Some(agent.0.clone()),
        closing: None,
    };
    issue::issue_once(app, order).await
}

/// A further certificate under control, for the key that the request proves.
async fn control(
    app: &App,
    agent: &CallingAgent,
    request: &CertificateRequest,
) -> Result<Delivery> {
    let applicant = enroll::applicant(&request.csr_pem, &agent.0)?;
    let by = Stamp::agent(agent.0.clone(), app.now());
    let (spki_der, key_digest) =
        (applicant.public_key.spki_der().to_vec(), applicant.public_key.digest());
    let order = Order {
        issuer: parsed(CONTROL)?,
        authority: None,
        profile: parsed(enroll::PROFILE)?,
        kind: CertificateKind::Control,
        applicant,
        channel: Channel::Agent,
        by: by.clone(),
        endpoint: None,
        agent: Some(agent.0.clone()),
        closing: None,
    };
    let delivery = issue::issue(app, order).await?;
    let key = AgentKey {
        agent: agent.0.clone(),
        fingerprint: delivery.certificate.fingerprint(),
        key_digest,
        spki_der,
        added_at: app.now(),
        not_after: delivery.certificate.not_after(),
    };
    crate::db::insert_agent_key(app, &key).await?;
    Ok(delivery)
}

fn general_name(text: &str) -> GeneralName {
    match text.parse() {
        Ok(ip) => GeneralName::Ip(ip),
        Err(_) if text.contains("://") => GeneralName::Uri(text.to_owned()),
        Err(_) => GeneralName::Dns(text.to_owned()),
    }
}
