//! The ledger of signatures over the database, and the certificates on their way through it. What
//! many have to write at the same time becomes one transaction, at whichever stage each of them is.

use std::sync::Arc;

use async_trait::async_trait;
use skink_authority::Issued;
use skink_model::{CertificateRow, Clock, Stamp, Time};
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
    store: Store,
    writing: Batcher<Question, Answer>,
}

/// What is to be written.
#[derive(Debug)]
enum Question {
    /// A certificate to be.
    Intend(Box<CertificateRow>, Stamp),
    /// Signatures to be.
    Ask(Vec<attempts::Ask>),
    /// What came of signatures.
    Settle(Vec<attempts::Settlement>),
    /// A certificate.
    Deliver(certificates::Issued, Stamp),
}

/// What came of writing it.
#[derive(Debug)]
enum Answer {
    Written(Result<(), StoreError>),
    Asked(Result<Vec<Result<(), AskRefusal>>, Arc<StoreError>>),
}

impl Answer {
    fn written(self) -> Result<(), StoreError> {
        match self {
            Self::Written(done) => done,
            Self::Asked(_) => Ok(()),
        }
    }
}

impl StoreLedger {
    pub(crate) fn new(store: Store, clock: Arc<dyn Clock>) -> Self {
        let own = store.clone();
        let writing = Batcher::new(move |batch: Vec<Question>| {
            let (store, now) = (store.clone(), clock.now());
            async move { Parts::of(batch).write(&store, now).await }
        });
        Self { store: own, writing }
    }

    pub(crate) async fn close(&self) {
        self.writing.close().await;
    }

    /// Records a certificate to be; its key must not be blocked.
    pub(crate) async fn intend(&self, row: CertificateRow, by: Stamp) -> Result<()> {
        let answer = self.writing.ask(Question::Intend(Box::new(row), by)).await;
        answer.map_err(|_| Failure::Stopping)?.written().map_err(Failure::Store)
    }

    /// The same, unless the same certificate is on its way or issued, by another server perhaps.
    pub(crate) async fn intend_once(&self, row: CertificateRow, by: Stamp) -> Result<()> {
        let (row, by) = (&row, &by);
        let recorded = self.store.run_ledger_tx("intend_once", move |tx| {
            Box::pin(async move { certificates::record_once(tx, by, row).await })
        });
        recorded.await.map_err(Failure::Store)
    }

    /// Stores a signed certificate: from now on it may be given out.
    pub(crate) async fn deliver(&self, issued: Issued, by: Stamp) -> Result<()> {
        let issued = certificates::Issued { id: issued.id, der: issued.certificate.der().to_vec() };
        let answer = self.writing.ask(Question::Deliver(issued, by)).await;
        answer.map_err(|_| Failure::Stopping)?.written().map_err(Failure::Store)
    }
}

#[async_trait]
impl Ledger for StoreLedger {
    async fn ask(&self, requests: Vec<SignatureRequest>) -> Result<Vec<Ask>, LedgerError> {
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
        let ids: Vec<_> = asks.iter().map(|ask| ask.id.clone()).collect();
        let answers = match self.writing.ask(Question::Ask(asks)).await.map_err(unavailable)? {
            Answer::Asked(answers) => answers.map_err(unavailable)?,
            Answer::Written(done) => return done.map(|()| Vec::new()).map_err(unavailable),
        };
        let asked = ids.into_iter().zip(requests).zip(answers);
        Ok(asked
            .map(|((id, request), answer)| {
                answer.map(|()| Ticket::issue(id, request)).map_err(refusal)
            })
            .collect())
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Result<(), LedgerError> {
        let settlements = settlements.into_iter().map(settlement).collect();
        let answer = self.writing.ask(Question::Settle(settlements)).await.map_err(unavailable)?;
        answer.written().map_err(unavailable)
    }
}

fn settlement(one: Settlement) -> attempts::Settlement {
    attempts::Settlement {
        attempt: one.attempt,
        outcome: match one.outcome {
            Outcome::Signed => attempts::Outcome::Signed,
            Outcome::Failed { .. } => attempts::Outcome::Failed,
            Outcome::Unknown { .. } => attempts::Outcome::Unknown,
        },
        code: one.outcome.code().map(ToOwned::to_owned),
        request_id: one.request_id.as_ref().map(ToString::to_string),
    }
}

/// What a batch is about, as it goes into the database.
#[derive(Debug, Default)]
struct Parts {
    /// In the order of the questions: what each was, and how many rows of its kind are its own.
    order: Vec<(Kind, usize)>,
    intentions: Vec<(CertificateRow, Stamp)>,
    asks: Vec<attempts::Ask>,
    settlements: Vec<attempts::Settlement>,
    deliveries: Vec<(certificates::Issued, Stamp)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Intend,
    Ask,
    Settle,
    Deliver,
}

impl Parts {
    fn of(batch: Vec<Question>) -> Self {
        let mut parts = Self::default();
        for question in batch {
            parts.order.push(match question {
                Question::Intend(row, by) => {
                    parts.intentions.push((*row, by));
                    (Kind::Intend, 1)
                }
                Question::Ask(asks) => {
                    let size = asks.len();
                    parts.asks.extend(asks);
                    (Kind::Ask, size)
                }
                Question::Settle(settlements) => {
                    let size = settlements.len();
                    parts.settlements.extend(settlements);
                    (Kind::Settle, size)
                }
                Question::Deliver(issued, by) => {
                    parts.deliveries.push((issued, by));
                    (Kind::Deliver, 1)
                }
            });
        }
        parts
    }

