//! What the URI of a key says.

use super::SCHEME;
use crate::provider::{ProviderError, RequestId};
use crate::uri::KeyUri;

/// A key or an alias, by ARN or without the account and region that it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    text: String,
    region: Option<String>,
    /// The alias, `alias/` included, or none if a key is named.
    alias: Option<String>,
}

impl Name {
    pub(super) fn parse(uri: &KeyUri) -> Result<Self, ProviderError> {
        let bad = |reason| ProviderError::BadUri { key: uri.clone(), reason };
        if uri.scheme() != SCHEME {
            return Err(bad("it has another scheme"));
        }
        let text = uri.name();
        let (region, resource) = match text.strip_prefix("arn:") {
            Some(rest) => {
                let parts: Vec<&str> = rest.splitn(5, ':').collect();
                let [partition, "kms", region, account, resource] = parts[..] else {
                    return Err(bad("write arn:aws:kms:REGION:ACCOUNT:key/ID"));
                };
                if ![partition, region, account].into_iter().all(is_word) {
                    return Err(bad("an ARN has a partition, a region and an account"));
                }
                let resource = match resource.strip_prefix("key/") {
                    Some(id) => id,
                    None if resource.starts_with("alias/") => resource,
                    None => return Err(bad("the ARN is of no key and of no alias")),
                };
                (Some(region.to_owned()), resource)
            }
            None => (None, text),
        };
        let alias = match resource.strip_prefix("alias/") {
            Some(alias) if !alias.is_empty() && alias.split('/').all(is_alias) => {
                Some(resource.to_owned())
            }
            None if is_word(resource) => None,
            _ => return Err(bad("write alias/NAME, a key's id or its ARN")),
        };
        Ok(Self { text: text.to_owned(), region, alias })
    }

    /// What the service is told.
    pub(super) fn key_id(&self) -> &str {
        &self.text
    }

    pub(super) fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }

    pub(super) fn alias(&self) -> Option<&str> {
        self.alias.as_deref()
    }

    /// An alias may mean another key tomorrow, and is refused.
    pub(super) fn pinned(&self, uri: &KeyUri) -> Result<(), ProviderError> {
        if self.alias.is_none() {
            return Ok(());
        }
        let reason = "it is an alias, and would mean another key after it was moved";
        Err(ProviderError::BadUri { key: uri.clone(), reason })
    }

    /// Refuses an answer that is about another key; of an alias, any key is one's own.
    pub(super) fn must_be(
        &self,
        uri: &KeyUri,
        answered: Option<&str>,
        request_id: Option<&RequestId>,
    ) -> Result<(), ProviderError> {
        let answered = answered.unwrap_or_default();
        // The service answers with the ARN, whatever it was asked by.
        let id = answered.rsplit_once(":key/").map_or(answered, |(_, id)| id);
        if self.alias.is_some() || answered == self.text || id == self.text {
            return Ok(());
        }
        Err(ProviderError::AnotherKey {
            key: uri.clone(),
            answered: answered.to_owned(),
            request_id: request_id.cloned(),
        })
    }
}

/// The alias of a key to be made.
pub(super) fn new_alias(name: &str) -> Result<String, ProviderError> {
    let begins = name.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric);
    if begins && name.len() <= 64 && is_alias(name) {
        return Ok(format!("alias/{name}"));
    }
    Err(ProviderError::BadName { name: name.to_owned() })
}

fn is_alias(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    !text.is_empty() && text.bytes().all(plain)
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab";

    fn parse(text: &str) -> Result<Name, ProviderError> {
        let uri = format!("awskms:{text}").parse().map_err(|_| bad_name(text))?;
        Name::parse(&uri)
    }

    fn bad_name(text: &str) -> ProviderError {
        ProviderError::BadName { name: text.to_owned() }
    }

    #[test]
    fn keys_and_aliases_are_told_apart_by_arn_and_without() {
        let key = parse(ARN).unwrap();
        assert_eq!((key.region(), key.alias()), (Some("eu-central-1"), None));
        assert_eq!(key.key_id(), ARN);
        let alias = parse("arn:aws:kms:eu-central-1:111122223333:alias/pki/ca-1").unwrap();
        assert_eq!(alias.alias(), Some("alias/pki/ca-1"));
        assert_eq!(parse("alias/ca").unwrap().alias(), Some("alias/ca"));
        assert_eq!(parse("mrk-1234").unwrap().region(), None);
        let uri = "awskms:alias/ca".parse().unwrap();
        assert!(alias.pinned(&uri).is_err() && key.pinned(&uri).is_ok());
        for bad in [
            "alias/",
            "alias/../a",
            "a b",
            "arn:aws:kms:eu-central-1:111122223333",
            "arn:aws:s3:eu-central-1:111122223333:key/a",
            "arn:aws:kms::111122223333:key/a",
            "arn:aws:kms:eu-central-1:111122223333:grant/a",
            "arn:aws:kms:eu-central-1:111122223333:key/a?b",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_answer_for_another_key_is_refused() {
        let uri: KeyUri = format!("awskms:{ARN}").parse().unwrap();
        let other = ARN.replace("1234abcd", "9999abcd");
        let elsewhere = ARN.replace("eu-central-1", "us-east-1");
        let key = parse(ARN).unwrap();
        assert!(key.must_be(&uri, Some(ARN), None).is_ok());
        for answered in [Some(other.as_str()), Some(elsewhere.as_str()), Some(""), None] {
            let refused = key.must_be(&uri, answered, None);
            assert!(matches!(refused, Err(ProviderError::AnotherKey { .. })), "{answered:?}");
        }
        let id = parse("1234abcd-12ab").unwrap();
        assert!(id.must_be(&uri, Some(ARN), None).is_ok());
        assert!(id.must_be(&uri, Some(&other), None).is_err());
    }

    #[test]
    fn a_new_name_is_plain() {
        assert_eq!(new_alias("ca-1_b").unwrap(), "alias/ca-1_b");
        for bad in ["", "-a", "a/b", "../a", "a.b", "a b"] {
            assert!(new_alias(bad).is_err(), "{bad}");
        }
    }
}
