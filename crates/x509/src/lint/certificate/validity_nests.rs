//! The validity lies within the issuing authority's: a path is only valid while all of it is.

use super::Facts;
use crate::lint::{Rule, Severity};

pub(super) const RULE: Rule<Facts> = Rule {
    name: "validity_nests",
    severity: Severity::Error,
    section: "RFC 5280 §6.1.3",
    check: |facts| {
        let Some(issuer) = &facts.context.issuer else { return Vec::new() };
        let (own, outer) = (&facts.certificate, issuer);
        let mut findings = Vec::new();
        if own.not_before() < outer.not_before() {
            let (begin, outer) = (own.not_before(), outer.not_before());
            findings.push(format!("the validity begins {begin}, before the issuer's {outer}"));
        }
        if own.not_after() > outer.not_after() {
            let (end, outer) = (own.not_after(), outer.not_after());
            findings.push(format!("the validity ends {end}, after the issuer's {outer}"));
        }
        findings
    },
};
