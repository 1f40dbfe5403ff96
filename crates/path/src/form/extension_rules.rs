//! Which extensions are critical, and where that is ruled.

use skink_x509::{ObjectIdentifier, oid};

/// Critical extensions whose rules are enforced here.
pub(super) const UNDERSTOOD: [ObjectIdentifier; 11] = [
    oid::BASIC_CONSTRAINTS,
    oid::KEY_USAGE,
    oid::EXTENDED_KEY_USAGE,
    oid::SUBJECT_ALT_NAME,
    oid::NAME_CONSTRAINTS,
    oid::CRL_DISTRIBUTION_POINTS,
    oid::CERTIFICATE_POLICIES,
    oid::POLICY_MAPPINGS,
    oid::POLICY_CONSTRAINTS,
    oid::INHIBIT_ANY_POLICY,
    oid::OCSP_NOCHECK,
];

/// Extensions that must not be critical: told as such, not as unknown.
pub(super) const NEVER_CRITICAL: [ObjectIdentifier; 7] = [
    oid::SUBJECT_KEY_IDENTIFIER,
    oid::AUTHORITY_KEY_IDENTIFIER,
    oid::AUTHORITY_INFO_ACCESS,
    oid::SUBJECT_INFO_ACCESS,
    oid::FRESHEST_CRL,
    oid::SUBJECT_DIRECTORY_ATTRIBUTES,
    oid::NO_REV_AVAIL,
];

/// Extensions that must be critical. basicConstraints and subjectAltName are judged apart: of them it
/// depends on what else is in the certificate.
pub(super) const ALWAYS_CRITICAL: [ObjectIdentifier; 2] =
    [oid::NAME_CONSTRAINTS, oid::INHIBIT_ANY_POLICY];

/// Extensions that should be critical.
pub(super) const BEST_CRITICAL: [ObjectIdentifier; 2] = [oid::KEY_USAGE, oid::POLICY_MAPPINGS];

/// Extensions that should not be critical.
pub(super) const BEST_NOT_CRITICAL: [ObjectIdentifier; 1] = [oid::CRL_DISTRIBUTION_POINTS];

/// An extension by its name.
pub(super) struct Named(pub(super) ObjectIdentifier);

impl std::fmt::Display for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = match self.0 {
            oid::SUBJECT_KEY_IDENTIFIER => "subjectKeyIdentifier",
            oid::AUTHORITY_KEY_IDENTIFIER => "authorityKeyIdentifier",
            oid::AUTHORITY_INFO_ACCESS => "authorityInfoAccess",
            oid::SUBJECT_INFO_ACCESS => "subjectInfoAccess",
            oid::SUBJECT_DIRECTORY_ATTRIBUTES => "subjectDirectoryAttributes",
            oid::FRESHEST_CRL => "freshestCRL",
            oid::NAME_CONSTRAINTS => "nameConstraints",
            oid::INHIBIT_ANY_POLICY => "inhibitAnyPolicy",
            oid::POLICY_CONSTRAINTS => "policyConstraints",
            oid::KEY_USAGE => "keyUsage",
            oid::CRL_DISTRIBUTION_POINTS => "cRLDistributionPoints",
            oid::ISSUER_ALT_NAME => "issuerAltName",
            oid::POLICY_MAPPINGS => "policyMappings",
            other => return other.fmt(f),
        };
        f.write_str(name)
    }
}

/// Where an extension is ruled: its syntax and whether it is critical.
pub const fn section_of(oid: ObjectIdentifier) -> &'static str {
    match oid {
        oid::SUBJECT_KEY_IDENTIFIER => "RFC 5280 §4.2.1.2",
        oid::AUTHORITY_KEY_IDENTIFIER => "RFC 5280 §4.2.1.1",
        oid::AUTHORITY_INFO_ACCESS => "RFC 5280 §4.2.2.1",
        oid::SUBJECT_INFO_ACCESS => "RFC 5280 §4.2.2.2",
        oid::SUBJECT_DIRECTORY_ATTRIBUTES => "RFC 5280 §4.2.1.8",
        oid::FRESHEST_CRL => "RFC 5280 §4.2.1.15",
        oid::NAME_CONSTRAINTS => "RFC 5280 §4.2.1.10",
        oid::INHIBIT_ANY_POLICY => "RFC 5280 §4.2.1.14",
        oid::POLICY_CONSTRAINTS => "RFC 5280 §4.2.1.11",
        oid::KEY_USAGE => "RFC 5280 §4.2.1.3",
        oid::CRL_DISTRIBUTION_POINTS => "RFC 5280 §4.2.1.13",
        oid::CERTIFICATE_POLICIES => "RFC 5280 §4.2.1.4",
        oid::POLICY_MAPPINGS => "RFC 5280 §4.2.1.5",
        oid::SUBJECT_ALT_NAME => "RFC 5280 §4.2.1.6",
        oid::ISSUER_ALT_NAME => "RFC 5280 §4.2.1.7",
        oid::BASIC_CONSTRAINTS => "RFC 5280 §4.2.1.9",
        oid::EXTENDED_KEY_USAGE => "RFC 5280 §4.2.1.12",
        oid::NO_REV_AVAIL => "RFC 9608 §2",
        _ => "RFC 5280 §4.2",
    }
}
