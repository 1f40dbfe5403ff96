//! Measures gates: reads the rows, and leaves the judgement to [`crate::incident::measure`].

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use skink_incident::{CrlRound, EffectKey, Outcome, StepName};
use skink_model::{
    Ack, AuthorityId, CertificateKind, CrlKind, CrlRead, Endpoint, EndpointName, IssuerName,
    PackageVersion, Time,
};
use skink_store::missing::{self, Missing};
use skink_store::{Reader, certificates, crls, endpoints, proofs, sightings};
use skink_x509::Fingerprint;

use super::transition::{ordered_before, orders};
use super::{Came, Scene, fetch};
use crate::crl;
use crate::failure::{Failure, Result};
use crate::incident::measure::{self, Barrier, Distrust, Expected, PeersOf};

/// So many endpoints that a gate waits for are named. While it is more, they are counted: reading what
/// all of them have proven is work for when it may be enough.
const NAMED: u64 = 100;

/// The measurement of a gate that a count shows to be shut, if it does: more is missing than is waived
/// and named.
fn shut(scene: Scene<'_>, counted: Missing) -> Option<Came> {
    let waived = u64::try_from(scene.state.waivers().len()).unwrap_or(u64::MAX);
    let is_shut = counted.missing > NAMED.saturating_add(waived);
    is_shut.then(|| Came::Measured(measure::counted(scene.app.now(), counted)))
}

async fn issuer(scene: Scene<'_>) -> Result<IssuerName> {
    Ok(scene.app.authority(scene.authority()).await?.issuer)
}

/// The managed relying parties of the issuer.
async fn fleet(scene: Scene<'_>, from: &mut impl Reader) -> Result<Vec<Endpoint>> {
    let mut fleet = endpoints::of_issuer(from, &issuer(scene).await?).await?;
    fleet.retain(|endpoint| endpoint.agent.is_some());
    Ok(fleet)
}

/// The version of one of this incident's packages.
fn package(scene: Scene<'_>, step: StepName, stage: &str) -> Result<PackageVersion> {
    let key = EffectKey { step, subject: format!("publish-package:{stage}") };
    match scene.state.done(&key).map(|done| &done.outcome) {
        Some(Outcome::Package { epoch, version, .. }) => {
            Ok(PackageVersion { epoch: *epoch, version: *version })
        }
        _ => Err(Failure::Bug("a gate is measured before its package is out")),
    }
}

/// Acknowledgements of every package that a proof names.
async fn acks(
    from: &mut impl Reader,
    versions: impl Iterator<Item = PackageVersion>,
) -> Result<Vec<Ack>> {
    let mut acks = Vec::new();
    for version in versions.collect::<BTreeSet<_>>() {
        acks.extend(proofs::acks_of(from, version).await?);
    }
    Ok(acks)
}

pub(super) async fn barrier(
    scene: Scene<'_>,
    handshakes: u32,
    settle_ms: u64,
    clock_offset_ms: u64,
) -> Result<Came> {
    let gate = Barrier {
        successor: scene.successor()?,
        package: package(scene, StepName::Transition, "successor")?,
        handshakes,
        settle: Duration::from_millis(settle_ms),
        clock_offset_ms,
    };
    let issuer = issuer(scene).await?;
    let mut snapshot = scene.app.store().read().await.map_err(Failure::Store)?;
    let counted = missing::barrier(&mut snapshot, &issuer, gate.successor, gate.package).await?;
    if let Some(shut) = shut(scene, counted) {
        return Ok(shut);
    }
    let fleet = fleet(scene, &mut snapshot).await?;
    let shown = proofs::barrier_of(&mut snapshot, gate.successor).await?;
    let acks = acks(&mut snapshot, shown.iter().map(|proof| proof.package)).await?;
    Ok(Came::Measured(gate.measure(scene.app.now(), &fleet, &shown, &acks)))
}

pub(super) async fn wave(scene: Scene<'_>, wave: u32) -> Result<Came> {
    let (from, to) = (ordered_before(scene, wave), ordered_before(scene, wave + 1));
    let (issuer, successor) = (issuer(scene).await?, scene.successor()?);
    let mut snapshot = scene.app.store().read().await.map_err(Failure::Store)?;
    let ours = scene.incident();
    let counted = missing::wave(&mut snapshot, &issuer, successor, ours, (from, to)).await?;
    if let Some(shut) = shut(scene, counted) {
        return Ok(shut);
    }
    drop(snapshot);
    let orders = orders(scene).await?;
    let members: BTreeSet<&EndpointName> =
        orders.iter().take(to).skip(from).map(|order| &order.endpoint).collect();
    let mut snapshot = scene.app.store().read().await.map_err(Failure::Store)?;
    let mut fleet = fleet(scene, &mut snapshot).await?;
    fleet.retain(|endpoint| members.contains(&endpoint.name));
    Ok(Came::Measured(measure::wave(scene.app.now(), &fleet, successor)))
}

pub(super) async fn quiet(scene: Scene<'_>, quiet_ms: u64, since: Time) -> Result<Came> {
    let quiet = Duration::from_millis(quiet_ms);
    let issuer = issuer(scene).await?;
    let mut snapshot = scene.app.store().read().await.map_err(Failure::Store)?;
    let counted = missing::quiet(&mut snapshot, &issuer, since.plus(quiet)).await?;
    if let Some(shut) = shut(scene, counted) {
        return Ok(shut);
    }
    let managed: BTreeSet<EndpointName> =
        fleet(scene, &mut snapshot).await?.into_iter().map(|one| one.name).collect();
    let old = legitimate_old_peers(scene, &mut snapshot, since).await?;
    let measured = sightings::quiet(&mut snapshot, scene.authority()).await?;
    let peers: Vec<PeersOf> = measured
        .into_iter()
        .filter(|one| managed.contains(&one.endpoint))
        .map(|one| PeersOf {
            old_peer: old.get(&one.endpoint).copied(),
            measured_at: one.measured_at,
            endpoint: one.endpoint,
        })
        .collect();
    Ok(Came::Measured(measure::quiet(scene.app.now(), since, quiet, &peers)))
}

