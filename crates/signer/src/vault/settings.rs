//! Where the service is and who we are to it, as its own tools are told.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::name::Name;
use crate::credential::Credential;
use crate::provider::ProviderError;
use crate::uri::KeyUri;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// A Vault or OpenBao server, and a token for it.
#[derive(Clone, Debug)]
pub struct VaultSettings {
    /// The server's URL: `https://bao.example:8200`.
    pub address: String,
    /// The token.
    pub token: Credential,
    /// The namespace, on servers that have some.
    pub namespace: Option<String>,
    /// The file of the certificates that the server's is checked with, instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Where the transit engine is mounted.
    pub mount: String,
    /// How long an answer is waited for.
    pub patience: Duration,
}

impl VaultSettings {
    /// A server and a token; engine, patience and trust as they are by default.
    pub fn new(address: &str, token: Credential) -> Self {
        Self {
            address: address.to_owned(),
            token,
            namespace: None,
            ca_file: None,
            mount: "transit".to_owned(),
            patience: PATIENCE,
        }
    }

    /// What the server's own command line would use: `BAO_ADDR`, `BAO_TOKEN`, `BAO_NAMESPACE`,
    /// `BAO_CACERT`, `BAO_CLIENT_TIMEOUT` (in seconds), or the same after `VAULT_`; and the token
    /// that `login` left in the home directory.
    pub fn from_environment() -> Result<Self, ProviderError> {
        Self::from_variables(None, crate::provider::variable)
    }

    /// The server that the environment names, and the transit engine of a key's URI or of
    /// `vault:MOUNT/`; the environment's token unless another is given.
    pub fn of_uri(uri: &KeyUri, token: Option<Credential>) -> Result<Self, ProviderError> {
        let mount = match uri.name().strip_suffix('/') {
            Some(mount) => mount.to_owned(),
            None => Name::parse(uri)?.mount,
        };
        Ok(Self { mount, ..Self::from_variables(token, crate::provider::variable)? })
    }

    fn from_variables(
        token: Option<Credential>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ProviderError> {
        let either = |name: &str| {
            variable(&format!("BAO_{name}")).or_else(|| variable(&format!("VAULT_{name}")))
        };
        let missing = |what: &str| ProviderError::NotConfigured { what: what.to_owned() };
        let address = either("ADDR").ok_or_else(|| missing("VAULT_ADDR or BAO_ADDR is not set"))?;
        let home = variable("HOME").map(PathBuf::from);
        let found = || either("TOKEN").or_else(|| home.as_deref().and_then(left_by_login));
        let token = token
            .or_else(|| found().as_deref().map(Credential::from_text))
            .ok_or_else(|| missing("VAULT_TOKEN or BAO_TOKEN is not set, and nobody logged in"))?;
        let mut settings = Self::new(&address, token);
        settings.namespace = either("NAMESPACE");
        settings.ca_file = either("CACERT").map(PathBuf::from);
        if let Some(text) = either("CLIENT_TIMEOUT") {
            let seconds = text
                .trim_end_matches('s')
                .parse()
                .map_err(|_| missing("VAULT_CLIENT_TIMEOUT is no number of seconds"))?;
            settings.patience = Duration::from_secs(seconds);
        }
        Ok(settings)
    }

    /// The same server with another token.
    pub fn with_token(&self, token: Credential) -> Self {
        Self { token, ..self.clone() }
    }
}

fn left_by_login(home: &Path) -> Option<String> {
    std::fs::read_to_string(home.join(".vault-token")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_either_name_are_read_and_the_token_hides() {
        let variables = |name: &str| {
            let value = match name {
                "VAULT_ADDR" => "https://vault.example:8200",
                "BAO_ADDR" => "https://bao.example:8200",
                "VAULT_TOKEN" => "s.secret",
                "VAULT_NAMESPACE" => "pki",
                "VAULT_CLIENT_TIMEOUT" => "3s",
                _ => return None,
            };
            Some(value.to_owned())
        };
        let settings = VaultSettings::from_variables(None, variables).unwrap();
        assert_eq!(settings.address, "https://bao.example:8200");
        assert_eq!(settings.token.expose(), "s.secret");
        assert_eq!(settings.namespace.as_deref(), Some("pki"));
        assert_eq!(settings.patience, Duration::from_secs(3));
        assert!(!format!("{settings:?}").contains("secret"));
        assert!(VaultSettings::from_variables(None, |_| None).is_err());
    }

    #[test]
    fn the_token_of_a_login_is_found() {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join(".vault-token"), "s.login\n").unwrap();
        let at = home.path().display().to_string();
        let variables = |name: &str| match name {
            "HOME" => Some(at.clone()),
            "VAULT_ADDR" => Some("http://127.0.0.1:8200".to_owned()),
            _ => None,
        };
        let settings = VaultSettings::from_variables(None, variables).unwrap();
        assert_eq!(settings.token.expose(), "s.login");
    }
}
