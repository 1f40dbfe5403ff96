//! What the URI of a key says.

use super::SCHEME;
use crate::provider::{ProviderError, RequestId};
use crate::uri::KeyUri;

/// A key ring, perhaps a key of it, perhaps one of the key's versions: by its resource name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    project: String,
    /// `locations/L/keyRings/R`.
    place: String,
    key: Option<String>,
    version: Option<u64>,
}

impl Name {
    pub(super) fn parse(uri: &KeyUri) -> Result<Self, ProviderError> {
        let bad = |reason| ProviderError::BadUri { key: uri.clone(), reason };
        if uri.scheme() != SCHEME {
            return Err(bad("it has another scheme"));
        }
        let parts: Vec<&str> = uri.name().split('/').collect();
        if !parts.iter().all(|part| is_segment(part)) {
            return Err(bad("the names in it are of letters, digits, '-', '_', '.' and ':'"));
        }
        let ["projects", project, "locations", location, "keyRings", ring, rest @ ..] = &parts[..]
        else {
            return Err(bad("write projects/P/locations/L/keyRings/R/cryptoKeys/K"));
        };
        let (key, version) = match rest {
            [] => (None, None),
            ["cryptoKeys", key] => (Some(*key), None),
            ["cryptoKeys", key, "cryptoKeyVersions", version] => {
                let number = version.parse().ok().filter(|number| *number > 0);
                let number = number.filter(|number: &u64| number.to_string() == **version);
                let number = number.ok_or_else(|| bad("a version is a number, from 1"))?;
                (Some(*key), Some(number))
            }
            _ => return Err(bad("a key is cryptoKeys/K or cryptoKeys/K/cryptoKeyVersions/N")),
        };
        Ok(Self {
            project: (*project).to_owned(),
            place: format!("locations/{location}/keyRings/{ring}"),
            key: key.map(ToOwned::to_owned),
            version,
        })
    }

    /// The same for a name that the service gave.
    pub(super) fn given(name: &str) -> Result<Self, ProviderError> {
        Self::parse(&named(name)?)
    }

    /// A key to be made in this ring.
    pub(super) fn new_key(&self, name: &str) -> Result<Self, ProviderError> {
        let begins = name.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric);
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        if begins && name.len() <= 63 && name.bytes().all(plain) {
            return Ok(Self { key: Some(name.to_owned()), version: None, ..self.clone() });
        }
        Err(ProviderError::BadName { name: name.to_owned() })
    }

    pub(super) fn of_version(&self, version: u64) -> Self {
        Self { version: Some(version), ..self.clone() }
    }

    /// The ring's resource name.
    pub(super) fn ring(&self) -> String {
        format!("projects/{}/{}", self.project, self.place)
    }

    /// The key's resource name.
    pub(super) fn key(&self, uri: &KeyUri) -> Result<String, ProviderError> {
        let reason = "it names a key ring and no key";
        let key = self.key.as_ref();
        let key = key.ok_or_else(|| ProviderError::BadUri { key: uri.clone(), reason })?;
        Ok(format!("{}/cryptoKeys/{key}", self.ring()))
    }

    pub(super) const fn version(&self) -> Option<u64> {
        self.version
    }

    /// The version's resource name; a name that may mean another key tomorrow is refused.
    pub(super) fn pinned(&self, uri: &KeyUri) -> Result<String, ProviderError> {
        let key = self.key(uri)?;
        let reason = "it names no version, and would sign with another key after a rotation";
        let version = self.version;
        let version = version.ok_or_else(|| ProviderError::BadUri { key: uri.clone(), reason })?;
        Ok(format!("{key}/cryptoKeyVersions/{version}"))
    }

    /// Refuses an answer that is about another version. The service calls a project by its id, also
    /// where it was asked by the project's number.
    pub(super) fn must_be(
        &self,
        uri: &KeyUri,
        answered: &str,
        request_id: Option<RequestId>,
    ) -> Result<(), ProviderError> {
        let by_number = self.project.bytes().all(|b| b.is_ascii_digit());
        let is = Self::given(answered).is_ok_and(|mut answered| {
            if by_number {
                answered.project.clone_from(&self.project);
            }
            answered == *self
        });
        if is {
            return Ok(());
        }
        let answered = answered.to_owned();
        Err(ProviderError::AnotherKey { key: uri.clone(), answered, request_id })
    }
}

