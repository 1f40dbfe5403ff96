//! Where the service is and who we are to it: what is not said here, the vendor's client finds.

use std::path::PathBuf;
use std::time::Duration;

use google_cloud_auth::credentials::{
    Builder, Credentials, anonymous, external_account, impersonated, service_account, user_account,
};
use serde_json::Value;

use super::name::Name;
use super::token::Token;
use crate::credential::Credential;
use crate::provider::{ProviderError, variable};
use crate::uri::KeyUri;

/// The variable by which the vendor's command line is told another endpoint.
const ENDPOINT: &str = "CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDKMS";
/// The variable by which the vendor's command line is told a file with an access token.
const TOKEN_FILE: &str = "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE";
/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// A key ring, and a credential for its keys.
#[derive(Clone, Debug)]
pub struct GcpKmsSettings {
    /// Where the service is, if not at its own address: `https://…`, or `http://…` on this machine.
    pub endpoint: Option<String>,
    /// How long an answer is waited for; as long again for the credential, where it has to be
    /// fetched.
    pub patience: Duration,
    /// Whether new keys are made in the service's hardware modules, which costs more.
    pub hardware: bool,
    ring: KeyUri,
    identity: Identity,
}

/// Who we are.
#[derive(Clone, Debug)]
enum Identity {
    /// What the vendor's client finds.
    Found,
    Token(Credential),
    TokenFile(PathBuf),
    /// The contents of a credentials file.
    File(Credential),
}

impl GcpKmsSettings {
    /// For the key ring in `uri`: with this credential, an access token or the contents of a
    /// credentials file; without one, with what the vendor's own tools would use.
    pub fn of_uri(uri: &KeyUri, credential: Option<&Credential>) -> Result<Self, ProviderError> {
        let ring = super::name::named(&Name::parse(uri)?.ring())?;
        let identity = match (credential, variable(TOKEN_FILE)) {
            (Some(credential), _) => Identity::of(credential)?,
            (None, Some(file)) => Identity::TokenFile(file.into()),
            (None, None) => Identity::Found,
        };
        let (endpoint, patience) = (variable(ENDPOINT), PATIENCE);
        Ok(Self { endpoint, patience, hardware: false, ring, identity })
    }

    /// The same place with this credential.
    pub fn with_credential(&self, credential: &Credential) -> Result<Self, ProviderError> {
        Ok(Self { identity: Identity::of(credential)?, ..self.clone() })
    }

    pub(super) fn ring(&self) -> &KeyUri {
        &self.ring
    }

    /// The endpoint, without the slash that the vendor's command line wants at its end.
    pub(super) fn endpoint(&self) -> Result<Option<&str>, ProviderError> {
        let Some(endpoint) = self.endpoint.as_deref() else { return Ok(None) };
        if !endpoint.starts_with("https://") && !is_local(endpoint) {
            let what = format!("{endpoint:?}: keys are used over https, or on this machine");
            return Err(ProviderError::NotConfigured { what });
        }
        Ok(Some(endpoint.trim_end_matches('/')))
    }

    /// Who we are, as the vendor's client knows it. A service on this machine is a double: what the
    /// environment has for the real one is not shown to it.
    pub(super) fn credentials(&self) -> Result<Credentials, ProviderError> {
        let wrong = |what: String| ProviderError::NotConfigured { what };
        match &self.identity {
            Identity::Found if self.endpoint.as_deref().is_some_and(is_local) => {
                Ok(anonymous::Builder::new().build())
            }
            Identity::Found => Builder::default().build().map_err(|error| wrong(error.to_string())),
            Identity::Token(token) => Ok(Token::Given(token.clone()).into()),
            Identity::TokenFile(file) => Ok(Token::InFile(file.clone()).into()),
            Identity::File(contents) => of_file(contents),
        }
    }
}

impl Identity {
    fn of(credential: &Credential) -> Result<Self, ProviderError> {
        let text = credential.expose();
        if text.starts_with('{') {
            return Ok(Self::File(credential.clone()));
        }
        if !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic()) {
            return Ok(Self::Token(credential.clone()));
        }
        let what = "a Google credential is an access token or the contents of a credentials file";
        Err(ProviderError::NotConfigured { what: what.to_owned() })
    }
}

fn of_file(contents: &Credential) -> Result<Credentials, ProviderError> {
    let wrong = |why: &str| {
        let what = format!("the Google credential is none: {why}");
        ProviderError::NotConfigured { what }
    };
    // The reader's own words could repeat what is secret.
    let json: Value = serde_json::from_str(contents.expose()).map_err(|_| wrong("no JSON"))?;
    let kind = json.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    let built = match kind.as_str() {
        "service_account" => service_account::Builder::new(json).build(),
        "authorized_user" => user_account::Builder::new(json).build(),
        "external_account" => external_account::Builder::new(json).build(),
        "impersonated_service_account" => impersonated::Builder::new(json).build(),
        _ => return Err(wrong("its type is none that is known here")),
    };
    built.map_err(|error| {
        wrong(if error.is_missing_field() { "a field is missing" } else { "it cannot be read" })
    })
}

/// Whether an address is plain HTTP to this very machine.
pub(super) fn is_local(endpoint: &str) -> bool {
    let Some(rest) = endpoint.strip_prefix("http://") else { return false };
    let authority = rest.split('/').next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    let is_loopback = |ip: std::net::IpAddr| ip.is_loopback();
    host == "localhost" || host.parse().is_ok_and(is_loopback)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "gcpkms:projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1";

    fn settings(credential: &str) -> Result<GcpKmsSettings, ProviderError> {
        GcpKmsSettings::of_uri(&KEY.parse().unwrap(), Some(&Credential::from_text(credential)))
    }

    #[test]
    fn a_credential_is_a_token_or_a_file_and_hides() {
        let token = settings("ya29.secret").unwrap();
        assert!(matches!(token.identity, Identity::Token(_)));
        assert!(!format!("{token:?}").contains("secret"));
        assert_eq!(token.ring().name(), "projects/p/locations/l/keyRings/r");
        for bad in ["", "two words", "ya29\nX-Header: a"] {
            assert!(matches!(settings(bad), Err(ProviderError::NotConfigured { .. })), "{bad}");
        }
        for bad in ["{", "{}", r#"{"type":"service_account","private_key":"hush"}"#] {
            let refused = settings(bad).unwrap().credentials().unwrap_err();
            assert!(matches!(refused, ProviderError::NotConfigured { .. }), "{refused}");
            assert!(!refused.to_string().contains("hush"), "{refused}");
        }
    }

    #[test]
    fn plain_http_is_for_this_machine() {
        let mut settings = settings("ya29.secret").unwrap();
        for local in ["http://127.0.0.1:1/", "http://[::1]:1", "http://localhost:1"] {
            settings.endpoint = Some(local.to_owned());
            assert_eq!(settings.endpoint().unwrap(), Some(local.trim_end_matches('/')));
        }
        for bad in ["http://kms.example:1", "http://127.0.0.1.example", "ftp://localhost", "kms"] {
            settings.endpoint = Some(bad.to_owned());
            assert!(settings.endpoint().is_err(), "{bad}");
        }
    }
}
