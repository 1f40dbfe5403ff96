//! Step 2: taint, drain, closing set, disable, prove.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use skink_authority::{Closing, SigningAuthority};
use skink_incident::Outcome;
use skink_model::{
    Attempt, AttemptPurpose, AttemptState, Authority, AuthorityId, AuthorityState, BlockedKey,
    CrlKind, CrlRow, IncidentId, KeyState, KeyUse, SigningKey, Stamp, Time, Trigger,
};
use skink_signer::{KeyProvider as _, KeyUri, SignError, SignatureRequest, ToSign};
use skink_store::{Tx, attempts, authorities, certificates, crls, keys, kits};
use skink_x509::crl::CrlNumber;
use skink_x509::{Fingerprint, KeyAlgorithm};

use super::{Came, Scene};
use crate::app::{App, CONTROL};
use crate::crl::{self, Entries, Listing, SignedList};
use crate::failure::{Failure, Result};
use crate::incident::measure::Tally;
use crate::{operators, package, responders};

/// How long tickets in flight are waited for before they are called unknown.
const DRAIN: Duration = Duration::from_secs(5);
const DRAIN_LOOK: Duration = Duration::from_millis(20);
const PAGE: u32 = 1000;
/// The name of the key whose only use is to show that the provider works.
const CONTROL_KEY: &str = "control-signature";

pub(super) async fn taint(scene: Scene<'_>) -> Result<Came> {
    let (id, incident, stamp) = (scene.authority(), scene.incident(), scene.stamp());
    let declared = scene.state.declaration();
    let (suspected, host) = (declared.suspected_since, declared.trigger == Trigger::Host);
    let stamp = &stamp;
    scene
        .app
        .store()
        .run_tx("incident_taint", move |tx| {
            Box::pin(async move {
                authorities::taint(tx, stamp, id, incident, suspected).await?;
                let digest = authorities::require(tx, id).await?.key.digest;
                let reason = format!("{id} is compromised");
                let blocked =
                    BlockedKey { digest, reason, incident: Some(incident.clone()), at: stamp.at };
                keys::block(tx, stamp, &blocked).await?;
                if host { taint_standbys(tx, stamp, id, incident).await } else { Ok(()) }
            })
        })
        .await?;
    tracing::warn!(authority.id = %id, incident.id = %incident, "an authority is tainted");
    // Asked of the rows: a crash after the transaction must not lose the package.
    let all = crate::db::authorities(scene.app).await?;
    let ours =
        |one: &Authority| one.taint.as_ref().is_some_and(|taint| taint.incident == *incident);
    if all.iter().any(|one| ours(one) && package::denies_at_once(one)) {
        let reason = format!("{id} is tainted, and what nobody needs is denied");
        package::publish(scene.app, scene.stamp(), &reason, Some(incident.clone())).await?;
    }
    Ok(Came::plain())
}

/// The keys of standbys are made on the host that holds the keys, and their credentials leave it in
/// a kit. When that host was taken, the standbys of this issuer are the thief's, whether a kit of
/// theirs is still good or not.
async fn taint_standbys(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    id: &AuthorityId,
    incident: &IncidentId,
) -> Result<()> {
    let issuer = authorities::require(tx, id).await?.issuer;
    let kits = kits::ready(tx).await?;
    for standby in authorities::of_issuer(tx, &issuer).await? {
        if standby.state != AuthorityState::Prepared {
            continue;
        }
        for kit in kits.iter().filter(|kit| kit.standby == standby.id) {
            kits::void(tx, stamp, &kit.id).await?;
        }
        authorities::taint_standby(tx, stamp, &standby.id, incident).await?;
        let reason = format!("the key of {} was on a stolen host", standby.id);
        let digest = standby.key.digest;
        let blocked = BlockedKey { digest, reason, incident: Some(incident.clone()), at: stamp.at };
        keys::block(tx, stamp, &blocked).await?;
    }
    Ok(())
}

/// After the taint nobody gets a new ticket: what is in flight ends, or ends unknown.
pub(super) async fn drain(scene: Scene<'_>) -> Result<Came> {
    let until = tokio::time::Instant::now() + DRAIN;
    let first = open(scene).await?.len();
    let left = loop {
        let left = open(scene).await?;
        if left.is_empty() || tokio::time::Instant::now() >= until {
            break left;
        }
        tokio::time::sleep(DRAIN_LOOK).await;
    };
    give_up(scene, &left).await?;
    let settled = u64::try_from(first.saturating_sub(left.len())).unwrap_or(u64::MAX);
    let unknown = unknown_serials(scene).await?;
    Ok(Came::Done(Outcome::Drained { settled, unknown }, String::new()))
}

