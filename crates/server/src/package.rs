//! The trust package: built from what the database says, signed by the online trust key, served,
//! and told to everybody who waits.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use skink_api::TrustCurrent;
use skink_api::agent::PackageRef;
use skink_model::{
    AgentName, Authority, AuthorityState, CrlKind, CrlRow, IncidentId, IssuerKind, Package, Stamp,
    Time,
};
use skink_signer::{AttemptPurpose, SignatureRequest, ToSign};
use skink_store::{Refusal, StoreError};
use skink_trust as trust;
use skink_x509::{Certificate, Fingerprint, KeyDigest};

use crate::app::App;
use crate::crl;
use crate::failure::{Failure, Result};
use crate::news::Kind;

/// A package lives at least so long.
const LEAST_LIFE: Duration = Duration::from_mins(2);

/// Why a package is published above those that agents were seen to hold.
const OVERTAKEN: &str = "agents hold a later version";

/// The one stream that there is so far.
pub(crate) const STREAM: &str = "main";

/// Publishes the next version, and wakes every agent that waits.
pub(crate) async fn publish(
    app: &App,
    by: Stamp,
    reason: &str,
    incident: Option<IncidentId>,
) -> Result<PackageRef> {
    let _one_at_a_time = app.publishing().lock().await;
    publish_alone(app, by, reason, incident).await
}

/// The same, by whoever holds the lock already.
async fn publish_alone(
    app: &App,
    by: Stamp,
    reason: &str,
    incident: Option<IncidentId>,
) -> Result<PackageRef> {
    let now = app.now();
    if let Some(held) = crate::db::held_lists(app).await?.into_iter().next() {
        let (scope, taken_at) = (held.scope, held.taken_at);
        return Err(Failure::Store(StoreError::Refused(Refusal::Held { scope, taken_at })));
    }
    let contents = contents(app, now).await?;
    let newest = crate::db::latest_package(app).await?.map(|row| row.issued_at);
    crl::clock_is_not_behind(now, newest)?;
    let edition = next_edition(app, &contents.signer).await?;
    let manifest = trust::Manifest {
        domain: app.settings().domain().to_owned(),
        stream: STREAM.to_owned(),
        edition,
        issued_at_ms: now.as_millis(),
        not_after_ms: contents.not_after(now, app.settings().package_life()).as_millis(),
        anchors: contents.anchors,
        status: contents.status,
    };
    let body = manifest.to_body().map_err(Failure::Encode)?;
    let envelope = sign(app, &contents.signer, body, edition).await?;
    let row = Package {
        epoch: edition.epoch,
        version: edition.version,
        digest: Fingerprint::of(&envelope),
        envelope,
        parts: contents.parts.iter().map(|(digest, _)| digest.to_string()).collect(),
        issued_at: now,
        not_after: manifest.not_after(),
        reason: reason.to_owned(),
        incident,
    };
    let parts: Vec<Vec<u8>> = contents.parts.iter().map(|(_, bytes)| bytes.to_vec()).collect();
    crate::db::insert_package(app, &row, &parts, &by).await?;
    announce(app, &row, &contents.parts);
    metrics::counter!(crate::metrics::PACKAGES_PUBLISHED).increment(1);
    tracing::info!(
        package.epoch = row.epoch,
        package.version = row.version,
        reason,
        "a trust package was published"
    );
    Ok(reference(&row))
}

/// Puts the package that the database has into the answers.
pub(crate) async fn load(app: &App) -> Result<()> {
    if let Some(row) = crate::db::latest_package(app).await? {
        let mut parts = trust::Parts::new();
        for digest in &row.parts {
            parts.insert(crate::db::part(app, digest).await?);
        }
        put(app, &row, &parts);
        app.news().heard(Kind::Agents);
    }
    Ok(())
}

fn announce(app: &App, row: &Package, parts: &trust::Parts) {
    put(app, row, parts);
    app.news().tell_agents();
}

