//! What is accepted, what is refused, and what is said about it.
#![expect(clippy::unwrap_used, reason = "panicking is how a test reports")]

mod baseline;
mod candidates;
mod certificates;
mod constraints;
mod crl_form;
mod crl_kinds;
mod decide;
mod denial;
mod form;
mod hostile;
mod names;
mod ocsp;
mod oracle;
mod order;
mod policies;
mod policy_rules;
mod purposes;
mod revocation;
mod shape;
mod signers;
