//! Going through a source.

use std::sync::{Mutex, PoisonError};

use futures_util::{StreamExt as _, stream};
use serde::Serialize;
use skink_model::with_causes;
use skink_signer::ProviderError;
use skink_signer::encryption::{Crossing, Opened, Turned};

use crate::form::Form;
use crate::source::{Change, Found, Object, Replaced, Source, SourceError};
use crate::state::{State, StateError};

/// How often an object that changes under the run's hands is begun again.
const ROUNDS: u32 = 3;
/// So many objects of one kind are named; the others are counted.
const NAMED: usize = 1000;

/// One way through sources.
pub struct Run<'a> {
    crossing: &'a Crossing,
    state: Mutex<State>,
    at_once: usize,
    dry: bool,
}

/// What became of the objects. Each is counted in one place, and once under how it was verified.
#[derive(Debug, Default, Serialize)]
pub struct Tally {
    /// Looked at.
    pub seen: u64,
    /// Now under the new key; in a dry run, would be.
    pub done: u64,
    /// Put under the new key by an earlier run with this state.
    pub before: u64,
    /// Under the new key already.
    pub already: u64,
    /// No ciphertexts of the old key; left alone.
    pub foreign: u64,
    /// Changed by somebody else again and again; left alone.
    pub changed: u64,
    /// Gone since they were listed.
    pub gone: u64,
    /// Not done, for a reason that is listed.
    pub failed: u64,
    /// Of those done: old and new were decrypted and are the same.
    pub compared: u64,
    /// Of those done: the service opened the new ciphertext.
    pub opened: u64,
    /// Of those done: this credential may not have it opened; the service named its key.
    pub named: u64,
    /// Those that were left alone, and why; the first of them, if there are very many.
    pub listed: Vec<Listed>,
}

/// An object that was left alone.
#[derive(Debug, Serialize)]
pub struct Listed {
    /// The object.
    pub id: String,
    /// `foreign`, `changed`, `gone` or `failed`.
    pub what: &'static str,
    /// Why, where there is more to say.
    pub why: Option<String>,
}

