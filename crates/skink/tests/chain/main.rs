//! `skink chain` as people and programs use it: the real binary, and files that OpenSSL made.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod files;
mod jobs;
mod mend;
mod pki;
mod reach;
