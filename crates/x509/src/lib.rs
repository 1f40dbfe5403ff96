//! Types and codec for certificates, requests, revocation lists and OCSP; streaming writers; lints.
//!
//! Pure: no runtime, no file, no clock, no randomness. Times and random bytes come in as arguments.
#![warn(missing_docs)]

mod algorithm;
mod time;

pub use algorithm::{KeyAlgorithm, SignatureAlgorithm, UnknownKeyAlgorithm};
pub use time::Time;
