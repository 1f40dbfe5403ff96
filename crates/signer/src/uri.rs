//! Keys are named by URI: the provider's scheme, then the name the provider knows.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A key behind a provider. What follows the scheme is the provider's own:
///
/// ```text
/// software:workloads-g1
/// vault:transit/workloads-g1?version=1
/// pkcs11:token=ca;object=workloads-g1
/// awskms:alias/workloads-g1, awskms:arn:aws:kms:eu-central-1:111122223333:key/…
/// azurekv:https://VAULT.vault.azure.net/keys/workloads-g1
/// gcpkms:projects/P/locations/L/keyRings/R/cryptoKeys/workloads-g1
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyUri {
    text: String,
    colon: usize,
}

/// Why a text names no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadKeyUri {
    /// It has not the shape.
    #[error("{0:?} names no key: write SCHEME:NAME, for example software:workloads-g1")]
    Malformed(String),
    /// It carries a secret, which would go where key names go: into configuration and logs.
    #[error("a key's URI must not carry a PIN: name the file that holds it with pin-source")]
    Secret,
}

impl KeyUri {
    /// The key `name` of the provider of `scheme`.
    pub fn new(scheme: &str, name: &str) -> Result<Self, BadKeyUri> {
        format!("{scheme}:{name}").parse()
    }

    /// The provider's name: what stands before the first colon.
    pub fn scheme(&self) -> &str {
        self.text.get(..self.colon).unwrap_or_default()
    }

    /// The key's name within its provider.
    pub fn name(&self) -> &str {
        self.text.get(self.colon + 1..).unwrap_or_default()
    }

    /// The key, whatever its version.
    #[must_use]
    pub fn without_version(&self) -> Self {
        let (head, _) = self.split_version();
        Self { text: head.to_owned(), colon: self.colon }
    }

    /// The version that it names, where that is a number.
    pub(crate) fn version(&self) -> Option<u32> {
        self.split_version().1?.parse().ok()
    }

    fn split_version(&self) -> (&str, Option<&str>) {
        let mark = match self.scheme() {
            "gcpkms" => "/cryptoKeyVersions/",
            _ => "?version=",
        };
        self.text.split_once(mark).map_or((self.as_str(), None), |(key, v)| (key, Some(v)))
    }

    /// The whole URI.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for KeyUri {
    type Err = BadKeyUri;

    fn from_str(text: &str) -> Result<Self, BadKeyUri> {
        let bad = || BadKeyUri::Malformed(text.to_owned());
        if text.starts_with("pkcs11:") && text.contains("pin-value") {
            return Err(BadKeyUri::Secret);
        }
        let colon = text.find(':').ok_or_else(bad)?;
        let (scheme, rest) = text.split_at(colon);
        let name = rest.trim_start_matches(':');
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let printable = |b: u8| b.is_ascii_graphic();
        let well_formed = !scheme.is_empty()
            && scheme.bytes().all(plain)
            && !name.is_empty()
            && rest.len() == name.len() + 1
            && name.len() <= 512
            && name.bytes().all(printable);
        if well_formed { Ok(Self { text: text.to_owned(), colon }) } else { Err(bad()) }
    }
}

impl TryFrom<String> for KeyUri {
    type Error = BadKeyUri;

    fn try_from(text: String) -> Result<Self, BadKeyUri> {
        text.parse()
    }
}

impl From<KeyUri> for String {
    fn from(uri: KeyUri) -> Self {
        uri.text
    }
}

impl fmt::Display for KeyUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_versions_where_its_service_has() {
        for (uri, key, version) in [
            ("vault:transit/a?version=7", "vault:transit/a", Some(7)),
            ("software:a?version=2", "software:a", Some(2)),
            ("gcpkms:p/cryptoKeys/k/cryptoKeyVersions/3", "gcpkms:p/cryptoKeys/k", Some(3)),
            ("awskms:alias/a", "awskms:alias/a", None),
            ("vault:transit/a", "vault:transit/a", None),
        ] {
            let uri: KeyUri = uri.parse().unwrap();
            assert_eq!((uri.without_version().as_str(), uri.version()), (key, version));
        }
    }

    #[test]
    fn a_uri_is_a_scheme_and_a_name() {
        let uri: KeyUri = "software:workloads-g1".parse().unwrap();
        assert_eq!((uri.scheme(), uri.name()), ("software", "workloads-g1"));
        assert_eq!(KeyUri::new("pkcs11", "token=a;object=b").unwrap().name(), "token=a;object=b");
        for bad in ["", "software", "software:", ":a", "Soft:a", "software:a b", "software::a"] {
            assert!(bad.parse::<KeyUri>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn every_vendors_way_to_name_a_key_is_a_name() {
        let uris = [
            ("vault", "transit/workloads-g1?version=2"),
            ("pkcs11", "token=Skink%20CA;object=workloads-g1?pin-source=file:/run/pin"),
            ("awskms", "alias/workloads-g1"),
            ("awskms", "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd"),
            ("azurekv", "https://example.vault.azure.net/keys/workloads-g1/0123456789abcdef"),
            ("gcpkms", "projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1"),
        ];
        for (scheme, name) in uris {
            let uri = KeyUri::new(scheme, name).unwrap();
            assert_eq!((uri.scheme(), uri.name()), (scheme, name));
        }
    }

    #[test]
    fn a_pin_in_a_uri_is_refused_and_not_repeated() {
        let refused = "pkcs11:token=a;object=b?pin-value=4711".parse::<KeyUri>().unwrap_err();
        assert_eq!(refused, BadKeyUri::Secret);
        assert!(!refused.to_string().contains("4711"));
    }
}