async fn open(scene: Scene<'_>) -> Result<Vec<Attempt>> {
    let mut snapshot = scene.app.store().read().await.map_err(Failure::Store)?;
    let open = attempts::open(&mut snapshot, scene.authority()).await?;
    // A responder's key is another one, and goes on answering.
    Ok(open.into_iter().filter(|one| one.purpose != AttemptPurpose::Ocsp).collect())
}

async fn give_up(scene: Scene<'_>, left: &[Attempt]) -> Result<()> {
    if left.is_empty() {
        return Ok(());
    }
    let settlement = |attempt: &Attempt| attempts::Settlement {
        attempt: attempt.id.clone(),
        outcome: attempts::Outcome::Unknown,
        code: Some("drained".to_owned()),
        request_id: None,
    };
    let batch: Vec<_> = left.iter().map(settlement).collect();
    let (batch, at) = (batch.as_slice(), scene.app.now());
    scene
        .app
        .store()
        .run_tx("incident_drain", move |tx| {
            Box::pin(async move { Ok::<_, Failure>(attempts::settle(tx, at, batch).await?) })
        })
        .await
}

/// Serials that may be signed and that nobody was given; the final list has them.
async fn unknown_serials(scene: Scene<'_>) -> Result<Vec<String>> {
    let mut snapshot = scene.app.store().read().await.map_err(Failure::Store)?;
    let (mut serials, mut after) = (Vec::new(), None);
    loop {
        let page = attempts::after(&mut snapshot, scene.authority(), after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(serials) };
        after = Some(last.id.clone());
        for attempt in page.iter().filter(|one| is_unknown_certificate(one)) {
            let Ok(id) = attempt.subject.parse() else { continue };
            let row = certificates::find(&mut snapshot, &id).await?;
            serials.extend(row.map(|row| row.serial.to_hex()));
        }
    }
}

fn is_unknown_certificate(attempt: &Attempt) -> bool {
    attempt.state == AttemptState::Unknown && attempt.purpose == AttemptPurpose::Certificate
}

/// Signs what is missing of the closing set; what a crash left signed is taken as it is.
pub(super) async fn closing_set(scene: Scene<'_>, deadline: Time) -> Result<Came> {
    let (app, id) = (scene.app, scene.authority());
    let _one_at_a_time = app.listing().lock().await;
    let authority = app.authority(id).await?;
    let signing = app.signing_authority(&authority)?;
    let plan = plan(scene, &authority, &signing, deadline).await?;
    let times = (plan.transition.this_update, plan.transition.next_update);
    let transition = signed_lists(scene, &authority, CrlKind::Transition, times).await?;
    crl::release(app, &transition, scene.stamp()).await?;
    let transition = Together::of(&transition)?;
    let said = transition.this_update.plus(Duration::from_secs(1));
    let times = (said.max(plan.final_list.this_update), plan.final_list.next_update);
    let last = signed_lists(scene, &authority, CrlKind::Final, times).await?;
    let last = Together::of(&last)?;
    // A crash after the set was closed leaves nothing to sign, and nothing that could be.
    if !authority.closed {
        responder(scene, plan.responder_until).await?;
        close(scene).await?;
    }
    let outcome = Outcome::ClosingSet {
        transition_number: transition.number,
        final_number: last.number,
        final_entries: last.entries,
        final_digest: last.digest.to_string(),
        transition_until: transition.next_update,
    };
    Ok(Came::shown(outcome, &last.digest))
}

/// What the lists of all partitions come to.
struct Together {
    /// The highest.
    number: u64,
    /// When the last one was said.
    this_update: Time,
    /// Until when all of them speak.
    next_update: Time,
    /// The sum.
    entries: u64,
    /// Of the only list; of several, of their digests one after another.
    digest: Fingerprint,
}

impl Together {
    fn of(lists: &[SignedList]) -> Result<Self> {
        let facts = lists.iter().map(|list| list.row.signed.as_ref().ok_or(UNSIGNED));
        let facts = facts.collect::<Result<Vec<_>>>()?;
        let digest = match &facts[..] {
            [only] => only.digest,
            several => {
                let each = several.iter().map(|facts| facts.digest.as_bytes().as_slice());
                Fingerprint::of(&each.collect::<Vec<_>>().concat())
            }
        };
        Ok(Self {
            number: lists.iter().map(|list| list.row.number).max().ok_or(UNSIGNED)?,
            this_update: facts.iter().map(|one| one.this_update).max().ok_or(UNSIGNED)?,
            next_update: facts.iter().map(|one| one.next_update).min().ok_or(UNSIGNED)?,
            entries: facts.iter().map(|one| one.entries).sum(),
            digest,
        })
    }
}

const UNSIGNED: Failure = Failure::Bug("a signed list without its facts");

