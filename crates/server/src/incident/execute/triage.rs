//! Step 1: freeze, and count.

use std::collections::BTreeMap;
use std::time::Duration;

use skink_incident::{Capacity, Declaration, Forecast, Outcome, Scope, Unmanaged, forecast};
use skink_model::{
    Authority, AuthorityState, CertificateKind, Endpoint, IncidentId, Mechanism, Time,
};
use skink_store::certificates::{self, ScopeCount};
use skink_store::{Reader, authorities, crls, endpoints, kits};

use super::{Came, Scene};
use crate::app::App;
use crate::crl;
use crate::failure::{Failure, Result};

const DAY: Duration = Duration::from_hours(24);
/// Beyond this the count of expiring certificates is said as "at least".
const MOST_EXPIRING: u32 = 100_000;

/// Why an incident's authority is frozen.
pub(in crate::incident) fn freeze_reason(incident: &IncidentId) -> String {
    format!("incident {incident}")
}

/// The declaration has frozen it; a freeze that a person gave is the incident's from then on.
pub(super) async fn freeze(scene: Scene<'_>) -> Result<Came> {
    let (authority, incident) = (scene.authority(), scene.incident());
    let reason = freeze_reason(incident);
    crate::db::freeze(scene.app, authority, &reason, Some(incident), &scene.stamp()).await?;
    Ok(Came::plain())
}

pub(super) async fn unfreeze(scene: Scene<'_>) -> Result<Came> {
    let reason = format!("incident {} was stood down", scene.incident());
    let (app, incident) = (scene.app, Some(scene.incident()));
    crate::db::unfreeze(app, scene.authority(), &reason, incident, &scene.stamp()).await?;
    Ok(Came::plain())
}

pub(super) async fn compute(scene: Scene<'_>) -> Result<Came> {
    let found = scope(scene.app, scene.state.declaration()).await?;
    Ok(Came::Done(Outcome::Scope(Box::new(found)), String::new()))
}

/// What a declaration would be about.
pub(in crate::incident) async fn scope(app: &App, declared: &Declaration) -> Result<Scope> {
    let mut snapshot = app.store().read().await.map_err(Failure::Store)?;
    let now = app.now();
    let authority = authorities::require(&mut snapshot, &declared.authority).await?;
    let counts = certificates::scope(&mut snapshot, &authority.id, now).await?;
    let counts: Vec<ScopeCount> =
        counts.into_iter().filter(|one| one.kind == CertificateKind::Leaf).collect();
    let fleet = endpoints::of_issuer(&mut snapshot, &authority.issuer).await?;
    let (managed, unmanaged): (Vec<_>, Vec<_>) =
        fleet.iter().partition(|endpoint| endpoint.agent.is_some());
    let holders: Vec<&Endpoint> =
        managed.iter().copied().filter(|one| holds(one, &authority)).collect();
    let (standby, kit_age_days) = kit(&mut snapshot, &authority, now).await?;
    let signing = match &standby {
        Some(standby) => authorities::require(&mut snapshot, standby).await?,
        None => authority.clone(),
    };
    let plan = plan(declared, &counts, holders.len(), capacity(app, &signing));
    let finish = now.plus(Duration::from_secs(plan.expected_s));
    Ok(Scope {
        certificates: counts.iter().map(|one| one.total).sum(),
        by_profile: sums(counts.iter().map(|one| (one.profile.to_string(), one.total))),
        by_channel: sums(counts.iter().map(|one| (one.channel.to_string(), one.total))),
        by_owner: sums(holders.iter().map(|one| (one.owner.clone(), 1))),
        by_criticality: sums(holders.iter().map(|one| (one.criticality.to_string(), 1))),
        endpoints: u32::try_from(holders.len()).unwrap_or(u32::MAX),
        relying_parties: sums(managed.iter().map(|one| (one.mechanism.to_string(), 1))),
        unmanaged: unmanaged.iter().map(|one| party(one)).collect(),
        needs_root_replaced: named(&fleet, |one| one.mechanism == Mechanism::None),
        breaks_if_immediate: len(fleet.iter().filter(|one| holds(one, &authority)).count()),
        breaks_if_cutover: len(unmanaged.len()),
        cached_crl_until: cached_until(&mut snapshot, &authority).await?,
        expire_before_finish: expiring(&mut snapshot, &authority, now, finish).await?,
        standby,
        kit_age_days,
        forecast: plan,
    })
}

