//! Several servers on one database: who is there, whose turn it is, and who is told what is new.
//!
//! On a file there is one server, and nothing of this happens. On a PostgreSQL server any number
//! share the work: each holds a lease that says it is there; what only one may do at a time has a
//! lease of its own; what one changes the others hear of at once, and look it up in the database.
//! Leases go by the servers' clocks: they have to agree to within seconds, as relying parties' do.

use std::collections::HashMap;
use std::time::Duration;

use skink_model::{Lease, with_causes};
use skink_store::attempts::presence;
use skink_store::{Refusal, StoreError, Told, leases};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::app::App;
use crate::failure::{Failure, Result};
use crate::http::listen::stopped;
use crate::news::Kind;
use crate::{crl, package};

/// How long a lease lasts: a server that is killed is missed for so long.
pub(crate) const LEASE: Duration = Duration::from_secs(12);
/// How often a lease is prolonged.
pub(crate) const BEAT: Duration = Duration::from_secs(3);
/// How long a server rests that has lost its database.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// The least time between two words to the others.
const BREATH: Duration = Duration::from_millis(20);

/// Says that this server is there; before it signs anything, and then once a beat. If the database was
/// lost meanwhile, it goes on under another name, and what it had open becomes unknown like that of a
/// server that was killed.
pub(crate) async fn appear(app: &App) -> Result<()> {
    let another = app.store().another_standing();
    let name = another.clone().unwrap_or_else(|| app.store().standing());
    if take(app, &presence(&name)).await?.is_none() {
        return Err(Failure::Bug("another server has this server's name"));
    }
    if another.is_some() {
        tracing::warn!("the database was lost: signatures that were under way become unknown");
        app.store().stand_as(name);
    }
    Ok(())
}

/// Whether it is this server's turn to do `what`, for [`LEASE`] from now on.
pub(crate) async fn turn(app: &App, what: &str) -> Result<bool> {
    if !app.store().is_shared() {
        return Ok(true);
    }
    Ok(take(app, what).await?.is_some())
}

async fn take(app: &App, what: &str) -> Result<Option<Lease>> {
    let now = app.now();
    let until = now.plus(LEASE);
    let holder = app.store().replica();
    let taken: Result<Lease, StoreError> = app
        .store()
        .run_tx("take_lease", move |tx| {
            Box::pin(async move { leases::take(tx, now, what, holder, until).await })
        })
        .await;
    match taken {
        Ok(lease) => Ok(Some(lease)),
        Err(StoreError::Refused(Refusal::Leased { .. })) => Ok(None),
        Err(error) => Err(Failure::Store(error)),
    }
}

/// Lets the others go on at once.
pub(crate) async fn leave(app: &App) {
    if !app.store().is_shared() {
        return;
    }
    let holder = app.store().replica();
    let left = app
        .store()
        .run_tx("leave", move |tx| Box::pin(async move { leases::give_up_all(tx, holder).await }));
    if let Err(error) = left.await {
        tracing::warn!(error = with_causes(&error), "leases were not given up; they run out");
    }
}

pub(crate) fn spawn(app: &App, tasks: &mut JoinSet<()>, stop: &watch::Receiver<bool>) {
    if app.store().is_shared() {
        tasks.spawn(beat(app.clone(), stop.clone()));
        tasks.spawn(hear(app.clone(), stop.clone()));
        tasks.spawn(speak(app.clone(), stop.clone()));
    }
}

/// Stays there, and calls unknown what servers left open that are gone.
async fn beat(app: App, mut stop: watch::Receiver<bool>) {
    loop {
        // Whoever balances load between servers is told soon.
        let appeared = timeout(BEAT, appear(&app)).await;
        app.set_ready(matches!(appeared, Ok(Ok(()))));
        let done = match appeared {
            Ok(Ok(())) => crate::db::sweep_gone(&app).await,
            Ok(Err(error)) => Err(error),
            Err(_) => {
                tracing::error!("this server cannot say it is there: the database is silent");
                Ok(0)
            }
        };
        match done {
            Ok(0) => {}
            Ok(attempts) => {
                tracing::warn!(attempts, "signatures of a server that is gone are unknown");
            }
            Err(error) => {
                tracing::error!(error = with_causes(&error), "this server cannot say it is there");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(BEAT) => {}
            () = stopped(&mut stop) => return,
        }
    }
}

/// Takes over what other servers publish and wakes whoever waits here for what they did.
async fn hear(app: App, mut stop: watch::Receiver<bool>) {
    let mut lists = HashMap::new();
    loop {
        let heard = tokio::select! {
            heard = listen(&app, &mut lists) => heard,
            () = stopped(&mut stop) => return,
        };
        if let Err(error) = heard {
            tracing::error!(error = with_causes(&error), "other servers cannot be heard");
        }
        tokio::select! {
            () = tokio::time::sleep(AFTER_FAILURE) => {}
            () = stopped(&mut stop) => return,
        }
    }
}

async fn listen(app: &App, lists: &mut HashMap<String, u64>) -> Result<()> {
    let Some(mut told) = app.store().listen().await.map_err(Failure::Store)? else { return Ok(()) };
    // Whatever was said before somebody listened.
    look(app, lists).await?;
    loop {
        match next(&mut told).await? {
            Some(Kind::Incidents) => app.news().heard(Kind::Incidents),
            Some(Kind::Orders) => app.waiting().ordered_some(),
            Some(Kind::Agents | Kind::Published) | None => look(app, lists).await?,
        }
    }
}

async fn next(told: &mut Told) -> Result<Option<Kind>> {
    let word = told.next().await.map_err(Failure::Store)?;
    Ok(word.and_then(|word| word.parse().ok()))
}

async fn look(app: &App, lists: &mut HashMap<String, u64>) -> Result<()> {
    app.forget_responders();
    app.load_certificates().await?;
    crl::load_new(app, lists).await?;
    package::load(app).await?;
    app.waiting().ordered_some();
    app.news().heard(Kind::Agents);
    app.news().heard(Kind::Incidents);
    Ok(())
}

/// Tells the others what this server did, many things in a word.
async fn speak(app: App, mut stop: watch::Receiver<bool>) {
    let mut news = app.news().for_others();
    let mut told = [0; Kind::ALL.len()];
    loop {
        tokio::select! {
            _ = news.changed() => {}
            () = stopped(&mut stop) => return,
        }
        let counts = *news.borrow_and_update();
        for (kind, (count, told)) in Kind::ALL.iter().zip(counts.iter().zip(&mut told)) {
            if count == told {
                continue;
            }
            match app.store().tell(kind.as_str()).await {
                Ok(()) => *told = *count,
                // They look by themselves, too.
                Err(error) => tracing::warn!(error = with_causes(&error), "others were not told"),
            }
        }
        tokio::time::sleep(BREATH).await;
    }
}
