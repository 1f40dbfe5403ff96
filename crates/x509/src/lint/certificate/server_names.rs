//! A server has a name that clients can compare: they no longer read the subject.

use super::Facts;
use crate::lint::{Rule, Severity, complain};
use crate::{GeneralName, oid};

pub(super) const RULE: Rule<Facts> = Rule {
    name: "server_names",
    severity: Severity::Error,
    section: "RFC 9525 §2",
    check: |facts| {
        let certificate = &facts.certificate;
        if certificate.is_ca() || !certificate.extended_key_usages().contains(&oid::SERVER_AUTH) {
            return Vec::new();
        }
        let usable = |name: &GeneralName| {
            matches!(name, GeneralName::Dns(_) | GeneralName::Ip(_) | GeneralName::Uri(_))
        };
        let any = certificate.subject_alt_names().iter().any(usable);
        complain(!any, "a server's certificate has no DNS name, address or URI")
    },
};
