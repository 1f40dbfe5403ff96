//! The serial is positive.

use super::Facts;
use crate::lint::{Rule, Severity, complain};

pub(super) const RULE: Rule<Facts> = Rule {
    name: "serial_positive",
    severity: Severity::Error,
    section: "RFC 5280 §4.1.2.2",
    check: |facts| {
        let content = &facts.raw.serial;
        let positive =
            content.first().is_some_and(|byte| *byte < 0x80) && content.iter().any(|b| *b != 0);
        complain(!positive, "the serial number is not a positive integer")
    },
};
