//! The part that the online key answers for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use skink_x509::KeyDigest;

use crate::{Digest, Refusal, text};

/// What became of the authorities below the roots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Status {
    /// The authorities, each signed by a root. None that has no certificate yet.
    pub authorities: Vec<AuthorityEntry>,
    /// One current CRL for each scope; the lists are parts of their own.
    pub crls: Vec<CrlEntry>,
    /// Keys that no path may contain.
    #[serde(with = "text::list")]
    pub denied_keys: Vec<KeyDigest>,
    /// Keys that the server's control certificate may have.
    #[serde(with = "text::list")]
    pub server_keys: Vec<KeyDigest>,
    /// Head of the server's journal, hex: the agents are its witnesses.
    pub journal_head: String,
}

/// One authority.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthorityEntry {
    /// `workloads-g1`.
    pub id: String,
    /// `workloads`.
    pub issuer: String,
    /// From 1.
    pub generation: u32,
    /// Whether relying parties are concerned or only agents and server.
    pub kind: AuthorityKind,
    /// Where it stands in its life.
    pub state: AuthorityState,
    /// Its certificate, PEM.
    pub certificate: String,
}

/// Who depends on an authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum AuthorityKind {
    /// Relying parties: it issues for endpoints.
    Issuing,
    /// Agents and the server: their own channel.
    Control,
}

/// Where an authority with a certificate stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuthorityState {
    /// Signed by its parent, not issuing: a standby, trusted in advance.
    Prepared,
    /// Issues.
    Active,
    /// No longer issues, still trusted.
    Retiring,
    /// Out of use and no longer trusted.
    Retired,
    /// A thief may use it; trusted until everything has moved away.
    Tainted,
    /// The parent's published CRL says so.
    Revoked,
    /// No relying party accepts it.
    Distrusted,
}

/// No state has that name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no state that an authority in a trust package can have")]
pub struct UnknownState(pub String);

impl AuthorityState {
    const ALL: [Self; 7] = [
        Self::Prepared,
        Self::Active,
        Self::Retiring,
        Self::Retired,
        Self::Tainted,
        Self::Revoked,
        Self::Distrusted,
    ];

    /// The name in packages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Prepared => "prepared",
            Self::Active => "active",
            Self::Retiring => "retiring",
            Self::Retired => "retired",
            Self::Tainted => "tainted",
            Self::Revoked => "revoked",
            Self::Distrusted => "distrusted",
        }
    }

    /// Whether certificates of such an authority are accepted.
    pub const fn is_trusted(self) -> bool {
        matches!(self, Self::Prepared | Self::Active | Self::Retiring | Self::Tainted)
    }

    /// Whether this is a taint or what follows from one: what a later package cannot take back.
    pub const fn is_scar(self) -> bool {
        matches!(self, Self::Tainted | Self::Revoked | Self::Distrusted)
    }
}

impl fmt::Display for AuthorityState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for AuthorityState {
    type Err = UnknownState;

    fn from_str(name: &str) -> Result<Self, UnknownState> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == name)
            .ok_or_else(|| UnknownState(name.to_owned()))
    }
}

/// The CRL of one scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrlEntry {
    /// The path of its distribution point: `/crl/workloads-g1/p0.crl`.
    pub scope: String,
    /// SHA-256 of the DER, under which the part is fetched.
    pub digest: Digest,
    /// Size of the DER in bytes.
    pub size: u64,
}

impl Status {
    /// The part's bytes.
    pub fn to_part(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    /// Reads a part; the envelope's digest is what vouches for it.
    pub fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        serde_json::from_slice(bytes)
            .map_err(|source| Refusal::Malformed { what: "status part", source })
    }
}
