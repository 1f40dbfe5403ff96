use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use skink_x509::{BadHex, Fingerprint};

/// SHA-256 of a package or of one of its parts, as the bytes travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(Fingerprint);

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Fingerprint::of(bytes))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Digest {
    type Err = BadHex;

    fn from_str(text: &str) -> Result<Self, BadHex> {
        text.parse().map(Self)
    }
}

impl TryFrom<String> for Digest {
    type Error = BadHex;

    fn try_from(text: String) -> Result<Self, BadHex> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}
