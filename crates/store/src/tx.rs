//! Transactions and snapshots: what every function of this crate works on.

use std::marker::PhantomData;
use std::pin::Pin;

use sqlx::Transaction;

use crate::StoreError;
use crate::dialect::{Conn, Db};

/// What `run_tx` runs: `|tx| Box::pin(async move { … })`.
pub type Work<'t, T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 't>>;

/// A write transaction. Nothing of it is seen, or kept, before `run_tx` has committed it.
///
/// The lifetime is that of what the work of the transaction borrows from its surroundings.
#[derive(Debug)]
pub struct Tx<'w> {
    inner: Transaction<'static, Db>,
    work: PhantomData<&'w ()>,
}

impl Tx<'_> {
    pub(crate) const fn new(inner: Transaction<'static, Db>) -> Self {
        Self { inner, work: PhantomData }
    }

    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        self.inner.commit().await.map_err(StoreError::query)
    }

    pub(crate) async fn roll_back(self) -> Result<(), StoreError> {
        self.inner.rollback().await.map_err(StoreError::query)
    }
}

/// One consistent view of the database, for reading.
#[derive(Debug)]
pub struct Snapshot {
    inner: Transaction<'static, Db>,
}

impl Snapshot {
    pub(crate) const fn new(inner: Transaction<'static, Db>) -> Self {
        Self { inner }
    }
}

mod sealed {
    use crate::dialect::Conn;

    pub trait Connected {
        #[doc(hidden)]
        fn conn(&mut self) -> &mut Conn;
    }
}

pub(crate) use sealed::Connected;

/// What can be read from: a [`Snapshot`], or a [`Tx`] that sees its own changes.
pub trait Reader: Connected + Send {}

impl Connected for Tx<'_> {
    fn conn(&mut self) -> &mut Conn {
        &mut self.inner
    }
}

impl Connected for Snapshot {
    fn conn(&mut self) -> &mut Conn {
        &mut self.inner
    }
}

impl Reader for Tx<'_> {}
impl Reader for Snapshot {}
