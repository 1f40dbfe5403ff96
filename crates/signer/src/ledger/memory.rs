//! A ledger for tests.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use skink_model::{AttemptId, AuthorityId};

use super::{
    Ask, AskError, Ledger, LedgerError, Outcome, Settlement, SignatureRequest, Ticket, new_attempt,
};
use crate::provider::RequestId;

/// Attempts in memory. For tests: a crash forgets them.
#[derive(Debug, Default)]
pub struct MemoryLedger(Mutex<Rows>);

#[derive(Debug, Default)]
struct Rows {
    attempts: BTreeMap<AttemptId, (SignatureRequest, Option<Outcome>)>,
    request_ids: BTreeSet<RequestId>,
    tainted: BTreeSet<AuthorityId>,
}

impl MemoryLedger {
    /// From now on refuses everything `authority` would sign.
    pub fn taint(&self, authority: AuthorityId) {
        self.rows().tainted.insert(authority);
    }

    /// Every attempt with its outcome, open ones without.
    pub fn attempts(&self) -> Vec<(SignatureRequest, Option<Outcome>)> {
        self.rows().attempts.values().cloned().collect()
    }

    /// The services' ids of calls that were settled.
    pub fn request_ids(&self) -> BTreeSet<RequestId> {
        self.rows().request_ids.clone()
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Ledger for MemoryLedger {
    async fn ask(&self, requests: Vec<SignatureRequest>) -> Result<Vec<Ask>, LedgerError> {
        let mut rows = self.rows();
        requests
            .into_iter()
            .map(|request| {
                if rows.tainted.contains(&request.authority) {
                    return Ok(Err(AskError::Tainted { authority: request.authority }));
                }
                let attempt = new_attempt()?;
                rows.attempts.insert(attempt.clone(), (request.clone(), None));
                Ok(Ok(Ticket::issue(attempt, request)))
            })
            .collect()
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Result<(), LedgerError> {
        let mut rows = self.rows();
        for Settlement { attempt, outcome, request_id } in settlements {
            rows.request_ids.extend(request_id);
            match rows.attempts.get_mut(&attempt) {
                Some((_, settled @ None)) => *settled = Some(outcome),
                _ => return Err(LedgerError::NotOpen(attempt)),
            }
        }
        Ok(())
    }
}
