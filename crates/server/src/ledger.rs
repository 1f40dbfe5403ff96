//! The ledger of signatures over the database, and the certificates on their way through it. What
//! many have to write at the same time becomes one transaction, at whichever stage each of them is.

use std::sync::Arc;

use async_trait::async_trait;
use skink_authority::{Issued, Linted};
use skink_model::{CertificateId, CertificateRow, Clock, Rng, Stamp, Time};
use skink_signer::{
    Ask, AskError, Ledger, LedgerError, Outcome, Settlement, SignError, SignatureRequest, Signed,
    Ticket,
};
use skink_store::attempts::{self, AskRefusal};
use skink_store::issuance::{self, Begun, Finished};
use skink_store::{Refusal as StoreRefusal, Store, StoreError, certificates};

use crate::batch::Batcher;
use crate::failure::{Failure, Result};
use crate::ids;

/// Implements the signer's ledger by the table of attempts.
pub(crate) struct StoreLedger {
    store: Store,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    writing: Batcher<Question, Answer>,
}

/// What is to be written.
#[derive(Debug)]
enum Question {
    /// A certificate to be, and its signature.
    Begin(Box<Begun>),
    /// Signatures to be.
    Ask(Vec<attempts::Ask>),
    /// What came of signatures.
    Settle(Vec<attempts::Settlement>),
    /// A signature with its certificate.
    Finish(Box<Finished>),
}

/// What came of writing it.
#[derive(Debug)]
enum Answer {
    Begun(Result<Allowed, StoreError>),
    Written(Result<(), StoreError>),
    Asked(Result<Vec<Allowed>, Arc<StoreError>>),
    /// Nobody knows: an answer is missing.
    Lost,
}

const LOST: Answer = Answer::Lost;

const MIXED_UP: Failure = Failure::Bug("an answer to another question");

/// Whether a signature may be made.
type Allowed = Result<(), AskRefusal>;

impl Answer {
    fn written(self) -> Result<()> {
        match self {
            Self::Written(done) => done.map_err(Failure::Store),
            Self::Begun(_) | Self::Asked(_) | Self::Lost => Err(MIXED_UP),
        }
    }
}

impl StoreLedger {
    pub(crate) fn new(store: Store, clock: Arc<dyn Clock>, rng: Arc<dyn Rng>) -> Self {
        let (own, time) = (store.clone(), Arc::clone(&clock));
        let writing = Batcher::new(move |batch: Vec<Question>| {
            let (store, now) = (store.clone(), time.now());
            async move { Parts::of(batch).write(&store, now).await }
        });
        Self { store: own, clock, rng, writing }
    }

    pub(crate) async fn close(&self) {
        self.writing.close().await;
    }

    /// Records a certificate to be, and asks for its signature; its key must not be blocked. With
    /// `once`, not if the same certificate is on its way or issued, by another server perhaps.
    pub(crate) async fn begin(
        &self,
        row: CertificateRow,
        request: SignatureRequest,
        once: bool,
    ) -> Result<Ticket> {
        let ask = self.attempt(&request).map_err(SignError::Ledger).map_err(Failure::Sign)?;
        let (attempt, key_digest) = (ask.id.clone(), row.key_digest);
        let begun = Box::new(Begun { row, ask });
        let allowed = if once {
            self.begin_once(&begun).await
        } else {
            match self.writing.ask(Question::Begin(begun)).await.map_err(|_| Failure::Stopping)? {
                Answer::Begun(allowed) => allowed,
                _ => return Err(MIXED_UP),
            }
        };
        match allowed.map_err(Failure::Store)? {
            Ok(()) => Ok(Ticket::issue(attempt, request)),
            Err(AskRefusal::KeyBlocked { reason, .. }) => {
                let blocked = StoreRefusal::KeyBlocked { digest: key_digest, reason };
                Err(Failure::Store(blocked.into()))
            }
            Err(refused) => Err(Failure::Sign(SignError::Refused(refusal(refused)))),
        }
    }

    async fn begin_once(&self, begun: &Begun) -> Result<Allowed, StoreError> {
        let (now, batch) = (self.clock.now(), std::slice::from_ref(begun));
        let recorded = self.store.run_ledger_tx("begin_once", move |tx| {
            Box::pin(async move {
                certificates::not_asked_before(tx, now, &begun.row).await?;
                issuance::begin(tx, now, batch).await
            })
        });
        recorded.await.map(single)
    }

    /// Records what came of a signature; a good one with its certificate, which may be given out
    /// from now on.
    pub(crate) async fn conclude(
        &self,
        linted: Linted,
        signed: Result<Signed, SignError>,
        settlement: Option<Settlement>,
        replaces: Option<CertificateId>,
        by: Stamp,
    ) -> Result<Issued> {
        let signed = signed.map_err(Failure::Sign);
        let issued = signed.and_then(|signed| linted.issue(&signed).map_err(Failure::Finish));
        let Some(settlement) = settlement else { return issued };
        let issued = match issued {
            Ok(issued) => issued,
            Err(failure) => {
                if let Err(error) = Ledger::settle(self, vec![settlement]).await {
                    tracing::warn!(%error, "what came of a signature was not recorded");
                }
                return Err(failure);
            }
        };
        let finished = Finished {
            attempt: settlement.attempt,
            request_id: settlement.request_id.as_ref().map(ToString::to_string),
            id: issued.id.clone(),
            der: issued.certificate.der().to_vec(),
            replaces,
            by,
        };
        let answer = self.writing.ask(Question::Finish(Box::new(finished))).await;
        answer.map_err(|_| Failure::Stopping)?.written()?;
        Ok(issued)
    }

