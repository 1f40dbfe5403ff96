//! Nobody uses unique identifiers.

use super::Facts;
use crate::lint::{Rule, Severity, complain};

pub(super) const RULE: Rule<Facts> = Rule {
    name: "unique_ids",
    severity: Severity::Error,
    section: "RFC 5280 §4.1.2.8",
    check: |facts| complain(facts.raw.has_unique_id, "the certificate has a unique identifier"),
};
