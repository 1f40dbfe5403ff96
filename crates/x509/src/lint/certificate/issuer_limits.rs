//! The issuer is an authority, and its path length leaves room.

use super::Facts;
use crate::lint::{Rule, Severity};

pub(super) const RULE: Rule<Facts> = Rule {
    name: "issuer_limits",
    severity: Severity::Error,
    section: "RFC 5280 §4.2.1.9",
    check: |facts| {
        let certificate = &facts.certificate;
        let Some(issuer) = facts.context.issuer.as_ref() else { return Vec::new() };
        if !issuer.is_ca() {
            return vec!["the issuer is no authority".to_owned()];
        }
        if !certificate.is_ca() || certificate.is_self_issued() {
            return Vec::new();
        }
        match (issuer.path_len(), certificate.path_len()) {
            (Some(0), _) => vec!["the issuer may not have authorities below it".to_owned()],
            (Some(outer), Some(own)) if own >= outer => {
                vec![format!("a path length of {own} does not fit under the issuer's {outer}")]
            }
            _ => Vec::new(),
        }
    },
};
