//! Types and codec for certificates, requests, revocation lists and OCSP; streaming writers; lints.
//!
//! Pure: no runtime, no file, no clock, no randomness. Times and random bytes come in as arguments.
//! Nothing here signs: a `…Spec` gives the bytes to sign, [`assemble`] puts a signature under them.
#![warn(missing_docs)]

mod algorithm;
mod certificate;
mod certificate_spec;
pub mod crl;
mod csr;
mod digest;
mod error;
mod extension;
#[cfg(test)]
mod fixture;
mod general_name;
mod hexadecimal;
mod key;
mod key_usage;
pub mod lint;
mod name;
pub mod ocsp;
pub mod oid;
mod pem;
mod plain;
mod raw_sequence;
mod serial;
mod time;
mod tlv;
pub mod weak;

pub use algorithm::{
    KeyAlgorithm, SignatureAlgorithm, UnknownKeyAlgorithm, UnknownSignatureAlgorithm,
};
pub use certificate::Certificate;
pub use certificate_spec::CertificateSpec;
pub use csr::{Csr, CsrSpec};
pub use digest::{Fingerprint, KeyDigest};
pub use error::{BadSignature, EncodeError, KeyError, ParseError};
pub use extension::{Extension, Extensions};
pub use general_name::GeneralName;
pub use hexadecimal::{BadHex, Hex};
pub use key::{PublicKey, Verifiable};
pub use key_usage::KeyUsage;
pub use name::{BadName, Name, NameBuilder};
pub use oid::ObjectIdentifier;
pub use plain::Plain;
pub use serial::{BadSerial, Serial};
pub use time::Time;
pub use tlv::assemble;
