//! Step 5: the standby becomes the issuer's active authority.

use skink_incident::Outcome;
use skink_signer::{KeyProvider as _, KeyState};

use super::contain::key_of;
use super::{Came, Scene};
use crate::authorities;
use crate::failure::{Failure, Result};

pub(super) async fn activate(scene: Scene<'_>) -> Result<Came> {
    let standby = scene.state.scope().and_then(|scope| scope.standby.clone());
    let Some(successor) = standby else {
        let issuer = scene.app.authority(scene.authority()).await?.issuer;
        let detail = format!("{issuer} has no standby: hold a ceremony that prepares one");
        return Err(Failure::conflict(detail));
    };
    let key = key_of(scene.app, &successor).await?;
    let state = scene.app.provider().state(&key).await.map_err(Failure::Provider)?;
    if state != KeyState::Enabled {
        let detail = format!("the key of {successor} is {}: its kit is not open", state.as_str());
        return Err(Failure::conflict(detail));
    }
    authorities::bring_up(scene.app, &successor, Some(scene.incident()), &scene.stamp()).await?;
    let fingerprint = scene.app.authority(&successor).await?.certificate.map(|c| c.fingerprint);
    let evidence = fingerprint.map(|one| one.to_string()).unwrap_or_default();
    Ok(Came::Done(Outcome::Activated { successor }, evidence))
}
