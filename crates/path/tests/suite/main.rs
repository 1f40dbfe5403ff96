//! What is accepted, what is refused, and what is said about it.
#![expect(clippy::unwrap_used, reason = "panicking is how a test reports")]

mod candidates;
mod certificates;
mod denial;
mod hostile;
mod names;
mod oracle;
mod revocation;
mod shape;
