//! What two different people must agree to.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use skink_model::{OperatorName, Role, Time, wire};

/// A destructive or irreversible act that needs two people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ApprovalOf {
    /// Taint the authority: irreversible.
    Taint,
    /// Open the recovery kit: the standby's credential, and the escrowed root CRL, which is a
    /// weapon against the authority. Where there is no kit: take into use what a ceremony brought.
    Kit,
    /// Dispose of the old key and close.
    Close,
}

impl ApprovalOf {
    /// All of them, in the order in which an incident asks for them.
    pub const ALL: [Self; 3] = [Self::Taint, Self::Kit, Self::Close];

    /// The name that people and programs use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Taint => "taint",
            Self::Kit => "kit",
            Self::Close => "close",
        }
    }
}

impl fmt::Display for ApprovalOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no approval.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an approval: use taint, kit or close")]
pub struct UnknownApproval(String);

impl FromStr for ApprovalOf {
    type Err = UnknownApproval;
    fn from_str(text: &str) -> Result<Self, UnknownApproval> {
        let found = Self::ALL.into_iter().find(|of| of.as_str() == text);
        found.ok_or_else(|| UnknownApproval(text.to_owned()))
    }
}

/// A person who approved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approver {
    /// The person; two sessions of one person are one person.
    pub person: OperatorName,
    /// The role in which they approved.
    pub role: Role,
    /// Who stands behind the person's registration: see [`Approver::line`].
    #[serde(default)]
    pub vouched_by: Option<OperatorName>,
    /// When.
    #[serde(with = "wire::millis")]
    pub at: Time,
}

impl Approver {
    /// The first of the line of operators who registered each other down to this person. Whoever
    /// registers a second person makes no second person of himself.
    pub fn line(&self) -> &OperatorName {
        self.vouched_by.as_ref().unwrap_or(&self.person)
    }
}
