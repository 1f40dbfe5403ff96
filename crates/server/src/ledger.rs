//! The ledger of signatures over the database. What many ask at the same time becomes one
//! transaction.

use std::sync::Arc;

use async_trait::async_trait;
use skink_authority::Issued;
use skink_model::{CertificateRow, Clock, Stamp};
use skink_signer::{
    Ask, AskError, Ledger, LedgerError, Outcome, Settlement, SignatureRequest, Ticket, new_attempt,
};
use skink_store::attempts::{self, AskRefusal};
use skink_store::{Store, StoreError, certificates};

use crate::batch::Batcher;
use crate::failure::{Failure, Result};

/// Implements the signer's ledger by the table of attempts.
#[derive(Debug)]
pub(crate) struct StoreLedger {
    asks: Batcher<Vec<SignatureRequest>, Result<Vec<Ask>, LedgerError>>,
    settlements: Batcher<Vec<Settlement>, Result<(), LedgerError>>,
}

impl StoreLedger {
    pub(crate) fn new(store: Store, clock: Arc<dyn Clock>) -> Self {
        let (own_store, own_clock) = (store.clone(), Arc::clone(&clock));
        let asks = Batcher::new(move |batch: Vec<Vec<SignatureRequest>>| {
            let (store, now) = (own_store.clone(), own_clock.now());
            async move {
                let sizes: Vec<usize> = batch.iter().map(Vec::len).collect();
                match ask(&store, now, batch.into_iter().flatten().collect()).await {
                    Ok(answers) => {
                        let mut answers = answers.into_iter();
                        sizes
                            .iter()
                            .map(|size| Ok(answers.by_ref().take(*size).collect()))
                            .collect()
                    }
                    Err(error) => shared(error, sizes.len()),
                }
            }
        });
        let settlements = Batcher::new(move |batch: Vec<Vec<Settlement>>| {
            let (store, now) = (store.clone(), clock.now());
            async move {
                let all: Vec<Settlement> = batch.iter().flatten().cloned().collect();
                if settle(&store, now, &all).await.is_ok() {
                    return batch.iter().map(|_| Ok(())).collect();
                }
                // One that is refused takes nobody else with it.
                let mut results = Vec::with_capacity(batch.len());
                for one in &batch {
                    results.push(settle(&store, now, one).await.map_err(unavailable));
                }
                results
            }
        });
        Self { asks, settlements }
    }

    pub(crate) async fn close(&self) {
        self.asks.close().await;
        self.settlements.close().await;
    }
}

