//! The store's behaviour, through its public functions on a real file.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod ceremony;
mod concurrency;
mod crash;
mod fixture;
mod fleet;
mod full;
mod incident;
mod issuance;
mod journal;
mod ledger;
mod opening;
mod postgres;
mod property;
mod revocation;
mod snapshot;
mod statements;
mod walk;
