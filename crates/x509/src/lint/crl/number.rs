//! The CRL has a number, and it is not critical.

use super::Facts;
use crate::lint::{Rule, Severity, complain};
use crate::{Extension, oid};

pub(super) const RULE: Rule<Facts> = Rule {
    name: "crl_number",
    severity: Severity::Error,
    section: "RFC 5280 §5.2.3",
    check: |facts| {
        let number = Extension::find(facts.crl.extensions(), oid::CRL_NUMBER);
        let fine = number.is_some_and(|extension| !extension.critical);
        complain(!fine, "the CRL number is missing or critical")
    },
};
