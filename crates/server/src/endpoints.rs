//! Endpoints: where certificates are used.

use skink_api::{Endpoint, EndpointSpec, EndpointTrust, Page, PageQuery};
use skink_model::EndpointName;

use crate::app::App;
use crate::failure::{Failure, Result};
use crate::http::authorise::Person;
use crate::views;

/// How many items a page has unless said, and at most.
pub(crate) fn page_size(limit: Option<u32>) -> u32 {
    limit.unwrap_or(100).clamp(1, 1000)
}

pub(crate) async fn list(app: &App, query: &PageQuery) -> Result<Page<Endpoint>> {
    let size = page_size(query.limit);
    let rows = crate::db::endpoints(app, query.after.as_deref(), size).await?;
    let next = next(&rows, size, |row| row.name.to_string());
    let mut items = Vec::with_capacity(rows.len());
    for row in &rows {
        items.push(described(app, row).await?);
    }
    Ok(Page { items, next })
}

/// Where the next page begins, if this one is full.
pub(crate) fn next<T>(rows: &[T], size: u32, key: impl Fn(&T) -> String) -> Option<String> {
    let full = u32::try_from(rows.len()).is_ok_and(|count| count >= size);
    rows.last().filter(|_| full).map(key)
}

pub(crate) async fn show(app: &App, name: &EndpointName) -> Result<Endpoint> {
    let row = crate::db::endpoint(app, name).await?;
    described(app, &row).await
}

pub(crate) async fn create(app: &App, by: &Person, spec: &EndpointSpec) -> Result<Endpoint> {
    let row = checked(app, spec).await?;
    crate::db::insert_endpoint(app, &row, &by.stamp(app.now())).await?;
    described(app, &row).await
}

/// Tells an endpoint's agent to renew from the issuer's active authority.
pub(crate) async fn renew(app: &App, by: &Person, name: &EndpointName) -> Result<Endpoint> {
    let row = crate::db::endpoint(app, name).await?;
    let active = app.active_authority(&row.issuer).await?;
    let active = active.ok_or_else(|| Failure::conflict("the issuer has no active authority"))?;
    crate::db::order_renewal(app, name, &active.id).await?;
    tracing::info!(endpoint.name = %name, by = %by.name, "a renewal was ordered");
    app.waiting().ordered(&row.agent);
    app.news().tell_orders();
    described(app, &row).await
}

/// A row for what was sent, if issuer and profile are there.
pub(crate) async fn checked(app: &App, spec: &EndpointSpec) -> Result<skink_model::Endpoint> {
    let row = views::endpoint_row(spec).map_err(|error| Failure::malformed(error.to_string()))?;
    let issuer = crate::db::issuer(app, &row.issuer).await?;
    app.profile(&row.profile)?;
    if !issuer.profiles.contains(&row.profile) {
        let detail = format!("{} does not serve the profile {}", issuer.name, row.profile);
        return Err(Failure::malformed(detail));
    }
    if row.names.is_empty() {
        return Err(Failure::malformed(format!("endpoint {} has no names", row.name)));
    }
    Ok(row)
}

async fn described(app: &App, row: &skink_model::Endpoint) -> Result<Endpoint> {
    let facts = crate::db::endpoint_facts(app, row).await?;
    let installed = row.installed.as_ref();
    Ok(Endpoint {
        spec: views::endpoint_spec(row),
        certificate: installed.and_then(|one| one.certificate.as_ref()).map(ToString::to_string),
        authority: installed.and_then(|one| one.authority.as_ref()).map(ToString::to_string),
        not_after_ms: facts.not_after.map(skink_model::Time::as_millis),
        trust: facts.ack.map(|ack| EndpointTrust {
            epoch: ack.epoch,
            version: ack.version,
            digest: ack.digest.to_string(),
            at_ms: ack.at.as_millis(),
        }),
        past: facts.past.iter().map(ToString::to_string).collect(),
        refuses: facts.refuses.iter().map(ToString::to_string).collect(),
        last_seen_ms: facts.last_seen.map(skink_model::Time::as_millis),
        error: row.error.clone(),
    })
}