    fn attempt(&self, request: &SignatureRequest) -> Result<attempts::Ask, LedgerError> {
        let mut random = [0; 10];
        self.rng.fill(&mut random);
        let id = ids::in_order(self.clock.now(), random).parse().map_err(unavailable)?;
        Ok(attempts::Ask {
            id,
            authority: request.authority.clone(),
            key: request.key.to_string(),
            purpose: request.purpose,
            subject: request.subject.clone(),
            algorithm: request.algorithm,
            incident: request.incident.clone(),
        })
    }
}

#[async_trait]
impl Ledger for StoreLedger {
    async fn ask(&self, requests: Vec<SignatureRequest>) -> Result<Vec<Ask>, LedgerError> {
        let asks: Result<Vec<_>, _> =
            requests.iter().map(|request| self.attempt(request)).collect();
        let asks = asks?;
        let ids: Vec<_> = asks.iter().map(|ask| ask.id.clone()).collect();
        let answers = match self.writing.ask(Question::Ask(asks)).await.map_err(unavailable)? {
            Answer::Asked(answers) => answers.map_err(unavailable)?,
            other => return other.written().map(|()| Vec::new()).map_err(unavailable),
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
    begun: Vec<Begun>,
    asks: Vec<attempts::Ask>,
    settlements: Vec<attempts::Settlement>,
    finished: Vec<Finished>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Begin,
    Ask,
    Settle,
    Finish,
}

impl Parts {
    fn of(batch: Vec<Question>) -> Self {
        let mut parts = Self::default();
        for question in batch {
            parts.order.push(match question {
                Question::Begin(begun) => {
                    parts.begun.push(*begun);
                    (Kind::Begin, 1)
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
                Question::Finish(finished) => {
                    parts.finished.push(*finished);
                    (Kind::Finish, 1)
                }
            });
        }
        parts
    }

    /// All in one transaction; if something in it is refused, each kind in one of its own, and of a
    /// kind that is refused each by itself: nobody takes anybody else with him.
    async fn write(self, store: &Store, now: Time) -> Vec<Answer> {
        if let Ok((begun, asked)) = self.together(store, now).await {
            let (mut begun, mut asked) = (begun.into_iter(), asked.into_iter());
            let answers = self.order.iter().map(|(kind, size)| match kind {
                Kind::Begin => begun.next().map_or(LOST, |allowed| Answer::Begun(Ok(allowed))),
                Kind::Ask => Answer::Asked(Ok(asked.by_ref().take(*size).collect())),
                Kind::Settle | Kind::Finish => Answer::Written(Ok(())),
            });
            return answers.collect();
        }
        let mut begun = begin_each(store, now, &self.begun).await.into_iter();
        let asked = ask(store, now, &self.asks).await;
        let mut asked = asked.map(Vec::into_iter).map_err(Arc::new);
        let mut settled = self.settled(store, now).await.into_iter();
        let mut finished = finish_each(store, now, &self.finished).await.into_iter();
        let answers = self.order.iter().map(|(kind, size)| match kind {
            Kind::Begin => begun.next().map_or(LOST, Answer::Begun),
            Kind::Ask => Answer::Asked(match &mut asked {
                Ok(answers) => Ok(answers.by_ref().take(*size).collect()),
                Err(error) => Err(Arc::clone(error)),
            }),
            Kind::Settle => settled.next().map_or(LOST, Answer::Written),
            Kind::Finish => finished.next().map_or(LOST, Answer::Written),
        });
        answers.collect()
    }

    async fn together(
        &self,
        store: &Store,
        now: Time,
    ) -> Result<(Vec<Allowed>, Vec<Allowed>), StoreError> {
        store
            .run_ledger_tx("ledger", move |tx| {
                Box::pin(async move {
                    let begun = issuance::begin(tx, now, &self.begun).await?;
                    let asked = attempts::ask(tx, now, &self.asks).await?;
                    attempts::settle(tx, now, &self.settlements).await?;
                    issuance::finish(tx, now, &self.finished).await?;
                    Ok((begun, asked))
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

/// The answer to one question; without it nothing is allowed.
fn single(mut answers: Vec<Allowed>) -> Allowed {
    let subject = String::new();
    answers.pop().unwrap_or(Err(AskRefusal::NotReady { subject, state: "nobody answered" }))
}

/// All in one transaction; if one cannot be written, each in its own.
async fn begin_each(store: &Store, now: Time, batch: &[Begun]) -> Vec<Result<Allowed, StoreError>> {
    let begin = async |part| {
        let done = store.run_ledger_tx("begin", move |tx| {
            Box::pin(async move { issuance::begin(tx, now, part).await })
        });
        done.await
    };
    if batch.len() > 1
        && let Ok(answers) = begin(batch).await
    {
        return answers.into_iter().map(Ok).collect();
    }
    let mut results = Vec::with_capacity(batch.len());
    for one in batch.chunks(1) {
        results.push(begin(one).await.map(single));
    }
    results
}

/// The same of what was signed.
async fn finish_each(store: &Store, now: Time, batch: &[Finished]) -> Vec<Result<(), StoreError>> {
    let finish = async |part| {
        let done = store.run_ledger_tx("finish", move |tx| {
            Box::pin(async move { issuance::finish(tx, now, part).await })
        });
        done.await
    };
    if batch.len() > 1 && finish(batch).await.is_ok() {
        return batch.iter().map(|_| Ok(())).collect();
    }
    let mut results = Vec::with_capacity(batch.len());
    for one in batch.chunks(1) {
        results.push(finish(one).await);
    }
    results
}
