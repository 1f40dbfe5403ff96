//! Each extension is critical where it must be, and not where it must not be.

use super::Facts;
use crate::Extension;
use crate::lint::{Rule, Severity};
use crate::oid::{self, ObjectIdentifier};

const CRITICAL: [ObjectIdentifier; 4] =
    [oid::KEY_USAGE, oid::NAME_CONSTRAINTS, oid::POLICY_CONSTRAINTS, oid::INHIBIT_ANY_POLICY];

const NOT_CRITICAL: [ObjectIdentifier; 7] = [
    oid::SUBJECT_KEY_IDENTIFIER,
    oid::AUTHORITY_KEY_IDENTIFIER,
    oid::AUTHORITY_INFO_ACCESS,
    oid::SUBJECT_INFO_ACCESS,
    oid::CRL_DISTRIBUTION_POINTS,
    oid::FRESHEST_CRL,
    oid::OCSP_NOCHECK,
];

pub(super) const RULE: Rule<Facts> = Rule {
    name: "critical_flags",
    severity: Severity::Error,
    section: "RFC 5280 §4.2",
    check: |facts| facts.certificate.extensions().filter_map(complaint).collect(),
};

fn complaint(extension: &Extension) -> Option<String> {
    let oid = extension.oid;
    if CRITICAL.contains(&oid) && !extension.critical {
        return Some(format!("the extension {oid} must be critical"));
    }
    if NOT_CRITICAL.contains(&oid) && extension.critical {
        return Some(format!("the extension {oid} must not be critical"));
    }
    (extension.critical && !is_known(oid))
        .then(|| format!("the critical extension {oid} is known to no reader of this profile"))
}

fn is_known(oid: ObjectIdentifier) -> bool {
    const OTHERS: [ObjectIdentifier; 5] = [
        oid::BASIC_CONSTRAINTS,
        oid::EXTENDED_KEY_USAGE,
        oid::SUBJECT_ALT_NAME,
        oid::CERTIFICATE_POLICIES,
        oid::POLICY_MAPPINGS,
    ];
    CRITICAL.contains(&oid) || OTHERS.contains(&oid)
}