/// What the provider of the key that will sign allows.
fn capacity(app: &App, signing: &Authority) -> Capacity {
    let usual = Capacity::default();
    let key = signing.key.uri.as_deref().and_then(|uri| uri.parse().ok());
    let quota = key.and_then(|key| app.settings().quotas().per_second(&key));
    let signatures_per_s =
        quota.map_or(usual.signatures_per_s, |it| it.min(usual.signatures_per_s));
    Capacity { signatures_per_s, ..usual }
}

fn plan(
    declared: &Declaration,
    counts: &[ScopeCount],
    endpoints: usize,
    capacity: Capacity,
) -> Forecast {
    let settings = &declared.settings;
    let certificates = counts.iter().map(|one| one.total).sum();
    let endpoints = u32::try_from(endpoints).unwrap_or(u32::MAX);
    let quiet = settings.quiet_ms.div_ceil(1000);
    forecast(certificates, endpoints, &settings.wave_sizes, quiet, capacity)
}

/// Whether an endpoint presents a certificate of this authority.
fn holds(endpoint: &Endpoint, authority: &Authority) -> bool {
    let installed = endpoint.installed.as_ref().and_then(|one| one.authority.as_ref());
    installed == Some(&authority.id)
}

fn party(endpoint: &Endpoint) -> Unmanaged {
    Unmanaged { name: endpoint.name.to_string(), owner: endpoint.owner.clone() }
}

fn named(fleet: &[Endpoint], which: impl Fn(&Endpoint) -> bool) -> Vec<String> {
    fleet.iter().filter(|one| which(one)).map(|one| one.name.to_string()).collect()
}

fn sums(numbers: impl Iterator<Item = (String, u64)>) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for (name, count) in numbers {
        *sums.entry(name).or_default() += count;
    }
    sums
}

fn len(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// The newest standby of the issuer, and how old its kit is.
async fn kit(
    from: &mut impl Reader,
    authority: &Authority,
    now: Time,
) -> Result<(Option<skink_model::AuthorityId>, Option<u64>)> {
    let generations = authorities::of_issuer(from, &authority.issuer).await?;
    let prepared = generations
        .into_iter()
        .rev()
        .find(|one| one.state == AuthorityState::Prepared && one.id != authority.id);
    let Some(standby) = prepared else { return Ok((None, None)) };
    let kits = kits::ready(from).await?;
    let kit = kits.into_iter().find(|kit| kit.standby == standby.id);
    let age = kit.map(|kit| now.since(kit.created_at).as_secs() / DAY.as_secs());
    Ok((Some(standby.id), age))
}

/// The lists by which readers without an agent judge the authority and its certificates.
async fn cached_until(from: &mut impl Reader, authority: &Authority) -> Result<Option<Time>> {
    let mut until = None;
    let root = crl::root_scope(authority.id.as_str());
    for scope in crl::own_scopes(authority).into_iter().chain([root]) {
        let published = crls::published(from, &scope).await?;
        until = until.max(published.and_then(|row| row.signed).map(|facts| facts.next_update));
    }
    Ok(until)
}

async fn expiring(
    from: &mut impl Reader,
    authority: &Authority,
    now: Time,
    finish: Time,
) -> Result<u64> {
    let rows = certificates::expiring(from, now, finish, MOST_EXPIRING).await?;
    Ok(len(rows.iter().filter(|row| row.authority == authority.id).count()))
}
