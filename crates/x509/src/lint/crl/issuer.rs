//! The issuer has a name, and it is the authority's.

use super::Facts;
use crate::lint::{Rule, Severity, complain};

pub(super) const RULE: Rule<Facts> = Rule {
    name: "crl_issuer",
    severity: Severity::Error,
    section: "RFC 5280 §5.1.2.3",
    check: |facts| {
        let name = facts.crl.issuer();
        let issuer = facts.context.issuer.as_ref();
        let other = issuer.is_some_and(|issuer| issuer.subject() != name);
        complain(name.is_empty() || other, "the CRL's issuer is not the authority")
    },
};
