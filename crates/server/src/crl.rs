//! Revocation lists: number reserved, entries streamed from the cursor, signed, stored, served.

use std::collections::HashMap;
use std::time::Duration;

use skink_api::{Code, Problem};
use skink_authority::{ListPlan, ListWriter};
use skink_model::{AuthorityId, CrlFacts, CrlKind, CrlRow, IncidentId, Stamp, Time};
use skink_signer::AttemptPurpose;
use skink_store::{Refusal, Snapshot, StoreError};
use skink_x509::Fingerprint;
use skink_x509::crl::{CrlNumber, RevokedEntry};

use crate::app::App;
use crate::failure::{Failure, Result};

/// The path of a scope's distribution point below the public base.
pub(crate) fn path(scope: &str) -> String {
    format!("/crl/{scope}.crl")
}

/// The scope at a path.
pub(crate) fn scope_of(path: &str) -> Option<&str> {
    path.strip_prefix("/crl/")?.strip_suffix(".crl")
}

/// The scope of an authority's own list.
pub(crate) fn own_scope(authority: &AuthorityId) -> String {
    format!("{authority}/p0")
}

/// Where the scopes of the root's lists begin.
pub(crate) const OF_ROOT: &str = "root/";

/// The scope of the root's partition for `about` (an authority's id, or `root`).
pub(crate) fn root_scope(about: &str) -> String {
    format!("{OF_ROOT}{about}")
}

/// What a list of the root's has to outrank beside what is published: a later one that agents hold
/// and this server has forgotten, unless it is that very list.
pub(crate) async fn forgotten_floor(
    app: &App,
    scope: &str,
    own: &Fingerprint,
) -> Result<Option<(CrlNumber, Time)>> {
    let seen = crate::db::forgotten_root_lists(app).await?;
    let seen = seen.into_iter().find(|list| list.scope == scope && list.digest != *own);
    Ok(seen.map(|list| (CrlNumber::from_u64(list.number), list.this_update)))
}

/// How many entries are read from the cursor at a time.
const CHUNK: u32 = 10_000;

/// One list to sign.
#[derive(Clone, Debug)]
pub(crate) struct Listing {
    /// Whose list it is.
    pub(crate) authority: AuthorityId,
    /// What it is.
    pub(crate) kind: CrlKind,
    /// When it is said, and until when it speaks; the routine times unless given.
    pub(crate) times: Option<(Time, Time)>,
    /// Which entries it has.
    pub(crate) entries: Entries,
    /// What the ledger is told.
    pub(crate) purpose: AttemptPurpose,
    /// The incident it belongs to, if to one.
    pub(crate) incident: Option<IncidentId>,
}

/// Which entries a list has.
#[derive(Clone, Debug)]
pub(crate) enum Entries {
    /// What is revoked now.
    Revoked,
    /// Everything that the authority ever signed or may have signed, as revoked at this instant for
    /// this reason, except what was revoked before.
    Everything {
        /// Since when it is revoked.
        revoked_at: Time,
        /// Since when the authority may have been in other hands.
        suspected_since: Option<Time>,
    },
}

impl Listing {
    /// The regular list of an authority.
    pub(crate) fn routine(authority: &AuthorityId) -> Self {
        Self {
            authority: authority.clone(),
            kind: CrlKind::Routine,
            times: None,
            entries: Entries::Revoked,
            purpose: AttemptPurpose::Crl,
            incident: None,
        }
    }
}

/// Signs an authority's routine list and puts it at its distribution point.
pub(crate) async fn publish(app: &App, authority: &AuthorityId, by: Stamp) -> Result<CrlRow> {
    let _one_at_a_time = app.listing().lock().await;
    let row = sign(app, &Listing::routine(authority)).await?;
    match release(app, &row, by).await {
        Err(Failure::Store(StoreError::Refused(Refusal::DoesNotOutrank { .. }))) => {
            // Another server was faster with a higher number. It was reserved after ours, and what it
            // lists was read after that: what ours was made for is in it.
            let scope = row.scope;
            let found = crate::db::published_crl(app, &scope).await?;
            let row = found.ok_or(Failure::Bug("a list is outranked by none"))?;
            let der = crate::db::crl_der(app, &scope, row.number).await?;
            app.published().put_crl(path(&scope), row.number, der);
            Ok(row)
        }
        done => done.map(|()| row),
    }
}

