//! The server over real sockets.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod authorisation;
mod bad_input;
mod ceremony;
mod common;
mod full_disk;
mod incident;
mod partitions;
mod recovery;
mod renewal;
mod replicas;
mod responder;
mod revocation;
mod secrets;
mod upkeep;
mod walking_line;
