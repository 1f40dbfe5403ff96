//! The CRL says by when there is a newer one.

use super::Facts;
use crate::lint::{Rule, Severity, complain};

pub(super) const RULE: Rule<Facts> = Rule {
    name: "crl_next_update",
    severity: Severity::Error,
    section: "RFC 5280 §5.1.2.5",
    check: |facts| {
        let after = facts.crl.next_update().is_some_and(|next| next > facts.crl.this_update());
        complain(!after, "nextUpdate is missing or not after thisUpdate")
    },
};
