//! Signatures that are asked for at the same time share a call (`batch_input` of the transit
//! engine): the service takes many with hardly more work than one.
//!
//! Up to [`CALLS`] calls of a key are under way together, and as long as there are fewer each
//! signature has a call of its own. What is asked for meanwhile goes with the calls that follow.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use skink_x509::SignatureAlgorithm;
use tokio::sync::oneshot;

use super::client::{Client, Reply};
use super::name::Name;
use super::wire::{self, Signature};
use crate::provider::{ProviderError, ProviderSignature, RequestId};
use crate::uri::KeyUri;

/// Calls of one key that are under way together.
const CALLS: usize = 16;
/// Signatures in one call, at most: of RSA-4096, a second's work.
const MOST: usize = 256;
/// From so many on, a call costs the service little beside its signatures.
const ENOUGH: usize = 8;

type Made = Result<ProviderSignature, ProviderError>;

/// What one call can sign: with a pinned key, in one way.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Kind {
    pub(super) key: KeyUri,
    pub(super) algorithm: SignatureAlgorithm,
}

/// One signature that is wanted.
struct Wanted {
    /// In base64, as it is sent.
    input: String,
    asker: oneshot::Sender<Made>,
}

#[derive(Default)]
struct Queue {
    wanted: VecDeque<Wanted>,
    calls: usize,
}

/// The calls that sign, of one provider.
pub(super) struct Signing {
    client: Arc<Client>,
    queues: Mutex<HashMap<Kind, Queue>>,
}

impl Signing {
    pub(super) fn new(client: Arc<Client>) -> Arc<Self> {
        Arc::new(Self { client, queues: Mutex::default() })
    }

    /// One signature, of what `input` is in base64. Whoever goes away before his turn has not
    /// signed.
    pub(super) async fn sign(self: &Arc<Self>, kind: Kind, input: String) -> Made {
        let (asker, made) = oneshot::channel();
        if let Some(caller) = self.join(kind, Wanted { input, asker }) {
            tokio::spawn(caller.call());
        }
        made.await.unwrap_or(Err(ProviderError::Interrupted))
    }

    /// Queues up. Gives who calls, if one more may.
    fn join(self: &Arc<Self>, kind: Kind, wanted: Wanted) -> Option<Caller> {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = queues.entry(kind.clone()).or_default();
        queue.wanted.push_back(wanted);
        if queue.calls == CALLS {
            return None;
        }
        queue.calls += 1;
        Some(Caller { signing: Arc::clone(self), kind, counts: true })
    }
}

/// Makes calls of one kind until nothing is wanted.
struct Caller {
    signing: Arc<Signing>,
    kind: Kind,
    /// Whether the queue counts it among its calls.
    counts: bool,
}

impl std::fmt::Debug for Signing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signing").finish_non_exhaustive()
    }
}

impl Caller {
    async fn call(mut self) {
        while let Some(share) = self.share() {
            let (inputs, askers): (Vec<String>, Vec<_>) =
                share.into_iter().map(|wanted| (wanted.input, wanted.asker)).unzip();
            let made = match self.sign(inputs).await {
                Ok(made) => made,
                Err(error) => askers.iter().map(|_| Err(error.clone())).collect(),
            };
            for (asker, made) in askers.into_iter().zip(made) {
                // Whoever asked may have gone away; the ledger calls such an attempt unknown.
                let _ = asker.send(made);
            }
        }
    }

    /// Its share of what waits, so that the calls go side by side. Where nothing does, this one
    /// counts no more from that instant: who comes next finds room for another.
    fn share(&mut self) -> Option<Vec<Wanted>> {
        let mut queues = self.signing.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = queues.get_mut(&self.kind)?;
        queue.wanted.retain(|wanted| !wanted.asker.is_closed());
        if queue.wanted.is_empty() {
            self.counts = false;
            leave(&mut queues, &self.kind);
            return None;
        }
        let waiting = queue.wanted.len();
        let share = if waiting <= queue.calls {
            1
        } else {
            waiting.div_ceil(CALLS).clamp(ENOUGH, MOST).min(waiting)
        };
        Some(queue.wanted.drain(..share).collect())
    }

    /// One call. As many answers as inputs.
    async fn sign(&self, mut inputs: Vec<String>) -> Result<Vec<Made>, ProviderError> {
        let Kind { key, algorithm } = &self.kind;
        let name = Name::parse(key)?;
        let version = name.pinned(key)?;
        let mut body = wire::how(*algorithm);
        body["key_version"] = json!(version);
        let wanted = inputs.len();
        if wanted == 1 {
            body["input"] = inputs.pop().map_or(Value::Null, Value::String);
        } else {
            let each = inputs.into_iter().map(|input| json!({ "input": input }));
            body["batch_input"] = each.collect();
        }
        let path = name.path("sign");
        let client = &self.signing.client;
        let reply = client.post(&path, &body).await?;
        if !reply.is_success() {
            return Err(client.refusal(key, reply, Some(&path)).await);
        }
        let request_id = reply.request_id.clone();
        if wanted == 1 {
            let signature: Signature = reply.data()?;
            return Ok(vec![made(&signature, key, version, request_id)]);
        }
        let results = reply.data::<wire::Signatures>()?.batch_results;
        if results.len() != wanted {
            let what = "the answer has another number of signatures";
            return Err(ProviderError::Corrupted { what, request_id });
        }
        let mut all = Vec::with_capacity(wanted);
        for result in results {
            all.push(if let Some(signature) = result.signature {
                made(&Signature { signature }, key, version, request_id.clone())
            } else {
                // A list is answered with 200, whatever became of its parts.
                let refused = Reply::refused(request_id.clone(), result.error);
                Err(client.refusal(key, refused, Some(&path)).await)
            });
        }
        Ok(all)
    }
}

impl Drop for Caller {
    /// A task that was killed leaves, too.
    fn drop(&mut self) {
        if self.counts {
            let mut queues = self.signing.queues.lock().unwrap_or_else(PoisonError::into_inner);
            leave(&mut queues, &self.kind);
        }
    }
}

/// One call less. With the last one the queue goes; if something waits there its caller was killed,
/// and whoever asked hears that he was interrupted.
fn leave(queues: &mut HashMap<Kind, Queue>, kind: &Kind) {
    if let Some(queue) = queues.get_mut(kind) {
        queue.calls -= 1;
        if queue.calls == 0 {
            queues.remove(kind);
        }
    }
}

fn made(signature: &Signature, key: &KeyUri, version: u32, request_id: Option<RequestId>) -> Made {
    let bytes = signature.of_version(version).ok_or_else(|| ProviderError::AnotherKey {
        key: key.clone(),
        answered: signature.version_named(),
        request_id: request_id.clone(),
    })?;
    let bytes = BASE64.decode(bytes).map_err(|_| ProviderError::Corrupted {
        what: "the signature is no base64",
        request_id: request_id.clone(),
    })?;
    Ok(ProviderSignature { bytes, request_id })
}