fn put(app: &App, row: &Package, parts: &trust::Parts) {
    let parts =
        parts.iter().map(|(digest, bytes)| (digest.to_string(), Bytes::copy_from_slice(bytes)));
    app.published().put_package(reference(row), row.envelope.clone(), parts);
}

pub(crate) fn reference(row: &Package) -> PackageRef {
    PackageRef { epoch: row.epoch, version: row.version, digest: row.digest.to_string() }
}

/// What is out, and who runs it.
pub(crate) async fn current(app: &App) -> Result<TrustCurrent> {
    let row = crate::db::latest_package(app)
        .await?
        .ok_or_else(|| Failure::not_found("trust package", "yet"))?;
    let (acknowledged, managed) = crate::db::acknowledged(app, &row).await?;
    let authorities = crate::db::authorities(app).await?;
    let states = authorities.iter().map(|one| format!("{} {}", one.id, one.state)).collect();
    let denied = denied_keys(&authorities);
    Ok(TrustCurrent {
        epoch: row.epoch,
        version: row.version,
        digest: row.digest.to_string(),
        issued_at_ms: row.issued_at.as_millis(),
        not_after_ms: row.not_after.as_millis(),
        acknowledged,
        managed,
        authorities: states,
        denied_keys: denied.iter().map(ToString::to_string).collect(),
    })
}

/// The parts, and who signs over them.
struct Contents {
    parts: trust::Parts,
    anchors: trust::Digest,
    status: trust::Digest,
    signer: Authority,
    /// The first of the lists in it to end.
    first_end: Option<Time>,
}

impl Contents {
    /// Before every list in it ends.
    fn not_after(&self, now: Time, life: Duration) -> Time {
        let full = now.plus(life);
        self.first_end.map_or(full, |end| full.min(end.minus(Duration::from_secs(1))))
    }
}

/// The authority whose key signs packages.
async fn trust_signer(app: &App) -> Result<Authority> {
    let issuers = crate::db::issuers(app).await?;
    let signs = |one: &Authority| {
        let kind = issuers.iter().find(|issuer| issuer.name == one.issuer).map(|it| it.kind);
        kind == Some(IssuerKind::Trust) && one.state == AuthorityState::Active
    };
    let signer = crate::db::authorities(app).await?.into_iter().find(signs);
    signer.ok_or_else(|| Failure::conflict("there is no trust key yet"))
}

async fn contents(app: &App, now: Time) -> Result<Contents> {
    let issuers = crate::db::issuers(app).await?;
    let kind_of = |one: &Authority| {
        issuers.iter().find(|issuer| issuer.name == one.issuer).map(|issuer| issuer.kind)
    };
    let authorities = crate::db::authorities(app).await?;
    let signer = trust_signer(app).await?;
    let mut parts = trust::Parts::new();
    let (mut entries, mut crls, mut first_end) = (Vec::new(), Vec::new(), None::<Time>);
    for one in &authorities {
        let kind = match kind_of(one) {
            Some(IssuerKind::Issuing) => trust::AuthorityKind::Issuing,
            Some(IssuerKind::Control) => trust::AuthorityKind::Control,
            _ => continue,
        };
        entries.extend(entry(one, kind));
    }
    for row in crate::db::current_crls(app).await? {
        let end = row.signed.as_ref().map(|facts| facts.next_update);
        if !travels(&row, &entries) || has_ended(&row.scope, end, now) {
            continue;
        }
        let der = crate::db::crl_der(app, &row.scope, row.number).await?;
        let size = u64::try_from(der.len()).unwrap_or(u64::MAX);
        first_end = first_end.into_iter().chain(end).min();
        crls.push(trust::CrlEntry {
            scope: crl::path(&row.scope),
            digest: parts.insert(der),
            size,
        });
    }
    let status = trust::Status {
        authorities: entries,
        crls,
        denied_keys: denied_keys(&authorities).into_iter().collect(),
        server_keys: app.server_keys(),
        journal_head: crate::db::journal_head(app).await?,
    };
    let anchors = parts.insert(crate::db::anchors_part(app).await?);
    let status = parts.insert(status.to_part().map_err(Failure::Encode)?);
    Ok(Contents { parts, anchors, status, signer, first_end })
}

