//! Steps 7 and 8: escrow, revocations, lists, the package that distrusts.

use skink_authority::ceremony::{Release, check_escrow};
use skink_incident::{Outcome, PublishedCrl, Stage, State};
use skink_model::{AuthorityState, CrlKind, CrlRow, IncidentId};
use skink_store::{authorities, crls, revocations};
use skink_x509::crl::{Crl, Reason};
use skink_x509::{Certificate, Fingerprint};

use super::{Came, Scene, transition};
use crate::app::App;
use crate::crl;
use crate::failure::{Failure, Result};

/// Checks once more, at the last moment, that the list which two people released outranks everything
/// in its scope.
pub(super) async fn release(scene: Scene<'_>) -> Result<Came> {
    let escrow = escrow(scene).await?;
    if escrow.published_at.is_some() {
        return Ok(came(&escrow));
    }
    let app = scene.app;
    let der = crate::db::crl_der(app, &escrow.scope, escrow.number).await?;
    let mut snapshot = app.store().read().await.map_err(Failure::Store)?;
    let published = crls::published(&mut snapshot, &escrow.scope).await?;
    drop(snapshot);
    let published = match &published {
        Some(row) => Some(crate::db::crl_der(app, &row.scope, row.number).await?),
        None => None,
    };
    let published =
        published.map(|der| Crl::from_der(&der)).transpose().map_err(Failure::Stored)?;
    let own = Fingerprint::of(&der);
    let (root, authority) = root_and_authority(scene).await?;
    let release = Release {
        root: &root,
        authority: &authority,
        published: published.as_ref(),
        floor: crl::forgotten_floor(app, &escrow.scope, &own).await?,
        now: app.now(),
    };
    check_escrow(&der, &release).map_err(|error| Failure::conflict(error.to_string()))?;
    Ok(came(&escrow))
}

fn came(escrow: &CrlRow) -> Came {
    let digest = escrow.signed.as_ref().map(|facts| facts.digest.to_string());
    Came::Done(Outcome::Plain, digest.unwrap_or_default())
}

async fn root_and_authority(scene: Scene<'_>) -> Result<(Certificate, Certificate)> {
    let root = Certificate::from_pem(&scene.app.root_pem().await?).map_err(Failure::Stored)?;
    let pem = scene.app.authority(scene.authority()).await?.certificate.map(|one| one.pem);
    let pem = pem.ok_or(Failure::Bug("an authority without a certificate"))?;
    Ok((root, Certificate::from_pem(&pem).map_err(Failure::Stored)?))
}

async fn escrow(scene: Scene<'_>) -> Result<CrlRow> {
    let found = root_list(scene.app, scene.state).await?;
    found.ok_or_else(|| {
        let old = scene.authority();
        Failure::conflict(format!(
            "nothing of the root's revokes {old} yet: release its kit, or hold a ceremony"
        ))
    })
}

/// The root's list that revokes the incident's authority: the kit held it, and the second share
/// left it in the database; or a ceremony that was held since the taint has signed it.
pub(in crate::incident) async fn root_list(app: &App, state: &State) -> Result<Option<CrlRow>> {
    let scope = crl::root_scope(state.declaration().authority.as_str());
    newest(app, state.incident(), &scope, CrlKind::Escrow).await
}

async fn newest(
    app: &App,
    incident: &IncidentId,
    scope: &str,
    kind: CrlKind,
) -> Result<Option<CrlRow>> {
    let mut snapshot = app.store().read().await.map_err(Failure::Store)?;
    let last = crls::last_number(&mut snapshot, scope).await?.unwrap_or(0);
    for number in (1..=last).rev() {
        let row = crls::find(&mut snapshot, scope, number).await?;
        let ours = |row: &CrlRow| {
            row.kind == kind && row.signed.is_some() && row.incident.as_ref() == Some(incident)
        };
        if let Some(row) = row.filter(ours) {
            return Ok(Some(row));
        }
    }
    Ok(None)
}

