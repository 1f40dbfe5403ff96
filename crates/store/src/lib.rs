//! The database: one [`Store`], transactions on it, and one module of functions per aggregate.
#![warn(missing_docs)]

pub mod agents;
pub mod approvals;
pub mod attempts;
pub mod audit;
pub mod authorities;
pub mod ceremonies;
pub mod certificates;
pub mod crls;
mod dialect;
pub mod effects;
pub mod endpoints;
mod error;
pub mod incidents;
pub mod issuers;
pub mod journal;
pub mod keys;
pub mod kits;
pub mod leases;
mod lock;
pub mod operators;
pub mod packages;
pub mod proofs;
pub mod records;
pub mod revocations;
mod row;
mod schema;
pub mod settings;
pub mod sightings;
mod store;
pub mod tokens;
mod tx;

pub use error::{Refusal, StoreError};
pub use store::Store;
pub use tx::{Reader, Snapshot, Tx, Work};
