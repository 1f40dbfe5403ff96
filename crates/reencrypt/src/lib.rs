//! Going over from one symmetric key to another, wherever the ciphertexts lie: what a leaked key
//! needs.
//!
//! A [`Source`] gives ciphertexts and takes new ones in their place, each only where the old still
//! stands. [`Run`] goes through it with a [`skink_signer::encryption::Crossing`], and writes down in
//! a [`State`] what it is about to put where. Stopped at any point and started again, it does an
//! object at most once more, and loses none: an object is replaced in one step, after the new
//! ciphertext was seen to open.
#![warn(missing_docs)]

mod column;
mod files;
mod form;
mod run;
#[cfg(feature = "s3")]
mod s3;
mod source;
mod state;
mod targets;

pub use column::{Column, PostgresColumn, SqliteColumn};
pub use files::Files;
pub use form::Form;
pub use run::{Listed, Run, Stopped, Tally};
#[cfg(feature = "s3")]
pub use s3::S3Objects;
pub use source::{Change, Found, Object, Replaced, Source, SourceError};
pub use state::{State, StateError};
pub use targets::open;
