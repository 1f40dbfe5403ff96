//! The online certificate status protocol (RFC 6960), lightweight profile in mind (RFC 5019).

mod cert_id;
mod read;
mod request;
mod single;
mod write;

pub use cert_id::{CertId, HashAlgorithm};
pub use read::{BasicResponse, OcspRefusal, OcspResponse, ResponderId};
pub use request::OcspRequest;
pub use single::{CertStatus, SingleResponse};
pub use write::{OcspResponseSpec, ResponseStatus, error_response};

/// The longest nonce that is echoed, in bytes (RFC 9654 §2.1); a shorter one has at least one.
pub const MAX_NONCE: usize = 128;

#[cfg(test)]
mod tests;
