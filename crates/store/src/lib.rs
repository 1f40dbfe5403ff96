//! The database.
#![warn(missing_docs)]

pub mod audit;
mod dialect;
mod error;
pub mod journal;
mod lock;
mod row;
mod schema;
pub mod settings;
mod store;
mod tx;

pub use error::{Refusal, StoreError};
pub use store::Store;
pub use tx::{Reader, Snapshot, Tx, Work};
