//! No extension stands twice.

use super::Facts;
use crate::lint::{Rule, Severity};

pub(super) const RULE: Rule<Facts> = Rule {
    name: "duplicate_extensions",
    severity: Severity::Error,
    section: "RFC 5280 §4.2",
    check: |facts| {
        let oids: Vec<_> = facts.certificate.extensions().map(|extension| extension.oid).collect();
        let repeated = |at: usize| oids[..at].contains(&oids[at]);
        (0..oids.len())
            .filter(|at| repeated(*at))
            .map(|at| format!("the extension {} stands twice", oids[at]))
            .collect()
    },
};