/// The final list of a closing set never travels: a million entries are 40 MB, and the parent's
/// partition makes them moot. Nor does anything of an authority that is no longer trusted.
fn travels(row: &CrlRow, entries: &[trust::AuthorityEntry]) -> bool {
    let by_root = row.scope.starts_with(crl::OF_ROOT);
    let trusted =
        entries.iter().any(|entry| entry.id == row.authority.as_str() && entry.state.is_trusted());
    row.kind != CrlKind::Final && (by_root || trusted)
}

/// A list that has ended stays behind: with it in it the package would have expired when it is
/// published, and nobody would take it. Agents go on holding what the root said before.
fn has_ended(scope: &str, end: Option<Time>, now: Time) -> bool {
    let ended = end.is_some_and(|end| end <= now.plus(LEAST_LIFE));
    if ended {
        tracing::error!(crl.scope = scope, "a list has ended: it is in no package until renewed");
    }
    ended
}

fn entry(one: &Authority, kind: trust::AuthorityKind) -> Option<trust::AuthorityEntry> {
    let certificate = one.certificate.as_ref()?.pem.clone();
    let state = match one.state {
        AuthorityState::Pending => return None,
        AuthorityState::Prepared => trust::AuthorityState::Prepared,
        AuthorityState::Active => trust::AuthorityState::Active,
        AuthorityState::Retiring => trust::AuthorityState::Retiring,
        AuthorityState::Retired => trust::AuthorityState::Retired,
        AuthorityState::Tainted if denies_at_once(one) => trust::AuthorityState::Retired,
        AuthorityState::Tainted => trust::AuthorityState::Tainted,
        AuthorityState::Revoked => trust::AuthorityState::Revoked,
        AuthorityState::Distrusted => trust::AuthorityState::Distrusted,
    };
    Some(trust::AuthorityEntry {
        id: one.id.to_string(),
        issuer: one.issuer.to_string(),
        generation: one.generation,
        kind,
        state,
        certificate,
    })
}

/// Whether an authority was tainted when nobody used or trusted it any more, or not yet.
pub(crate) fn denies_at_once(one: &Authority) -> bool {
    let from = one.taint.as_ref().and_then(|taint| taint.from);
    let unused = [AuthorityState::Prepared, AuthorityState::Retired];
    one.state == AuthorityState::Tainted && from.is_some_and(|from| unused.contains(&from))
}

/// Keys of authorities that are revoked. A tainted one stays accepted until everything has moved,
/// unless nothing is left to move: then its key is denied with the very next package.
fn denied_keys(authorities: &[Authority]) -> BTreeSet<KeyDigest> {
    let gone = [AuthorityState::Revoked, AuthorityState::Distrusted];
    let gone = authorities.iter().filter(|one| gone.contains(&one.state) || denies_at_once(one));
    gone.map(|one| one.key.digest).collect()
}

async fn next_edition(app: &App, signer: &Authority) -> Result<trust::Edition> {
    let epoch = u64::from(signer.generation);
    let version = crate::db::next_package_version(app, epoch).await?;
    Ok(trust::Edition::new(epoch, version))
}

/// How far ahead agents may carry the version: no backup explains more, a stolen trust key does.
const LEAP_MAX: u64 = 10_000;

/// Least time between two packages that agents make this server publish. What is overtaken in
/// between is published by the job.
const OVERTAKE_EVERY: Duration = Duration::from_secs(10);

