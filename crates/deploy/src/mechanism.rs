use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How a relying party stops trusting an authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mechanism {
    /// It takes issuing generations as anchors: the old one leaves the set.
    Anchor,
    /// It checks the whole chain against CRLs: the root's partition says so.
    ParentCrl,
    /// It compares the keys of every path with a list.
    Deny,
    /// It cannot.
    None,
}

/// No mechanism has that name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no distrust mechanism; known are anchor, parent-crl, deny, none")]
pub struct UnknownMechanism(pub String);

impl Mechanism {
    /// The name in configuration and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Anchor => "anchor",
            Self::ParentCrl => "parent-crl",
            Self::Deny => "deny",
            Self::None => "none",
        }
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Mechanism {
    type Err = UnknownMechanism;

    fn from_str(name: &str) -> Result<Self, UnknownMechanism> {
        [Self::Anchor, Self::ParentCrl, Self::Deny, Self::None]
            .into_iter()
            .find(|mechanism| mechanism.as_str() == name)
            .ok_or_else(|| UnknownMechanism(name.to_owned()))
    }
}
