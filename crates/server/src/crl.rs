//! Revocation lists: number reserved, entries streamed from the cursor, signed, stored, served.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use skink_api::{Code, Problem};
use skink_model::{Authority, AuthorityId, CrlFacts, CrlKind, CrlRow, IncidentId, Stamp, Time};
use skink_signer::AttemptPurpose;
use skink_x509::crl::CrlNumber;
use skink_x509::{Fingerprint, Serial};

use crate::app::App;
use crate::failure::{Failure, Result};

pub(crate) mod body;
mod write;

pub(crate) use body::Body;
use write::Reserved;
pub(crate) use write::SignedList;

/// The path of a scope's distribution point below the public base.
pub(crate) fn path(scope: &str) -> String {
    format!("/crl/{scope}.crl")
}

/// The scope at a path.
pub(crate) fn scope_of(path: &str) -> Option<&str> {
    path.strip_prefix("/crl/")?.strip_suffix(".crl")
}

/// The scope of one partition of an authority's own list.
pub(crate) fn own_scope(authority: &AuthorityId, partition: u32) -> String {
    format!("{authority}/p{partition}")
}

/// The partition of a scope of an authority's own.
pub(crate) fn partition(scope: &str) -> Option<u32> {
    scope.rsplit_once("/p")?.1.parse().ok()
}

/// The scopes of all of them.
pub(crate) fn own_scopes(authority: &Authority) -> Vec<String> {
    (0..authority.crl_partitions).map(|number| own_scope(&authority.id, number)).collect()
}

/// The partition that a certificate's serial belongs to. The serial's last bits are random, so that
/// partitions grow alike.
pub(crate) fn partition_of(authority: &Authority, serial: &Serial) -> u32 {
    let last = serial.as_be_bytes().last_chunk().copied().unwrap_or_default();
    u32::from_be_bytes(last) % authority.crl_partitions.max(1)
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

/// An authority's lists to sign.
#[derive(Clone, Debug)]
pub(crate) struct Listing {
    /// Whose lists they are.
    pub(crate) authority: AuthorityId,
    /// Which of its partitions; all of them unless given.
    pub(crate) partitions: Option<BTreeSet<u32>>,
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
    /// The regular lists of an authority.
    pub(crate) fn routine(authority: &AuthorityId) -> Self {
        Self {
            authority: authority.clone(),
            partitions: None,
            kind: CrlKind::Routine,
            times: None,
            entries: Entries::Revoked,
            purpose: AttemptPurpose::Crl,
            incident: None,
        }
    }
}

/// Signs an authority's routine lists, of these partitions or of all, and puts them at their
/// distribution points.
pub(crate) async fn publish(
    app: &App,
    authority: &AuthorityId,
    partitions: Option<BTreeSet<u32>>,
    by: Stamp,
) -> Result<Vec<CrlRow>> {
    let _one_at_a_time = app.listing().lock().await;
    let listing = Listing { partitions, ..Listing::routine(authority) };
    let lists = sign(app, &listing).await?;
    let overtaken = crate::db::publish_crls(app, &lists, &by, Overtaken::Stays).await?;
    let mut rows = Vec::with_capacity(lists.len());
    for mut list in lists {
        if overtaken.contains(&list.row.scope) {
            // Another server was faster with a higher number. It was reserved after ours, and what it
            // lists was read after that: what ours was made for is in it.
            let found = crate::db::published_crl(app, &list.row.scope).await?;
            let row = found.ok_or(Failure::Bug("a list is outranked by none"))?;
            list = stored(app, row).await?;
        }
        show(app, &list)?;
        rows.push(list.row);
    }
    app.news().tell_published();
    Ok(rows)
}

/// Puts signed lists at their distribution points, all in one commit or none.
pub(crate) async fn release(app: &App, lists: &[SignedList], by: Stamp) -> Result<()> {
    crate::db::publish_crls(app, lists, &by, Overtaken::IsRefused).await?;
    for list in lists {
        show(app, list)?;
    }
    app.news().tell_published();
    Ok(())
}

fn show(app: &App, SignedList { row, body }: &SignedList) -> Result<()> {
    app.published().put_crl(path(&row.scope), row.number, facts(row)?, body.clone());
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

fn facts(row: &CrlRow) -> Result<&CrlFacts> {
    row.signed.as_ref().ok_or(Failure::Bug("a published list that is not signed"))
}

/// What becomes of a list when one with a higher number is out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overtaken {
    /// It is not published, and the others are.
    Stays,
    /// None is published.
    IsRefused,
}

/// A signed list as the database has it.
pub(crate) async fn stored(app: &App, row: CrlRow) -> Result<SignedList> {
    let body = crate::db::crl_body(app, &row.scope, row.number).await?;
    Ok(SignedList { row, body })
}

/// Reserves numbers, streams the entries, signs and stores; not yet published. The caller holds
/// [`App::listing`].
pub(crate) async fn sign(app: &App, listing: &Listing) -> Result<Vec<SignedList>> {
    let authority = app.authority(&listing.authority).await?;
    let identity = app.signing_identity(&authority).await?;
    let all = 0..authority.crl_partitions;
    let partitions: Vec<u32> = match &listing.partitions {
        Some(some) => some.iter().copied().filter(|one| all.contains(one)).collect(),
        None => all.collect(),
    };
    let scopes: Vec<String> =
        partitions.iter().map(|number| own_scope(&authority.id, *number)).collect();
    let newest = crate::db::newest_crl_times(app, &scopes).await?;
    let times = scopes.iter().map(|scope| match listing.times {
        Some(times) => Ok(times),
        None => routine_times(app, newest.get(scope).copied()),
    });
    let times = times.collect::<Result<Vec<_>>>()?;
    let rows = crate::db::reserve_crls(app, &scopes, listing).await?;
    let reserved = rows.into_iter().zip(partitions).zip(times);
    let reserved = reserved.map(|((row, partition), times)| Reserved { row, partition, times });
    let lists = write::lists(app, listing, &identity, reserved.collect()).await?;
    crate::db::store_crls(app, &lists).await?;
    Ok(lists)
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

/// Puts the lists that the database has into the answers.
pub(crate) async fn load(app: &App) -> Result<()> {
    load_new(app, &mut HashMap::new()).await
}

/// The same of those whose number is not in `known` yet, by scope.
pub(crate) async fn load_new(app: &App, known: &mut HashMap<String, u64>) -> Result<()> {
    app.hold(crate::db::held_lists(app).await?);
    for row in crate::db::current_crls(app).await? {
        // What was revoked since the backup may be missing in it.
        if app.holds(&row.scope) {
            continue;
        }
        if known.get(&row.scope) != Some(&row.number) {
            let body = crate::db::crl_body(app, &row.scope, row.number).await?;
            app.published().put_crl(path(&row.scope), row.number, facts(&row)?, body);
            known.insert(row.scope, row.number);
        }
    }
    Ok(())
}
