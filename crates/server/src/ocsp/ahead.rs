//! Signing ahead of time: answers that are asked for are signed anew while the last one is in date.
//!
//! Until then the last one is given, however slow the key service is, or away.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use skink_model::with_causes;
use skink_x509::ocsp::OcspRequest;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::{Asked, keep, shelf, sign};
use crate::app::App;
use crate::failure::{Failure, Result};
use crate::http::listen::stopped;

/// How many wait at most; what finds no place is asked for again, or found.
const WAITING: usize = 16_384;
/// How many are signed at a time: others want signatures, too.
const AT_ONCE: usize = 32;
/// How often what was asked for is looked through.
const LOOK: Duration = Duration::from_secs(20);
/// How long nothing is tried after a failure.
const AFTER_FAILURE: Duration = Duration::from_secs(2);

type Key = Box<[u8]>;

/// Answers that are due.
#[derive(Debug)]
pub(super) struct Queue {
    keys: mpsc::Sender<Key>,
    taken: Mutex<Option<mpsc::Receiver<Key>>>,
}

impl Default for Queue {
    fn default() -> Self {
        let (keys, taken) = mpsc::channel(WAITING);
        Self { keys, taken: Mutex::new(Some(taken)) }
    }
}

impl Queue {
    pub(super) fn put(&self, key: Key) {
        let _ = self.keys.try_send(key);
    }
}

pub(super) async fn work(app: App, mut stop: watch::Receiver<bool>) {
    let remembered = app.remembered();
    let taken = remembered.queue.taken.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(mut due) = taken else { return };
    let (mut look, mut keys) = (tokio::time::interval(LOOK), Vec::new());
    loop {
        tokio::select! {
            _ = look.tick() => keys.extend(remembered.shelf.due(app.now())),
            _ = due.recv_many(&mut keys, AT_ONCE) => {}
            () = stopped(&mut stop) => return,
        }
        while !keys.is_empty() {
            let some = keys.split_off(keys.len().saturating_sub(AT_ONCE));
            let failed = tokio::select! {
                failed = renew(&app, some) => failed,
                () = stopped(&mut stop) => return,
            };
            if failed {
                tokio::select! {
                    () = tokio::time::sleep(AFTER_FAILURE) => {}
                    () = stopped(&mut stop) => return,
                }
            }
        }
    }
}

/// Signs these anew. Says whether one could not be.
async fn renew(app: &App, keys: Vec<Key>) -> bool {
    let mut signing = JoinSet::new();
    for key in keys {
        let app = app.clone();
        signing.spawn(async move {
            let done = renew_one(&app, &key).await;
            if !matches!(done, Ok(true)) {
                // Whoever asks next has it put into the queue again.
                if let Some(kept) = app.remembered().shelf.find(&key) {
                    kept.give_turn_back();
                }
            }
            done
        });
    }
    let mut failed = false;
    while let Some(done) = signing.join_next().await {
        match done {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) | Err(_) => failed = true,
            Ok(Err(error)) => {
                failed = true;
                let error = with_causes(&error);
                tracing::warn!(error, "an OCSP answer was not renewed; it is tried again");
            }
        }
    }
    failed
}

async fn renew_one(app: &App, key: &Key) -> Result<bool> {
    let Some((authority, der)) = shelf::of_key(key) else { return Ok(true) };
    let authority = crate::authorities::id(authority)?;
    let request = OcspRequest::from_der(der).map_err(Failure::Stored)?;
    let Some(asked) = Asked::read(app, &authority, &request).await? else { return Ok(true) };
    let Some(seen) = asked.look(app).await? else { return Ok(false) };
    let now = app.now();
    let signed = sign(app, &asked.responder, &request, &seen.statuses, now).await?;
    Ok(signed.map(|der| keep(app, key.clone(), der, seen, now)).is_some())
}
