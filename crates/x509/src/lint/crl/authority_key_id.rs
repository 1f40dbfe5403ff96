//! The CRL says which key signed it.

use super::Facts;
use crate::lint::{Rule, Severity};

pub(super) const RULE: Rule<Facts> = Rule {
    name: "crl_authority_key_id",
    severity: Severity::Error,
    section: "RFC 5280 §5.2.1",
    check: |facts| {
        let Some(id) = facts.crl.authority_key_id() else {
            return vec!["the authority key identifier is missing".to_owned()];
        };
        let issuers = facts.context.issuer.as_ref().and_then(|issuer| issuer.subject_key_id());
        match issuers {
            Some(issuers) if issuers != id => {
                vec!["the authority key identifier is not the issuer's".to_owned()]
            }
            _ => Vec::new(),
        }
    },
};
