//! Issuers, authorities, profiles and keys: reading, freezing, activating.

use skink_api as api;
use skink_model::{
    Authority, AuthorityId, AuthorityState, Issuer, IssuerKind, KeyState, ProfileName, Stamp,
};
use skink_store::attempts;
use skink_x509::oid;

use crate::app::App;
use crate::endpoints::{next, page_size};
use crate::failure::{Failure, Result};
use crate::http::authorise::Person;
use crate::operators::parsed;
use crate::words::Wire as _;
use crate::{crl, package, responders, views};

/// The id of an authority that a path names.
pub(crate) fn id(text: &str) -> Result<AuthorityId> {
    text.parse().map_err(|_| Failure::not_found("authority", text))
}

pub(crate) async fn issuers(app: &App) -> Result<Vec<api::Issuer>> {
    let authorities = crate::db::authorities(app).await?;
    let rows = crate::db::issuers(app).await?;
    Ok(rows.iter().map(|row| issuer_view(row, &authorities)).collect())
}

fn issuer_view(row: &Issuer, authorities: &[Authority]) -> api::Issuer {
    let own = || authorities.iter().filter(|one| one.issuer == row.name);
    let newest_in = |state| own().rfind(|one| one.state == state).map(|one| one.id.to_string());
    api::Issuer {
        name: row.name.to_string(),
        active: newest_in(AuthorityState::Active),
        standby: newest_in(AuthorityState::Prepared),
        generations: own().map(|one| one.id.to_string()).collect(),
        profiles: row.profiles.iter().map(ToString::to_string).collect(),
    }
}

pub(crate) async fn create_issuer(
    app: &App,
    by: &Person,
    new: &api::NewIssuer,
) -> Result<api::Issuer> {
    let profiles: Vec<ProfileName> =
        new.profiles.iter().map(|name| parsed(name)).collect::<Result<_>>()?;
    for profile in &profiles {
        app.profile(profile)?;
    }
    let now = app.now();
    let row =
        Issuer { name: parsed(&new.name)?, kind: IssuerKind::Issuing, profiles, created_at: now };
    crate::db::create_issuer(app, &row, &by.stamp(now)).await?;
    Ok(issuer_view(&row, &[]))
}

pub(crate) async fn list(app: &App) -> Result<Vec<api::Authority>> {
    let mut views = Vec::new();
    for row in crate::db::authorities(app).await? {
        views.push(authority_view(app, row).await?);
    }
    Ok(views)
}

pub(crate) async fn show(app: &App, id: &AuthorityId) -> Result<api::Authority> {
    let row = app.authority(id).await?;
    authority_view(app, row).await
}

async fn authority_view(app: &App, row: Authority) -> Result<api::Authority> {
    let facts = crate::db::authority_facts(app, &row).await?;
    let frozen = row.frozen.as_ref();
    let tainted = row.taint.as_ref().map(|taint| format!("tainted in {}", taint.incident));
    let certificate = row.certificate;
    Ok(api::Authority {
        id: row.id.to_string(),
        issuer: row.issuer.to_string(),
        generation: row.generation,
        parent: row.parent.as_ref().map(ToString::to_string),
        state: row.state.wire(),
        frozen: frozen.is_some(),
        reason: tainted.or_else(|| frozen.map(|freeze| freeze.reason.clone())),
        key_uri: row.key.uri,
        key_digest: Some(row.key.digest.to_string()),
        fingerprint: certificate.as_ref().map(|one| one.fingerprint.to_string()),
        not_after_ms: certificate.as_ref().map(|one| one.not_after.as_millis()),
        certificate_pem: certificate.map(|one| one.pem),
        crl_number: facts.crl.as_ref().map(|crl| crl.number),
        crl_next_update_ms: facts
            .crl
            .and_then(|crl| crl.signed)
            .map(|facts| facts.next_update.as_millis()),
        certificates_valid: facts.certificates_valid,
        barrier_open: row.barrier_open,
    })
}

pub(crate) async fn freeze(app: &App, by: &Person, id: &AuthorityId, reason: &str) -> Result<()> {
    crate::db::freeze(app, id, reason, None, &by.stamp(app.now())).await?;
    tracing::warn!(authority.id = %id, reason, "an authority was frozen");
    Ok(())
}

/// An incident's freeze is the incident's to take back.
pub(crate) async fn unfreeze(app: &App, by: &Person, id: &AuthorityId, reason: &str) -> Result<()> {
    crate::db::unfreeze(app, id, reason, None, &by.stamp(app.now())).await?;
    tracing::warn!(authority.id = %id, reason, "an authority was unfrozen");
    Ok(())
}

/// Makes a prepared generation the active one: its own list, its responder, the next package.
pub(crate) async fn activate(
    app: &App,
    by: &Person,
    id: &AuthorityId,
    activation: &api::Activation,
) -> Result<()> {
    let row = app.authority(id).await?;
    if !row.state.can_become(AuthorityState::Active) {
        return Err(Failure::conflict(format!("{id} is {}, not prepared", row.state)));
    }
    let uri = row.key.uri.as_deref().and_then(|uri| uri.parse().ok());
    let uri = uri.ok_or_else(|| Failure::conflict(format!("the key of {id} is not here")))?;
    let state = app.keys().state(&uri).await?;
    if state != skink_signer::KeyState::Enabled {
        let detail =
            format!("the key of {id} is {}: release its recovery kit first", state.as_str());
        return Err(Failure::conflict(detail));
    }
    if activation.dry_run {
        return Ok(());
    }
    let stamp = by.stamp(app.now());
    bring_up(app, id, None, &stamp).await?;
    let reason = format!("{id} is active: {}", activation.reason);
    package::publish(app, stamp, &reason, None).await?;
    Ok(())
}

