//! The certificate says which key signed it, and the issuer's certificate says the same.

use super::Facts;
use crate::lint::{Rule, Severity};

pub(super) const RULE: Rule<Facts> = Rule {
    name: "authority_key_id",
    severity: Severity::Error,
    section: "RFC 5280 §4.2.1.1",
    check: |facts| {
        let certificate = &facts.certificate;
        let Some(id) = certificate.authority_key_id() else {
            return if certificate.is_self_issued() {
                Vec::new()
            } else {
                vec!["the authority key identifier is missing".to_owned()]
            };
        };
        let issuers = facts.context.issuer.as_ref().and_then(|issuer| issuer.subject_key_id());
        if issuers.is_some_and(|issuers| issuers != id) {
            return vec!["the authority key identifier is not the issuer's".to_owned()];
        }
        Vec::new()
    },
};
