//! Whether what was read of serials' statuses still is so.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts the transactions of this program that revoke.
#[derive(Debug, Default)]
pub(crate) struct Statuses {
    under_way: AtomicU64,
    edition: AtomicU64,
}

impl Statuses {
    /// Nothing while a transaction that revokes is under way: nobody can say then which side of it a
    /// look is on.
    pub(crate) fn edition(&self) -> Option<u64> {
        // In this order: whoever ends makes a new edition first.
        let still = self.under_way.load(Ordering::SeqCst) == 0;
        still.then(|| self.edition.load(Ordering::SeqCst))
    }

    pub(crate) fn begin(self: &Arc<Self>) -> Revoking {
        self.under_way.fetch_add(1, Ordering::SeqCst);
        Revoking(Arc::clone(self))
    }

    fn end(&self) {
        self.edition.fetch_add(1, Ordering::SeqCst);
        self.under_way.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A transaction that revokes, until this is dropped. Whoever revokes may go away: a file's transaction
/// is rolled back before this is dropped, and a server tells of what it commits in the transaction
/// itself.
#[derive(Debug)]
pub(crate) struct Revoking(Arc<Statuses>);

impl Drop for Revoking {
    fn drop(&mut self) {
        self.0.end();
    }
}
