//! The agent: makes and keeps an endpoint's keys on its host, installs what the server publishes,
//! proves it by handshakes, and says so; and goes on when the server is away.
//!
//! It takes no commands. It is told which package is out and which endpoints should renew, and
//! judges every package by itself ([`skink_trust::Held::accept`]). Its own channel hangs on
//! nothing that it tends: the server's certificate must chain to control *and* carry a key from
//! the trust package.
//!
//! [`enroll`] once, then [`Agent::open`] and [`Agent::run`]. An agent is a handful of tasks on the
//! caller's runtime: hundreds fit into one process. [`protocol`] has the pieces of which it is made,
//! for whoever simulates many more.

mod agent;
mod canaries;
mod channel;
mod config;
mod enroll;
mod error;
mod key;
mod offset;
mod orders;
mod outbox;
mod pair;
mod party;
mod probes;
mod read_back;
mod secret;
mod state;

pub use agent::{Agent, AgentHandle, OfferError};
pub use channel::{Channel, ChannelError};
pub use config::{AgentConfig, BadConfig, EndpointConfig};
pub use enroll::enroll;

/// What an agent says to its server, without a disk, a target or a task: for simulators.
pub mod protocol {
    pub use crate::enroll::{FetchError, Joined, fetch_package, join};
    pub use crate::key::LocalKey;
    pub use crate::pair::Pair;
    pub use crate::read_back::held as crls_held;
    pub use crate::secret::SecretPem;
}

pub use error::AgentError;
pub use key::KeyFault;
pub use party::ReconcileError;
pub use probes::ProofError;
pub use state::StateError;
