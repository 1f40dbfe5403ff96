//! The key that signs trust packages does nothing else, and carries its epoch.

use super::Facts;
use crate::lint::{Rule, Severity};
use crate::oid;

pub(super) const RULE: Rule<Facts> = Rule {
    name: "trust_signer",
    severity: Severity::Error,
    section: "profile: trust packages",
    check: |facts| {
        let certificate = &facts.certificate;
        let purposes = certificate.extended_key_usages();
        if !purposes.contains(&oid::SKINK_TRUST) {
            return Vec::new();
        }
        let mut findings = Vec::new();
        if purposes.len() > 1 || certificate.is_ca() {
            findings.push("a trust key's certificate has other uses too".to_owned());
        }
        if certificate.extension(oid::SKINK_EPOCH).is_none() {
            findings.push("a trust key's certificate carries no epoch".to_owned());
        }
        findings
    },
};