/// The URI of what the service calls `name`.
pub(super) fn named(name: &str) -> Result<KeyUri, ProviderError> {
    KeyUri::new(SCHEME, name).map_err(|_| ProviderError::BadName { name: name.to_owned() })
}

/// What goes into a URL's path as it is, and nowhere else. A project may belong to a domain:
/// `example.com:project`.
fn is_segment(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':');
    !text.is_empty() && text.bytes().all(plain) && !text.bytes().all(|b| b == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    const RING: &str = "projects/example.com:pki/locations/europe-west3/keyRings/ca";

    fn uri(rest: &str) -> KeyUri {
        format!("gcpkms:{RING}{rest}").parse().unwrap()
    }

    #[test]
    fn a_name_is_a_ring_perhaps_a_key_and_perhaps_a_version() {
        let version = uri("/cryptoKeys/issuer-1/cryptoKeyVersions/12");
        let name = Name::parse(&version).unwrap();
        assert_eq!(name.version(), Some(12));
        assert_eq!(name.ring(), RING);
        assert_eq!(named(&name.pinned(&version).unwrap()).unwrap(), version);
        let key = uri("/cryptoKeys/issuer-1");
        let name = Name::parse(&key).unwrap();
        assert_eq!(named(&name.key(&key).unwrap()).unwrap(), key);
        assert!(name.pinned(&key).is_err());
        assert_eq!(name.of_version(12), Name::parse(&version).unwrap());
        let ring = uri("");
        assert!(Name::parse(&ring).unwrap().key(&ring).is_err());
        for bad in [
            "/cryptoKeys",
            "/cryptoKeys/",
            "/cryptoKeys/..",
            "/cryptoKeys/a?b",
            "/cryptoKeys/a/cryptoKeyVersions/0",
            "/cryptoKeys/a/cryptoKeyVersions/01",
            "/cryptoKeys/a/cryptoKeyVersions/+1",
            "/cryptoKeys/a/cryptoKeyVersions/1/more",
            "/importJobs/a",
        ] {
            assert!(Name::parse(&uri(bad)).is_err(), "{bad}");
        }
        assert!(Name::parse(&"gcpkms:alias/a".parse().unwrap()).is_err());
        assert!(Name::parse(&format!("vault:{RING}").parse().unwrap()).is_err());
    }

    #[test]
    fn an_answer_for_another_key_is_refused() {
        let asked = uri("/cryptoKeys/a/cryptoKeyVersions/1");
        let name = Name::parse(&asked).unwrap();
        assert!(name.must_be(&asked, asked.name(), None).is_ok());
        for other in [
            "",
            "projects/other/locations/europe-west3/keyRings/ca/cryptoKeys/a/cryptoKeyVersions/1",
            &format!("{RING}/cryptoKeys/a/cryptoKeyVersions/2"),
            &format!("{RING}/cryptoKeys/b/cryptoKeyVersions/1"),
            &format!("{RING}/cryptoKeys/a"),
        ] {
            let refused = name.must_be(&asked, other, None);
            assert!(matches!(refused, Err(ProviderError::AnotherKey { .. })), "{other}");
        }
        let by_number: KeyUri = asked.as_str().replace("example.com:pki", "1234").parse().unwrap();
        let name = Name::parse(&by_number).unwrap();
        assert!(name.must_be(&by_number, asked.name(), None).is_ok());
    }

    #[test]
    fn a_new_name_is_plain() {
        let ring = Name::parse(&uri("")).unwrap();
        assert_eq!(
            ring.new_key("ca-1_b").unwrap(),
            Name::parse(&uri("/cryptoKeys/ca-1_b")).unwrap()
        );
        for bad in ["", "-a", "a/b", "../a", "a.b", "a b", &"a".repeat(64)] {
            assert!(ring.new_key(bad).is_err(), "{bad}");
        }
    }
}
