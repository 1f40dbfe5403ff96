//! The end: last state, the key's end, the report.

use skink_incident::{Catalogue, Disposal, Outcome};
use skink_model::{AuthorityState, KeyState};
use skink_store::authorities;
use skink_x509::Fingerprint;

use super::contain::key_of;
use super::{Came, Scene};
use crate::failure::{Failure, Result};
use crate::files;
use crate::incident::{chronicle, view};

pub(super) async fn authority(scene: Scene<'_>) -> Result<Came> {
    let (id, incident, stamp) = (scene.authority(), scene.incident(), scene.stamp());
    if scene.app.authority(id).await?.state == AuthorityState::Revoked {
        let stamp = &stamp;
        scene
            .app
            .store()
            .run_tx("incident_distrusted", move |tx| {
                Box::pin(async move {
                    Ok::<_, Failure>(authorities::distrust(tx, stamp, id, incident).await?)
                })
            })
            .await?;
    }
    Ok(Came::plain())
}

/// An archived key stays where it is, disabled: it may be evidence.
pub(super) async fn dispose(scene: Scene<'_>, disposal: Disposal) -> Result<Came> {
    let app = scene.app;
    let key = key_of(app, scene.authority()).await?;
    let state = match disposal {
        Disposal::Archive => {
            app.keys().disable(&key).await?;
            KeyState::Disabled
        }
        Disposal::Destroy => {
            app.keys().of(&key)?.destroy(&key).await.map_err(Failure::Provider)?;
            KeyState::Destroyed
        }
    };
    let code = match scene.state.outcome(skink_incident::StepName::Contain, "disable-key") {
        Some(Outcome::Disabled { refusal_code }) => Some(refusal_code.clone()),
        _ => None,
    };
    crate::db::set_key_state(app, key.as_str(), state, code.as_deref(), &scene.stamp()).await?;
    Ok(Came::plain())
}

pub(super) async fn report(scene: Scene<'_>) -> Result<Came> {
    let events = chronicle::load(scene.app, scene.incident()).await?.events;
    let report = view::report(scene.state, &events);
    let markdown = report.to_markdown(&Catalogue::english());
    let json = serde_json::to_vec_pretty(&report.to_json()).map_err(Failure::Encode)?;
    let dir = scene.dir();
    files::write_atomic(&dir.join("report.md"), 0o600, markdown.as_bytes()).map_err(Failure::Io)?;
    files::write_atomic(&dir.join("report.json"), 0o600, &json).map_err(Failure::Io)?;
    let outcome = Outcome::Report { file: "report.md".to_owned() };
    Ok(Came::shown(outcome, &Fingerprint::of(markdown.as_bytes())))
}
