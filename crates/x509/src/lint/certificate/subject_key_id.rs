//! The key has an identifier: authorities must, everybody else should.

use super::Facts;
use crate::lint::{Rule, Severity, complain};

pub(super) const RULE: Rule<Facts> = Rule {
    name: "subject_key_id",
    severity: Severity::Error,
    section: "RFC 5280 §4.2.1.2",
    check: |facts| {
        let missing = facts.certificate.subject_key_id().is_none_or(<[u8]>::is_empty);
        complain(missing, "the subject key identifier is missing")
    },
};
