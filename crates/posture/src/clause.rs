//! The clauses of published rules that a finding touches.

use serde::Serialize;

/// A place in a standard, a regulation or a baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Clause {
    /// Where it is from.
    pub source: &'static str,
    /// Which clause.
    pub at: &'static str,
}

impl std::fmt::Display for Clause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.source, self.at)
    }
}

/// NIST SP 800-57 Part 1 Revision 5, by section.
pub(crate) const fn nist(at: &'static str) -> Clause {
    Clause { source: "NIST SP 800-57-1 r5", at }
}

/// PCI DSS v4.0, by requirement.
pub(crate) const fn pci(at: &'static str) -> Clause {
    Clause { source: "PCI DSS 4.0", at }
}

/// ISO/IEC 27001:2022, Annex A.
pub(crate) const fn iso(at: &'static str) -> Clause {
    Clause { source: "ISO/IEC 27001:2022", at }
}

/// The CA/Browser Forum's Baseline Requirements for TLS server certificates, by section. They bind
/// public authorities; here they are a yardstick.
pub(crate) const fn br(at: &'static str) -> Clause {
    Clause { source: "CA/B BR (TLS)", at }
}

/// Regulation (EU) 2016/679.
pub(crate) const fn gdpr(at: &'static str) -> Clause {
    Clause { source: "GDPR", at }
}
