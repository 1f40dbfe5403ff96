//! The CRL follows its ASN.1, and what is in it can be read.

use std::error::Error;

use crate::ParseError;
use crate::lint::{Finding, Severity};

pub(super) fn finding(error: &ParseError) -> Finding {
    let cause = error.source().map(|source| format!(": {source}")).unwrap_or_default();
    Finding {
        rule: "crl_structure",
        severity: Severity::Error,
        section: "RFC 5280 §5.1",
        message: format!("{error}{cause}"),
    }
}
