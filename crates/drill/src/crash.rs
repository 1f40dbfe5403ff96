//! SIGKILL at moments that the seed chose.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use crate::DrillError;
use crate::headquarters::Headquarters;
use crate::rng::Choices;

const LEAST: u32 = 3;
const FIRST_WITHIN_MS: usize = 700;
const THEN_WITHIN_MS: usize = 1_500;

/// Kills and restarts the server while an incident runs.
pub(crate) struct Crasher {
    stop: Arc<AtomicBool>,
    kills: Arc<AtomicU32>,
    task: tokio::task::JoinHandle<Result<(), DrillError>>,
}

impl Crasher {
    pub(crate) fn start(headquarters: Arc<Headquarters>, mut choices: Choices) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let kills = Arc::new(AtomicU32::new(0));
        let (stopped, counted) = (Arc::clone(&stop), Arc::clone(&kills));
        let task = tokio::spawn(async move {
            let mut within = FIRST_WITHIN_MS;
            while counted.load(Ordering::SeqCst) < LEAST {
                let wait = u64::try_from(choices.below(within)).unwrap_or(0);
                tokio::time::sleep(Duration::from_millis(wait)).await;
                if stopped.load(Ordering::SeqCst) {
                    break;
                }
                headquarters.server.crash_and_restart().await?;
                counted.fetch_add(1, Ordering::SeqCst);
                within = THEN_WITHIN_MS;
            }
            Ok(())
        });
        Self { stop, kills, task }
    }

    /// Lets the last restart finish; how often the server was killed.
    pub(crate) async fn finish(self) -> Result<u32, DrillError> {
        self.stop.store(true, Ordering::SeqCst);
        self.task.await.map_err(|error| DrillError::Process {
            what: "crash",
            source: std::io::Error::other(error),
        })??;
        Ok(self.kills.load(Ordering::SeqCst))
    }
}
