//! What the server does by itself: lists, packages, responders and its own identity are renewed
//! before they end.

use std::time::Duration;

use skink_model::with_causes;
use skink_model::{AuthorityState, CrlKind, CrlRow, Stamp};
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
    let owed = crate::db::owed_crls(app).await?;
    for row in current.iter().filter(|row| row.kind == CrlKind::Routine) {
        if let Err(error) = list(app, row, owed.contains(&row.authority)).await {
            let (scope, error) = (&row.scope, with_causes(&error));
            tracing::error!(crl.scope = scope, error, "a list was not renewed; it is tried again");
        }
    }
    Ok(())
}

/// One that lacks a revocation, whose server was cut off before it had signed the list, is owed now.
async fn list(app: &App, row: &CrlRow, owed: bool) -> Result<()> {
    let (now, Some(facts)) = (app.now(), &row.signed) else { return Ok(()) };
    let age = now.since(facts.this_update);
    if row.scope.starts_with(crl::OF_ROOT) || (age < app.settings().crl_refresh() && !owed) {
        return Ok(());
    }
    let authority = app.authority(&row.authority).await?;
    let signs = [AuthorityState::Active, AuthorityState::Retiring].contains(&authority.state);
    if signs && !authority.closed {
        crl::publish(app, &authority.id, Stamp::server(now)).await?;
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
