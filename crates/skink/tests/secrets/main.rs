//! No private key, credential or token is in any log, answer, report, snapshot or evidence bundle.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[cfg(feature = "azurekv")]
mod azure;
#[cfg(any(feature = "awskms", feature = "gcpkms"))]
mod clouds;
mod drilled;
mod placed;
mod search;
mod served;
