//! An authority may sign certificates and CRLs, and says so.

use super::Facts;
use crate::KeyUsage;
use crate::lint::{Rule, Severity, complain};

pub(super) const RULE: Rule<Facts> = Rule {
    name: "ca_key_usage",
    severity: Severity::Error,
    section: "RFC 5280 §4.2.1.3",
    check: |facts| {
        let certificate = &facts.certificate;
        if !certificate.is_ca() {
            return Vec::new();
        }
        let needed = KeyUsage::KEY_CERT_SIGN | KeyUsage::CRL_SIGN;
        let has = certificate.key_usage().is_some_and(|usage| usage.contains(needed));
        complain(!has, "an authority's key usage lacks keyCertSign or cRLSign")
    },
};
