//! Reports of many agents, in one transaction.

use skink_model::{AgentName, Time};
use skink_store::Store;

use super::report::Findings;
use crate::batch::Batcher;
use crate::failure::{Failure, Result};

/// What one agent found, and when it said so.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) agent: AgentName,
    pub(crate) at: Time,
    pub(crate) findings: Findings,
}

/// Records what was reported.
#[derive(Debug)]
pub(crate) struct Records(Batcher<Record, Result<()>>);

impl Records {
    pub(crate) fn new(store: Store) -> Self {
        Self(Batcher::new(move |batch: Vec<Record>| {
            let store = store.clone();
            async move {
                if crate::db::record(&store, &batch).await.is_ok() {
                    return batch.iter().map(|_| Ok(())).collect();
                }
                // One that is refused takes nobody else with it.
                let mut results = Vec::with_capacity(batch.len());
                for one in &batch {
                    results.push(crate::db::record(&store, std::slice::from_ref(one)).await);
                }
                results
            }
        }))
    }

    /// Recorded, and durable, when this returns.
    pub(crate) async fn record(&self, record: Record) -> Result<()> {
        self.0.ask(record).await.map_err(|_| Failure::Stopping)?
    }

    pub(crate) async fn close(&self) {
        self.0.close().await;
    }
}
