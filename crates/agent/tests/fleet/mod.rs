//! A server that says what a test wants said, and endpoints of both roles.

pub(crate) mod endpoint;
pub(crate) mod server;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use skink_agent::{Agent, AgentConfig, AgentHandle};
use skink_deploy::Target;
use skink_model::{Clock, Rng, Time};
use tokio::sync::oneshot;

pub(crate) struct MachineClock;

impl Clock for MachineClock {
    fn now(&self) -> Time {
        skink_testkit::machine_time()
    }
}

/// The machine's clock, and so many hours on.
#[derive(Default)]
pub(crate) struct ShiftedClock(pub(crate) AtomicU64);

impl Clock for ShiftedClock {
    fn now(&self) -> Time {
        let hours = self.0.load(Ordering::SeqCst);
        MachineClock.now().plus(Duration::from_hours(hours))
    }
}

pub(crate) struct SystemRng;

impl Rng for SystemRng {
    fn fill(&self, into: &mut [u8]) {
        let serial = skink_testkit::serial();
        for (byte, random) in into.iter_mut().zip(serial.as_be_bytes().iter().cycle()) {
            *byte = *random;
        }
    }
}

/// Quick enough for a test.
pub(crate) fn config(dir: &Path) -> AgentConfig {
    AgentConfig {
        poll_wait_ms: 5_000,
        report_every_ms: 100,
        read_back_every_ms: 0,
        retry_max_ms: 200,
        settle_ms: 20,
        proof_ms: 1_000,
        ..AgentConfig::new(dir)
    }
}

/// An agent that runs until it is stopped.
pub(crate) struct Running {
    pub(crate) handle: AgentHandle,
    stop: Option<oneshot::Sender<()>>,
    task: tokio::task::JoinHandle<()>,
}

impl Running {
    pub(crate) fn start(dir: &Path, targets: HashMap<String, Arc<dyn Target>>) -> Self {
        Self::start_by(Arc::new(MachineClock), dir, targets)
    }

    pub(crate) fn start_by(
        clock: Arc<dyn Clock>,
        dir: &Path,
        targets: HashMap<String, Arc<dyn Target>>,
    ) -> Self {
        let agent = Agent::open(config(dir), targets, clock, Arc::new(SystemRng)).unwrap();
        let (handle, (stop, stopped)) = (agent.handle(), oneshot::channel());
        let task = tokio::spawn(agent.run(async {
            let _ = stopped.await;
        }));
        Self { handle, stop: Some(stop), task }
    }

    pub(crate) async fn stop(mut self) {
        drop(self.stop.take());
        (&mut self.task).await.unwrap();
    }
}

/// Waits until `check` gives something, for ten seconds.
pub(crate) async fn eventually<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    for _ in 0..1000 {
        if let Some(value) = check() {
            return value;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never: {what}");
}