/// This incident's lists of a kind, one for each partition: those that it has signed already, and the
/// others, signed now.
async fn signed_lists(
    scene: Scene<'_>,
    authority: &Authority,
    kind: CrlKind,
    times: (Time, Time),
) -> Result<Vec<SignedList>> {
    let app = scene.app;
    let mut snapshot = app.store().read().await.map_err(Failure::Store)?;
    let rows = crls::of_authority(&mut snapshot, &authority.id).await?;
    drop(snapshot);
    let mut signed: BTreeMap<u32, CrlRow> = BTreeMap::new();
    for row in rows {
        let ours = row.kind == kind
            && row.signed.is_some()
            && row.incident.as_ref() == Some(scene.incident());
        if let Some(partition) = crl::partition(&row.scope).filter(|_| ours) {
            // In the order of their numbers: the newest one stays.
            signed.insert(partition, row);
        }
    }
    let missing = (0..authority.crl_partitions).filter(|number| !signed.contains_key(number));
    let missing: BTreeSet<u32> = missing.collect();
    let mut lists = Vec::with_capacity(signed.len() + missing.len());
    for row in signed.into_values() {
        lists.push(crl::stored(app, row).await?);
    }
    if !missing.is_empty() {
        let listing = Listing { partitions: Some(missing), ..listing(scene, kind, times) };
        lists.extend(crl::sign(app, &listing).await?);
    }
    lists.sort_by(|one, other| one.row.scope.cmp(&other.row.scope));
    Ok(lists)
}

async fn plan(
    scene: Scene<'_>,
    authority: &Authority,
    signing: &SigningAuthority,
    deadline: Time,
) -> Result<skink_authority::ClosingPlan> {
    let (app, id) = (scene.app, scene.authority());
    let mut snapshot = app.store().read().await.map_err(Failure::Store)?;
    let (mut last, mut newest) = (0, None);
    for scope in crl::own_scopes(authority) {
        last = crls::last_number(&mut snapshot, &scope).await?.unwrap_or(0).max(last);
        let published = crls::published(&mut snapshot, &scope).await?;
        newest = published.and_then(|row| row.signed).map(|facts| facts.this_update).max(newest);
    }
    let counts = certificates::scope(&mut snapshot, id, app.now()).await?;
    let last_not_after = counts.iter().map(|one| one.last_end).max().unwrap_or(app.now());
    let closing = Closing {
        authority: signing,
        locations: app.locations(),
        now: app.now(),
        first_number: CrlNumber::from_u64(last.saturating_add(1)),
        last_deadline: deadline,
        last_not_after,
        last_this_update: newest,
    };
    closing.plan().map_err(|error| Failure::conflict(error.to_string()))
}

fn listing(scene: Scene<'_>, kind: CrlKind, times: (Time, Time)) -> Listing {
    let entries = match kind {
        CrlKind::Final => Entries::Everything {
            revoked_at: scene.app.now().truncated_to_secs(),
            suspected_since: scene.state.declaration().suspected_since,
        },
        _ => Entries::Revoked,
    };
    Listing {
        authority: scene.authority().clone(),
        partitions: None,
        kind,
        times: Some(times),
        entries,
        purpose: AttemptPurpose::ClosingSet,
        incident: Some(scene.incident().clone()),
    }
}

/// After the final list, which therefore does not list it: it goes on answering honest readers.
async fn responder(scene: Scene<'_>, until: Time) -> Result<()> {
    let (app, id) = (scene.app, scene.authority());
    let lasts = |responder: &skink_authority::Responder| {
        responder.certificate().not_after().plus(Duration::from_secs(2)) >= until
    };
    if app.responder(id).await?.is_some_and(|responder| lasts(&responder)) {
        return Ok(());
    }
    responders::certify(app, id, Some((scene.incident().clone(), until))).await
}

async fn close(scene: Scene<'_>) -> Result<()> {
    let (id, stamp) = (scene.authority(), scene.stamp());
    let stamp = &stamp;
    scene
        .app
        .store()
        .run_tx("incident_close_key", move |tx| {
            Box::pin(async move { Ok::<_, Failure>(authorities::close(tx, stamp, id).await?) })
        })
        .await
}

pub(super) async fn disable(scene: Scene<'_>) -> Result<Came> {
    let app = scene.app;
    let key = key_of(app, scene.authority()).await?;
    app.keys().disable(&key).await?;
    let refusal_code = refusal(scene, &key).await?;
    let (uri, stamp) = (key.as_str(), scene.stamp());
    crate::db::set_key_state(app, uri, KeyState::Disabled, Some(&refusal_code), &stamp).await?;
    tracing::warn!(key.uri = uri, key.refusal = refusal_code, "a key is disabled");
    Ok(Came::Done(Outcome::Disabled { refusal_code }, String::new()))
}