/// Activates a prepared generation whose key signs, with everything it has to say at once. Every
/// part may have been done before a crash.
pub(crate) async fn bring_up(
    app: &App,
    id: &AuthorityId,
    incident: Option<&skink_model::IncidentId>,
    by: &Stamp,
) -> Result<()> {
    let row = app.authority(id).await?;
    if row.state != AuthorityState::Active {
        crate::db::activate(app, id, incident, by).await?;
    }
    if let Some(uri) = &row.key.uri {
        crate::db::set_key_state(app, uri, KeyState::Enabled, None, by).await?;
    }
    let issuers = crate::db::issuers(app).await?;
    let kind = issuers.iter().find(|issuer| issuer.name == row.issuer).map(|issuer| issuer.kind);
    if kind == Some(IssuerKind::Trust) {
        return Ok(());
    }
    crl::publish(app, id, None, by.clone()).await?;
    responders::renew_if_due(app, id).await?;
    tracing::info!(authority.id = %id, "an authority is active");
    Ok(())
}

pub(crate) async fn profiles(app: &App) -> Result<Vec<api::Profile>> {
    let issuers = crate::db::issuers(app).await?;
    let mut views = Vec::new();
    for name in app.profile_names() {
        let name: ProfileName = parsed(&name)?;
        let profile = app.profile(&name)?;
        let serving = issuers.iter().filter(|issuer| issuer.profiles.contains(&name));
        let usages = profile.extended_key_usages();
        let roles = [
            (oid::SERVER_AUTH, api::EndpointRole::Server),
            (oid::CLIENT_AUTH, api::EndpointRole::Client),
        ];
        let lifetime = profile.lifetime().duration().as_secs();
        views.push(api::Profile {
            name: name.to_string(),
            issuers: serving.map(|issuer| issuer.name.to_string()).collect(),
            extended_key_usages: usages.iter().map(|usage| usage_name(*usage)).collect(),
            roles: roles.iter().filter(|(usage, _)| usages.contains(usage)).map(|r| r.1).collect(),
            lifetime: api::ProfileLifetime { default_s: lifetime, max_s: lifetime },
            key_algorithms: Vec::new(),
        });
    }
    Ok(views)
}

fn usage_name(usage: oid::ObjectIdentifier) -> String {
    let known = [
        (oid::SERVER_AUTH, "serverAuth"),
        (oid::CLIENT_AUTH, "clientAuth"),
        (oid::OCSP_SIGNING, "OCSPSigning"),
        (oid::EMAIL_PROTECTION, "emailProtection"),
    ];
    let found = known.iter().find(|(known, _)| *known == usage);
    found.map_or_else(|| usage.to_string(), |(_, name)| (*name).to_owned())
}

/// An authority's attempts at signatures, by their ids.
pub(crate) async fn attempts(
    app: &App,
    id: &AuthorityId,
    query: &api::PageQuery,
) -> Result<api::Page<api::Attempt>> {
    app.authority(id).await?;
    let after = query.after.as_deref().map(crate::operators::parsed).transpose()?;
    let size = page_size(query.limit);
    let mut snapshot = app.store().read().await.map_err(Failure::Store)?;
    let rows = attempts::after(&mut snapshot, id, after.as_ref(), size).await?;
    let next = next(&rows, size, |row| row.id.to_string());
    Ok(api::Page { items: rows.iter().map(views::attempt).collect(), next })
}

pub(crate) async fn keys(app: &App) -> Result<Vec<api::Key>> {
    let mut keys = Vec::new();
    for row in crate::db::keys(app).await? {
        let signatures = crate::db::signatures(app, &row).await?;
        keys.push(views::key(&row, signatures));
    }
    Ok(keys)
}

/// Lists that wait because the database was put back from a backup.
pub(crate) async fn held_lists(app: &App) -> Result<Vec<api::HeldList>> {
    let held = crate::db::held_lists(app).await?.into_iter().map(|one| api::HeldList {
        scope: one.scope,
        authority: one.authority.to_string(),
        taken_at_ms: one.taken_at.as_millis(),
        waived_by: one.waived_by,
    });
    Ok(held.collect())
}

/// Goes on without the newest list that was out, once a second person says so, too.
pub(crate) async fn waive_held_list(
    app: &App,
    by: &Person,
    waiver: &api::HeldListWaiver,
) -> Result<()> {
    let (scope, stamp) = (&waiver.scope, by.stamp(app.now()));
    if waiver.reason.trim().is_empty() {
        return Err(Failure::malformed("a list is not gone on without for no reason"));
    }
    if !crate::db::waive_list(app, scope, &waiver.reason, &stamp).await? {
        tracing::warn!(crl.scope = scope, "one person would go on without the newest list");
        return Ok(());
    }
    tracing::warn!(crl.scope = scope, "two people go on without the newest list that was out");
    crate::crl::load(app).await?;
    app.news().tell_published();
    Ok(())
}
