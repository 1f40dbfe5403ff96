//! The signature algorithm is one that holds.

use super::Facts;
use crate::lint::{Rule, Severity, complain};

pub(super) const RULE: Rule<Facts> = Rule {
    name: "crl_signature_algorithm",
    severity: Severity::Error,
    section: "RFC 5280 §5.1.1.2",
    check: |facts| {
        let refused = facts.crl.signature_algorithm().is_none();
        complain(refused, "the signature algorithm is not accepted")
    },
};
