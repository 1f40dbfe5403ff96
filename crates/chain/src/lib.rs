//! The chain tools: what a person reaches for when TLS says no.
//!
//! Pure: files and answers of servers come in as bytes, what to write comes out as bytes. Verdicts
//! are those of `skink-path`; nothing here judges by itself.
#![warn(missing_docs)]

mod bag;
pub mod config;
pub mod describe;
pub mod diagnosis;
pub mod draw;
pub mod explain;
mod finding;
pub mod input;
pub mod job;
mod purposes;
mod question;
pub mod repair;
mod shell;
pub mod structure;
pub mod words;

pub use bag::{Bag, Read};
pub use finding::Finding;
pub use question::{Answer, Judgement, Other, Question, Settings, Word};
pub use shell::shell_word;
