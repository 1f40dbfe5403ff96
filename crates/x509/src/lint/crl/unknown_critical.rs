//! Nothing critical is in the CRL that readers do not know.

use super::Facts;
use crate::lint::{Rule, Severity};

pub(super) const RULE: Rule<Facts> = Rule {
    name: "crl_unknown_critical",
    severity: Severity::Error,
    section: "RFC 5280 §5.2",
    check: |facts| {
        let unknown = facts.crl.unknown_critical_extensions().iter();
        unknown.map(|oid| format!("the critical extension {oid} is not processed")).collect()
    },
};
