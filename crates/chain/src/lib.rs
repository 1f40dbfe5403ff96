//! The chain tools: what a person reaches for when TLS says no.
//!
//! Pure: files and answers of servers come in as bytes, what to write comes out as bytes. Verdicts
//! are those of `skink-path`; nothing here judges by itself.
#![warn(missing_docs)]
