//! Wakes whoever waits for something to happen: long polls and incident drivers. A wake says only
//! "look again"; the truth is in the database.

use tokio::sync::watch;

/// The channels, each a counter that goes up.
#[derive(Debug)]
pub struct News {
    agents: watch::Sender<u64>,
    incidents: watch::Sender<u64>,
}

impl Default for News {
    fn default() -> Self {
        Self { agents: watch::Sender::new(0), incidents: watch::Sender::new(0) }
    }
}

impl News {
    /// There is a new package, or an order to renew.
    pub fn tell_agents(&self) {
        self.agents.send_modify(|count| *count += 1);
    }

    /// Something came in that a gate may wait for.
    pub fn tell_incidents(&self) {
        self.incidents.send_modify(|count| *count += 1);
    }

    /// Changes after each [`Self::tell_agents`].
    pub fn for_agents(&self) -> watch::Receiver<u64> {
        self.agents.subscribe()
    }

    /// Changes after each [`Self::tell_incidents`].
    pub fn for_incidents(&self) -> watch::Receiver<u64> {
        self.incidents.subscribe()
    }
}