/// An agent shows a package that this server does not remember: it was restored from a backup. What
/// agents hold is the floor, so the next version is published above it. Only what the trust key
/// signed counts: a stolen host would have everybody fetch packages without end.
pub(crate) async fn overtake(app: &App, agent: &AgentName, held: &str) -> Result<()> {
    let signer = trust_signer(app).await?;
    let held = STANDARD.decode(held).ok();
    let Some(held) = held.and_then(|envelope| genuine(app, &signer, &envelope)) else {
        tracing::warn!(agent.name = %agent, "an agent shows a package that is none of this server's");
        return Ok(());
    };
    let mut last = app.publishing().lock().await;
    let Some(floor) = floor_for(app, &held).await? else { return Ok(()) };
    let (epoch, version) = (held.edition.epoch, held.edition.version);
    tracing::warn!(agent.name = %agent, package.epoch = epoch, package.version = version,
        "an agent holds a package that this server has forgotten");
    if crate::db::next_package_version(app, epoch).await? <= floor {
        crate::db::raise_package_floor(app, epoch, floor).await?;
    }
    if last.is_none_or(|last| last.elapsed() >= OVERTAKE_EVERY) {
        *last = Some(Instant::now());
        publish_alone(app, Stamp::server(app.now()), OVERTAKEN, None).await?;
    }
    Ok(())
}

/// The version above which the next one must be, so that whoever holds this package takes it: it is
/// later than what is out, or it is another one of the same version.
async fn floor_for(app: &App, held: &Genuine) -> Result<Option<u64>> {
    let Some(out) = crate::db::latest_package(app).await? else { return Ok(None) };
    let version = held.edition.version;
    let ahead = version.checked_sub(out.version);
    if held.edition.epoch != out.epoch || ahead.is_none_or(|ahead| ahead > LEAP_MAX) {
        return Ok(None);
    }
    Ok(match ahead {
        Some(0) if held.digest == out.digest => None,
        Some(0) => Some(version.saturating_add(1)),
        _ => Some(version),
    })
}

/// Publishes above what agents were seen to hold, if that has not been done.
pub(crate) async fn catch_up(app: &App) -> Result<()> {
    let mut last = app.publishing().lock().await;
    let Some(out) = crate::db::latest_package(app).await? else { return Ok(()) };
    if crate::db::next_package_version(app, out.epoch).await? > out.version.saturating_add(1) {
        *last = Some(Instant::now());
        publish_alone(app, Stamp::server(app.now()), OVERTAKEN, None).await?;
    }
    Ok(())
}

/// A package that this server's trust key signed.
struct Genuine {
    edition: trust::Edition,
    digest: Fingerprint,
}

fn genuine(app: &App, signer: &Authority, bytes: &[u8]) -> Option<Genuine> {
    let envelope = trust::Envelope::parse(bytes, &trust::Limits::default()).ok()?;
    let manifest = envelope.manifest();
    let ours = signer.certificate.as_ref()?.fingerprint == envelope.certificate().fingerprint()
        && u64::from(signer.generation) == manifest.edition.epoch
        && manifest.domain == app.settings().domain()
        && manifest.stream == STREAM;
    let verifies = ours && envelope.verify_signature().is_ok();
    verifies.then(|| Genuine { edition: manifest.edition, digest: Fingerprint::of(bytes) })
}

async fn sign(
    app: &App,
    signer: &Authority,
    body: String,
    edition: trust::Edition,
) -> Result<Vec<u8>> {
    let signing = app.signing_authority(signer)?;
    let input = trust::Manifest::signing_input(&body);
    let identity = signing.identity();
    let request = SignatureRequest {
        authority: identity.id.clone(),
        key: identity.key.clone(),
        purpose: AttemptPurpose::TrustPackage,
        subject: format!("{STREAM}/{edition}"),
        algorithm: identity.signature_algorithm(),
        incident: None,
    };
    let made = app.signer().ask_and_sign(request, ToSign::Message(&input)).await;
    let made = made.map_err(Failure::Sign)?;
    let certificate: &Certificate = signing.certificate();
    trust::Envelope::assemble(body, certificate, &made.signature).map_err(Failure::Encode)
}
