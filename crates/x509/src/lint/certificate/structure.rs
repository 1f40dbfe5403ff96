//! The certificate follows its ASN.1, and what is in it can be read.

use std::error::Error;

use super::Facts;
use crate::ParseError;
use crate::lint::{Rule, Severity};

pub(super) const RULE: Rule<Facts> = Rule {
    name: "structure",
    severity: Severity::Error,
    section: "RFC 5280 §4.1",
    check: |facts| facts.broken.iter().map(describe).collect(),
};

pub(super) fn describe(error: &ParseError) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}
