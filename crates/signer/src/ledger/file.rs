//! A ledger in a file, for a signer without a database: the offline root.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use skink_model::AttemptId;

use super::{Ask, Ledger, LedgerError, Outcome, Settlement, SignatureRequest, Ticket, new_attempt};
use crate::chain::{Chain, ChainError};
use crate::provider::RequestId;

/// Attempts in an append-only, hash-chained file. Attempts found open when it is opened were cut
/// off by a crash: they become unknown.
pub struct FileLedger(Mutex<State>);

struct State {
    chain: Chain,
    open: BTreeSet<AttemptId>,
    settled: usize,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase", deny_unknown_fields)]
enum Event {
    Asked {
        attempt: AttemptId,
        authority: String,
        key: String,
        purpose: String,
        subject: String,
    },
    Settled {
        attempt: AttemptId,
        outcome: String,
        code: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request_id: Option<RequestId>,
    },
}

/// What a file says of one attempt, for whoever holds a service's own record against it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The key.
    pub key: String,
    /// What came of it; nothing where the process that made it ended before.
    pub outcome: Option<String>,
    /// The service's own id of the call.
    pub request_id: Option<RequestId>,
}

impl FileLedger {
    /// Reads the ledger in the file at `path`, in the order of asking.
    pub fn read(path: &Path) -> Result<Vec<Recorded>, LedgerError> {
        let (_, events) = Chain::open(path).map_err(unusable)?;
        let (mut recorded, mut at) = (Vec::new(), BTreeMap::new());
        for event in events {
            match parsed(event)? {
                Event::Asked { attempt, key, .. } => {
                    at.insert(attempt, recorded.len());
                    recorded.push(Recorded { key, outcome: None, request_id: None });
                }
                Event::Settled { attempt, outcome, request_id, .. } => {
                    let asked = at.get(&attempt).and_then(|at| recorded.get_mut(*at));
                    let asked = asked.ok_or(LedgerError::NotOpen(attempt))?;
                    (asked.outcome, asked.request_id) = (Some(outcome), request_id);
                }
            }
        }
        Ok(recorded)
    }

    /// Opens or begins the ledger in the file at `path`.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        let (chain, events) = Chain::open(path).map_err(unusable)?;
        let mut state = State { chain, open: BTreeSet::new(), settled: 0 };
        for event in events {
            match parsed(event)? {
                Event::Asked { attempt, .. } => {
                    state.open.insert(attempt);
                }
                Event::Settled { attempt, .. } => state.close(&attempt)?,
            }
        }
        let cut_off: Vec<AttemptId> = state.open.iter().cloned().collect();
        for attempt in cut_off {
            let outcome = Outcome::Unknown { code: "crash".to_owned() };
            state.settle(Settlement { attempt, outcome, request_id: None })?;
        }
        Ok(Self(Mutex::new(state)))
    }

    /// How many attempts were settled.
    pub fn settled(&self) -> usize {
        self.state().settled
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for FileLedger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileLedger").finish_non_exhaustive()
    }
}

impl State {
    fn append(&mut self, event: &Event) -> Result<(), LedgerError> {
        let value =
            serde_json::to_value(event).map_err(|e| LedgerError::Unavailable(Box::new(e)))?;
        self.chain.append(value).map(|_| ()).map_err(unusable)
    }

    fn settle(&mut self, settlement: Settlement) -> Result<(), LedgerError> {
        let Settlement { attempt, outcome, request_id } = settlement;
        if !self.open.contains(&attempt) {
            return Err(LedgerError::NotOpen(attempt));
        }
        self.append(&Event::Settled {
            attempt: attempt.clone(),
            outcome: outcome.as_str().to_owned(),
            code: outcome.code().map(str::to_owned),
            request_id,
        })?;
        self.close(&attempt)
    }

    fn close(&mut self, attempt: &AttemptId) -> Result<(), LedgerError> {
        self.settled += 1;
        if self.open.remove(attempt) { Ok(()) } else { Err(LedgerError::NotOpen(attempt.clone())) }
    }
}

fn parsed(event: serde_json::Value) -> Result<Event, LedgerError> {
    serde_json::from_value(event).map_err(|error| LedgerError::Altered(error.to_string()))
}

fn unusable(error: ChainError) -> LedgerError {
    match error {
        ChainError::Altered { .. } => LedgerError::Altered(error.to_string()),
        _ => LedgerError::Unavailable(Box::new(error)),
    }
}

#[async_trait]
impl Ledger for FileLedger {
    async fn ask(&self, requests: Vec<SignatureRequest>) -> Result<Vec<Ask>, LedgerError> {
        let mut state = self.state();
        let mut tickets = Vec::with_capacity(requests.len());
        for request in requests {
            let attempt = new_attempt()?;
            state.append(&Event::Asked {
                attempt: attempt.clone(),
                authority: request.authority.to_string(),
                key: request.key.to_string(),
                purpose: request.purpose.as_str().to_owned(),
                subject: request.subject.clone(),
            })?;
            state.open.insert(attempt.clone());
            tickets.push(Ok(Ticket::issue(attempt, request)));
        }
        Ok(tickets)
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Result<(), LedgerError> {
        let mut state = self.state();
        settlements.into_iter().try_for_each(|settlement| state.settle(settlement))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::tests::request;

    #[tokio::test]
    async fn an_attempt_open_at_a_crash_becomes_unknown_and_cannot_be_settled() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("signatures.log");
        let ledger = FileLedger::open(&path).unwrap();
        let mut tickets = ledger.ask(vec![request("a"), request("b")]).await.unwrap();
        let lost = tickets.pop().unwrap().unwrap();
        let done = tickets.pop().unwrap().unwrap();
        let signed = Settlement {
            attempt: done.attempt().clone(),
            outcome: Outcome::Signed,
            request_id: RequestId::new("7f3a"),
        };
        ledger.settle(vec![signed.clone()]).await.unwrap();
        assert!(ledger.settle(vec![signed]).await.is_err(), "settled twice");
        drop(ledger);

        let reopened = FileLedger::open(&path).unwrap();
        assert_eq!(reopened.settled(), 2);
        let attempt = lost.attempt().clone();
        let late = Settlement { attempt, outcome: Outcome::Signed, request_id: None };
        assert!(matches!(reopened.settle(vec![late]).await, Err(LedgerError::NotOpen(_))));
        let read: Vec<_> = FileLedger::read(&path).unwrap();
        let told = |one: &Recorded| (one.outcome.clone(), one.request_id.clone());
        let signed = (Some("signed".to_owned()), RequestId::new("7f3a"));
        let unknown = (Some("unknown".to_owned()), None);
        assert_eq!(read.iter().map(told).collect::<Vec<_>>(), [signed, unknown]);
    }

    #[tokio::test]
    async fn an_altered_ledger_does_not_open() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("signatures.log");
        let ledger = FileLedger::open(&path).unwrap();
        drop(ledger.ask(vec![request("first"), request("second")]).await.unwrap());
        drop(ledger);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("first", "other")).unwrap();
        assert!(matches!(FileLedger::open(&path), Err(LedgerError::Altered(_))));
    }
}
