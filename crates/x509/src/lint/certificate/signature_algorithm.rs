//! The signature algorithm is one that holds.

use super::Facts;
use crate::lint::{Rule, Severity};

pub(super) const RULE: Rule<Facts> = Rule {
    name: "signature_algorithm",
    severity: Severity::Error,
    section: "RFC 5280 §4.1.1.2",
    check: |facts| match facts.certificate.signature_algorithm() {
        Some(algorithm) if !algorithm.is_weak() => Vec::new(),
        _ => vec![refusal(&facts.raw.signature)],
    },
};

/// Says which algorithm an `AlgorithmIdentifier` with this content names, where it is a known one.
fn refusal(identifier: &[u8]) -> String {
    use crate::{oid, tlv};
    let oid: Option<oid::ObjectIdentifier> = tlv::members(identifier)
        .ok()
        .and_then(|members| members.first().and_then(|oid| oid.decode_as().ok()));
    match oid {
        Some(oid::SHA1_WITH_RSA | oid::ECDSA_WITH_SHA1) => {
            "the signature rests on SHA-1, which has collisions".to_owned()
        }
        Some(oid) => format!("the signature algorithm {oid} is not accepted in this encoding"),
        None => "the signature algorithm cannot be read".to_owned(),
    }
}
