//! *Issue*: request → authenticated channel → validated profile → intended row → linted with a
//! throwaway key → ticket → signed by the provider, verified → settled → stored → answered.

use std::time::Duration;

use skink_api::{Code, Problem};
use skink_authority::{Applicant, Issued, Issuing, Linted, Refusal, Refused, Row};
use skink_model::{
    AgentName, Authority, AuthorityId, CertificateId, CertificateKind, CertificateRow,
    CertificateState, Channel, EndpointName, IncidentId, IssuerName, ProfileName, Stamp, Time,
};
use skink_signer::AttemptPurpose;
use skink_store::revocations::SerialStatus;
use skink_store::{Refusal as StoreRefusal, StoreError};
use skink_x509::{Certificate, Csr, GeneralName, Serial};
use tokio::task::JoinHandle;

use crate::app::App;
use crate::failure::{Failure, Result};
use crate::ids;

/// What is asked for, by whom, after the channel has said who that is.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) issuer: IssuerName,
    /// A certain generation instead of the active one.
    pub(crate) authority: Option<AuthorityId>,
    pub(crate) profile: ProfileName,
    pub(crate) kind: CertificateKind,
    pub(crate) applicant: Applicant,
    pub(crate) channel: Channel,
    pub(crate) by: Stamp,
    pub(crate) endpoint: Option<EndpointName>,
    pub(crate) agent: Option<AgentName>,
    /// The incident in whose closing set it belongs: signed although the authority is tainted.
    pub(crate) closing: Option<IncidentId>,
}

/// What is answered.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) id: CertificateId,
    pub(crate) authority: AuthorityId,
    pub(crate) certificate: Certificate,
    pub(crate) chain_pem: String,
}

/// What would be issued.
pub(crate) struct Preview {
    pub(crate) authority: AuthorityId,
    pub(crate) not_before: Time,
    pub(crate) not_after: Time,
}

/// A PKCS#10 with a good proof of possession.
pub(crate) fn applicant(csr_pem: &str) -> Result<Applicant> {
    let bad = |detail: String| Failure::from(Problem::new(Code::BadCsr, detail));
    let csr = Csr::from_pem(csr_pem)
        .map_err(|error| bad(format!("the request cannot be read: {error}")))?;
    if csr.wants_ca() {
        return Err(bad("nobody becomes an authority by asking here".to_owned()));
    }
    Applicant::from_csr(&csr).map_err(|error| bad(error.to_string()))
}

/// Refuses names that `allowed` does not have. A stolen host is one host's problem.
pub(crate) fn only_names(applicant: &Applicant, allowed: &[String], whose: &str) -> Result<()> {
    let refused = applicant.names.iter().map(name_text).find(|name| !allowed.contains(name));
    match refused {
        Some(name) => {
            let detail = format!("{whose} may have {}, not {name}", allowed.join(", "));
            Err(Problem::new(Code::NameNotAllowed, detail).into())
        }
        None => Ok(()),
    }
}

/// A name without its kind.
pub(crate) fn name_text(name: &GeneralName) -> String {
    match name {
        GeneralName::Dns(text) | GeneralName::Uri(text) | GeneralName::Email(text) => text.clone(),
        GeneralName::Ip(ip) => ip.to_string(),
        other => other.to_string(),
    }
}

/// Issues one certificate. Once begun it is carried to its end even if whoever asked goes away: what
/// was asked for is settled, and what was signed is stored.
pub(crate) async fn issue(app: &App, order: Order) -> Result<Delivery> {
    let app = app.clone();
    carried(tokio::spawn(async move { go(&app, order, false).await })).await
}

async fn carried(issuing: JoinHandle<Result<Delivery>>) -> Result<Delivery> {
    issuing.await.unwrap_or_else(|_| Err(Failure::Stopping))
}

