//! An end entity's key usage is given and fits its key.

use super::Facts;
use crate::lint::{Rule, Severity};
use crate::{KeyAlgorithm, KeyUsage};

pub(super) const RULE: Rule<Facts> = Rule {
    name: "end_entity_key_usage",
    severity: Severity::Error,
    section: "RFC 5280 §4.2.1.3; RFC 5480 §3; RFC 8410 §5",
    check: |facts| {
        let certificate = &facts.certificate;
        if certificate.is_ca() {
            return Vec::new();
        }
        let Some(usage) = certificate.key_usage().filter(|usage| !usage.is_empty()) else {
            return vec!["an end entity's key usage is missing or empty".to_owned()];
        };
        let has = |wanted| usage.contains(wanted);
        let mut findings = Vec::new();
        if has(KeyUsage::KEY_CERT_SIGN) || has(KeyUsage::CRL_SIGN) {
            findings.push("an end entity may sign certificates or CRLs".to_owned());
        }
        let algorithm = certificate.public_key().algorithm();
        let enciphers = has(KeyUsage::KEY_ENCIPHERMENT) || has(KeyUsage::DATA_ENCIPHERMENT);
        if enciphers && !is_rsa(algorithm) {
            findings.push(format!("a key of {algorithm} cannot encipher"));
        }
        let agrees = has(KeyUsage::KEY_AGREEMENT);
        if agrees && (is_rsa(algorithm) || algorithm == KeyAlgorithm::Ed25519) {
            findings.push(format!("a key of {algorithm} cannot agree on keys"));
        }
        findings
    },
};

fn is_rsa(algorithm: KeyAlgorithm) -> bool {
    matches!(
        algorithm,
        KeyAlgorithm::Rsa2048
            | KeyAlgorithm::Rsa3072
            | KeyAlgorithm::Rsa4096
            | KeyAlgorithm::RsaOther
    )
}
