//! Transactions and snapshots: what every function of this crate works on.

use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;

use sqlx::pool::PoolConnection;
use sqlx::{Postgres, Transaction};

use crate::StoreError;
use crate::error::SqlError;
use crate::file::{Lent, Pace};
use crate::sql::{Conn, query};
use crate::statuses::{Revoking, Statuses};

const SERVER_TELL: &str = "SELECT pg_notify('skink_revoked', '')";

/// What `run_tx` runs: `|tx| Box::pin(async move { … })`.
pub type Work<'t, T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 't>>;

/// A transaction of one of the databases.
#[derive(Debug)]
pub(crate) enum Begun {
    /// On a file, and where its statements may run. It is rolled back when it is dropped.
    File(Lent, Pace),
    /// On a server, and whether it was told that it must run again.
    Postgres(Transaction<'static, Postgres>, bool),
}

impl Begun {
    fn conn(&mut self) -> Conn<'_> {
        match self {
            Self::File(conn, pace) => Conn::File(conn, *pace),
            Self::Postgres(tx, conflict) => Conn::Postgres(tx, conflict),
        }
    }
}

/// A write transaction. Nothing of it is seen, or kept, before `run_tx` has committed it.
///
/// The lifetime is that of what the work of the transaction borrows from its surroundings.
#[derive(Debug)]
pub struct Tx<'w> {
    begun: Begun,
    replica: Arc<str>,
    statuses: Arc<Statuses>,
    revoking: Option<Revoking>,
    work: PhantomData<&'w ()>,
}

impl Tx<'_> {
    pub(crate) const fn new(begun: Begun, replica: Arc<str>, statuses: Arc<Statuses>) -> Self {
        Self { begun, replica, statuses, revoking: None, work: PhantomData }
    }

    /// To be called before serials' statuses are changed: whoever remembers some forgets them when
    /// this transaction ends, and so do other programs, who are told at the instant of its commit.
    pub(crate) async fn revokes(&mut self) -> Result<(), StoreError> {
        if self.revoking.is_none() {
            self.revoking = Some(self.statuses.begin());
            if let Begun::Postgres(..) = self.begun {
                query(SERVER_TELL).execute(self.conn()).await.map_err(StoreError::query)?;
            }
        }
        Ok(())
    }

    /// What is to be told of the end of this transaction.
    pub(crate) const fn take_revoking(&mut self) -> Option<Revoking> {
        self.revoking.take()
    }

    /// Which program writes: what it leaves open is told from what others work on.
    pub(crate) fn replica(&self) -> Arc<str> {
        Arc::clone(&self.replica)
    }

    /// Whether a statement was refused because of another transaction.
    pub(crate) const fn must_run_again(&self) -> bool {
        matches!(self.begun, Begun::Postgres(_, true))
    }

    pub(crate) async fn commit(self) -> Result<(), SqlError> {
        match self.begun {
            Begun::File(conn, _) => conn.commit(),
            Begun::Postgres(tx, _) => Ok(tx.commit().await?),
        }
    }

    pub(crate) async fn roll_back(self) -> Result<(), StoreError> {
        match self.begun {
            Begun::File(conn, _) => conn.roll_back().map_err(StoreError::query),
            Begun::Postgres(tx, _) => tx.rollback().await.map_err(StoreError::query),
        }
    }
}

/// One consistent view of the database, for reading.
#[derive(Debug)]
pub struct Snapshot {
    begun: Begun,
}

impl Snapshot {
    pub(crate) const fn new(begun: Begun) -> Self {
        Self { begun }
    }
}

/// The database as each statement finds it, for reading: cheaper than a [`Snapshot`] where there is
/// one statement.
#[derive(Debug)]
pub struct Glance {
    held: Held,
}

/// A connection without a transaction.
#[derive(Debug)]
pub(crate) enum Held {
    /// To a file.
    File(Lent),
    /// To a server.
    Postgres(PoolConnection<Postgres>, bool),
}

impl Glance {
    pub(crate) const fn new(held: Held) -> Self {
        Self { held }
    }
}

mod sealed {
    use crate::sql::Conn;

    pub trait Connected {
        #[doc(hidden)]
        fn conn(&mut self) -> Conn<'_>;
    }
}

pub(crate) use sealed::Connected;

/// What can be read from: a [`Snapshot`], or a [`Tx`] that sees its own changes.
pub trait Reader: Connected + Send {}

impl Connected for Tx<'_> {
    fn conn(&mut self) -> Conn<'_> {
        self.begun.conn()
    }
}

impl Connected for Snapshot {
    fn conn(&mut self) -> Conn<'_> {
        self.begun.conn()
    }
}

impl Connected for Glance {
    fn conn(&mut self) -> Conn<'_> {
        match &mut self.held {
            Held::File(conn) => Conn::File(conn, Pace::Here),
            Held::Postgres(conn, conflict) => Conn::Postgres(conn, conflict),
        }
    }
}

impl Reader for Tx<'_> {}
impl Reader for Glance {}
impl Reader for Snapshot {}
