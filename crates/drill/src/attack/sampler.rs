//! Attacks one party after another without pause, to learn when the last one stops accepting.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::scoreboard::Phase;
use super::{handshake, lasting};
use crate::battlefield::Battlefield;
use crate::rng::Choices;

const PACE: Duration = Duration::from_millis(25);

/// The attacks of the incident's time.
pub(crate) struct Sampler {
    stop: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<Vec<String>>,
}

impl Sampler {
    /// Begins: one attack after the other in turn, each on some party that it concerns.
    pub(crate) fn start(
        field: &Arc<Battlefield>,
        footholds: &Arc<lasting::Footholds>,
        choices: Choices,
    ) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (field, footholds) = (Arc::clone(field), Arc::clone(footholds));
        let task = tokio::spawn(sample(field, footholds, choices, Arc::clone(&stop)));
        Self { stop, task }
    }

    /// Ends, and tells which attacks could not be made.
    pub(crate) async fn finish(self) -> Vec<String> {
        self.stop.store(true, Ordering::SeqCst);
        self.task.await.unwrap_or_else(|error| vec![error.to_string()])
    }
}

async fn sample(
    field: Arc<Battlefield>,
    footholds: Arc<lasting::Footholds>,
    mut choices: Choices,
    stop: Arc<AtomicBool>,
) -> Vec<String> {
    let mut errors = Vec::new();
    for name in handshake::ALL.iter().copied().cycle() {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        let parties = field.fleet.parties().iter();
        let concerned: Vec<_> = parties.filter(|party| handshake::concerns(name, party)).collect();
        if concerned.is_empty() {
            errors.push(format!("{name} concerns nobody"));
            break;
        }
        let party = concerned[choices.below(concerned.len())];
        if let Err(error) = handshake::strike(name, Phase::During, &field, party).await {
            tracing::warn!(%error, "an attack could not be made");
            errors.push(format!("{name} at {}: {error}", party.name));
        }
        footholds.use_one(&field, Phase::During, party).await;
        tokio::time::sleep(PACE).await;
    }
    errors
}
