//! Why a certificate is revoked.

use std::fmt;
use std::str::FromStr;

/// `CRLReason` (RFC 5280 §5.3.1), by the names that the RFC gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// unspecified (0): never encoded, it is what an absent reason means.
    Unspecified,
    /// keyCompromise (1).
    KeyCompromise,
    /// cACompromise (2).
    CaCompromise,
    /// affiliationChanged (3).
    AffiliationChanged,
    /// superseded (4).
    Superseded,
    /// cessationOfOperation (5).
    CessationOfOperation,
    /// certificateHold (6).
    CertificateHold,
    /// removeFromCRL (8): in delta CRLs only.
    RemoveFromCrl,
    /// privilegeWithdrawn (9).
    PrivilegeWithdrawn,
    /// aACompromise (10).
    AaCompromise,
}

/// No reason has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown revocation reason {0:?}; RFC 5280 names them, keyCompromise for one")]
pub struct UnknownReason(pub String);

impl Reason {
    const ALL: [(Self, u8, &'static str); 10] = [
        (Self::Unspecified, 0, "unspecified"),
        (Self::KeyCompromise, 1, "keyCompromise"),
        (Self::CaCompromise, 2, "cACompromise"),
        (Self::AffiliationChanged, 3, "affiliationChanged"),
        (Self::Superseded, 4, "superseded"),
        (Self::CessationOfOperation, 5, "cessationOfOperation"),
        (Self::CertificateHold, 6, "certificateHold"),
        (Self::RemoveFromCrl, 8, "removeFromCRL"),
        (Self::PrivilegeWithdrawn, 9, "privilegeWithdrawn"),
        (Self::AaCompromise, 10, "aACompromise"),
    ];

    /// The RFC's name.
    pub fn as_str(self) -> &'static str {
        self.row().2
    }

    /// The number in the encoding.
    pub fn code(self) -> u8 {
        self.row().1
    }

    /// The reason with this number.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|row| row.1 == code).map(|row| row.0)
    }

    fn row(self) -> (Self, u8, &'static str) {
        // Every reason has its row; the first stands in for what the compiler cannot see.
        Self::ALL.into_iter().find(|row| row.0 == self).unwrap_or(Self::ALL[0])
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Reason {
    type Err = UnknownReason;

    fn from_str(name: &str) -> Result<Self, UnknownReason> {
        let row = Self::ALL.into_iter().find(|row| row.2 == name);
        row.map(|row| row.0).ok_or_else(|| UnknownReason(name.to_owned()))
    }
}
