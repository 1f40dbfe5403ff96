//! Against servers of all kinds on loopback.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod fetch;
mod proxies;
mod scan;
mod servers;
mod start_tls;
