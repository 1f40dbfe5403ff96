//! basicConstraints are critical in an authority's certificate, and limit a path only there.

use super::Facts;
use crate::lint::{Rule, Severity};
use crate::{KeyUsage, oid};

pub(super) const RULE: Rule<Facts> = Rule {
    name: "ca_basic_constraints",
    severity: Severity::Error,
    section: "RFC 5280 §4.2.1.9",
    check: |facts| {
        let certificate = &facts.certificate;
        let signs =
            certificate.key_usage().is_some_and(|usage| usage.contains(KeyUsage::KEY_CERT_SIGN));
        let Some(constraints) = certificate.extension(oid::BASIC_CONSTRAINTS) else {
            return if signs {
                vec!["an authority has no basicConstraints".to_owned()]
            } else {
                Vec::new()
            };
        };
        let mut findings = Vec::new();
        if certificate.is_ca() && !constraints.critical {
            findings.push("an authority's basicConstraints are not critical".to_owned());
        }
        if !certificate.is_ca() && certificate.path_len().is_some() {
            findings.push("a path length stands where there is no authority".to_owned());
        }
        findings
    },
};
