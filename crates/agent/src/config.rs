//! What the host says about its agent.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use skink_deploy::Commands;

/// The agent's configuration, TOML.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentConfig {
    /// Where it keeps its keys and what it believes; for its owner's eyes.
    pub dir: PathBuf,
    /// How long the server may let a poll wait, in milliseconds.
    #[serde(default = "defaults::poll_wait_ms")]
    pub poll_wait_ms: u64,
    /// How often peers that were seen are reported, in milliseconds.
    #[serde(default = "defaults::report_every_ms")]
    pub report_every_ms: u64,
    /// How often published CRLs are read back, in milliseconds; 0 never.
    #[serde(default = "defaults::read_back_every_ms")]
    pub read_back_every_ms: u64,
    /// The longest wait between two attempts at anything, in milliseconds.
    #[serde(default = "defaults::retry_max_ms")]
    pub retry_max_ms: u64,
    /// Consecutive full handshakes that prove that a party accepts a new generation.
    #[serde(default = "defaults::handshakes")]
    pub handshakes: u32,
    /// The least time over which those are spread, in milliseconds.
    #[serde(default = "defaults::settle_ms")]
    pub settle_ms: u64,
    /// How long a proof may take before what was installed is rolled back, in milliseconds.
    #[serde(default = "defaults::proof_ms")]
    pub proof_ms: u64,
    /// The endpoints, by the names that the server knows them by.
    #[serde(default)]
    pub endpoints: BTreeMap<String, EndpointConfig>,
}

/// What the host says about one endpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EndpointConfig {
    /// Where its files go; `endpoints/NAME` below the agent's directory, unless said otherwise.
    pub dir: Option<PathBuf>,
    /// Where its listener is probed, when not at the address that the server knows.
    pub probe: Option<String>,
    /// The commands of its software.
    pub commands: Commands,
}

mod defaults {
    pub(super) const fn poll_wait_ms() -> u64 {
        30_000
    }
    pub(super) const fn report_every_ms() -> u64 {
        10_000
    }
    pub(super) const fn read_back_every_ms() -> u64 {
        60_000
    }
    pub(super) const fn retry_max_ms() -> u64 {
        10_000
    }
    pub(super) const fn handshakes() -> u32 {
        3
    }
    pub(super) const fn settle_ms() -> u64 {
        250
    }
    pub(super) const fn proof_ms() -> u64 {
        5_000
    }
}

/// The configuration cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BadConfig {
    /// Not the TOML that is expected.
    #[error("the agent's configuration cannot be read")]
    Toml(#[source] toml::de::Error),
    /// A number that makes no sense.
    #[error("{0} must be at least 1")]
    Zero(&'static str),
}

impl AgentConfig {
    /// Everything by default, in `dir`.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            poll_wait_ms: defaults::poll_wait_ms(),
            report_every_ms: defaults::report_every_ms(),
            read_back_every_ms: defaults::read_back_every_ms(),
            retry_max_ms: defaults::retry_max_ms(),
            handshakes: defaults::handshakes(),
            settle_ms: defaults::settle_ms(),
            proof_ms: defaults::proof_ms(),
            endpoints: BTreeMap::new(),
        }
    }

    /// Reads and checks TOML.
    pub fn from_toml(text: &str) -> Result<Self, BadConfig> {
        let config: Self = toml::from_str(text).map_err(BadConfig::Toml)?;
        let positive = [
            ("handshakes", u64::from(config.handshakes)),
            ("report_every_ms", config.report_every_ms),
            ("retry_max_ms", config.retry_max_ms),
            ("proof_ms", config.proof_ms),
        ];
        match positive.iter().find(|(_, value)| *value == 0) {
            Some((name, _)) => Err(BadConfig::Zero(name)),
            None => Ok(config),
        }
    }

    pub(crate) fn endpoint_dir(&self, name: &str) -> PathBuf {
        let configured = self.endpoints.get(name).and_then(|endpoint| endpoint.dir.as_deref());
        configured.map_or_else(|| self.dir.join("endpoints").join(name), Path::to_owned)
    }

    pub(crate) const fn settle(&self) -> Duration {
        Duration::from_millis(self.settle_ms)
    }

    pub(crate) const fn proof(&self) -> Duration {
        Duration::from_millis(self.proof_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn toml_says_little_and_the_rest_is_ordinary() {
        let text = r#"
            dir = "/var/lib/skink-agent"
            [endpoints.web-1]
            dir = "/etc/nginx/skink"
            [endpoints.web-1.commands]
            check = ["nginx", "-t"]
            reload = ["nginx", "-s", "reload"]
            settle_ms = 200
        "#;
        let config = AgentConfig::from_toml(text).unwrap();
        assert_eq!(config.endpoint_dir("web-1"), Path::new("/etc/nginx/skink"));
        let other = config.endpoint_dir("web-2");
        assert_eq!(other, Path::new("/var/lib/skink-agent/endpoints/web-2"));
        assert_eq!(config.handshakes, 3);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let unknown = AgentConfig::from_toml("dir = \"x\"\ncolour = 1");
        assert!(matches!(unknown, Err(BadConfig::Toml(_))));
        let zero = AgentConfig::from_toml("dir = \"x\"\nhandshakes = 0");
        assert!(matches!(zero, Err(BadConfig::Zero("handshakes"))));
    }
}
