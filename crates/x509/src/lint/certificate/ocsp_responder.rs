//! A delegated OCSP responder does nothing else, and nobody has to ask whether it is revoked.

use super::Facts;
use crate::lint::{Rule, Severity};
use crate::oid;

pub(super) const RULE: Rule<Facts> = Rule {
    name: "ocsp_responder",
    severity: Severity::Error,
    section: "RFC 6960 §4.2.2.2",
    check: |facts| {
        let purposes = facts.certificate.extended_key_usages();
        if !purposes.contains(&oid::OCSP_SIGNING) || facts.certificate.is_ca() {
            return Vec::new();
        }
        let mut findings = Vec::new();
        if purposes.len() > 1 {
            findings.push("a responder's certificate has other purposes too".to_owned());
        }
        if facts.certificate.extension(oid::OCSP_NOCHECK).is_none() {
            findings.push("a responder's certificate lacks id-pkix-ocsp-nocheck".to_owned());
        }
        findings
    },
};
