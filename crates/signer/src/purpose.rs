//! What signatures are for.

/// What a signature is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AttemptPurpose {
    /// A certificate.
    Certificate,
    /// A revocation list.
    Crl,
    /// An OCSP answer.
    Ocsp,
    /// A trust package.
    TrustPackage,
    /// What an authority's key signs last, before it is disabled.
    ClosingSet,
    /// Proof that a provider works while one of its keys is disabled.
    Control,
    /// Proof that a disabled key refuses.
    Probe,
}

impl AttemptPurpose {
    /// The purpose's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::Crl => "crl",
            Self::Ocsp => "ocsp",
            Self::TrustPackage => "trust_package",
            Self::ClosingSet => "closing_set",
            Self::Control => "control",
            Self::Probe => "probe",
        }
    }
}
