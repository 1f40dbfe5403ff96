//! Drives running incidents: decide → execute → observe → record, again and again.
//!
//! Everything that matters is in the journal: a driver that is killed and started anew goes on
//! where the journal stands. It reacts to news (a report, an approval, a settled effect) and looks
//! by itself once a tick.

use std::collections::HashMap;
use std::time::Duration;

use skink_incident::{self as engine, Effect, EffectKey, Observation, State};
use skink_model::IncidentId;
use skink_model::with_causes;
use tokio::sync::watch;
use tokio::task::{self, JoinSet};
use tokio::time::Instant;

use super::chronicle::{self, Chronicle};
use super::execute::execute;
use crate::app::App;
use crate::failure::{Failure, Result};
use crate::http::listen::stopped;
use crate::replicas;

/// The least time from one look to the next that news brings on: a large fleet has news all the
/// time, and a gate need not be measured at each of them.
const BREATH: Duration = Duration::from_millis(20);

/// Gates of a large fleet take long to measure: a driver does something else for so many times as
/// long.
const SHARE: u32 = 3;

/// The longest of these rests: who is in a hurry waits for the look that opens a gate.
const REST_MOST: Duration = Duration::from_secs(2);

/// How long a driver rests after its database failed it.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Drives every running incident until `stop` turns true.
pub(super) async fn supervise(app: App, mut stop: watch::Receiver<bool>) {
    let mut news = app.news().for_incidents();
    let mut drivers: JoinSet<IncidentId> = JoinSet::new();
    let mut driven: HashMap<IncidentId, task::Id> = HashMap::new();
    loop {
        let looked_at = Instant::now();
        news.borrow_and_update();
        match super::running(&app).await {
            Ok(running) => {
                for id in running {
                    if !driven.contains_key(&id) && !is_ours(&app, &id).await {
                        continue;
                    }
                    driven.entry(id).or_insert_with_key(|id| {
                        drivers.spawn(drive(app.clone(), id.clone(), stop.clone())).id()
                    });
                }
            }
            Err(error) => {
                tracing::error!(error = with_causes(&error), "running incidents cannot be listed");
            }
        }
        tokio::select! {
            // A driver that panicked is started anew, and the others go on: no incident has two.
            Some(ended) = drivers.join_next_with_id() => {
                let ended = ended.map_or_else(|error| error.id(), |(task, _)| task);
                driven.retain(|_, task| *task != ended);
            }
            () = news_with_a_breath(&mut news, looked_at + BREATH) => {}
            () = tokio::time::sleep(tick(&app)) => {}
            () = stopped(&mut stop) => break,
        }
    }
    while drivers.join_next().await.is_some() {}
}

/// Whether this server drives the incident; of several on one database, one does.
async fn is_ours(app: &App, id: &IncidentId) -> bool {
    replicas::turn(app, &format!("incident/{id}")).await.unwrap_or_else(|error| {
        let error = with_causes(&error);
        tracing::error!(incident.id = %id, error, "who drives an incident cannot be told");
        false
    })
}

fn tick(app: &App) -> Duration {
    Duration::from_millis(app.settings().incident().tick_ms.max(10))
}

/// Drives one incident until it is over or `stop` turns true.
async fn drive(app: App, id: IncidentId, mut stop: watch::Receiver<bool>) -> IncidentId {
    tracing::info!(incident.id = %id, "an incident is driven");
    let mut driver = Driver::new(&app, &id);
    let mut beat = tokio::time::interval(replicas::BEAT);
    loop {
        match driver.advance().await {
            Ok(true) => break,
            Ok(false) => {}
            Err(error) => {
                let error = with_causes(&error);
                tracing::error!(incident.id = %id, error, "an incident's driver failed; it goes on");
                tokio::select! {
                    () = tokio::time::sleep(AFTER_FAILURE) => {}
                    () = stopped(&mut stop) => break,
                }
            }
        }
        tokio::select! {
            settled = driver.rest() => driver.settled(settled).await,
            _ = beat.tick() => {
                if !is_ours(&app, &id).await {
                    // As after a crash: whoever drives now observes before he acts again.
                    tracing::warn!(incident.id = %id, "the lease on an incident was not prolonged");
                    driver.at_work.abort_all();
                    return id;
                }
            }
            () = stopped(&mut stop) => break,
        }
    }
    driver.finish().await;
    tracing::info!(incident.id = %id, "an incident is no longer driven");
    id
}

struct Driver<'a> {
    app: &'a App,
    id: &'a IncidentId,
    news: watch::Receiver<u64>,
    at_work: JoinSet<Observation>,
    begun: HashMap<EffectKey, Begun>,
    /// Gates that were found shut: by which news, and when.
    shut: HashMap<EffectKey, (u64, Instant)>,
    wake: Instant,
    /// The incident as it was read last.
    known: Option<Chronicle>,
    looked_at: Instant,
    /// The least time from one look to the next.
    breath: Duration,
}

/// An effect at work.
struct Begun {
    /// The count of the news that it began by.
    count: u64,
    at: Instant,
    task: task::Id,
}

