//! Where the service is and who we are to it: what is not said here, the vendor's client finds.

use std::time::Duration;

use aws_sdk_kms::config::Credentials;

use super::SCHEME;
use super::name::Name;
use crate::credential::Credential;
use crate::provider::ProviderError;
use crate::uri::KeyUri;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// An account's keys in a region, and a credential for them.
#[derive(Clone, Debug)]
pub struct KmsSettings {
    /// The region, if not the environment's.
    pub region: Option<String>,
    /// The service's URL, if not the region's own or the one in `AWS_ENDPOINT_URL`.
    pub endpoint: Option<String>,
    /// How long an answer is waited for, the finding of credentials included.
    pub patience: Duration,
    access_key: Option<AccessKey>,
}

#[derive(Clone, Debug)]
struct AccessKey {
    id: String,
    secret: Credential,
    session_token: Option<Credential>,
}

impl KmsSettings {
    /// What the vendor's own tools would use: variables, profiles, web identities, and what
    /// containers and machines are given.
    pub const fn from_environment() -> Self {
        Self { region: None, endpoint: None, patience: PATIENCE, access_key: None }
    }

    /// The same, for the region in a key's URI, if it has one; and with another credential, if one
    /// is given: `ACCESS_KEY_ID:SECRET`, or `ACCESS_KEY_ID:SECRET:SESSION_TOKEN`.
    pub fn of_uri(uri: &KeyUri, credential: Option<&Credential>) -> Result<Self, ProviderError> {
        let mut settings = Self::from_environment();
        if uri.scheme() != SCHEME || uri.name() != "alias/" {
            settings.region = Name::parse(uri)?.region().map(ToOwned::to_owned);
        }
        match credential {
            Some(credential) => settings.with_access_key(credential),
            None => Ok(settings),
        }
    }

    /// The same place with this credential.
    pub fn with_access_key(&self, credential: &Credential) -> Result<Self, ProviderError> {
        let mut parts = credential.expose().splitn(3, ':').filter(|part| !part.is_empty());
        let (Some(id), Some(secret)) = (parts.next(), parts.next()) else {
            let what = "an AWS credential is ACCESS_KEY_ID:SECRET or ACCESS_KEY_ID:SECRET:TOKEN";
            return Err(ProviderError::NotConfigured { what: what.to_owned() });
        };
        let access_key = AccessKey {
            id: id.to_owned(),
            secret: Credential::from_text(secret),
            session_token: parts.next().map(Credential::from_text),
        };
        Ok(Self { access_key: Some(access_key), ..self.clone() })
    }

    pub(super) fn credentials(&self) -> Option<Credentials> {
        let key = self.access_key.as_ref()?;
        let token = key.session_token.as_ref().map(|token| token.expose().to_owned());
        Some(Credentials::new(key.id.clone(), key.secret.expose(), token, None, SCHEME))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_an_id_and_a_secret_and_hides() {
        let uri = "awskms:arn:aws:kms:eu-central-1:111122223333:key/1234".parse().unwrap();
        let credential = Credential::from_text("AKIDEXAMPLE:wJalr/secret+:token==");
        let settings = KmsSettings::of_uri(&uri, Some(&credential)).unwrap();
        assert_eq!(settings.region.as_deref(), Some("eu-central-1"));
        assert!(!format!("{settings:?}").contains("wJalr"));
        let credentials = settings.credentials().unwrap();
        assert_eq!(credentials.access_key_id(), "AKIDEXAMPLE");
        assert_eq!(credentials.secret_access_key(), "wJalr/secret+");
        assert_eq!(credentials.session_token(), Some("token=="));
        for bad in ["", "AKIDEXAMPLE", ":secret"] {
            let refused = settings.with_access_key(&Credential::from_text(bad));
            assert!(matches!(refused, Err(ProviderError::NotConfigured { .. })), "{bad}");
        }
    }

    #[test]
    fn a_place_has_no_key_and_the_environments_credential() {
        let settings = KmsSettings::of_uri(&"awskms:alias/".parse().unwrap(), None).unwrap();
        assert!(settings.region.is_none() && settings.credentials().is_none());
        assert!(KmsSettings::of_uri(&"vault:alias/".parse().unwrap(), None).is_err());
    }
}
