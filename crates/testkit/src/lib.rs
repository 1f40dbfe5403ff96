//! A small PKI in memory for the tests of other crates: real keys, real certificates, no signer.
//!
//! Everything here panics rather than fail: a test has nothing better to do.
#![warn(missing_docs)]
#![expect(clippy::missing_panics_doc, reason = "panicking is how a test's helper reports")]
#![expect(clippy::unwrap_used, reason = "panicking is how a test's helper reports")]

mod authority;
#[cfg(feature = "azurekv")]
pub mod azurekv;
mod bao;
#[cfg(feature = "gcpkms")]
pub mod gcpkms;
mod key;
mod ministack;
mod moto;
mod postgres;
pub mod service;
mod softhsm;
mod tmpfs;

pub use authority::{Shape, TestAuthority, serial};
pub use bao::OpenBao;
pub use key::TestKey;
pub use ministack::Ministack;
pub use moto::Moto;
pub use postgres::Postgres;
pub use softhsm::SoftHsm;
pub use tmpfs::Tmpfs;

use std::time::Duration;

use skink_x509::{Certificate, KeyAlgorithm, Time};

/// The instant at which tests without a clock of their own stand: 2026-09-21.
pub const NOW: Time = Time::from_secs(1_790_000_000);

/// One day.
pub const DAY: Duration = Duration::from_hours(24);

/// The machine's time, for tests whose peers look at it themselves.
#[expect(clippy::disallowed_methods, reason = "a TLS library under test reads the clock itself")]
pub fn machine_time() -> Time {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Time::from_millis(i64::try_from(since.as_millis()).unwrap())
}

/// A root, one issuing authority under it, and one leaf for server and client use.
#[derive(Debug)]
pub struct TestPki {
    /// `CN=Test Root`, with CDP `http://pki.test/crl/root/root.crl`.
    pub root: TestAuthority,
    /// `CN=workloads-g1`, path length 0, in the root's partition `…/crl/root/workloads-g1.crl`.
    pub issuer: TestAuthority,
    /// `CN=web-1.test` with the names `web-1.test` and `127.0.0.1`.
    pub leaf: Certificate,
    /// The leaf's key.
    pub leaf_key: TestKey,
}

impl TestPki {
    /// At [`NOW`], with P-256 keys.
    pub fn new() -> Self {
        Self::at(NOW)
    }

    /// At `now`, with P-256 keys.
    pub fn at(now: Time) -> Self {
        let root = TestAuthority::root("Test Root", KeyAlgorithm::EcP256, now);
        let issuer = root.subordinate("workloads-g1", KeyAlgorithm::EcP256);
        let leaf_key = TestKey::generate(KeyAlgorithm::EcP256);
        let shape = Shape::named("web-1.test").dns("web-1.test").ip("127.0.0.1");
        let leaf = issuer.issue(&leaf_key, &shape);
        Self { root, issuer, leaf, leaf_key }
    }

    /// Leaf and issuer, as a server sends them.
    pub fn chain_pem(&self) -> String {
        self.leaf.to_pem() + &self.issuer.certificate.to_pem()
    }
}

impl Default for TestPki {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;
