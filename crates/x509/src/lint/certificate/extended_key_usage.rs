//! An end entity says what it is for, and not "anything".

use super::Facts;
use crate::lint::{Rule, Severity};
use crate::oid;

pub(super) const RULE: Rule<Facts> = Rule {
    name: "extended_key_usage",
    severity: Severity::Error,
    section: "RFC 5280 §4.2.1.12",
    check: |facts| {
        let purposes = facts.certificate.extended_key_usages();
        let mut findings = Vec::new();
        if purposes.is_empty() && !facts.certificate.is_ca() {
            findings.push("an end entity has no extended key usage".to_owned());
        }
        if purposes.contains(&oid::ANY_EXTENDED_KEY_USAGE) {
            findings.push("the extended key usage allows any purpose".to_owned());
        }
        if (1..purposes.len()).any(|at| purposes[..at].contains(&purposes[at])) {
            findings.push("the extended key usage names a purpose twice".to_owned());
        }
        findings
    },
};
