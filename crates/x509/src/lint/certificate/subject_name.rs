//! Authorities have a name; who has none has alternative names, and they are critical.

use super::Facts;
use crate::lint::{Rule, Severity, complain};
use crate::oid;

pub(super) const RULE: Rule<Facts> = Rule {
    name: "subject_name",
    severity: Severity::Error,
    section: "RFC 5280 §4.1.2.6",
    check: |facts| {
        let certificate = &facts.certificate;
        if !certificate.subject().is_empty() {
            let common_name = certificate.subject().common_name().unwrap_or_default();
            let long = common_name.chars().count() > 64;
            return complain(long, "the common name has more than 64 characters");
        }
        if certificate.is_ca() {
            return vec!["an authority has an empty subject".to_owned()];
        }
        let names = certificate.extension(oid::SUBJECT_ALT_NAME);
        let critical = names.is_some_and(|extension| extension.critical);
        complain(!critical, "the subject is empty, and no critical subjectAltName stands in for it")
    },
};
