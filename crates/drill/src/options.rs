//! What a drill is asked to do.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use skink_signer::KeyUri;

use crate::command::Limits;

/// The incident that is drilled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DrilledPlan {
    /// An issuing authority's key is stolen.
    Authority,
    /// The same path without a theft.
    Rotation,
}

impl DrilledPlan {
    /// The plan's name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Authority => "authority",
            Self::Rotation => "rotation",
        }
    }
}

/// A protection taken out on purpose, to show that the drill notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// `deny` parties are not told the denied keys.
    DenyList,
    /// Endpoints keep sessions and connections when they install distrust.
    SessionReset,
    /// `parent-crl` parties keep the root CRLs from before.
    ParentCrl,
    /// Endpoints tell nobody whom they see, so that the quiet gate has nothing to wait for.
    QuietGate,
}

/// No protection has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no protection {0:?}; known are deny-list, session-reset, parent-crl, quiet-gate")]
pub struct UnknownProtection(pub String);

impl FromStr for Sabotage {
    type Err = UnknownProtection;

    fn from_str(name: &str) -> Result<Self, UnknownProtection> {
        match name {
            "deny-list" => Ok(Self::DenyList),
            "session-reset" => Ok(Self::SessionReset),
            "parent-crl" => Ok(Self::ParentCrl),
            "quiet-gate" => Ok(Self::QuietGate),
            other => Err(UnknownProtection(other.to_owned())),
        }
    }
}

/// A drill's arguments.
#[derive(Debug, Clone)]
pub struct DrillOptions {
    /// Server endpoints, each with an agent.
    pub endpoints: usize,
    /// mTLS clients, each with an agent.
    pub clients: usize,
    /// Fixes choices and schedule, not bytes.
    pub seed: u64,
    /// Keep everything here instead of a temporary folder.
    pub keep: Option<PathBuf>,
    /// The plan to drill.
    pub plan: DrilledPlan,
    /// Kill the server at random moments of the incident.
    pub crash: bool,
    /// The issuer's key, made for the drill by this URI, where it is not to be a file.
    pub issuer_key: Option<KeyUri>,
    /// The same of the standby's.
    pub standby_key: Option<KeyUri>,
    /// The `skink` binary to start the server with.
    pub skink: PathBuf,
    /// Take this protection out.
    pub sabotage: Option<Sabotage>,
}

impl DrillOptions {
    /// How long the incident has until it closes. Without a protection the server's own gates may
    /// stay shut for good, and nobody need wait for that for long.
    pub(crate) const fn limits(&self) -> Limits {
        let whole = Duration::from_mins(5);
        let standstill = if self.sabotage.is_some() { Duration::from_secs(8) } else { whole };
        Limits { whole, standstill }
    }
}
