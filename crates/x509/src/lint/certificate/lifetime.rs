//! End entities' certificates do not live longer than allowed.

use super::Facts;
use crate::lint::{Rule, Severity};

pub(super) const RULE: Rule<Facts> = Rule {
    name: "lifetime",
    severity: Severity::Error,
    section: "profile: at most 398 days for end entities",
    check: |facts| {
        let certificate = &facts.certificate;
        // Both ends belong to the validity.
        let life = certificate.not_after().since(certificate.not_before()).as_secs() + 1;
        let limit = facts.context.max_end_entity_life.as_secs();
        if certificate.is_ca() || life <= limit {
            return Vec::new();
        }
        vec![format!("the certificate lives {life} s, and may live {limit} s")]
    },
};
