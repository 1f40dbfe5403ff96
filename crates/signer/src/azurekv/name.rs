//! What the URI of a key says.

use super::SCHEME;
use crate::provider::{ProviderError, RequestId};
use crate::uri::KeyUri;

/// A vault, perhaps a key of it, perhaps one of the key's versions: by its URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    /// `https://HOST`, perhaps with a port.
    vault: String,
    key: Option<String>,
    version: Option<String>,
}

impl Name {
    pub(super) fn parse(uri: &KeyUri) -> Result<Self, ProviderError> {
        let bad = |reason| ProviderError::BadUri { key: uri.clone(), reason };
        if uri.scheme() != SCHEME {
            return Err(bad("it has another scheme"));
        }
        let rest = uri.name().strip_prefix("https://");
        let rest = rest.ok_or_else(|| bad("write https://VAULT/keys/NAME"))?;
        let parts: Vec<&str> = rest.trim_end_matches('/').split('/').collect();
        let (authority, key, version) = match parts[..] {
            [authority] => (authority, None, None),
            [authority, "keys", key] => (authority, Some(key), None),
            [authority, "keys", key, version] => (authority, Some(key), Some(version)),
            _ => return Err(bad("write https://VAULT/keys/NAME or …/NAME/VERSION")),
        };
        if !is_authority(authority) {
            return Err(bad("the vault's host is of a-z, A-Z, 0-9, '-' and '.'"));
        }
        if !key.into_iter().chain(version).all(is_segment) {
            return Err(bad("names and versions are of a-z, A-Z, 0-9 and '-'"));
        }
        Ok(Self {
            vault: format!("https://{}", authority.to_ascii_lowercase()),
            key: key.map(ToOwned::to_owned),
            version: version.map(ToOwned::to_owned),
        })
    }

    /// A key to be made in this vault.
    pub(super) fn new_key(&self, name: &str) -> Result<Self, ProviderError> {
        if name.len() <= 127 && is_segment(name) {
            return Ok(Self { key: Some(name.to_owned()), version: None, ..self.clone() });
        }
        Err(ProviderError::BadName { name: name.to_owned() })
    }

    pub(super) fn vault(&self) -> &str {
        &self.vault
    }

    /// Whether the vault is on this very machine, which Azure's never are.
    pub(super) fn is_local(&self) -> bool {
        let authority = self.vault.trim_start_matches("https://");
        let host = authority.split(':').next().unwrap_or_default();
        let is_loopback = |ip: std::net::IpAddr| ip.is_loopback();
        host == "localhost" || host.parse().is_ok_and(is_loopback)
    }

    pub(super) fn key(&self, uri: &KeyUri) -> Result<&str, ProviderError> {
        let reason = "it names a vault and no key";
        let key = self.key.as_deref();
        key.ok_or_else(|| ProviderError::BadUri { key: uri.clone(), reason })
    }

    pub(super) fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// The version; a name that may mean another key tomorrow is refused.
    pub(super) fn pinned(&self, uri: &KeyUri) -> Result<&str, ProviderError> {
        let reason = "it names no version, and would sign with another key after a rotation";
        let version = self.version.as_deref();
        version.ok_or_else(|| ProviderError::BadUri { key: uri.clone(), reason })
    }

    /// What the service says is this key: by its own URL. Refuses an answer about another one.
    pub(super) fn answered(
        &self,
        uri: &KeyUri,
        kid: Option<&str>,
        request_id: Option<&RequestId>,
    ) -> Result<Self, ProviderError> {
        let kid = kid.unwrap_or_default();
        let same = |found: &Self| {
            found.vault == self.vault
                && found.key == self.key
                && found.version.is_some()
                && (self.version.is_none() || found.version == self.version)
        };
        let found = KeyUri::new(SCHEME, kid).ok().and_then(|found| Self::parse(&found).ok());
        found.filter(same).ok_or_else(|| ProviderError::AnotherKey {
            key: uri.clone(),
            answered: kid.to_owned(),
            request_id: request_id.cloned(),
        })
    }

    pub(super) fn uri(&self) -> Result<KeyUri, ProviderError> {
        let mut text = self.vault.clone();
        for part in self.key.iter().flat_map(|key| ["keys", key.as_str()]) {
            text.extend(["/", part]);
        }
        if let Some(version) = &self.version {
            text.extend(["/", version.as_str()]);
        }
        KeyUri::new(SCHEME, &text).map_err(|_| ProviderError::BadName { name: text })
    }
}

/// A host's name, perhaps with a port.
fn is_authority(text: &str) -> bool {
    let (host, port) = text.split_once(':').unwrap_or((text, "443"));
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.');
    !host.is_empty() && host.bytes().all(plain) && port.parse::<u16>().is_ok()
}

/// What goes into a URL's path as it is, and nowhere else.
fn is_segment(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Name, ProviderError> {
        Name::parse(&text.parse().unwrap())
    }

    #[test]
    fn a_name_is_a_vault_a_key_and_perhaps_a_version() {
        let uri: KeyUri = "azurekv:https://V.vault.azure.net/keys/ca-1/0a".parse().unwrap();
        let name = Name::parse(&uri).unwrap();
        assert_eq!(name.vault(), "https://v.vault.azure.net");
        assert_eq!((name.key(&uri).unwrap(), name.pinned(&uri).unwrap()), ("ca-1", "0a"));
        assert_eq!(name.uri().unwrap().name(), "https://v.vault.azure.net/keys/ca-1/0a");
        let place = parse("azurekv:https://v.vault.azure.net/").unwrap();
        assert!(place.key(&uri).is_err() && place.pinned(&uri).is_err());
        assert!(place.new_key("a/b").is_err() && place.new_key("a.b").is_err());
        assert!(!place.is_local() && parse("azurekv:https://127.0.0.1:8443/").unwrap().is_local());
        assert!(!parse("azurekv:https://127.0.0.1.example/").unwrap().is_local());
    }

    #[test]
    fn what_is_no_key_of_a_vault_is_refused() {
        for bad in [
            "azurekv:http://v.vault.azure.net/keys/a",
            "azurekv:https://v.vault.azure.net/secrets/a",
            "azurekv:https://v.vault.azure.net/keys/..",
            "azurekv:https://v.vault.azure.net/keys/a/b/c",
            "azurekv:https://v.vault.azure.net/keys/a?b",
            "azurekv:https://user@v.vault.azure.net/keys/a",
            "azurekv:https:///keys/a",
            "vault:transit/a",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_answer_about_another_key_is_seen() {
        let uri: KeyUri = "azurekv:https://v.vault.azure.net/keys/a/01".parse().unwrap();
        let name = Name::parse(&uri).unwrap();
        let is = |kid: &str| name.answered(&uri, Some(kid), None).is_ok();
        assert!(is("https://v.vault.azure.net/keys/a/01"));
        assert!(!is("https://v.vault.azure.net/keys/a/02"));
        assert!(!is("https://v.vault.azure.net/keys/b/01"));
        assert!(!is("https://w.vault.azure.net/keys/a/01"));
        assert!(!is("https://v.vault.azure.net/keys/a"));
        assert!(name.answered(&uri, None, None).is_err());
    }
}
