//! Every provider against the most real service there is: one conformance suite, and the ways in
//! which each goes wrong.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

#[cfg(feature = "awskms")]
mod awskms;
#[cfg(feature = "awskms")]
mod awskms_administrator;
#[cfg(feature = "awskms")]
mod awskms_encryption;
#[cfg(feature = "awskms")]
mod awskms_gate;
#[cfg(feature = "azurekv")]
mod azurekv;
#[cfg(feature = "azurekv")]
mod azurekv_administrator;
#[cfg(feature = "azurekv")]
mod azurekv_faults;
mod encryption;
#[cfg(feature = "gcpkms")]
mod gcpkms;
#[cfg(feature = "gcpkms")]
mod gcpkms_administrator;
#[cfg(feature = "gcpkms")]
mod gcpkms_encryption;
#[cfg(feature = "gcpkms")]
mod gcpkms_faults;
#[cfg(feature = "pkcs11")]
mod pkcs11;
mod software_encryption;
#[cfg(feature = "vault")]
mod vault;
#[cfg(feature = "vault")]
mod vault_encryption;
#[cfg(feature = "vault")]
mod vault_faults;

#[cfg(feature = "gcpkms")]
use skink_testkit::service;
