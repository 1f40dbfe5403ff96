//! The validity ends after it begins.

use super::Facts;
use crate::lint::{Rule, Severity, complain};

pub(super) const RULE: Rule<Facts> = Rule {
    name: "validity_order",
    severity: Severity::Error,
    section: "RFC 5280 §4.1.2.5",
    check: |facts| {
        let backwards = facts.certificate.not_after() <= facts.certificate.not_before();
        complain(backwards, "the validity ends before it begins")
    },
};