/// Why a run ended before its end. Started again, it goes on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Stopped {
    /// The key service does not do what every object needs.
    #[error("the key service stopped the run")]
    Service(#[source] ProviderError),
    /// The source cannot be listed.
    #[error("the source cannot be gone through")]
    Source(#[source] SourceError),
    /// The state cannot be written, and so nothing is replaced.
    #[error("what is done cannot be written down")]
    State(#[source] StateError),
}

/// What became of one object.
enum Fate {
    Done(Opened),
    Before,
    Already,
    Foreign,
    Changed,
    Gone,
    Failed(String),
}

/// A ciphertext on its way.
struct Work {
    id: String,
    found: Found,
    ciphertext: Vec<u8>,
    form: Form,
}

impl<'a> Run<'a> {
    /// A run by `crossing`, with `at_once` batches under way at the same time. A dry one asks the
    /// service and replaces nothing.
    pub fn new(crossing: &'a Crossing, state: State, at_once: usize, dry: bool) -> Self {
        Self { crossing, state: Mutex::new(state), at_once: at_once.max(1), dry }
    }

    /// Goes through `source`, adding to `tally`; `progress` is told of every batch.
    pub async fn through(
        &self,
        source: &dyn Source,
        tally: &mut Tally,
        progress: &mut (dyn FnMut(&Tally) + Send),
    ) -> Result<(), Stopped> {
        let (batch, mut after) = (self.crossing.batch().max(1), None::<String>);
        let limit = batch * self.at_once * 4;
        loop {
            let page = source.page(after.as_deref(), limit).await.map_err(Stopped::Source)?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.id.clone());
            let batches: Vec<Vec<Object>> = page.chunks(batch).map(<[Object]>::to_vec).collect();
            let mut under_way = stream::iter(batches)
                .map(|objects| self.batch(source, objects))
                .buffer_unordered(self.at_once);
            while let Some(fates) = under_way.next().await {
                for (id, fate) in fates? {
                    tally.count(source.scope() + &id, fate);
                }
                progress(tally);
            }
        }
    }

    async fn batch(
        &self,
        source: &dyn Source,
        mut objects: Vec<Object>,
    ) -> Result<Vec<(String, Fate)>, Stopped> {
        let mut fates = Vec::with_capacity(objects.len());
        for round in 1..=ROUNDS {
            let mut changed = Vec::new();
            for (id, fate) in self.round(source, std::mem::take(&mut objects)).await? {
                match fate {
                    Fate::Changed if round < ROUNDS => changed.push(Object { id, found: None }),
                    fate => fates.push((id, fate)),
                }
            }
            objects = changed;
            if objects.is_empty() {
                break;
            }
        }
        Ok(fates)
    }

    async fn round(
        &self,
        source: &dyn Source,
        objects: Vec<Object>,
    ) -> Result<Vec<(String, Fate)>, Stopped> {
        let (mut fates, mut work) = (Vec::new(), Vec::new());
        for Object { id, found } in objects {
            let found = match found {
                Some(found) => Ok(Some(found)),
                None => source.read(&id).await,
            };
            match found {
                Ok(Some(found)) if self.is_put(source, &id, &found) => {
                    fates.push((id, Fate::Before));
                }
                Ok(Some(found)) => {
                    let (ciphertext, form) = Form::take(&found.bytes);
                    work.push(Work { id, found, ciphertext, form });
                }
                Ok(None) => fates.push((id, Fate::Gone)),
                Err(error) => fates.push((id, Fate::Failed(with_causes(&error)))),
            }
        }
        let ciphertexts: Vec<&[u8]> = work.iter().map(|work| work.ciphertext.as_slice()).collect();
        let turned = self.turn(&ciphertexts).await.map_err(Stopped::Service)?;
        let (mut changes, mut how) = (Vec::new(), Vec::new());
        for (work, turned) in work.into_iter().zip(turned) {
            let fate = match turned {
                Ok(Turned::New(new, opened)) => {
                    let new = work.form.write(&new.ciphertext);
                    how.push(opened);
                    changes.push(Change { id: work.id, old: work.found, new });
                    continue;
                }
                Ok(Turned::Already) => Fate::Already,
                Ok(Turned::Foreign) => Fate::Foreign,
                Err(error) if concerns_all(&error) => return Err(Stopped::Service(error)),
                Err(error) => Fate::Failed(with_causes(&error)),
            };
            fates.push((work.id, fate));
        }
        fates.extend(self.replace(source, changes, how).await?);
        Ok(fates)
    }

    /// Together; one by one if they were refused together, as too long for one call perhaps.
    async fn turn(
        &self,
        ciphertexts: &[&[u8]],
    ) -> Result<Vec<Result<Turned, ProviderError>>, ProviderError> {
        match self.crossing.turn(ciphertexts).await {
            Err(error) if !concerns_all(&error) => {}
            turned => return turned,
        }
        let mut turned = Vec::with_capacity(ciphertexts.len());
        for ciphertext in ciphertexts {
            match self.crossing.turn(&[*ciphertext]).await {
                Ok(mut one) => turned.append(&mut one),
                Err(error) if concerns_all(&error) => return Err(error),
                Err(error) => turned.push(Err(error)),
            }
        }
        Ok(turned)
    }

    async fn replace(
        &self,
        source: &dyn Source,
        changes: Vec<Change>,
        how: Vec<Opened>,
    ) -> Result<Vec<(String, Fate)>, Stopped> {
        let ids: Vec<String> = changes.iter().map(|change| change.id.clone()).collect();
        if self.dry {
            return Ok(ids.into_iter().zip(how.into_iter().map(Fate::Done)).collect());
        }
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        let scope = source.scope();
        let rows = changes.iter().map(|one| (format!("{scope}{}", one.id), one.new.as_slice()));
        self.state().putting(rows).map_err(Stopped::State)?;
        let replaced = source.replace(changes).await;
        let fates = replaced.into_iter().zip(how).map(|(replaced, opened)| match replaced {
            Ok(Replaced::Done) => Fate::Done(opened),
            Ok(Replaced::Changed) => Fate::Changed,
            Err(error) => Fate::Failed(with_causes(&error)),
        });
        Ok(ids.into_iter().zip(fates).collect())
    }

    fn is_put(&self, source: &dyn Source, id: &str, found: &Found) -> bool {
        self.state().is_put(&(source.scope() + id), &found.bytes)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tally {
    fn count(&mut self, id: String, fate: Fate) {
        self.seen += 1;
        let (what, why) = match fate {
            Fate::Done(opened) => {
                self.done += 1;
                match opened {
                    Opened::Compared => self.compared += 1,
                    Opened::InService => self.opened += 1,
                    Opened::Named => self.named += 1,
                }
                return;
            }
            Fate::Before => {
                self.before += 1;
                return;
            }
            Fate::Already => {
                self.already += 1;
                return;
            }
            Fate::Foreign => {
                self.foreign += 1;
                ("foreign", None)
            }
            Fate::Changed => {
                self.changed += 1;
                ("changed", None)
            }
            Fate::Gone => {
                self.gone += 1;
                ("gone", None)
            }
            Fate::Failed(why) => {
                self.failed += 1;
                ("failed", Some(why))
            }
        };
        if self.listed.len() < NAMED {
            self.listed.push(Listed { id, what, why });
        }
    }

    /// Whether nothing is under the old key any more, as far as was looked.
    pub const fn is_complete(&self) -> bool {
        self.changed == 0 && self.failed == 0
    }
}

/// What the next object would meet as well.
const fn concerns_all(error: &ProviderError) -> bool {
    use ProviderError as P;
    matches!(
        error,
        P::UnknownKey { .. }
            | P::Disabled { .. }
            | P::Destroyed { .. }
            | P::BadUri { .. }
            | P::BadContext { .. }
            | P::Unsupported { .. }
            | P::NotConfigured { .. }
            | P::Throttled { .. }
            | P::Unreachable(_)
            | P::CredentialExpired { .. }
            | P::CredentialRefused { .. }
    )
}
