//! Step 6: packages, orders to renew.

use std::collections::BTreeSet;

use skink_incident::{EffectKey, Outcome, Stage, StepName};
use skink_model::{AgentName, Criticality, Endpoint, EndpointName, RenewOrder};
use skink_store::endpoints::OrderedBy;
use skink_store::{authorities, endpoints};

use super::{Came, Scene};
use crate::failure::{Failure, Result};
use crate::package;

/// Publishes a package of this incident, unless it is out already.
pub(super) async fn publish(scene: Scene<'_>, stage: Stage) -> Result<Came> {
    let reason = format!("incident {}: {stage}", scene.incident());
    let out = crate::db::latest_package(scene.app).await?;
    let out = out.filter(|row| row.reason == reason).map(|row| package::reference(&row));
    let package = if let Some(package) = out {
        package
    } else {
        let incident = Some(scene.incident().clone());
        package::publish(scene.app, scene.stamp(), &reason, incident).await?
    };
    let evidence = package.digest.clone();
    let outcome =
        Outcome::Package { epoch: package.epoch, version: package.version, digest: package.digest };
    Ok(Came::Done(outcome, evidence))
}

pub(super) async fn open_issuance(scene: Scene<'_>) -> Result<Came> {
    let (successor, stamp) = (scene.successor()?, scene.stamp());
    let stamp = &stamp;
    scene
        .app
        .store()
        .run_tx("incident_open_issuance", move |tx| {
            Box::pin(async move {
                Ok::<_, Failure>(authorities::open_barrier(tx, stamp, successor).await?)
            })
        })
        .await?;
    Ok(Came::plain())
}

/// Orders the next endpoints to renew, in one transaction: the wave's orders are all there or none.
pub(super) async fn reissue(
    scene: Scene<'_>,
    effect: &EffectKey,
    (wave, take): (u32, Option<u32>),
) -> Result<Came> {
    let ordered = orders(scene).await?;
    let before = ordered_before(scene, wave);
    if ordered.len() > before {
        let endpoints = u64::try_from(ordered.len() - before).unwrap_or(u64::MAX);
        scene.app.waiting().ordered_some();
        scene.app.news().tell_orders();
        return Ok(Came::Done(Outcome::Wave { endpoints }, String::new()));
    }
    let mut next = waiting(scene, &ordered).await?;
    next.truncate(take.and_then(|take| usize::try_from(take).ok()).unwrap_or(usize::MAX));
    let (names, agents): (Vec<EndpointName>, Vec<Option<AgentName>>) =
        next.into_iter().map(|endpoint| (endpoint.name, endpoint.agent)).unzip();
    let (names, at) = (names.as_slice(), scene.app.now());
    let (id, successor) = (&effect.global(scene.incident()), scene.successor()?);
    let by = OrderedBy::Effect { incident: scene.incident(), id };
    let endpoints = scene
        .app
        .store()
        .run_tx("incident_wave", move |tx| {
            Box::pin(async move {
                let new = endpoints::order_renewal(tx, at, successor, by, names);
                Ok::<_, Failure>(new.await?)
            })
        })
        .await?;
    scene.app.waiting().ordered(agents.iter().flatten());
    scene.app.news().tell_orders();
    Ok(Came::Done(Outcome::Wave { endpoints }, String::new()))
}

/// This incident's orders to move to the successor, oldest first.
pub(super) async fn orders(scene: Scene<'_>) -> Result<Vec<RenewOrder>> {
    let mut snapshot = scene.app.store().read().await.map_err(Failure::Store)?;
    let mut orders = endpoints::orders_to(&mut snapshot, scene.successor()?).await?;
    orders.retain(|order| order.incident.as_ref() == Some(scene.incident()));
    orders.sort_by_key(|order| order.number);
    Ok(orders)
}

/// How many orders the waves before this one made.
pub(super) fn ordered_before(scene: Scene<'_>, wave: u32) -> usize {
    let size = |wave: u32| {
        let subject = format!("reissue-wave:{wave}");
        let key = EffectKey { step: StepName::Transition, subject };
        match scene.state.done(&key).map(|done| &done.outcome) {
            Some(Outcome::Wave { endpoints }) => usize::try_from(*endpoints).unwrap_or(usize::MAX),
            _ => 0,
        }
    };
    (1..wave).map(size).sum()
}

/// Managed endpoints that were not told yet: those that hold a certificate of the old authority,
/// those that are missed least first; and behind them those that have moved by themselves since, or
/// are on a new host. A wave has to see them all: one that is empty proves nothing.
async fn waiting(scene: Scene<'_>, ordered: &[RenewOrder]) -> Result<Vec<Endpoint>> {
    let issuer = scene.app.authority(scene.authority()).await?.issuer;
    let (old, successor) = (scene.authority(), scene.successor()?);
    let mut snapshot = scene.app.store().read().await.map_err(Failure::Store)?;
    let mut fleet = endpoints::of_issuer(&mut snapshot, &issuer).await?;
    let told: BTreeSet<&EndpointName> = ordered.iter().map(|order| &order.endpoint).collect();
    let installed =
        |endpoint: &Endpoint| endpoint.installed.as_ref().and_then(|one| one.authority.clone());
    fleet.retain(|endpoint| {
        let concerned = installed(endpoint).is_none_or(|by| by == *old || by == *successor);
        endpoint.agent.is_some() && !told.contains(&endpoint.name) && concerned
    });
    fleet.sort_by_key(|endpoint| {
        let moved = installed(endpoint).as_ref() != Some(old);
        (moved, patience(endpoint.criticality), endpoint.name.clone())
    });
    Ok(fleet)
}

const fn patience(criticality: Criticality) -> u8 {
    match criticality {
        Criticality::Low => 0,
        Criticality::Normal => 1,
        Criticality::High => 2,
    }
}

/// Tells the endpoint's agent to go back to the pair that it holds of the old authority.
pub(super) async fn roll_back(
    scene: Scene<'_>,
    effect: &EffectKey,
    endpoint: &EndpointName,
) -> Result<Came> {
    let (names, at) = ([endpoint.clone()], scene.app.now());
    let (names, id, old) = (&names, &effect.global(scene.incident()), scene.authority());
    let by = OrderedBy::Effect { incident: scene.incident(), id };
    scene
        .app
        .store()
        .run_tx("incident_roll_back", move |tx| {
            Box::pin(async move {
                let new = endpoints::order_renewal(tx, at, old, by, names);
                Ok::<_, Failure>(new.await?)
            })
        })
        .await?;
    let tended = crate::db::endpoint(scene.app, endpoint).await?;
    scene.app.waiting().ordered(&tended.agent);
    scene.app.news().tell_orders();
    Ok(Came::plain())
}
