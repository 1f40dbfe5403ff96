//! Making keys for the others, and seeing that each of them may do what is theirs and no more.

use std::path::PathBuf;

use async_trait::async_trait;
use azure_security_keyvault_keys::models::{KeyClientSignOptions, SignParameters};
use skink_x509::{KeyAlgorithm, SignatureAlgorithm};

use super::client::Client;
use super::name::Name;
use super::{AzureKvProvider, AzureKvSettings, custody, failure, name_of, wire};
use crate::administrator::Administrator;
use crate::credential::Credential;
use crate::provider::{KeyProvider as _, ProviderError, variable};
use crate::uri::KeyUri;
use crate::verify::hash;

/// The variables that name the files with the credentials of those who sign and who disable.
const SIGNING: &str = "SKINK_AZUREKV_SIGNING_CREDENTIAL_FILE";
const DISABLING: &str = "SKINK_AZUREKV_DISABLING_CREDENTIAL_FILE";

/// Acts with a credential that may make keys: for setting up, and for drills. Nothing that signs ever
/// holds such a credential.
///
/// A vault gives nobody a permission: access policies and roles are the resource manager's, and
/// applications the directory's. So whoever signs and whoever disables are applications that are
/// there, each with its secret in a file, and what they may is tried here before they are used.
#[derive(Debug)]
pub struct AzureKvAdministrator {
    provider: AzureKvProvider,
    others: Others,
}

/// Where the credentials of the others are, as `TENANT_ID:CLIENT_ID:CLIENT_SECRET`.
#[derive(Clone, Debug, Default)]
pub struct Others {
    /// The file of those who sign: `keys/get` and `keys/sign`.
    pub signing: Option<PathBuf>,
    /// The file of those who disable: `keys/get` and `keys/update`.
    pub disabling: Option<PathBuf>,
}

impl AzureKvAdministrator {
    /// The administrator whose credential the environment has, for the vault of `key`.
    pub fn of_uri(key: &KeyUri) -> Result<Self, ProviderError> {
        let file = |name: &str| variable(name).map(PathBuf::from);
        let others = Others { signing: file(SIGNING), disabling: file(DISABLING) };
        Ok(Self::new(&AzureKvSettings::of_uri(key, None)?, others))
    }

    /// The administrator whose credential is in `settings`.
    pub fn new(settings: &AzureKvSettings, others: Others) -> Self {
        Self { provider: AzureKvProvider::new(settings), others }
    }

    fn of_another(
        &self,
        file: Option<&PathBuf>,
        variable: &str,
    ) -> Result<(Credential, Client), ProviderError> {
        let wrong = |what: String| ProviderError::NotConfigured { what };
        let unnamed = || wrong(format!("{variable} names no file (docs/keys.md)"));
        let read = fs_err::read_to_string(file.ok_or_else(unnamed)?);
        let credential = Credential::from_text(&read.map_err(|error| wrong(error.to_string()))?);
        if credential.expose().splitn(3, ':').count() < 3 {
            return Err(wrong(format!("{variable}: write TENANT_ID:CLIENT_ID:CLIENT_SECRET")));
        }
        let settings = self.provider.client.settings.with_credential(&credential)?;
        Ok((credential, Client::new(&settings)))
    }

    /// Whether this credential may sign with the key: it asks for what the key cannot do, so that
    /// nothing is signed.
    async fn may_sign(&self, client: &Client, key: &KeyUri) -> Result<bool, ProviderError> {
        let name = Name::parse(key)?;
        let foreign = match self.provider.algorithm(key, &name).await? {
            KeyAlgorithm::EcP256 => SignatureAlgorithm::RsaPkcs1Sha256,
            _ => SignatureAlgorithm::EcdsaSha256,
        };
        let length = hash(foreign).map(aws_lc_rs::digest::Algorithm::output_len);
        let asked = SignParameters {
            algorithm: wire::theirs(foreign),
            value: length.map(|length| vec![0; length]),
        };
        let asked = asked.try_into().map_err(|error| failure::refusal(key, error))?;
        let options = KeyClientSignOptions {
            key_version: Some(name.pinned(key)?.to_owned()),
            ..Default::default()
        };
        let signing = client.service().await?.sign(name.key(key)?, asked, Some(options));
        let answer = client.answer(key, async { signing.await?.into_model() }).await;
        may(answer.map(drop))
    }
}

/// Whether a call was within what the credential may.
fn may(answer: Result<(), ProviderError>) -> Result<bool, ProviderError> {
    match answer {
        Ok(()) | Err(ProviderError::Refused { .. }) => Ok(true),
        Err(ProviderError::CredentialRefused { .. }) => Ok(false),
        Err(other) => Err(other),
    }
}

#[async_trait]
impl Administrator for AzureKvAdministrator {
    async fn create(
        &self,
        wanted: &KeyUri,
        suffix: &str,
        algorithm: KeyAlgorithm,
    ) -> Result<KeyUri, ProviderError> {
        let name = format!("{}{suffix}", name_of(wanted)?);
        self.provider.create(&name, algorithm).await
    }

    async fn signing(&self, keys: &[KeyUri]) -> Result<Credential, ProviderError> {
        let (credential, client) = self.of_another(self.others.signing.as_ref(), SIGNING)?;
        for key in keys {
            must(SIGNING, "sign", self.may_sign(&client, key).await?)?;
            // It is enabled, and stays so.
            must_not(SIGNING, "update", may(custody::set(&client, key, true).await)?)?;
        }
        Ok(credential)
    }

    /// The service has one permission for disabling and enabling: this credential can do both.
    async fn disabling(&self, key: &KeyUri) -> Result<Option<Credential>, ProviderError> {
        let file = self.others.disabling.as_ref();
        let (credential, client) = self.of_another(file, DISABLING)?;
        must(DISABLING, "update", may(custody::set(&client, key, true).await)?)?;
        must_not(DISABLING, "sign", self.may_sign(&client, key).await?)?;
        Ok(Some(credential))
    }
}

fn must(variable: &str, permission: &str, may: bool) -> Result<(), ProviderError> {
    let what = || format!("{variable}: the application lacks the permission keys/{permission}");
    if may { Ok(()) } else { Err(ProviderError::NotConfigured { what: what() }) }
}

fn must_not(variable: &str, permission: &str, may: bool) -> Result<(), ProviderError> {
    let what = || format!("{variable}: the application may also keys/{permission}, and must not");
    if may { Err(ProviderError::NotConfigured { what: what() }) } else { Ok(()) }
}
