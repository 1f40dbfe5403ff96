//! The database: one [`Store`], transactions on it, and one module of functions per aggregate.
//!
//! A use case that changes something runs one transaction; every function that it calls works on the
//! same [`Tx`], so that what belongs together is together or not at all. Rows are `skink-model`'s
//! types. Changes of an authority's state, revocations by set and publications write their journal
//! and audit rows themselves, in that transaction; a [`skink_model::Stamp`] says who and when.
//!
//! ```
//! # use skink_model::{AuthorityId, IncidentId, OperatorName, Stamp, Time};
//! # use skink_store::{Store, StoreError, authorities, journal};
//! # async fn example(
//! #     store: &Store, now: Time, name: OperatorName, id: AuthorityId, incident: IncidentId,
//! # ) -> Result<(), StoreError> {
//! let stamp = Stamp::operator(name, now);
//! let frozen = store
//!     .run_tx("freeze", |tx| {
//!         let (stamp, id, incident) = (&stamp, &id, &incident);
//!         Box::pin(async move {
//!             authorities::freeze(tx, stamp, id, "key seen for sale", Some(incident)).await?;
//!             authorities::require(tx, id).await
//!         })
//!     })
//!     .await?;
//!
//! let mut r = store.read().await?;
//! assert_eq!(authorities::find(&mut r, &frozen.id).await?, Some(frozen));
//! assert!(journal::verify(&mut r).await?.is_whole());
//! # Ok(())
//! # }
//! ```
//!
//! The closure may run more than once, so it captures references, and it has no effect but on `tx`.
//! Any error type that is made from [`StoreError`] will do; returning `Err` rolls back.
//!
//! Signatures take two transactions, whatever the size of the batch: [`attempts::ask`] before the
//! provider is called, [`attempts::settle`] after. Of certificates, [`issuance`] has both. A server
//! that starts calls [`attempts::sweep_unknown`] before it signs anything.
//!
//! **What holds**, by the schema and not only by this code: one active generation per issuer, taint
//! irreversible, one serial per authority, one attempt per certificate and list number, one approval
//! per person and step, one effect per incident, step and subject; revocations, blocked keys, journal
//! and audit rows are insert-only. What is committed survives a crash at any instant. One server per
//! file; a file from a later program is refused untouched; a full disk is [`StoreError::Full`] and
//! changes nothing.
#![warn(missing_docs)]

pub mod agents;
pub mod approvals;
pub mod attempts;
pub mod audit;
pub mod authorities;
pub mod ceremonies;
pub mod certificates;
pub mod copy;
pub mod crls;
mod dialect;
pub mod effects;
pub mod endpoints;
mod error;
mod file;
pub mod incidents;
mod integrity;
pub mod issuance;
pub mod issuers;
pub mod journal;
pub mod keys;
pub mod kits;
pub mod leases;
mod lock;
pub mod missing;
pub mod operators;
pub mod packages;
mod place;
mod private;
pub mod proofs;
pub mod records;
pub mod restored;
pub mod revocations;
mod row;
mod schema;
pub mod settings;
pub mod sightings;
mod snapshot;
mod sql;
mod statuses;
mod store;
pub mod tokens;
mod tx;

pub use error::{Refusal, SqlError, StoreError};
pub use lock::{FILE_NAME, Lock};
pub use place::{BadPlace, Place};
pub use store::{Revoked, Store, Told};
pub use tx::{Glance, Reader, Snapshot, Tx, Work};
