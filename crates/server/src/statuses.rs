//! Statuses of serials, many in one look at the database.

use std::sync::Arc;

use skink_model::AuthorityId;
use skink_store::revocations::{self, SerialStatus};
use skink_store::{Store, StoreError};
use skink_x509::Serial;

use crate::batch::Batcher;
use crate::failure::{Failure, Result};

type Question = (AuthorityId, Vec<Serial>);
type Answer = Result<Vec<SerialStatus>, Arc<StoreError>>;

/// Collects questions while the last ones are being looked up.
#[derive(Debug)]
pub(crate) struct Statuses {
    looking: Batcher<Question, Answer>,
}

impl Statuses {
    pub(crate) fn new(store: Store) -> Self {
        let looking = Batcher::new(move |asked: Vec<Question>| {
            let store = store.clone();
            async move { look(&store, &asked).await }
        });
        Self { looking }
    }

    /// The statuses of these serials, in their order, as the database has them after this was asked.
    pub(crate) async fn look(
        &self,
        authority: &AuthorityId,
        serials: &[Serial],
    ) -> Result<Vec<SerialStatus>> {
        let question = (authority.clone(), serials.to_vec());
        let answer = self.looking.ask(question).await.map_err(|_| Failure::Stopping)?;
        answer.map_err(Failure::StatusesUnknown)
    }

    pub(crate) async fn close(&self) {
        self.looking.close().await;
    }
}

async fn look(store: &Store, asked: &[Question]) -> Vec<Answer> {
    let pairs = asked
        .iter()
        .flat_map(|(authority, serials)| serials.iter().map(move |serial| (authority, serial)));
    let pairs: Vec<_> = pairs.collect();
    let found = async {
        let mut reading = store.glance().await?;
        revocations::statuses(&mut reading, &pairs).await
    };
    match found.await {
        Ok(found) => {
            let mut found = found.into_iter();
            asked
                .iter()
                .map(|(_, serials)| Ok(found.by_ref().take(serials.len()).collect()))
                .collect()
        }
        Err(error) => {
            let error = Arc::new(error);
            asked.iter().map(|_| Err(Arc::clone(&error))).collect()
        }
    }
}