/// `once` leaves it to the database whether the same certificate is on its way elsewhere.
async fn go(app: &App, order: Order, once: bool) -> Result<Delivery> {
    let authority = authority_for(app, &order).await?;
    let (mut row, linted) = intend(app, &order, &authority)?;
    if let Some(endpoint) = order.endpoint.as_ref().filter(|_| order.kind == CertificateKind::Leaf)
    {
        row.replaces = crate::db::newest_leaf(app, endpoint).await?.map(|before| before.id);
    }
    let purpose = match order.closing {
        Some(_) => AttemptPurpose::ClosingSet,
        None => AttemptPurpose::Certificate,
    };
    let request = linted.request(purpose, order.closing);
    let replaces = row.replaces.clone();
    let ticket = app.writes().begin(row, request, once).await?;
    let message = linted.bytes().to_vec();
    let (writer, by) = (app.clone(), order.by);
    let conclude = move |signed, settlement| async move {
        writer.writes().conclude(linted, signed, settlement, replaces, by).await
    };
    let issued =
        app.signer().sign_and(ticket, message, conclude).await.map_err(Failure::Sign)??;
    metrics::counter!(crate::metrics::CERTIFICATES_ISSUED, "authority" => issued.authority.to_string())
        .increment(1);
    tracing::info!(
        certificate.id = %issued.id,
        certificate.serial = %issued.certificate.serial(),
        certificate.authority = %issued.authority,
        certificate.profile = %issued.profile,
        "a certificate was issued"
    );
    let chain_pem = app.chain_pem(&issued.authority).await?;
    let Issued { id, authority, certificate, .. } = issued;
    Ok(Delivery { id, authority, certificate, chain_pem })
}

/// What was issued for this very order before, else one certificate: of requests that are the same,
/// at the same time or after an answer was lost, all get the same.
pub(crate) async fn issue_once(app: &App, order: Order) -> Result<Delivery> {
    let app = app.clone();
    carried(tokio::spawn(async move { go_once(&app, order).await })).await
}

