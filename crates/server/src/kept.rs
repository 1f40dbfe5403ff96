//! Rows that hardly ever change, kept in memory for as long as the database stays as it is.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{PoisonError, RwLock};

use skink_store::Store;

use crate::failure::Result;

/// More answers than this are not kept.
const MOST: usize = 1024;

/// Answers to one question, by what was asked.
///
/// An answer is given again while the database's edition is the one that it was read in: whoever is
/// told that his change is done finds it in every answer from then on. With several servers on one
/// database there is no edition, and nothing is kept.
#[derive(Debug)]
pub(crate) struct Kept<K, V>(RwLock<(u64, HashMap<K, V>)>);

impl<K, V> Default for Kept<K, V> {
    fn default() -> Self {
        Self(RwLock::new((0, HashMap::new())))
    }
}

impl<K: Clone + Eq + Hash, V: Clone> Kept<K, V> {
    /// What is kept, else what `read` finds.
    pub(crate) async fn or_read(
        &self,
        store: &Store,
        key: &K,
        read: impl AsyncFnOnce() -> Result<V>,
    ) -> Result<V> {
        // Before reading: what changes meanwhile makes the answer one of an old edition.
        let Some(edition) = store.edition() else { return read().await };
        if let Some(known) = self.known(edition, key) {
            return Ok(known);
        }
        let value = read().await?;
        let mut kept = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if kept.0 < edition || kept.1.len() >= MOST {
            *kept = (edition.max(kept.0), HashMap::new());
        }
        if kept.0 == edition {
            kept.1.insert(key.clone(), value.clone());
        }
        Ok(value)
    }

    fn known(&self, edition: u64, key: &K) -> Option<V> {
        let kept = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if kept.0 == edition { kept.1.get(key).cloned() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use skink_store::StoreError;

    use super::*;

    async fn write_something(store: &Store) {
        let done = store.run_tx("other", |_| Box::pin(async { Ok::<_, StoreError>(()) }));
        done.await.unwrap();
    }

    async fn write_the_ledger(store: &Store) {
        let done = store.run_ledger_tx("ledger", |_| Box::pin(async { Ok::<_, StoreError>(()) }));
        done.await.unwrap();
    }

    #[tokio::test]
    async fn an_answer_is_kept_until_something_else_than_the_ledger_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("skink.db")).await.unwrap();
        let kept = Kept::default();
        let ask =
            async |value: u32| kept.or_read(&store, &"key", async || Ok(value)).await.unwrap();
        assert_eq!((ask(1).await, ask(2).await), (1, 1));
        write_the_ledger(&store).await;
        assert_eq!(ask(3).await, 1);
        write_something(&store).await;
        assert_eq!((ask(4).await, ask(5).await), (4, 4));
        store.close().await;
    }

    #[tokio::test]
    async fn what_was_read_while_something_changed_is_not_kept() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("skink.db")).await.unwrap();
        let kept = Kept::default();
        let before = kept.or_read(&store, &"key", async || {
            write_something(&store).await;
            Ok(1)
        });
        assert_eq!(before.await.unwrap(), 1);
        assert_eq!(kept.or_read(&store, &"key", async || Ok(2)).await.unwrap(), 2);
        store.close().await;
    }
}
