//! Certificates, for operators.

use std::time::Duration;

use skink_api::{Certificate, CertificateQuery, IssueRequest, IssuedCertificate, Page};
use skink_model::{CertificateId, CertificateKind, Channel, EndpointName};

use crate::app::App;
use crate::endpoints::{next, page_size};
use crate::failure::{Failure, Result};
use crate::http::authorise::Person;
use crate::issue::{self, Order};
use crate::operators::parsed;
use crate::views;

pub(crate) async fn issue(
    app: &App,
    by: &Person,
    request: &IssueRequest,
) -> Result<IssuedCertificate> {
    let mut applicant = issue::applicant(&request.csr_pem)?;
    applicant.lifetime = request.lifetime_s.map(Duration::from_secs);
    let endpoint: Option<EndpointName> = request.endpoint.as_deref().map(parsed).transpose()?;
    if let Some(name) = &endpoint {
        let row = crate::db::endpoint(app, name).await?;
        issue::only_names(&applicant, &row.names, name.as_str())?;
    }
    let issuer = app.issuer(&parsed(&request.issuer)?).await?;
    let profile = parsed(&request.profile)?;
    if !issuer.profiles.contains(&profile) {
        let detail = format!("{} serves no profile {profile}", issuer.name);
        return Err(skink_api::Problem::new(skink_api::Code::UnknownProfile, detail).into());
    }
    let order = Order {
        issuer: issuer.name,
        authority: None,
        profile,
        kind: CertificateKind::Leaf,
        applicant,
        channel: Channel::Api,
        by: by.stamp(app.now()),
        endpoint,
        agent: None,
        closing: None,
    };
    if request.dry_run {
        return preview(app, &order).await;
    }
    let delivery = if request.once {
        issue::issue_once(app, order).await?
    } else {
        issue::issue(app, order).await?
    };
    let certificate = &delivery.certificate;
    Ok(IssuedCertificate {
        id: delivery.id.to_string(),
        authority: delivery.authority.to_string(),
        serial: certificate.serial().to_string(),
        fingerprint: certificate.fingerprint().to_string(),
        not_before_ms: certificate.not_before().as_millis(),
        not_after_ms: certificate.not_after().as_millis(),
        certificate_pem: certificate.to_pem(),
        chain_pem: delivery.chain_pem,
    })
}

async fn preview(app: &App, order: &Order) -> Result<IssuedCertificate> {
    let preview = issue::preview(app, order).await?;
    Ok(IssuedCertificate {
        id: String::new(),
        authority: preview.authority.to_string(),
        serial: String::new(),
        fingerprint: String::new(),
        not_before_ms: preview.not_before.as_millis(),
        not_after_ms: preview.not_after.as_millis(),
        certificate_pem: String::new(),
        chain_pem: String::new(),
    })
}

pub(crate) async fn list(app: &App, query: &CertificateQuery) -> Result<Page<Certificate>> {
    let size = page_size(query.limit);
    let wanted = skink_store::certificates::CertificateQuery {
        prefix: query.prefix.clone(),
        authority: query.authority.as_deref().map(parsed).transpose()?,
        endpoint: query.endpoint.as_deref().map(parsed).transpose()?,
        after: query.after.as_deref().map(parsed).transpose()?,
        limit: size,
    };
    let rows = crate::db::certificates(app, &wanted).await?;
    let next = next(&rows, size, |row| row.id.to_string());
    let mut items = Vec::with_capacity(rows.len());
    for row in &rows {
        items.push(described(app, row).await?);
    }
    Ok(Page { items, next })
}

pub(crate) async fn show(app: &App, id: &CertificateId) -> Result<Certificate> {
    let row = crate::db::certificate(app, id).await?;
    let mut shown = described(app, &row).await?;
    if let Some(der) = crate::db::certificate_der(app, id).await? {
        let certificate = skink_x509::Certificate::from_der(&der).map_err(Failure::Stored)?;
        shown.certificate_pem = Some(certificate.to_pem());
        shown.subject = certificate.subject().to_string();
    }
    Ok(shown)
}

async fn described(app: &App, row: &skink_model::CertificateRow) -> Result<Certificate> {
    let revocation = crate::db::revocation(app, &row.id).await?;
    let authority = app.authority(&row.authority).await?;
    Ok(views::certificate(row, &authority.issuer, revocation.as_ref(), app.now()))
}
