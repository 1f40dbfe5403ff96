//! An issuing distribution point is critical, direct and complete in its reasons, and its URI can be
//! fetched without a CRL.

use super::Facts;
use crate::lint::{Rule, Severity, is_plain_http};
use crate::{Extension, oid};

pub(super) const RULE: Rule<Facts> = Rule {
    name: "crl_distribution_point",
    severity: Severity::Error,
    section: "RFC 5280 §5.2.5",
    check: |facts| {
        let Some(point) = facts.crl.issuing_distribution_point() else { return Vec::new() };
        let extension = Extension::find(facts.crl.extensions(), oid::ISSUING_DISTRIBUTION_POINT);
        let mut findings = Vec::new();
        if extension.is_some_and(|extension| !extension.critical) {
            findings.push("the issuing distribution point is not critical".to_owned());
        }
        if point.indirect || point.only_some_reasons || point.unreadable_name {
            findings.push("the CRL is indirect, or its scope is not one we use".to_owned());
        }
        if let Some(uri) = point.uris.iter().find(|uri| !is_plain_http(uri)) {
            findings.push(format!("{uri:?} is not fetched over plain HTTP"));
        }
        findings
    },
};
