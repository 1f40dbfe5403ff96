//! Where the vault is and who we are to it, as the vendor's own tools are told.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use azure_core::credentials::{Secret, TokenCredential};
use azure_core::http::{ClientOptions, RetryOptions, Transport};
use azure_identity::{
    AzureCliCredential, ClientAssertionCredentialOptions, ClientSecretCredential,
    ClientSecretCredentialOptions, ManagedIdentityCredential, ManagedIdentityCredentialOptions,
    UserAssignedId, WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};

use super::name::Name;
use super::token::{Chain, Given};
use crate::credential::Credential;
use crate::provider::{ProviderError, variable};
use crate::uri::KeyUri;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// Where tokens are made, if not at the vendor's own address.
const AUTHORITY: &str = "AZURE_AUTHORITY_HOST";

/// A vault, and a credential for its keys.
#[derive(Clone, Debug)]
pub struct AzureKvSettings {
    /// The file of the certificates that the vault's is checked with, instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// How long an answer is waited for; as long again for the credential, where it has to be
    /// fetched.
    pub patience: Duration,
    /// Whether new keys are made in hardware modules, which not every vault has.
    pub hardware: bool,
    place: Name,
    identity: Identity,
}

/// Who we are.
#[derive(Clone, Debug)]
enum Identity {
    /// What the environment has.
    Found,
    Token(Credential),
    /// An application with a secret.
    Application {
        tenant: String,
        client: String,
        secret: Credential,
    },
}

impl AzureKvSettings {
    /// For the vault in `uri`: with this credential, an access token or
    /// `TENANT_ID:CLIENT_ID:CLIENT_SECRET`; without one, with what the environment has.
    pub fn of_uri(uri: &KeyUri, credential: Option<&Credential>) -> Result<Self, ProviderError> {
        let place = Name::parse(uri)?;
        let identity = credential.map_or(Ok(Identity::Found), Identity::of)?;
        Ok(Self { ca_file: None, patience: PATIENCE, hardware: false, place, identity })
    }

    /// The same place with this credential.
    pub fn with_credential(&self, credential: &Credential) -> Result<Self, ProviderError> {
        Ok(Self { identity: Identity::of(credential)?, ..self.clone() })
    }

    pub(super) const fn place(&self) -> &Name {
        &self.place
    }

    /// Calls are made once, over our own transport.
    pub(super) fn options(http: &reqwest::Client) -> ClientOptions {
        ClientOptions {
            retry: RetryOptions::none(),
            transport: Some(Transport::new(Arc::new(http.clone()))),
            ..ClientOptions::default()
        }
    }

    /// Who we are, as the vendor's client knows it. A vault on this machine is a double: what the
    /// environment has for the real ones is not shown to it, unless tokens are made on this machine
    /// too.
    pub(super) fn credentials(
        &self,
        http: &reqwest::Client,
    ) -> Result<Arc<dyn TokenCredential>, ProviderError> {
        match &self.identity {
            Identity::Token(token) => Ok(Arc::new(Given(token.clone()))),
            Identity::Application { tenant, client, secret } => {
                application(tenant, client, secret.expose(), http)
            }
            Identity::Found => {
                let makes_tokens = variable(AUTHORITY).unwrap_or_default();
                if self.place.is_local() && !is_local(&makes_tokens) {
                    return Err(wrong(format!(
                        "{} is no vault of Azure's, and is not shown the environment's credential",
                        self.place.vault()
                    )));
                }
                found(http)
            }
        }
    }
}

impl Identity {
    fn of(credential: &Credential) -> Result<Self, ProviderError> {
        let text = credential.expose();
        let graphic = !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
        match text.splitn(3, ':').collect::<Vec<_>>()[..] {
            [_] if graphic => Ok(Self::Token(credential.clone())),
            [tenant, client, secret] if graphic => Ok(Self::Application {
                tenant: tenant.to_owned(),
                client: client.to_owned(),
                secret: Credential::from_text(secret),
            }),
            _ => Err(wrong(
                "an Azure credential is an access token or TENANT_ID:CLIENT_ID:CLIENT_SECRET"
                    .to_owned(),
            )),
        }
    }
}

/// What the environment has: an application's secret, a workload's identity, a machine's, or what
/// `az login` left.
fn found(http: &reqwest::Client) -> Result<Arc<dyn TokenCredential>, ProviderError> {
    let options = || AzureKvSettings::options(http);
    let (tenant, client) = (variable("AZURE_TENANT_ID"), variable("AZURE_CLIENT_ID"));
    if let (Some(tenant), Some(client), Some(secret)) =
        (&tenant, &client, variable("AZURE_CLIENT_SECRET"))
    {
        return application(tenant, client, &secret, http);
    }
    if variable("AZURE_FEDERATED_TOKEN_FILE").is_some() {
        let credential_options = ClientAssertionCredentialOptions { client_options: options() };
        let workload =
            WorkloadIdentityCredentialOptions { credential_options, ..Default::default() };
        return Ok(
            WorkloadIdentityCredential::new(Some(workload)).map_err(|error| unusable(&error))?
        );
    }
    let machine = ManagedIdentityCredentialOptions {
        user_assigned_id: client.map(UserAssignedId::ClientId),
        client_options: options(),
    };
    Ok(Arc::new(Chain::new([
        ManagedIdentityCredential::new(Some(machine)).map_err(|error| unusable(&error))?,
        AzureCliCredential::new(None).map_err(|error| unusable(&error))?,
    ])))
}

fn application(
    tenant: &str,
    client: &str,
    secret: &str,
    http: &reqwest::Client,
) -> Result<Arc<dyn TokenCredential>, ProviderError> {
    let options = ClientSecretCredentialOptions { client_options: AzureKvSettings::options(http) };
    let secret = Secret::new(secret.to_owned());
    Ok(ClientSecretCredential::new(tenant, client.to_owned(), secret, Some(options))
        .map_err(|error| unusable(&error))?)
}

fn is_local(url: &str) -> bool {
    KeyUri::new(super::SCHEME, url).is_ok_and(|uri| Name::parse(&uri).is_ok_and(|n| n.is_local()))
}

fn unusable(error: &azure_core::Error) -> ProviderError {
    wrong(error.to_string())
}

pub(super) fn wrong(what: String) -> ProviderError {
    ProviderError::NotConfigured { what }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_a_token_or_an_applications() {
        let uri = "azurekv:https://v.vault.azure.net/keys/a".parse().unwrap();
        let of = |text: &str| AzureKvSettings::of_uri(&uri, Some(&Credential::from_text(text)));
        assert!(matches!(of("eyJ0.eyJh.c2ln").unwrap().identity, Identity::Token(_)));
        let application = of("tenant:client:se:cret").unwrap();
        let Identity::Application { secret, .. } = &application.identity else { panic!() };
        assert_eq!(secret.expose(), "se:cret");
        assert!(!format!("{application:?}").contains("cret\""));
        for bad in ["", "two words", "a:b", "token\nX-Header: a"] {
            assert!(matches!(of(bad), Err(ProviderError::NotConfigured { .. })), "{bad}");
        }
    }
}
