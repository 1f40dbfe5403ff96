//! The only way to a signature: a ledger that is asked first, tickets that are spent once, and key
//! providers that never let a private key out.
//!
//! [`Ledger::ask`] → [`Ticket`] → [`Signer::sign`] → settled. One ticket is one signature; the
//! provider's signature is verified with the public key before anybody sees it; an outcome that
//! nobody can know is recorded as unknown and never retried.
#![warn(missing_docs)]

mod administrator;
#[cfg(feature = "awskms")]
pub mod awskms;
#[cfg(feature = "azurekv")]
pub mod azurekv;
pub mod chain;
pub mod conformance;
mod credential;
mod custody;
#[cfg(any(feature = "pkcs11", feature = "azurekv"))]
mod encoding;
pub mod encryption;
pub mod environment;
#[cfg(feature = "gcpkms")]
pub mod gcpkms;
#[cfg(any(feature = "awskms", test))]
mod iam;
mod ledger;
#[cfg(feature = "pkcs11")]
pub mod pkcs11;
mod provider;
mod providers;
mod quota;
pub mod record;
pub mod sealed;
mod signer;
mod software;
pub mod throwaway;
#[cfg(any(feature = "vault", feature = "azurekv", feature = "gcpkms"))]
mod tls;
mod uri;
#[cfg(feature = "vault")]
pub mod vault;
mod verify;

pub use administrator::{Administrator, administer};
pub use credential::Credential;
pub use custody::Custody;
pub use ledger::{
    Ask, AskError, FileLedger, Ledger, LedgerError, MemoryLedger, Outcome, Recorded, Settlement,
    SignatureRequest, Ticket, new_attempt,
};
pub use provider::{
    Answer, Ending, Guard, KeyAttributes, KeyGrant, KeyOrigin, KeyPage, KeyProvider, KeyState,
    PageToken, Protection, ProviderError, ProviderSignature, Readable, RequestId, ToSign, Told,
    Untold,
};
pub use providers::{Providers, name_of, open, open_custody, open_to_make};
pub use quota::Quotas;
pub use signer::{SignError, Signed, Signer};
pub use skink_model::{AttemptId, AttemptPurpose};
pub use software::{EnablingCredential, SoftwareCustody, SoftwareEncryption, SoftwareProvider};
pub use uri::{BadKeyUri, KeyUri};
