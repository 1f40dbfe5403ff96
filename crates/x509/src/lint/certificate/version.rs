//! Certificates are of version 3.

use super::Facts;
use crate::lint::{Rule, Severity, complain};

pub(super) const RULE: Rule<Facts> = Rule {
    name: "version",
    severity: Severity::Error,
    section: "RFC 5280 §4.1.2.1",
    check: |facts| {
        complain(facts.certificate.version() != 3, "the certificate is not of version 3")
    },
};