/// Puts a signed list at its distribution point.
pub(crate) async fn release(app: &App, row: &CrlRow, by: Stamp) -> Result<()> {
    let der = crate::db::crl_der(app, &row.scope, row.number).await?;
    crate::db::publish_crl(app, &row.scope, row.number, &by).await?;
    app.published().put_crl(path(&row.scope), row.number, der);
    app.news().tell_published();
    metrics::counter!(crate::metrics::CRLS_PUBLISHED).increment(1);
    tracing::info!(
        crl.scope = row.scope,
        crl.number = row.number,
        crl.kind = %row.kind,
        crl.entries = row.signed.as_ref().map_or(0, |facts| facts.entries),
        "a revocation list was published"
    );
    Ok(())
}

/// Reserves a number, streams the entries, signs and stores; not yet published. The caller holds
/// [`App::listing`].
pub(crate) async fn sign(app: &App, listing: &Listing) -> Result<CrlRow> {
    let authority = app.authority(&listing.authority).await?;
    let identity = app.signing_identity(&authority).await?;
    let scope = own_scope(&authority.id);
    let newest = crate::db::newest_crl_time(app, &authority.id, &scope).await?;
    let (this_update, next_update) = match listing.times {
        Some(times) => times,
        None => routine_times(app, newest)?,
    };
    let row = crate::db::reserve_crl(app, &scope, listing).await?;
    let plan = ListPlan {
        uri: app.locations().crl(&authority.id, 0),
        number: CrlNumber::from_u64(row.number),
        this_update,
        next_update,
    };
    let spool = tempfile::tempfile().map_err(Failure::Io)?;
    let mut writer = ListWriter::new(&identity, plan, spool).map_err(Failure::X509)?;
    let (mut reading, mut after) = (crate::db::moment(app).await?, None);
    loop {
        let chunk = chunk(&mut reading, listing, after.as_ref()).await?;
        let Some(last) = chunk.last() else { break };
        after = Some(last.serial.clone());
        for entry in &chunk {
            writer.push(entry).map_err(Failure::X509)?;
        }
    }
    drop(reading);
    let mut unsigned = writer.finish().map_err(Failure::X509)?;
    let entries = unsigned.entries();
    let signed = unsigned.sign(app.signer(), listing.purpose, listing.incident.clone()).await;
    let mut der = Vec::new();
    unsigned.write(&signed.map_err(Failure::Sign)?, &mut der).map_err(Failure::Finish)?;
    let facts = CrlFacts {
        this_update,
        next_update,
        entries,
        size: u64::try_from(der.len()).unwrap_or(u64::MAX),
        digest: Fingerprint::of(&der),
    };
    crate::db::store_crl(app, &scope, row.number, &facts, &der).await?;
    Ok(CrlRow { signed: Some(facts), ..row })
}

/// Back-dated for slow clocks where that is still newer than the list before.
fn routine_times(app: &App, newest: Option<Time>) -> Result<(Time, Time)> {
    let now = app.now().truncated_to_secs();
    clock_is_not_behind(now, newest)?;
    let after = newest.map(|time| Time::from_secs(time.as_secs() + 1));
    let this_update = now.minus(app.settings().backdate()).max(after.unwrap_or(Time::EPOCH));
    Ok((this_update, now.plus(app.settings().crl_life())))
}

/// What was said before was said in the past, or this server's clock is wrong: a list from before
/// the newest one would lose against it.
pub(crate) fn clock_is_not_behind(now: Time, newest: Option<Time>) -> Result<()> {
    match newest.filter(|newest| *newest > now.plus(Duration::from_mins(1))) {
        Some(newest) => {
            let detail =
                format!("the newest signed statement is of {newest}, the clock says {now}");
            Err(Problem::new(Code::ClockOff, detail).hint("set this server's clock").into())
        }
        None => Ok(()),
    }
}

async fn chunk(
    reading: &mut Snapshot,
    listing: &Listing,
    after: Option<&skink_x509::Serial>,
) -> Result<Vec<RevokedEntry>> {
    match &listing.entries {
        Entries::Revoked => crate::db::revoked(reading, &listing.authority, after, CHUNK).await,
        Entries::Everything { revoked_at, suspected_since } => {
            let times = (*revoked_at, *suspected_since);
            crate::db::everything(reading, &listing.authority, times, after, CHUNK).await
        }
    }
}

/// Puts the lists that the database has into the answers.
pub(crate) async fn load(app: &App) -> Result<()> {
    load_new(app, &mut HashMap::new()).await
}

/// The same of those whose number is not in `known` yet, by scope.
pub(crate) async fn load_new(app: &App, known: &mut HashMap<String, u64>) -> Result<()> {
    for row in crate::db::current_crls(app).await? {
        if known.get(&row.scope) != Some(&row.number) {
            let der = crate::db::crl_der(app, &row.scope, row.number).await?;
            app.published().put_crl(path(&row.scope), row.number, der);
            known.insert(row.scope, row.number);
        }
    }
    Ok(())
}
