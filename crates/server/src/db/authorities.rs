//! Issuers, authorities and keys.

use rustls::pki_types::CertificateDer;
use skink_model::{
    Authority, AuthorityId, AuthorityState, BlockedKey, IncidentId, Issuer, IssuerKind, IssuerName,
    KeyState, SigningKey, Stamp,
};
use skink_store::authorities::NewAuthority;
use skink_store::{authorities as table, issuers as issuer_table, keys as key_table};
use skink_x509::{Certificate, KeyAlgorithm};

use super::{glance, view};
use crate::app::App;
use crate::failure::{Failure, Result};

pub(crate) async fn issuers(app: &App) -> Result<Vec<Issuer>> {
    Ok(issuer_table::all(&mut view(app).await?).await?)
}

pub(crate) async fn issuer(app: &App, name: &IssuerName) -> Result<Issuer> {
    let found = issuer_table::find(&mut glance(app).await?, name).await?;
    found.ok_or_else(|| Failure::not_found("issuer", name))
}

pub(crate) async fn create_issuer(app: &App, issuer: &Issuer, by: &Stamp) -> Result<()> {
    app.store()
        .run_tx("create_issuer", move |tx| {
            Box::pin(async move { Ok(issuer_table::create(tx, by, issuer).await?) })
        })
        .await
}

pub(crate) async fn authorities(app: &App) -> Result<Vec<Authority>> {
    Ok(table::all(&mut view(app).await?).await?)
}

pub(crate) async fn authority(app: &App, id: &AuthorityId) -> Result<Authority> {
    let found = table::find(&mut glance(app).await?, id).await?;
    found.ok_or_else(|| Failure::not_found("authority", id))
}

pub(crate) async fn active_authority(app: &App, issuer: &IssuerName) -> Result<Option<Authority>> {
    Ok(table::active(&mut glance(app).await?, issuer).await?)
}

pub(crate) async fn next_generation(app: &App, issuer: &IssuerName) -> Result<u32> {
    Ok(table::next_generation(&mut view(app).await?, issuer).await?)
}

/// The algorithm of the newest generation.
pub(crate) async fn newest_algorithm(
    app: &App,
    issuer: &IssuerName,
) -> Result<Option<KeyAlgorithm>> {
    let generations = table::of_issuer(&mut view(app).await?, issuer).await?;
    Ok(generations.last().map(|one| one.key.algorithm))
}

/// Certificates of every control authority that agents may still chain to.
pub(crate) async fn control_anchors(app: &App) -> Result<Vec<CertificateDer<'static>>> {
    let mut reading = view(app).await?;
    let issuers = issuer_table::all(&mut reading).await?;
    let control = |one: &Authority| {
        issuers.iter().any(|issuer| issuer.name == one.issuer && issuer.kind == IssuerKind::Control)
    };
    let trusted = [AuthorityState::Active, AuthorityState::Retiring];
    let all = table::all(&mut reading).await?;
    let all = all.into_iter().filter(|one| control(one) && trusted.contains(&one.state));
    all.filter_map(|one| one.certificate)
        .map(|one| {
            let certificate = Certificate::from_pem(&one.pem).map_err(Failure::Stored)?;
            Ok(CertificateDer::from(certificate.der().to_vec()))
        })
        .collect()
}

pub(crate) async fn insert_authority(app: &App, new: &NewAuthority, by: &Stamp) -> Result<()> {
    app.store()
        .run_tx("create_authority", move |tx| {
            Box::pin(async move { Ok(table::create(tx, by, new).await?) })
        })
        .await
}

pub(crate) async fn freeze(
    app: &App,
    id: &AuthorityId,
    reason: &str,
    incident: Option<&IncidentId>,
    by: &Stamp,
) -> Result<()> {
    app.store()
        .run_tx("freeze", move |tx| {
            Box::pin(async move { Ok(table::freeze(tx, by, id, reason, incident).await?) })
        })
        .await
}

pub(crate) async fn unfreeze(
    app: &App,
    id: &AuthorityId,
    reason: &str,
    incident: Option<&IncidentId>,
    by: &Stamp,
) -> Result<()> {
    app.store()
        .run_tx("unfreeze", move |tx| {
            Box::pin(async move { Ok(table::unfreeze(tx, by, id, reason, incident).await?) })
        })
        .await
}

pub(crate) async fn activate(
    app: &App,
    id: &AuthorityId,
    incident: Option<&IncidentId>,
    by: &Stamp,
) -> Result<()> {
    app.store()
        .run_tx("activate", move |tx| {
            Box::pin(async move { Ok(table::activate(tx, by, id, incident).await?) })
        })
        .await
}

pub(crate) async fn keys(app: &App) -> Result<Vec<SigningKey>> {
    Ok(key_table::all(&mut view(app).await?).await?)
}

/// Every key that is blocked for good.
pub(crate) async fn blocked_keys(app: &App) -> Result<Vec<BlockedKey>> {
    Ok(key_table::all_blocked(&mut view(app).await?).await?)
}

pub(crate) async fn insert_key(app: &App, row: &SigningKey) -> Result<()> {
    app.store()
        .run_tx("create_key", move |tx| {
            Box::pin(async move { Ok(key_table::create(tx, row).await?) })
        })
        .await
}

pub(crate) async fn set_key_state(
    app: &App,
    uri: &str,
    state: KeyState,
    refusal_code: Option<&str>,
    by: &Stamp,
) -> Result<()> {
    app.store()
        .run_tx("key_state", move |tx| {
            Box::pin(
                async move { Ok(key_table::set_state(tx, by, uri, state, refusal_code).await?) },
            )
        })
        .await
}