async fn go_once(app: &App, order: Order) -> Result<Delivery> {
    let _one_at_a_time = app.asking(&order.applicant.public_key.digest()).lock().await;
    for _ in 0..LOOKS {
        if let Some(before) = issued_before(app, &order).await? {
            return Ok(before);
        }
        match go(app, order.clone(), app.store().is_shared()).await {
            Err(Failure::Store(StoreError::Refused(StoreRefusal::AskedAlready(_)))) => {}
            done => return done,
        }
        // Another server is at it.
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    let detail = "the same certificate is on its way; ask again in a moment";
    Err(Problem::new(Code::Unavailable, detail).retry_after(5).into())
}

/// How often, and how soon each time, a server looks for what another one is issuing.
const LOOKS: u32 = 50;
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// What was issued for this very order before: same key, names, profile and place, of the authority
/// that issues now, and still good. An agent asks again with its key when an answer did not reach
/// it; a second certificate would be one that nobody installs.
async fn issued_before(app: &App, order: &Order) -> Result<Option<Delivery>> {
    let Some(active) = app.active_authority(&order.issuer).await? else { return Ok(None) };
    let known = crate::db::certificates_of_key(app, &order.applicant.public_key.digest()).await?;
    let same = known.into_iter().find(|row| {
        row.state == CertificateState::Issued
            && row.authority == active.id
            && row.kind == order.kind
            && row.profile == order.profile
            && row.endpoint == order.endpoint
            && row.agent == order.agent
            && row.replaced_by.is_none()
            && row.not_after > app.now()
    });
    let Some(row) = same else { return Ok(None) };
    let status = crate::db::serial_statuses(app, &row.authority, std::slice::from_ref(&row.serial));
    if !matches!(status.await?[..], [SerialStatus::Good]) {
        return Ok(None);
    }
    let der = crate::db::certificate_der(app, &row.id).await?;
    let der = der.ok_or(Failure::Bug("an issued certificate without its DER"))?;
    let certificate = Certificate::from_der(&der).map_err(Failure::Stored)?;
    let (has, asked) = (certificate.subject_alt_names(), &order.applicant.names);
    if has.len() != asked.len() || !asked.iter().all(|name| has.contains(name)) {
        return Ok(None);
    }
    let chain_pem = app.chain_pem(&row.authority).await?;
    Ok(Some(Delivery { id: row.id, authority: row.authority, certificate, chain_pem }))
}

/// Says what would be issued: linted, not signed, nothing written.
pub(crate) async fn preview(app: &App, order: &Order) -> Result<Preview> {
    let authority = authority_for(app, order).await?;
    let (row, _) = intend(app, order, &authority)?;
    Ok(Preview { authority: row.authority, not_before: row.not_before, not_after: row.not_after })
}

/// The authority that is to sign. Whether it may is asked again in the transaction of the ticket.
async fn authority_for(app: &App, order: &Order) -> Result<Authority> {
    let found = match &order.authority {
        Some(id) => Some(app.authority(id).await?),
        None => app.active_authority(&order.issuer).await?,
    };
    let Some(authority) = found else { return Err(nobody_issues(app, &order.issuer).await?) };
    let first = matches!(
        order.kind,
        CertificateKind::Canary | CertificateKind::Probe | CertificateKind::Ocsp
    );
    if !authority.barrier_open && !first {
        let detail =
            format!("{} signs probe certificates only until everybody trusts it", authority.id);
        let after = app.settings().incident().retry_after_s;
        return Err(Problem::new(Code::BarrierClosed, detail).retry_after(after).into());
    }
    Ok(authority)
}

/// Why an issuer has no active authority, and when to come back.
async fn nobody_issues(app: &App, issuer: &IssuerName) -> Result<Failure> {
    let all = crate::db::authorities(app).await?;
    let mut own = all.into_iter().filter(|one| one.issuer == *issuer);
    let tainted = own.find_map(|one| one.taint.map(|taint| (one.id, taint.incident)));
    let after = app.settings().incident().retry_after_s;
    let problem = if let Some((id, incident)) = tainted {
        let detail = format!("{id} is tainted ({incident}) and {issuer} has no successor yet");
        Problem::new(Code::AuthorityTainted, detail)
            .hint("its successor will issue under the same issuer name; come back")
    } else {
        let detail = format!("{issuer} has no active authority");
        Problem::new(Code::NoActiveAuthority, detail)
    };
    Ok(problem.retry_after(after).into())
}

fn intend(app: &App, order: &Order, authority: &Authority) -> Result<(CertificateRow, Linted)> {
    let (profile, now) = (app.profile(&order.profile)?, app.now());
    let id: CertificateId =
        ids::in_order(now, app.random()).parse().map_err(|_| Failure::Bug("a certificate's id"))?;
    let serial = Serial::in_order(ids::millis(now), app.random());
    let signing = app.signing_authority(authority)?;
    let issuing = Issuing { authority: &signing, locations: app.locations(), now };
    // Whether the key is blocked is asked in the transaction that records the intention.
    let partition = crate::crl::partition_of(authority, &serial);
    let row = Row { id: id.clone(), serial: serial.clone(), partition, blocked: None };
    let intended =
        profile.intend(row, &order.applicant, &issuing).map_err(|error| refused(&error))?;
    let (not_before, not_after) = (intended.spec().not_before, intended.spec().not_after);
    let linted = intended.lint().map_err(Failure::Lint)?;
    let names: Vec<String> = order.applicant.names.iter().map(name_text).collect();
    let fallback = || order.applicant.common_name.clone().unwrap_or_else(|| id.to_string());
    let row = CertificateRow {
        name: names.first().cloned().unwrap_or_else(fallback),
        id,
        authority: authority.id.clone(),
        serial,
        kind: order.kind,
        state: CertificateState::Linted,
        profile: order.profile.clone(),
        names,
        key_digest: order.applicant.public_key.digest(),
        partition,
        not_before,
        not_after,
        channel: order.channel,
        requested_by: order.by.actor.to_string(),
        endpoint: order.endpoint.clone(),
        agent: order.agent.clone(),
        replaces: None,
        replaced_by: None,
        created_at: now,
        issued_at: None,
        fingerprint: None,
    };
    Ok((row, linted))
}

/// Every reason against it in the detail; the first one gives the code.
fn refused(refused: &Refused) -> Failure {
    let code = match refused.0.first() {
        Some(Refusal::Key { .. } | Refusal::KeyAlgorithm { .. }) => Code::WeakKey,
        Some(Refusal::Name { .. } | Refusal::NoName { .. } | Refusal::CommonName { .. }) => {
            Code::NameNotAllowed
        }
        Some(Refusal::Lifetime { .. } | Refusal::BeyondIssuer { .. }) => Code::LifetimeNotAllowed,
        _ => Code::Conflict,
    };
    Problem::new(code, refused.to_string()).into()
}