/// One statement for the whole set; those revoked before keep their own date and reason.
async fn revoke_set(scene: Scene<'_>) -> Result<u64> {
    let set = revocations::RevocationSet {
        authority: scene.authority().clone(),
        profile: None,
        endpoint: None,
        prefix: None,
        owner: None,
        incident: Some(scene.incident().clone()),
    };
    let grounds = revocations::Grounds {
        revoked_at: scene.app.now().truncated_to_secs(),
        reason: Reason::CaCompromise,
        invalidity_date: scene.state.declaration().suspected_since,
    };
    let (set, grounds, stamp) = (&set, &grounds, scene.stamp());
    let stamp = &stamp;
    let revoked = scene.app.store().run_tx("incident_revoke", move |tx| {
        Box::pin(async move {
            Ok::<_, Failure>(revocations::revoke_set(tx, stamp, set, grounds).await?)
        })
    });
    revoked.await
}

pub(super) async fn certificates(scene: Scene<'_>) -> Result<Came> {
    let new = revoke_set(scene).await?;
    metrics::counter!(crate::metrics::CERTIFICATES_REVOKED).increment(new);
    let mut snapshot = scene.app.store().read().await.map_err(Failure::Store)?;
    let certificates = revocations::count(&mut snapshot, scene.authority()).await?;
    Ok(Came::Done(Outcome::Revoked { certificates }, String::new()))
}

/// Puts both lists out, and records that the authority is revoked.
pub(super) async fn publish(scene: Scene<'_>) -> Result<Came> {
    let app = scene.app;
    let _one_at_a_time = app.listing().lock().await;
    let escrow = escrow(scene).await?;
    let mut lists = vec![crl::stored(app, escrow.clone()).await?];
    for own in crl::own_scopes(&app.authority(scene.authority()).await?) {
        let last = newest(app, scene.incident(), &own, CrlKind::Final).await?;
        let last = last.ok_or(Failure::Bug("a closing set without its final list"))?;
        lists.push(crl::stored(app, last).await?);
    }
    crl::release(app, &lists, scene.stamp()).await?;
    if app.authority(scene.authority()).await?.state == AuthorityState::Tainted {
        let (id, incident, stamp) = (scene.authority(), scene.incident(), scene.stamp());
        let stamp = &stamp;
        app.store()
            .run_tx("incident_revoked", move |tx| {
                Box::pin(async move {
                    Ok::<_, Failure>(authorities::revoke(tx, stamp, id, incident).await?)
                })
            })
            .await?;
    }
    let evidence = escrow.signed.as_ref().map(|facts| facts.digest.to_string());
    let crls = lists.iter().map(|list| published(&list.row)).collect();
    Ok(Came::Done(Outcome::Published { crls }, evidence.unwrap_or_default()))
}

fn published(row: &CrlRow) -> PublishedCrl {
    PublishedCrl {
        scope: row.scope.clone(),
        number: row.number.to_string(),
        entries: row.signed.as_ref().map_or(0, |facts| facts.entries),
        digest: row.signed.as_ref().map(|facts| facts.digest.to_string()).unwrap_or_default(),
    }
}

/// Package N+2. After a rotation the old authority retires with it.
pub(super) async fn distrust_package(scene: Scene<'_>) -> Result<Came> {
    let authority = scene.app.authority(scene.authority()).await?;
    if authority.state == AuthorityState::Retiring {
        let (id, incident, stamp) = (scene.authority(), scene.incident(), scene.stamp());
        let stamp = &stamp;
        scene
            .app
            .store()
            .run_tx("incident_retire", move |tx| {
                Box::pin(async move {
                    Ok::<_, Failure>(authorities::retire(tx, stamp, id, Some(incident)).await?)
                })
            })
            .await?;
    }
    transition::publish(scene, Stage::Distrust).await
}