    /// All in one transaction; if something in it is refused, each kind in one of its own, and of a
    /// kind that is refused each by itself: nobody takes anybody else with him.
    async fn write(self, store: &Store, now: Time) -> Vec<Answer> {
        if let Ok(asked) = self.together(store, now).await {
            let mut asked = asked.into_iter();
            let answers = self.order.iter().map(|(kind, size)| match kind {
                Kind::Ask => Answer::Asked(Ok(asked.by_ref().take(*size).collect())),
                _ => Answer::Written(Ok(())),
            });
            return answers.collect();
        }
        let mut intended =
            each_or_all(&self.intentions, |part| record(store, part)).await.into_iter();
        let asked = ask(store, now, &self.asks).await;
        let mut asked = asked.map(Vec::into_iter).map_err(Arc::new);
        let mut settled = self.settled(store, now).await.into_iter();
        let mut delivered =
            each_or_all(&self.deliveries, |part| release(store, part)).await.into_iter();
        let answers = self.order.iter().map(|(kind, size)| match kind {
            Kind::Ask => Answer::Asked(match &mut asked {
                Ok(answers) => Ok(answers.by_ref().take(*size).collect()),
                Err(error) => Err(Arc::clone(error)),
            }),
            Kind::Intend => Answer::Written(intended.next().unwrap_or(Ok(()))),
            Kind::Settle => Answer::Written(settled.next().unwrap_or(Ok(()))),
            Kind::Deliver => Answer::Written(delivered.next().unwrap_or(Ok(()))),
        });
        answers.collect()
    }

    async fn together(
        &self,
        store: &Store,
        now: Time,
    ) -> Result<Vec<Result<(), AskRefusal>>, StoreError> {
        store
            .run_ledger_tx("ledger", move |tx| {
                Box::pin(async move {
                    certificates::record_many(tx, &self.intentions).await?;
                    let asked = attempts::ask(tx, now, &self.asks).await?;
                    attempts::settle(tx, now, &self.settlements).await?;
                    certificates::release_many(tx, &self.deliveries).await?;
                    Ok(asked)
                })
            })
            .await
    }

    /// The settlements of each who asked, by themselves.
    async fn settled(&self, store: &Store, now: Time) -> Vec<Result<(), StoreError>> {
        let mut rest = &self.settlements[..];
        let mut results = Vec::new();
        for (_, size) in self.order.iter().filter(|(kind, _)| *kind == Kind::Settle) {
            let (own, others) = rest.split_at(*size);
            results.push(settle(store, now, own).await);
            rest = others;
        }
        results
    }
}

fn unavailable(error: impl std::error::Error + Send + Sync + 'static) -> LedgerError {
    LedgerError::Unavailable(Box::new(error))
}

async fn ask(
    store: &Store,
    now: Time,
    batch: &[attempts::Ask],
) -> Result<Vec<Result<(), AskRefusal>>, StoreError> {
    store
        .run_ledger_tx("ask", move |tx| {
            Box::pin(async move { attempts::ask(tx, now, batch).await })
        })
        .await
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
    now: Time,
    batch: &[attempts::Settlement],
) -> Result<(), StoreError> {
    store
        .run_ledger_tx("settle", move |tx| {
            Box::pin(async move { attempts::settle(tx, now, batch).await })
        })
        .await
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