#[async_trait]
impl Ledger for StoreLedger {
    async fn ask(&self, requests: Vec<SignatureRequest>) -> Result<Vec<Ask>, LedgerError> {
        self.asks.ask(requests).await.map_err(unavailable)?
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Result<(), LedgerError> {
        self.settlements.ask(settlements).await.map_err(unavailable)?
    }
}

fn unavailable(error: impl std::error::Error + Send + Sync + 'static) -> LedgerError {
    LedgerError::Unavailable(Box::new(error))
}

/// One failure, told to everybody in the batch.
fn shared<T>(error: LedgerError, times: usize) -> Vec<Result<T, LedgerError>> {
    let shared: Arc<dyn std::error::Error + Send + Sync> = Arc::new(error);
    (0..times).map(|_| Err(LedgerError::Unavailable(Box::new(Arc::clone(&shared))))).collect()
}

async fn ask(
    store: &Store,
    now: skink_model::Time,
    requests: Vec<SignatureRequest>,
) -> Result<Vec<Ask>, LedgerError> {
    let mut asks = Vec::with_capacity(requests.len());
    for request in &requests {
        asks.push(attempts::Ask {
            id: new_attempt()?,
            authority: request.authority.clone(),
            key: request.key.to_string(),
            purpose: request.purpose,
            subject: request.subject.clone(),
            algorithm: request.algorithm,
            incident: request.incident.clone(),
        });
    }
    let batch = &asks;
    let answers: Result<Vec<_>, StoreError> = store
        .run_ledger_tx("ask", move |tx| {
            Box::pin(async move { attempts::ask(tx, now, batch).await })
        })
        .await;
    let answers = answers.map_err(unavailable)?;
    let asked = asks.iter().zip(requests).zip(answers);
    Ok(asked
        .map(|((ask, request), answer)| {
            answer.map(|()| Ticket::issue(ask.id.clone(), request)).map_err(refusal)
        })
        .collect())
}

fn refusal(refusal: AskRefusal) -> AskError {
    match refusal {
        AskRefusal::Frozen { authority, .. } => AskError::Frozen { authority },
        AskRefusal::Tainted { authority, .. } | AskRefusal::ClosingSetComplete { authority } => {
            AskError::Tainted { authority }
        }
        AskRefusal::WrongState { authority, state, purpose } => AskError::WrongState {
            authority,
            state: state.to_string(),
            purpose: purpose.to_string(),
        },
        AskRefusal::BarrierClosed { authority } => AskError::WrongState {
            authority,
            state: "not yet trusted everywhere".to_owned(),
            purpose: "certificates other than probes".to_owned(),
        },
        AskRefusal::NotReady { ref subject, .. }
        | AskRefusal::AskedBefore { ref subject }
        | AskRefusal::KeyBlocked { ref subject, .. } => {
            AskError::NotReady { subject: subject.clone(), reason: refusal.to_string() }
        }
        other => {
            AskError::NotReady { subject: "the request".to_owned(), reason: other.to_string() }
        }
    }
}

async fn settle(
    store: &Store,
    now: skink_model::Time,
    settlements: &[Settlement],
) -> Result<(), StoreError> {
    let mut batch = Vec::with_capacity(settlements.len());
    for one in settlements {
        batch.push(attempts::Settlement {
            attempt: one.attempt.clone(),
            outcome: match one.outcome {
                Outcome::Signed => attempts::Outcome::Signed,
                Outcome::Failed { .. } => attempts::Outcome::Failed,
                Outcome::Unknown { .. } => attempts::Outcome::Unknown,
            },
            code: one.outcome.code().map(ToOwned::to_owned),
            request_id: one.request_id.as_ref().map(ToString::to_string),
        });
    }
    let batch = &batch;
    store
        .run_ledger_tx("settle", move |tx| {
            Box::pin(async move { attempts::settle(tx, now, batch).await })
        })
        .await
}

/// Certificates on their way in and out of the ledger, many in one transaction.
#[derive(Debug)]
pub(crate) struct Writes {
    intentions: Batcher<(CertificateRow, Stamp), Result<(), StoreError>>,
    deliveries: Batcher<(certificates::Issued, Stamp), Result<(), StoreError>>,
}

impl Writes {
    pub(crate) fn new(store: Store) -> Self {
        let own = store.clone();
        let intentions = Batcher::new(move |batch: Vec<(CertificateRow, Stamp)>| {
            let store = own.clone();
            async move { each_or_all(&batch, |part| record(&store, part)).await }
        });
        let deliveries = Batcher::new(move |batch: Vec<(certificates::Issued, Stamp)>| {
            let store = store.clone();
            async move { each_or_all(&batch, |part| release(&store, part)).await }
        });
        Self { intentions, deliveries }
    }

    pub(crate) async fn close(&self) {
        self.intentions.close().await;
        self.deliveries.close().await;
    }

    /// Records a certificate to be; its key must not be blocked.
    pub(crate) async fn intend(&self, row: CertificateRow, by: Stamp) -> Result<()> {
        let answer = self.intentions.ask((row, by)).await;
        answer.map_err(|_| Failure::Stopping)?.map_err(Failure::Store)
    }

    /// Stores a signed certificate: from now on it may be given out.
    pub(crate) async fn deliver(&self, issued: Issued, by: Stamp) -> Result<()> {
        let issued = certificates::Issued { id: issued.id, der: issued.certificate.der().to_vec() };
        let answer = self.deliveries.ask((issued, by)).await;
        answer.map_err(|_| Failure::Stopping)?.map_err(Failure::Store)
    }
}

/// All in one transaction; one that is refused takes nobody else with it.
async fn each_or_all<'a, T, W>(
    batch: &'a [T],
    work: impl Fn(&'a [T]) -> W,
) -> Vec<Result<(), StoreError>>
where
    W: Future<Output = Result<(), StoreError>>,
{
    if batch.len() > 1 && work(batch).await.is_ok() {
        return batch.iter().map(|_| Ok(())).collect();
    }
    let mut results = Vec::with_capacity(batch.len());
    for one in batch.chunks(1) {
        results.push(work(one).await);
    }
    results
}

async fn record(store: &Store, batch: &[(CertificateRow, Stamp)]) -> Result<(), StoreError> {
    store
        .run_ledger_tx("intend", move |tx| {
            Box::pin(async move { certificates::record_many(tx, batch).await })
        })
        .await
}

async fn release(store: &Store, batch: &[(certificates::Issued, Stamp)]) -> Result<(), StoreError> {
    store
        .run_ledger_tx("deliver", move |tx| {
            Box::pin(async move { certificates::release_many(tx, batch).await })
        })
        .await
}
