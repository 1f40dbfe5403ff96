//! Group commit: what many tasks ask at the same time becomes one transaction.

use std::future::Future;
use std::sync::{Mutex, PoisonError};

use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, yield_now};

/// How many questions one transaction answers at most.
const MOST: usize = 512;
/// How often the other tasks have their turn first.
const ROUNDS: u32 = 8;

/// Collects questions while the transaction before is being committed.
#[derive(Debug)]
pub(crate) struct Batcher<Q, A> {
    questions: mpsc::Sender<(Q, oneshot::Sender<A>)>,
    answering: Mutex<Option<JoinHandle<()>>>,
}

/// The task that answers is gone: the server is on its way down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server is stopping")]
pub(crate) struct Gone;

impl<Q: Send + 'static, A: Send + 'static> Batcher<Q, A> {
    /// `answer` gets the questions in the order in which they came and answers in that order.
    pub(crate) fn new<F, W>(answer: F) -> Self
    where
        F: Fn(Vec<Q>) -> W + Send + 'static,
        W: Future<Output = Vec<A>> + Send + 'static,
    {
        let (questions, mut waiting) = mpsc::channel::<(Q, oneshot::Sender<A>)>(MOST);
        let answering = tokio::spawn(async move {
            let mut batch = Vec::new();
            while waiting.recv_many(&mut batch, MOST).await > 0 {
                gather(&mut waiting, &mut batch).await;
                let (asked, askers): (Vec<Q>, Vec<_>) = batch.drain(..).unzip();
                for (answer, asker) in answer(asked).await.into_iter().zip(askers) {
                    // Whoever asked may have gone away; what was decided stands all the same.
                    let _ = asker.send(answer);
                }
            }
        });
        Self { questions, answering: Mutex::new(Some(answering)) }
    }

    /// Ends the task that answers, with everything that it holds. Nobody asks any more.
    pub(crate) async fn close(&self) {
        let task = self.answering.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            task.abort();
            let _ = task.await;
        }
    }

    /// Asks, and waits for the transaction that answers.
    pub(crate) async fn ask(&self, question: Q) -> Result<A, Gone> {
        let (asker, answer) = oneshot::channel();
        self.questions.send((question, asker)).await.map_err(|_| Gone)?;
        answer.await.map_err(|_| Gone)
    }
}

/// Lets those come along who can ask without waiting for anything: other tasks have their turn first,
/// as long as one of them asks. A server that is idle loses one such turn; on a busy one a commit is shared
/// by more.
async fn gather<T>(waiting: &mut mpsc::Receiver<T>, batch: &mut Vec<T>) {
    for _ in 0..ROUNDS {
        let before = batch.len();
        yield_now().await;
        while batch.len() < MOST
            && let Ok(question) = waiting.try_recv()
        {
            batch.push(question);
        }
        if batch.len() == before {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::Semaphore;

    use super::*;

    #[tokio::test]
    async fn questions_that_wait_are_answered_together_and_in_order() {
        let (gate, sizes) = (Arc::new(Semaphore::new(0)), Arc::new(std::sync::Mutex::new(vec![])));
        let (inner_gate, inner_sizes) = (Arc::clone(&gate), Arc::clone(&sizes));
        let batcher = Arc::new(Batcher::new(move |asked: Vec<u32>| {
            let (gate, sizes) = (Arc::clone(&inner_gate), Arc::clone(&inner_sizes));
            async move {
                gate.acquire().await.unwrap().forget();
                sizes.lock().unwrap().push(asked.len());
                asked.into_iter().map(|n| n * 2).collect()
            }
        }));
        let ask = |n| {
            let batcher = Arc::clone(&batcher);
            tokio::spawn(async move { batcher.ask(n).await })
        };
        let asked: Vec<_> = (0..10).map(ask).collect();
        tokio::task::yield_now().await;
        gate.add_permits(10);
        for (n, answer) in (0..10).zip(asked) {
            assert_eq!(answer.await.unwrap(), Ok(n * 2));
        }
        let sizes = sizes.lock().unwrap();
        assert_eq!(sizes.iter().sum::<usize>(), 10);
        assert!(sizes.len() < 10, "{sizes:?}");
    }

    #[tokio::test]
    async fn whoever_asks_a_turn_later_comes_along() {
        let sizes = Arc::new(std::sync::Mutex::new(vec![]));
        let inner_sizes = Arc::clone(&sizes);
        let batcher = Arc::new(Batcher::new(move |asked: Vec<u32>| {
            inner_sizes.lock().unwrap().push(asked.len());
            std::future::ready(asked)
        }));
        // Each is woken by the one before, which asks at once.
        let (first, mut turn) = oneshot::channel::<()>();
        let mut asked = Vec::new();
        for number in 0..4 {
            let (batcher, (next, turn_after)) = (Arc::clone(&batcher), oneshot::channel());
            let own = std::mem::replace(&mut turn, turn_after);
            asked.push(tokio::spawn(async move {
                own.await.unwrap();
                // Behind the last there is nobody.
                let _ = next.send(());
                batcher.ask(number).await
            }));
        }
        yield_now().await;
        first.send(()).unwrap();
        for (number, answer) in (0..4).zip(asked) {
            assert_eq!(answer.await.unwrap(), Ok(number));
        }
        assert_eq!(*sizes.lock().unwrap(), [4]);
    }
}
