//! Letting an agent in, once, by its token.

use skink_api::agent::{EnrollRequest, Enrolled};
use skink_model::{AgentKey, AgentName, CertificateKind, Channel, Stamp, TokenId};
use skink_x509::Fingerprint;

use crate::app::{App, CONTROL};
use crate::failure::{Failure, Result};
use crate::issue::{self, Order};
use crate::operators::parsed;
use crate::{package, secrets, views};

/// The profile of agents' own certificates.
pub(crate) const PROFILE: &str = "control-agent";

/// The token is used up in the transaction that lets the agent in: whoever brings it twice gets
/// nothing that opens a door, and after a crash before that it is as good as it was.
pub(crate) async fn enroll(app: &App, request: EnrollRequest) -> Result<Enrolled> {
    let (agent, id): (AgentName, TokenId) = (parsed(&request.agent)?, parsed(&request.token_id)?);
    let applicant = applicant(&request.csr_pem, &agent)?;
    let now = app.now();
    let by = Stamp::agent(agent.clone(), now);
    let secret = Fingerprint::from_bytes(secrets::hash(&request.secret));
    let token = crate::db::usable_token(app, &id, &secret, &agent).await?;
    let latest = crate::db::latest_package(app).await?;
    let latest = latest.ok_or_else(|| Failure::not_found("trust package", "yet"))?;
    let spki_der = applicant.public_key.spki_der().to_vec();
    let key_digest = applicant.public_key.digest();
    let order = Order {
        issuer: parsed(CONTROL)?,
        authority: None,
        profile: parsed(PROFILE)?,
        kind: CertificateKind::Control,
        applicant,
        channel: Channel::Agent,
        by: by.clone(),
        endpoint: None,
        agent: Some(agent.clone()),
        closing: None,
    };
    let delivery = issue::issue(app, order).await?;
    let row = skink_model::Agent {
        name: agent.clone(),
        token: token.id.clone(),
        version: request.version,
        enrolled_at: now,
        last_seen: Some(now),
        clock_offset_ms: None,
        disabled_at: None,
    };
    let key = AgentKey {
        agent: agent.clone(),
        fingerprint: delivery.certificate.fingerprint(),
        key_digest,
        spki_der,
        added_at: now,
        not_after: delivery.certificate.not_after(),
    };
    crate::db::enroll(app, &secret, &row, &key, &by).await?;
    let endpoints = crate::db::endpoints_of(app, &agent).await?;
    // Its endpoints may have orders from before.
    app.waiting().ordered([&agent]);
    app.news().tell_orders();
    tracing::info!(agent.name = %agent, "an agent enrolled");
    Ok(Enrolled {
        agent: agent.to_string(),
        domain: app.settings().domain().to_owned(),
        certificate_pem: delivery.certificate.to_pem(),
        chain_pem: delivery.chain_pem,
        root_pem: app.root_pem().await?,
        endpoints: endpoints.iter().map(views::endpoint_spec).collect(),
        package: package::reference(&latest),
        server_time_ms: app.now().as_millis(),
    })
}

/// The name in an agent's certificate is the token's, whatever the request says.
pub(crate) fn applicant(csr_pem: &str, agent: &AgentName) -> Result<skink_authority::Applicant> {
    let mut applicant = issue::applicant(csr_pem)?;
    applicant.names = vec![skink_x509::GeneralName::Dns(format!("{}.agent.skink", label(agent)))];
    applicant.common_name = Some(agent.to_string());
    applicant.lifetime = None;
    Ok(applicant)
}

/// Underscores and dots of an agent's name have no place at the borders of a host name's labels.
fn label(agent: &AgentName) -> String {
    agent.as_str().replace(['_', '.'], "-").trim_matches('-').to_owned()
}
