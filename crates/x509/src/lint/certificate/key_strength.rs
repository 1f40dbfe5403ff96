//! The key is not a weak one.

use super::Facts;
use crate::lint::{Rule, Severity};
use crate::weak;

pub(super) const RULE: Rule<Facts> = Rule {
    name: "key_strength",
    severity: Severity::Error,
    section: "NIST SP 800-89 §5.3.3; CVE-2017-15361",
    check: |facts| {
        let weakness = weak::check_key(facts.certificate.public_key()).err();
        weakness.map(|weakness| weakness.to_string()).into_iter().collect()
    },
};
