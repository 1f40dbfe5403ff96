//! No serial is listed twice.

use super::Facts;
use crate::lint::{Rule, Severity, complain};

pub(super) const RULE: Rule<Facts> = Rule {
    name: "crl_unique_serials",
    severity: Severity::Error,
    section: "RFC 5280 §5.3",
    check: |facts| {
        let mut serials: Vec<_> = facts.crl.entries().map(|entry| entry.serial).collect();
        let listed = serials.len();
        // Ours come in order, and sorting what is sorted costs one pass.
        serials.sort();
        serials.dedup();
        complain(serials.len() != listed, "a serial is listed twice")
    },
};
