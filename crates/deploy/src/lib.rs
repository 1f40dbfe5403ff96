//! Certificates and trust on a host: written whole or not at all, checked, loaded, and proven by a
//! handshake; or rolled back.
//!
//! [`EndpointFiles`] are an endpoint's files, [`Target`] is the software that reads them,
//! [`install`] changes the one under the other. [`render`] writes a trust package in the words of a
//! [`Mechanism`]. [`tls`] builds rustls configurations from the files, new ones each time.
//! [`probe`] makes the handshakes that prove what a relying party accepts and refuses. [`stores`]
//! puts roots into the stores of systems.

mod command;
mod files;
mod install;
mod mechanism;
pub mod probe;
mod render;
pub mod stores;
mod target;
pub mod tls;

pub use command::{CommandTarget, Commands};
pub use files::{EndpointFiles, FileError, NewFile, Secrecy, write_whole};
pub use install::{InstallError, Installation, install};
pub use mechanism::{Mechanism, UnknownMechanism};
pub use render::{TrustNote, render};
pub use target::{PeerSeen, Target, TargetError};