pub(super) async fn key_of(app: &App, id: &AuthorityId) -> Result<KeyUri> {
    let uri = app.authority(id).await?.key.uri;
    let uri = uri.ok_or_else(|| Failure::conflict(format!("the key of {id} is not here")))?;
    uri.parse().map_err(|_| Failure::Bug("a key's URI"))
}

/// Tries to sign, and takes the provider's own code for its refusal.
async fn refusal(scene: Scene<'_>, key: &KeyUri) -> Result<String> {
    let authority = scene.app.authority(scene.authority()).await?;
    let request = SignatureRequest {
        authority: authority.id.clone(),
        key: key.clone(),
        purpose: AttemptPurpose::Probe,
        subject: format!("{}/prove-disabled", scene.incident()),
        algorithm: authority.key.algorithm.signature_algorithm(),
        incident: Some(scene.incident().clone()),
    };
    let message = scene.incident().as_str().as_bytes();
    let asked = scene.app.signer().ask_and_sign(request, ToSign::Message(message)).await;
    match asked {
        Err(SignError::Provider { code, source }) => match source {
            skink_signer::ProviderError::Disabled { .. } => Ok(code),
            other => Err(Failure::Provider(other)),
        },
        Err(error) => Err(Failure::Sign(error)),
        Ok(_) => Err(Failure::conflict(format!("{key} still signs"))),
    }
}

/// The provider refuses this key as disabled, and signs with another through the same credential:
/// an outage is no proof.
pub(super) async fn prove(scene: Scene<'_>) -> Result<Came> {
    let mut tally = Tally::default();
    let key = key_of(scene.app, scene.authority()).await?;
    let refused = refusal(scene, &key).await;
    match refused {
        Ok(code) => tally.met("refusal", 1, &code),
        Err(error) => tally.pending("refusal", &skink_model::with_causes(&error)),
    }
    match control(scene).await {
        Ok(digest) => tally.met("control", 1, &digest.to_string()),
        Err(error) => tally.pending("control", &skink_model::with_causes(&error)),
    }
    Ok(Came::Measured(tally.measurement(scene.app.now())))
}

async fn control(scene: Scene<'_>) -> Result<Fingerprint> {
    let app = scene.app;
    let key = control_key(app, key_of(app, scene.authority()).await?.scheme()).await?;
    let authority = app
        .active_authority(&operators::parsed(CONTROL)?)
        .await?
        .ok_or(Failure::Bug("there is no control authority"))?;
    let request = SignatureRequest {
        authority: authority.id,
        key: key.uri.parse().map_err(|_| Failure::Bug("a key's URI"))?,
        purpose: AttemptPurpose::Control,
        subject: format!("{}/prove-disabled", scene.incident()),
        algorithm: key.algorithm.signature_algorithm(),
        incident: Some(scene.incident().clone()),
    };
    let message = scene.incident().as_str().as_bytes();
    let signed = app.signer().ask_and_sign(request, ToSign::Message(message)).await;
    Ok(Fingerprint::of(&signed.map_err(Failure::Sign)?.signature))
}

/// The key for control signatures at a provider, taken up when it is first needed. Software keys
/// are made; elsewhere the configuration names one.
async fn control_key(app: &App, scheme: &str) -> Result<SigningKey> {
    let known = crate::db::keys(app).await?;
    let at = |uri: &str| uri.parse().is_ok_and(|uri: KeyUri| uri.scheme() == scheme);
    if let Some(key) = known.into_iter().find(|k| k.key_use == KeyUse::Control && at(&k.uri)) {
        return Ok(key);
    }
    let uri = if scheme == app.keys().software().scheme() {
        crate::keys::make(app, CONTROL_KEY, KeyAlgorithm::EcP256).await?
    } else {
        let named = app.settings().control_keys().iter().find(|uri| uri.scheme() == scheme);
        let named = named.ok_or_else(|| {
            Failure::conflict(format!(
                "`keys.control` of the configuration names no key of {scheme}: make one at the \
                 same place, which the same credential signs with, and name it"
            ))
        })?;
        app.keys().of(named)?.find(named).await.map_err(Failure::Provider)?
    };
    let provider = app.keys().of(&uri)?;
    let public_key = provider.public_key(&uri).await.map_err(Failure::Provider)?;
    let now = app.now();
    let row = SigningKey {
        uri: uri.to_string(),
        key_use: KeyUse::Control,
        authority: None,
        algorithm: public_key.algorithm(),
        digest: public_key.digest(),
        state: KeyState::Enabled,
        refusal_code: None,
        created_at: now,
        changed_at: now,
    };
    crate::db::insert_key(app, &row).await?;
    Ok(row)
}
