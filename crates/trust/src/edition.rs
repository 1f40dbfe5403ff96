use std::fmt;

use serde::{Deserialize, Serialize};

/// Where a package stands in the order of its stream: first the epoch of its key, then the version.
///
/// A thief who signs version 2⁶³ with a stolen key is overtaken by any version of the next epoch,
/// which only the root can open.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(deny_unknown_fields)]
pub struct Edition {
    /// Epoch of the trust key, certified by the root.
    pub epoch: u64,
    /// Version within the epoch.
    pub version: u64,
}

impl Edition {
    /// The edition `version` of `epoch`.
    pub const fn new(epoch: u64, version: u64) -> Self {
        Self { epoch, version }
    }
}

impl fmt::Display for Edition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.epoch, self.version)
    }
}