/// When each endpoint last saw a certificate of the old authority that we issued. What a thief
/// minted does not count: he would keep the gate shut.
async fn legitimate_old_peers(
    scene: Scene<'_>,
    from: &mut impl Reader,
    since: Time,
) -> Result<BTreeMap<EndpointName, Time>> {
    let mut known: BTreeMap<Fingerprint, bool> = BTreeMap::new();
    let mut old: BTreeMap<EndpointName, Time> = BTreeMap::new();
    for seen in sightings::peers_of(from, scene.authority(), since).await? {
        let ours = if let Some(ours) = known.get(&seen.fingerprint) {
            *ours
        } else {
            let row = certificates::by_fingerprint(from, &seen.fingerprint).await?;
            let ours = row.is_some_and(|row| row.kind == CertificateKind::Leaf);
            known.insert(seen.fingerprint, ours);
            ours
        };
        if ours {
            let last = old.entry(seen.endpoint).or_insert(seen.last_seen);
            *last = seen.last_seen.max(*last);
        }
    }
    Ok(old)
}

pub(super) async fn distrust(scene: Scene<'_>) -> Result<Came> {
    let gate = Distrust {
        authority: scene.authority(),
        successor: scene.successor()?,
        package: package(scene, StepName::Distrust, "distrust")?,
        attack: scene.state.declaration().is_compromise(),
    };
    let issuer = issuer(scene).await?;
    let mut snapshot = scene.app.store().read().await.map_err(Failure::Store)?;
    let counted = if gate.attack {
        missing::distrust(&mut snapshot, &issuer, gate.authority, gate.package).await?
    } else {
        missing::running(&mut snapshot, &issuer, gate.package).await?
    };
    if let Some(shut) = shut(scene, counted) {
        return Ok(shut);
    }
    let fleet = fleet(scene, &mut snapshot).await?;
    let shown = proofs::distrust_of(&mut snapshot, gate.authority).await?;
    let acks = if gate.attack {
        acks(&mut snapshot, shown.iter().map(|proof| proof.package)).await?
    } else {
        proofs::latest_acks(&mut snapshot).await?
    };
    Ok(Came::Measured(gate.measure(scene.app.now(), &fleet, &shown, &acks)))
}

pub(super) async fn read_back(scene: Scene<'_>, round: CrlRound, agents: u32) -> Result<Came> {
    let expected = expected(scene, round).await?;
    let mut fetched = BTreeMap::new();
    if round != CrlRound::Fleet {
        for list in &expected {
            fetched.insert(list.scope.clone(), fetch::list(scene.app, list).await);
        }
    }
    let mut snapshot = scene.app.store().read().await.map_err(Failure::Store)?;
    let tending = endpoints::agents_of_issuer(&mut snapshot, &issuer(scene).await?).await?;
    let agents = u64::from(agents).min(tending);
    let mut reads: Vec<CrlRead> = Vec::new();
    for list in &expected {
        let (scope, digest) = (&list.scope, &list.digest);
        reads.extend(sightings::crl_readers(&mut snapshot, scope, digest, agents).await?);
    }
    let agents = usize::try_from(agents).unwrap_or(usize::MAX);
    let now = scene.app.now();
    Ok(Came::Measured(measure::read_back(now, &expected, &fetched, &reads, agents)))
}

async fn own_scopes(scene: Scene<'_>, id: &AuthorityId) -> Result<Vec<String>> {
    Ok(crl::own_scopes(&scene.app.authority(id).await?))
}

/// The lists that must be out after a round.
async fn expected(scene: Scene<'_>, round: CrlRound) -> Result<Vec<Expected>> {
    let old = scene.authority();
    let scopes = match round {
        CrlRound::Transition => {
            let mut scopes = own_scopes(scene, scene.successor()?).await?;
            if scene.state.declaration().is_compromise() {
                scopes.extend(own_scopes(scene, old).await?);
            }
            scopes
        }
        CrlRound::Revocation => {
            let mut scopes = own_scopes(scene, old).await?;
            scopes.insert(0, crl::root_scope(old.as_str()));
            scopes
        }
        CrlRound::Fleet => vec![crl::root_scope(old.as_str())],
    };
    let mut snapshot = scene.app.store().read().await.map_err(Failure::Store)?;
    let mut expected = Vec::with_capacity(scopes.len());
    for scope in scopes {
        let row = crls::published(&mut snapshot, &scope).await?;
        let row = row.ok_or_else(|| Failure::conflict(format!("no list of {scope} is out")))?;
        let facts = row.signed.ok_or(Failure::Bug("a published list that is not signed"))?;
        if round == CrlRound::Revocation && !matches!(row.kind, CrlKind::Escrow | CrlKind::Final) {
            return Err(Failure::conflict(format!("the list of {scope} revokes nothing")));
        }
        let size = usize::try_from(facts.size).map_err(|_| Failure::Bug("a list's size"))?;
        expected.push(Expected { scope, number: row.number, digest: facts.digest, size });
    }
    Ok(expected)
}
