//! What the URI of a transit key says.

use super::SCHEME;
use crate::provider::ProviderError;
use crate::uri::KeyUri;

/// A key of a transit engine: the engine's mount, the key, perhaps one of its versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) mount: String,
    pub(super) key: String,
    pub(super) version: Option<u32>,
}

impl Name {
    /// A key to be made.
    pub(super) fn new(mount: &str, key: &str) -> Result<Self, ProviderError> {
        let begins = key.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric);
        if begins && key.len() <= 64 && is_segment(key) {
            return Ok(Self { mount: mount.to_owned(), key: key.to_owned(), version: None });
        }
        Err(ProviderError::BadName { name: key.to_owned() })
    }

    pub(super) fn parse(uri: &KeyUri) -> Result<Self, ProviderError> {
        let bad = |reason| ProviderError::BadUri { key: uri.clone(), reason };
        if uri.scheme() != SCHEME {
            return Err(bad("it has another scheme"));
        }
        let (path, query) = match uri.name().split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (uri.name(), None),
        };
        let (mount, key) = path.rsplit_once('/').ok_or_else(|| bad("write vault:MOUNT/NAME"))?;
        if !mount.split('/').chain([key]).all(is_segment) {
            return Err(bad("mounts and names are of a-z, A-Z, 0-9, '-', '_', '.'"));
        }
        let version = query.map(|query| {
            let number = query.strip_prefix("version=").and_then(|number| number.parse().ok());
            number.filter(|number| *number > 0).ok_or_else(|| bad("write ?version=1 or nothing"))
        });
        Ok(Self { mount: mount.to_owned(), key: key.to_owned(), version: version.transpose()? })
    }

    /// The version; a name that may mean another key tomorrow is refused.
    pub(super) fn pinned(&self, uri: &KeyUri) -> Result<u32, ProviderError> {
        let reason = "it names no version, and would sign with another key after a rotation";
        self.version.ok_or_else(|| ProviderError::BadUri { key: uri.clone(), reason })
    }

    pub(super) fn uri(&self, version: u32) -> Result<KeyUri, ProviderError> {
        self.named(&format!("{}/{}?version={version}", self.mount, self.key))
    }

    pub(super) fn unpinned(&self) -> Result<KeyUri, ProviderError> {
        self.named(&format!("{}/{}", self.mount, self.key))
    }

    /// The path of a call of the engine about this key.
    pub(super) fn path(&self, call: &str) -> String {
        format!("{}/{call}/{}", self.mount, self.key)
    }

    fn named(&self, name: &str) -> Result<KeyUri, ProviderError> {
        KeyUri::new(SCHEME, name).map_err(|_| ProviderError::BadName { name: self.key.clone() })
    }
}

/// What goes into a URL's path as it is, and nowhere else: no dots that climb, no escapes.
pub(super) fn is_segment(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    !text.is_empty() && text.bytes().all(plain) && !text.bytes().all(|b| b == b'.')
}

/// Refuses what cannot stand in a path as the place of an engine.
pub(super) fn check_mount(mount: &str) -> Result<(), ProviderError> {
    if mount.split('/').all(is_segment) {
        return Ok(());
    }
    Err(ProviderError::NotConfigured { what: format!("{mount:?} is no mount") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_mount_a_key_and_perhaps_a_version() {
        let parse = |text: &str| Name::parse(&text.parse().unwrap());
        let name = parse("vault:teams/pki/transit/ca-1?version=3").unwrap();
        assert_eq!((name.mount.as_str(), name.key.as_str()), ("teams/pki/transit", "ca-1"));
        assert_eq!(name.version, Some(3));
        assert_eq!(name.path("sign"), "teams/pki/transit/sign/ca-1");
        assert_eq!(name.uri(3).unwrap().as_str(), "vault:teams/pki/transit/ca-1?version=3");
        let newest = "vault:transit/a".parse().unwrap();
        assert!(Name::parse(&newest).unwrap().pinned(&newest).is_err());
        for bad in [
            "vault:a",
            "vault:transit/",
            "vault:/a",
            "vault:transit/../sys/seal",
            "vault:transit/a%2f",
            "vault:transit/a?version=0",
            "vault:transit/a?version=x",
            "vault:transit/a?other=1",
            "software:transit/a",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        for bad in ["", "../a", "a/b", ".a", "a b"] {
            assert!(Name::new("transit", bad).is_err(), "{bad}");
        }
    }
}
