//! Whether what was read of serials' statuses still is so.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::{Pool, Sqlite};

/// Counts the transactions of this program that revoke.
#[derive(Debug)]
pub(crate) struct Statuses {
    under_way: AtomicU64,
    edition: AtomicU64,
    /// A file's: whoever gets its one connection knows that no transaction is on it.
    writer: Option<Pool<Sqlite>>,
}

impl Statuses {
    pub(crate) const fn new(writer: Option<Pool<Sqlite>>) -> Self {
        Self { under_way: AtomicU64::new(0), edition: AtomicU64::new(0), writer }
    }

    /// Nothing while a transaction that revokes is under way: nobody can say then which side of it a
    /// look is on.
    pub(crate) fn edition(&self) -> Option<u64> {
        // In this order: whoever ends makes a new edition first.
        let still = self.under_way.load(Ordering::SeqCst) == 0;
        still.then(|| self.edition.load(Ordering::SeqCst))
    }

    pub(crate) fn begin(self: &Arc<Self>) -> Revoking {
        self.under_way.fetch_add(1, Ordering::SeqCst);
        Revoking { statuses: Some(Arc::clone(self)) }
    }

    fn end(&self) {
        self.edition.fetch_add(1, Ordering::SeqCst);
        self.under_way.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A transaction that revokes.
#[derive(Debug)]
pub(crate) struct Revoking {
    statuses: Option<Arc<Statuses>>,
}

impl Revoking {
    /// It is committed or rolled back.
    pub(crate) fn ended(mut self) {
        if let Some(statuses) = self.statuses.take() {
            statuses.end();
        }
    }
}

impl Drop for Revoking {
    /// Whoever revoked went away before the database had answered: it may still commit.
    fn drop(&mut self) {
        let Some(statuses) = self.statuses.take() else { return };
        match (statuses.writer.clone(), tokio::runtime::Handle::try_current()) {
            (Some(writer), Ok(runtime)) => {
                runtime.spawn(async move {
                    if writer.acquire().await.is_ok() {
                        statuses.end();
                    }
                });
            }
            // A server tells of what it commits in the transaction itself.
            (None, _) => statuses.end(),
            // Nobody waits: better no edition from now on.
            (Some(_), Err(_)) => {}
        }
    }
}
