//! The rules of `skink_x509`, as issuance applies them.

use skink_x509::{Certificate, PublicKey};

/// Why a key is too weak to be certified, if it is.
pub(crate) fn weak_key(_key: &PublicKey) -> Option<String> {
    None
}

/// What the lints say against a certificate.
pub(crate) fn findings(_der: &[u8], _issuer: &Certificate) -> Vec<String> {
    Vec::new()
}
