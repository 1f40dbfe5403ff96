//! The issuer has a name, and it is the issuing authority's.

use super::Facts;
use crate::lint::{Rule, Severity};

pub(super) const RULE: Rule<Facts> = Rule {
    name: "issuer_name",
    severity: Severity::Error,
    section: "RFC 5280 §4.1.2.4",
    check: |facts| {
        let name = facts.certificate.issuer();
        if name.is_empty() {
            return vec!["the issuer's name is empty".to_owned()];
        }
        let other = facts.context.issuer.as_ref().filter(|issuer| issuer.subject() != name);
        let complaint = |issuer: &crate::Certificate| {
            format!("the issuer is named {name}, and the authority {}", issuer.subject())
        };
        other.map(complaint).into_iter().collect()
    },
};
