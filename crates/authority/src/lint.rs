//! The rules of `skink_x509`, as issuance applies them.

use std::time::Duration;

use skink_x509::lint::{Finding, LintContext, Severity, lint_certificate, lint_read_certificate};
use skink_x509::{Certificate, PublicKey, weak};

/// Why a key is too weak to be certified, if it is.
pub(crate) fn weak_key(key: &PublicKey) -> Option<String> {
    weak::check_key(key).err().map(|weakness| weakness.to_string())
}

/// What the lints say against an end entity's certificate.
pub(crate) fn findings(read: &Certificate, issuer: &Certificate) -> Vec<String> {
    serious(lint_read_certificate(read, &LintContext::issued_by(issuer)))
}

/// What the lints say against a certificate of the hierarchy: the trust key lives as long as the
/// authorities, though it is none.
pub(crate) fn hierarchy_findings(der: &[u8], issuer: &Certificate) -> Vec<String> {
    let max_end_entity_life = Duration::MAX;
    let context = LintContext { max_end_entity_life, ..LintContext::issued_by(issuer) };
    serious(lint_certificate(der, &context))
}

fn serious(findings: Vec<Finding>) -> Vec<String> {
    let serious = findings.into_iter().filter(|finding| finding.severity >= Severity::Warning);
    serious.map(|finding| finding.to_string()).collect()
}
