//! Backpressure: what everybody is told at the same time is told in turn, as fast as the server
//! works off what follows from it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::available_parallelism;
use std::time::Duration;

use tokio::sync::Semaphore;

/// Requests of agents under way for each core, above which nobody else is told news.
const BUSY: usize = 48;
/// Until the next look whether there is room.
const LOOK: Duration = Duration::from_millis(2);
/// So many are let through before a pause: what they ask next takes a moment to arrive.
const GROUP: usize = 16;
/// Polls of agents that come and go, a second and core, that leave most of a core to other work.
const VISITS: usize = 100;
/// The shortest time between two of them.
const VISIT_LEAST: Duration = Duration::from_secs(2);
/// The longest one: within the hour that a recovery has, an agent must be told several times.
const VISIT_MOST: Duration = Duration::from_mins(10);

/// Counts what is under way, and lets news through.
#[derive(Debug)]
pub(crate) struct Turnstile {
    busy: Arc<AtomicUsize>,
    most: usize,
    cores: usize,
    turn: Semaphore,
    passed: AtomicUsize,
}

/// A request that is under way, until it is dropped.
#[derive(Debug)]
pub(crate) struct UnderWay(Arc<AtomicUsize>);

impl Default for Turnstile {
    fn default() -> Self {
        Self::new(available_parallelism().map_or(1, std::num::NonZero::get))
    }
}

impl Turnstile {
    fn new(cores: usize) -> Self {
        Self {
            busy: Arc::default(),
            most: cores * BUSY,
            cores,
            turn: Semaphore::new(1),
            passed: AtomicUsize::new(0),
        }
    }

    /// A request of an agent that is no poll.
    pub(crate) fn begin(&self) -> UnderWay {
        self.busy.fetch_add(1, Ordering::Relaxed);
        UnderWay(Arc::clone(&self.busy))
    }

    /// Waits for its turn, first come, first served.
    pub(crate) async fn pass(&self) {
        // The semaphore is never closed.
        let Ok(_turn) = self.turn.acquire().await else { return };
        while self.busy.load(Ordering::Relaxed) >= self.most {
            tokio::time::sleep(LOOK).await;
        }
        if self.passed.fetch_add(1, Ordering::Relaxed) % GROUP == GROUP - 1 {
            tokio::time::sleep(LOOK).await;
        }
    }

    /// When one of `agents` that come and go is to come again: so that all of them together are no
    /// more than the server answers easily, later while it is busy, and each at a time of its own.
    pub(crate) fn next_visit(&self, agents: usize, random: u32) -> Duration {
        let a_second = f64::from(u32::try_from(self.cores * VISITS).unwrap_or(u32::MAX));
        let agents = f64::from(u32::try_from(agents).unwrap_or(u32::MAX));
        let busy = u32::try_from(self.busy.load(Ordering::Relaxed)).unwrap_or(u32::MAX);
        let load = f64::from(busy) / f64::from(u32::try_from(self.most).unwrap_or(u32::MAX));
        let even = Duration::from_secs_f64(agents / a_second * (1.0 + load.min(4.0)));
        let spread = 0.75 + f64::from(random) / f64::from(u32::MAX) / 2.0;
        even.clamp(VISIT_LEAST, VISIT_MOST).mul_f64(spread)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn nobody_passes_while_the_server_is_busy() {
        let turnstile = Turnstile::new(1);
        let mut under_way: Vec<UnderWay> = (0..BUSY).map(|_| turnstile.begin()).collect();
        assert!(timeout(Duration::from_millis(30), turnstile.pass()).await.is_err());
        under_way.pop();
        assert!(timeout(Duration::from_secs(5), turnstile.pass()).await.is_ok());
    }

    #[test]
    fn many_agents_come_seldom_and_not_all_at_once() {
        let turnstile = Turnstile::new(2);
        let few = turnstile.next_visit(10, 0);
        assert_eq!(few, VISIT_LEAST.mul_f64(0.75));
        let (first, last) =
            (turnstile.next_visit(100_000, 0), turnstile.next_visit(100_000, u32::MAX));
        assert_eq!((first, last), (Duration::from_secs(375), Duration::from_secs(625)));
        let under_way: Vec<UnderWay> = (0..turnstile.most).map(|_| turnstile.begin()).collect();
        assert_eq!(turnstile.next_visit(10_000, 0), Duration::from_secs(75));
        drop(under_way);
        assert!(turnstile.next_visit(10_000_000, u32::MAX) <= VISIT_MOST.mul_f64(1.25));
    }
}
