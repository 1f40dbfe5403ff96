//! Step 5: the standby becomes the issuer's active authority.

use skink_incident::{Outcome, State};
use skink_model::{Authority, AuthorityId, AuthorityState};
use skink_signer::KeyState;
use skink_store::authorities::of_issuer;

use super::contain::key_of;
use super::{Came, Scene};
use crate::app::App;
use crate::authorities;
use crate::failure::{Failure, Result};

pub(super) async fn activate(scene: Scene<'_>) -> Result<Came> {
    let successor = successor(scene.app, scene.state).await?;
    authorities::bring_up(scene.app, &successor, Some(scene.incident()), &scene.stamp()).await?;
    let fingerprint = scene.app.authority(&successor).await?.certificate.map(|c| c.fingerprint);
    let evidence = fingerprint.map(|one| one.to_string()).unwrap_or_default();
    Ok(Came::Done(Outcome::Activated { successor }, evidence))
}

/// Who takes over, chosen when it is time and not before: a ceremony that was held since the triage
/// may have brought a generation that nobody knew of then.
pub(in crate::incident) async fn successor(app: &App, state: &State) -> Result<AuthorityId> {
    let old = &state.declaration().authority;
    let issuer = app.authority(old).await?.issuer;
    let mut snapshot = app.store().read().await.map_err(Failure::Store)?;
    let mut generations = of_issuer(&mut snapshot, &issuer).await?;
    drop(snapshot);
    generations.retain(|one| one.id != *old);
    // What was begun before a crash is gone on with.
    let begun = |one: &&Authority| {
        one.state == AuthorityState::Active
            && one.activated_at.is_some_and(|at| at >= state.declared_at())
    };
    if let Some(active) = generations.iter().find(begun) {
        return Ok(active.id.clone());
    }
    let mut locked = None;
    for one in generations.iter().rev().filter(|one| one.state == AuthorityState::Prepared) {
        let key = key_of(app, &one.id).await?;
        match app.keys().state(&key).await? {
            KeyState::Enabled => return Ok(one.id.clone()),
            state => locked = locked.or(Some((&one.id, state))),
        }
    }
    let detail = match locked {
        Some((id, state)) => {
            format!("the key of {id} is {}: its kit is not open", state.as_str())
        }
        None => format!(
            "{issuer} has no standby: hold a ceremony (`skink authority ceremony request \
             --standby-for {issuer}`); the incident waits for it"
        ),
    };
    Err(Failure::conflict(detail))
}