impl<'a> Driver<'a> {
    fn new(app: &'a App, id: &'a IncidentId) -> Self {
        Self {
            app,
            id,
            news: app.news().for_incidents(),
            at_work: JoinSet::new(),
            begun: HashMap::new(),
            shut: HashMap::new(),
            wake: Instant::now(),
            known: None,
            looked_at: Instant::now(),
            breath: BREATH,
        }
    }

    /// Records what follows from the time, and begins what may happen now. True when it is over.
    async fn advance(&mut self) -> Result<bool> {
        let count = *self.news.borrow_and_update();
        self.looked_at = Instant::now();
        let mut chronicle = match self.known.take() {
            Some(known) => chronicle::refresh(self.app, self.id, known).await?,
            None => chronicle::load(self.app, self.id).await?,
        };
        if !engine::tick(&chronicle.state, self.app.now()).is_empty() {
            let ticked = |state: &State, now| Ok(engine::tick(state, now));
            chronicle = chronicle::record(self.app, self.id, ticked).await?;
        }
        if chronicle.state.phase().is_over() {
            self.app.board().forget(self.id);
            return Ok(true);
        }
        self.wake = self.next_look(&chronicle.state);
        for effect in engine::decide(&chronicle.state, self.app.now()) {
            self.begin(&chronicle, effect, count).await?;
        }
        self.known = Some(chronicle);
        Ok(false)
    }

    fn next_look(&self, state: &State) -> Instant {
        let until = |at: skink_model::Time| at.since(self.app.now());
        let wait = engine::next_wake(state).map_or(tick(self.app), until);
        Instant::now() + wait.clamp(Duration::from_millis(1), tick(self.app))
    }

    async fn begin(&mut self, chronicle: &Chronicle, effect: Effect, count: u64) -> Result<()> {
        let key = effect.key();
        if self.begun.contains_key(&key) || self.looked(&key, count) {
            return Ok(());
        }
        if effect.leaves_us() {
            self.observe(Observation::Begun { effect: effect.clone() }).await?;
        }
        let (app, state) = (self.app.clone(), chronicle.state.clone());
        let task = self.at_work.spawn(async move { execute(&app, &state, effect).await }).id();
        self.begun.insert(key, Begun { count, at: Instant::now(), task });
        Ok(())
    }

    /// Whether a gate was found shut by the same news a moment ago.
    fn looked(&self, key: &EffectKey, count: u64) -> bool {
        let shut = self.shut.get(key);
        shut.is_some_and(|(by, at)| *by == count && at.elapsed() < tick(self.app))
    }

    /// Until an effect is settled, news comes, or it is time to look.
    async fn rest(&mut self) -> Option<Observation> {
        tokio::select! {
            Some(done) = self.at_work.join_next() => match done {
                Ok(observation) => Some(observation),
                Err(error) => {
                    tracing::error!(incident.id = %self.id, %error, "an effect was cut off");
                    self.begun.retain(|_, begun| begun.task != error.id());
                    None
                }
            },
            () = news_with_a_breath(&mut self.news, self.looked_at + self.breath) => None,
            () = tokio::time::sleep_until(self.wake) => None,
        }
    }

    async fn settled(&mut self, observation: Option<Observation>) {
        let Some(observation) = observation else { return };
        let key = key_of(&observation);
        let begun = self.begun.remove(&key);
        let count = begun.as_ref().map_or(0, |begun| begun.count);
        if let Observation::Measured { effect, measurement } = &observation {
            let took = begun.map_or(Duration::ZERO, |begun| begun.at.elapsed());
            self.breath = (took * SHARE).clamp(BREATH, REST_MOST);
            self.shut.insert(key, (count, Instant::now()));
            if let Some(gate) = effect.gate() {
                self.app.board().put(self.id, gate, measurement.clone());
            }
        }
        if let Observation::Failed { effect, reason } = &observation {
            tracing::warn!(incident.id = %self.id, effect = %effect.key(), reason, "an effect failed");
        }
        if let Err(error) = self.observe(observation).await {
            // What happened is observed again when the effect is executed again.
            let error = with_causes(&error);
            tracing::error!(incident.id = %self.id, error, "an observation was not recorded");
        }
    }

    async fn observe(&self, observation: Observation) -> Result<()> {
        let recorded = chronicle::record(self.app, self.id, |state, now| {
            engine::observe(state, &observation, now).map_err(|mismatch| {
                tracing::debug!(incident.id = %self.id, %mismatch, "an observation came too late");
                Failure::Bug("an observation that nobody asked for")
            })
        });
        let before = recorded.await?;
        if let Some(last) = before.events.last() {
            tracing::debug!(incident.id = %self.id, incident.event = last.event.kind(), "recorded");
        }
        Ok(())
    }

    /// What is at work is carried to its end and recorded.
    async fn finish(&mut self) {
        while let Some(done) = self.at_work.join_next().await {
            self.settled(done.ok()).await;
        }
    }
}

/// News, and no earlier than `earliest`.
async fn news_with_a_breath(news: &mut watch::Receiver<u64>, earliest: Instant) {
    // The sender lives as long as the server.
    let _ = news.changed().await;
    tokio::time::sleep_until(earliest).await;
}

fn key_of(observation: &Observation) -> EffectKey {
    match observation {
        Observation::Begun { effect }
        | Observation::Done { effect, .. }
        | Observation::Failed { effect, .. }
        | Observation::Measured { effect, .. } => effect.key(),
    }
}
