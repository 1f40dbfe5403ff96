//! The serial fits 20 octets and cannot be guessed.

use super::Facts;
use crate::lint::{Rule, Severity};

const MIN_BYTES: usize = 8;
const MAX_BYTES: usize = 20;

pub(super) const RULE: Rule<Facts> = Rule {
    name: "serial_size",
    severity: Severity::Error,
    section: "RFC 5280 §4.1.2.2",
    check: |facts| match facts.raw.serial.len() {
        MIN_BYTES..=MAX_BYTES => Vec::new(),
        bytes => vec![format!(
            "the serial number has {bytes} octets; {MIN_BYTES} are the least that 64 random bits \
             take, and {MAX_BYTES} the most that readers take"
        )],
    },
};
