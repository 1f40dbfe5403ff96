//! What the server does by itself: lists, packages, responders and its own identity are renewed
//! before they end.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use skink_model::with_causes;
use skink_model::{AuthorityId, AuthorityState, CrlKind, CrlRow, Stamp};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::app::App;
use crate::failure::Result;
use crate::http::listen::stopped;
use crate::{crl, identity, incident, package, reconcile, replicas, responders};

/// How often it is written down which agents were heard of.
const HEARD: Duration = Duration::from_secs(5);
/// How many of them in one transaction: others wait for it.
const HEARD_AT_ONCE: usize = 500;

/// How often the jobs look.
const LOOK: Duration = Duration::from_secs(30);

pub(crate) fn spawn(app: &App, tasks: &mut JoinSet<()>, stop: &watch::Receiver<bool>) {
    tasks.spawn(renewals(app.clone(), stop.clone()));
    tasks.spawn(reconcile::watch(app.clone(), stop.clone()));
    tasks.spawn(heard(app.clone(), stop.clone()));
    incident::spawn(app, tasks, stop);
}

async fn renewals(app: App, mut stop: watch::Receiver<bool>) {
    loop {
        let done = look(&app).await;
        for (job, done) in done {
            if let Err(error) = done {
                tracing::error!(
                    job,
                    error = with_causes(&error),
                    "a job failed; it will run again"
                );
            }
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = stopped(&mut stop) => return,
        }
    }
}

/// Polls are many: when agents were heard of is written down for many of them together.
async fn heard(app: App, mut stop: watch::Receiver<bool>) {
    loop {
        let stopping = tokio::select! {
            () = tokio::time::sleep(HEARD) => false,
            () = stopped(&mut stop) => true,
        };
        let heard = app.waiting().take_heard();
        for some in heard.chunks(HEARD_AT_ONCE) {
            if let Err(error) = crate::db::agents_heard(&app, some).await {
                let error = with_causes(&error);
                tracing::warn!(error, "it is not written down which agents were heard of");
            }
        }
        if stopping {
            return;
        }
    }
}

/// One server renews for all; each has an identity of its own.
async fn look(app: &App) -> Vec<(&'static str, Result<()>)> {
    let identity = ("identity", identity::renew_if_due(app).await.map(drop));
    match replicas::turn(app, "upkeep").await {
        Ok(false) => vec![identity],
        Err(error) => vec![("turn", Err(error)), identity],
        Ok(true) => vec![
            ("lists", lists(app).await),
            ("packages", packages(app).await),
            ("responders", delegates(app).await),
            identity,
        ],
    }
}

/// Every authority whose key signs says anew what is revoked, in time. One that cannot is told of,
/// and keeps no other from it.
async fn lists(app: &App) -> Result<()> {
    let current = crate::db::current_crls(app).await?;
    // One that lacks a revocation, whose server was cut off before it had signed the list, is due now.
    let owed = crate::db::owed_crls(app).await?;
    let mut due: BTreeMap<AuthorityId, BTreeSet<u32>> = BTreeMap::new();
    let free = current.iter().filter(|row| !app.holds(&row.scope));
    for row in free.filter(|row| is_due(app, row) || owed.contains(&row.scope)) {
        due.entry(row.authority.clone()).or_default().extend(crl::partition(&row.scope));
    }
    for (authority, partitions) in due {
        if let Err(error) = renew_lists(app, &authority, partitions).await {
            let error = with_causes(&error);
            tracing::error!(%authority, error, "lists were not renewed; it is tried again");
        }
    }
    Ok(())
}

fn is_due(app: &App, row: &CrlRow) -> bool {
    let Some(facts) = row.signed.as_ref().filter(|_| row.kind == CrlKind::Routine) else {
        return false;
    };
    let age = app.now().since(facts.this_update);
    !row.scope.starts_with(crl::OF_ROOT) && age >= app.settings().crl_refresh()
}

async fn renew_lists(app: &App, id: &AuthorityId, partitions: BTreeSet<u32>) -> Result<()> {
    let authority = app.authority(id).await?;
    let signs = [AuthorityState::Active, AuthorityState::Retiring].contains(&authority.state);
    if signs && !authority.closed {
        crl::publish(app, id, Some(partitions), Stamp::server(app.now())).await?;
    }
    Ok(())
}

async fn packages(app: &App) -> Result<()> {
    let now = app.now();
    let Some(latest) = crate::db::latest_package(app).await? else { return Ok(()) };
    if now.since(latest.issued_at) >= app.settings().package_refresh() || latest.not_after <= now {
        package::publish(app, Stamp::server(now), "renewal", None).await?;
    }
    package::catch_up(app).await
}

async fn delegates(app: &App) -> Result<()> {
    for authority in crate::db::authorities(app).await? {
        let issues = authority.state == AuthorityState::Active && authority.frozen.is_none();
        if !issues || authority.crl_uri.is_none() || authority.parent.is_none() {
            continue;
        }
        if let Err(error) = responders::renew_if_due(app, &authority.id).await {
            let error = with_causes(&error);
            tracing::error!(authority.id = %authority.id, error, "no responder; it is tried again");
        }
    }
    Ok(())
}
