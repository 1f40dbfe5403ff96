//! Which library, which token, which PIN.

use std::path::PathBuf;
use std::time::Duration;

use super::uri::Pkcs11Uri;
use crate::credential::Credential;
use crate::provider::ProviderError;
use crate::uri::KeyUri;

const PATIENCE: Duration = Duration::from_secs(10);
const SESSIONS: usize = 2;

/// A token, and how to use it.
#[derive(Clone, Debug)]
pub struct Pkcs11Settings {
    /// The library that the token's maker delivers.
    pub module: PathBuf,
    /// The token's label.
    pub token: String,
    /// The user's PIN.
    pub pin: Credential,
    /// How many sessions, and so how many signatures at a time.
    pub sessions: usize,
    /// How long an answer is waited for.
    pub patience: Duration,
}

impl Pkcs11Settings {
    /// A token with patience and number of sessions as they are by default.
    pub fn new(module: impl Into<PathBuf>, token: &str, pin: Credential) -> Self {
        Self {
            module: module.into(),
            token: token.to_owned(),
            pin,
            sessions: SESSIONS,
            patience: PATIENCE,
        }
    }

    /// The token of a URI: the library from its `module-path` or `PKCS11_MODULE_PATH`, the PIN from
    /// the file of its `pin-source` or `PKCS11_PIN`, unless it is given.
    pub fn of_uri(uri: &KeyUri, pin: Option<Credential>) -> Result<Self, ProviderError> {
        Self::of_uri_and(uri, pin, crate::provider::variable)
    }

    fn of_uri_and(
        uri: &KeyUri,
        pin: Option<Credential>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ProviderError> {
        let missing = |what: &str| ProviderError::NotConfigured { what: what.to_owned() };
        let read = Pkcs11Uri::parse(uri)?;
        let module = read.module_path.or_else(|| variable("PKCS11_MODULE_PATH"));
        let module = module
            .ok_or_else(|| missing("neither module-path in the URI nor PKCS11_MODULE_PATH"))?;
        let token = read.token.ok_or_else(|| missing("the URI names no token"))?;
        let pin = match (pin, read.pin_source) {
            (Some(pin), _) => Some(pin),
            (None, Some(source)) => {
                let path = source.strip_prefix("file:").unwrap_or(&source);
                let path = path.strip_prefix("//").unwrap_or(path);
                let text = fs_err::read_to_string(path).map_err(ProviderError::storage)?;
                Some(Credential::from_text(&text))
            }
            (None, None) => variable("PKCS11_PIN").as_deref().map(Credential::from_text),
        };
        let pin = pin.ok_or_else(|| missing("neither pin-source in the URI nor PKCS11_PIN"))?;
        Ok(Self::new(module, &token, pin))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn library_and_pin_come_from_the_uri_or_the_environment() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("pin");
        std::fs::write(&file, "4711\n").unwrap();
        let nothing = |_: &str| None;
        let variables = |name: &str| match name {
            "PKCS11_MODULE_PATH" => Some("/lib/b.so".to_owned()),
            "PKCS11_PIN" => Some("1234".to_owned()),
            _ => None,
        };
        let uri = format!(
            "pkcs11:token=t;object=o?module-path=/lib/a.so&pin-source=file://{}",
            file.display()
        );
        let read = Pkcs11Settings::of_uri_and(&uri.parse().unwrap(), None, nothing).unwrap();
        assert_eq!((read.module.to_str(), read.pin.expose()), (Some("/lib/a.so"), "4711"));
        let plain: KeyUri = "pkcs11:token=t;object=o".parse().unwrap();
        let read = Pkcs11Settings::of_uri_and(&plain, None, variables).unwrap();
        assert_eq!((read.module.to_str(), read.pin.expose()), (Some("/lib/b.so"), "1234"));
        assert!(Pkcs11Settings::of_uri_and(&plain, None, nothing).is_err());
    }
}
