//! Making what the others need: keys, and access tokens of service accounts with few permissions.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use google_cloud_auth::credentials::CacheableResource;
use google_cloud_iam_v1::model::{Binding, GetPolicyOptions, Policy};
use http::{Extensions, HeaderMap};
use serde_json::{Value, json};
use skink_x509::KeyAlgorithm;

use super::client::Client;
use super::name::Name;
use super::settings::is_local;
use super::{GcpKmsProvider, GcpKmsSettings, SCHEME, failure};
use crate::administrator::Administrator;
use crate::credential::Credential;
use crate::provider::{Answer, KeyProvider as _, ProviderError, variable};
use crate::uri::KeyUri;

/// The variables that name the service accounts of those who sign and who disable, and the role
/// that the latter is given.
const SIGNING_ACCOUNT: &str = "SKINK_GCPKMS_SIGNING_ACCOUNT";
const DISABLING_ACCOUNT: &str = "SKINK_GCPKMS_DISABLING_ACCOUNT";
const DISABLING_ROLE: &str = "SKINK_GCPKMS_DISABLING_ROLE";
/// The variable by which the vendor's command line is told where access tokens are made.
const ENDPOINT: &str = "CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS";
const IAM_CREDENTIALS: &str = "https://iamcredentials.googleapis.com";

const SIGNING_ROLES: [&str; 3] =
    ["roles/cloudkms.signer", "roles/cloudkms.publicKeyViewer", "roles/cloudkms.viewer"];
const SIGN: [&str; 3] = [
    "cloudkms.cryptoKeyVersions.get",
    "cloudkms.cryptoKeyVersions.useToSign",
    "cloudkms.cryptoKeyVersions.viewPublicKey",
];
const DISABLE: [&str; 2] = ["cloudkms.cryptoKeyVersions.get", "cloudkms.cryptoKeyVersions.update"];
/// What nobody may who signs or disables: with the last one he would give himself the rest.
const RULE: [&str; 4] = [
    "cloudkms.cryptoKeys.update",
    "cloudkms.cryptoKeyVersions.create",
    "cloudkms.cryptoKeyVersions.destroy",
    "cloudkms.cryptoKeys.setIamPolicy",
];
/// How long a policy may take until it is known everywhere: seven minutes and more, by the
/// service's own account.
const KNOWN_WITHIN: Duration = Duration::from_mins(10);
const LOOK: Duration = Duration::from_secs(2);

/// Acts with a credential that may make keys, set their policies and make access tokens of the
/// accounts below: for setting up, and for drills. Nothing that signs ever holds such a credential.
#[derive(Debug)]
pub struct GcpKmsAdministrator {
    provider: GcpKmsProvider,
    accounts: Accounts,
    iam_credentials: String,
}

/// The service accounts to which an administrator gives rights, if he is to.
#[derive(Clone, Debug, Default)]
pub struct Accounts {
    /// The account of those who sign.
    pub signing: Option<String>,
    /// The account of those who disable.
    pub disabling: Option<String>,
    /// A role of nothing but `cloudkms.cryptoKeyVersions.get` and `.update`: the service has none of
    /// its own that could not do more.
    pub disabling_role: Option<String>,
}

impl GcpKmsAdministrator {
    /// The administrator whose credential the environment has, for the key ring of `key`.
    pub fn of_uri(key: &KeyUri) -> Result<Self, ProviderError> {
        let accounts = Accounts {
            signing: variable(SIGNING_ACCOUNT),
            disabling: variable(DISABLING_ACCOUNT),
            disabling_role: variable(DISABLING_ROLE),
        };
        Self::new(&GcpKmsSettings::of_uri(key, None)?, accounts, variable(ENDPOINT))
    }

    /// The administrator whose credential is in `settings`; access tokens are made at this address,
    /// if not at the service's own.
    pub fn new(
        settings: &GcpKmsSettings,
        accounts: Accounts,
        iam_credentials: Option<String>,
    ) -> Result<Self, ProviderError> {
        let double = settings.endpoint.as_deref().is_some_and(is_local);
        let iam_credentials = iam_credentials.map(|one| one.trim_end_matches('/').to_owned());
        let iam_credentials = match iam_credentials {
            Some(one) if one.starts_with("https://") || is_local(&one) => one,
            None if !double => IAM_CREDENTIALS.to_owned(),
            _ => {
                let what = format!("{ENDPOINT} is where access tokens are made, over https");
                return Err(ProviderError::NotConfigured { what });
            }
        };
        Ok(Self { provider: GcpKmsProvider::new(settings), accounts, iam_credentials })
    }

    fn client(&self) -> &Client {
        &self.provider.client
    }

    /// Lets a service account do what these roles allow with one key.
    async fn grant(
        &self,
        key: &KeyUri,
        account: &str,
        roles: &[&str],
    ) -> Result<(), ProviderError> {
        let resource = Name::parse(key)?.key(key)?;
        let service = self.client().service().await?;
        // Version 3 has the conditions of bindings, which would be lost otherwise.
        let options = GetPolicyOptions::new().set_requested_policy_version(3);
        let asked = service.get_iam_policy().set_resource(&resource).set_options(options);
        let mut policy: Policy = self.client().answer(key, asked.send()).await?;
        let member = format!("serviceAccount:{account}");
        for role in roles {
            let binding = Binding::new().set_role(*role).set_members([member.clone()]);
            policy.bindings.push(binding);
        }
        let setting = service.set_iam_policy().set_resource(resource).set_policy(policy);
        self.client().answer(key, setting.send()).await.map(drop)
    }

    /// An access token of a service account, for as long as the service gives by itself: an hour.
    async fn token(&self, account: &str) -> Result<Credential, ProviderError> {
        let unreachable = |error: reqwest::Error| ProviderError::Unreachable(Arc::new(error));
        let settings = &self.client().settings;
        let who = settings.credentials()?.headers(Extensions::new()).await;
        let headers = match who.map_err(failure::of_credentials)? {
            CacheableResource::New { data, .. } => data,
            CacheableResource::NotModified => HeaderMap::new(),
        };
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(crate::tls::client(None)?)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .timeout(settings.patience)
            .build();
        let url = format!(
            "{}/v1/projects/-/serviceAccounts/{account}:generateAccessToken",
            self.iam_credentials
        );
        let asked = json!({ "scope": ["https://www.googleapis.com/auth/cloudkms"] });
        let asking = http.map_err(unreachable)?.post(url).headers(headers).json(&asked);
        let answer = asking.send().await.map_err(unreachable)?;
        let status = answer.status();
        let said: Value = answer.json().await.unwrap_or_default();
        match said["accessToken"].as_str().filter(|_| status.is_success()) {
            Some(token) => Ok(Credential::from_text(token)),
            None => Err(refusal(account, status.as_u16(), &said)),
        }
    }

    /// Waits until whoever has this token may do what he has to with the key. One who may do more,
    /// by a role from elsewhere, is none to give it to.
    async fn prove(
        &self,
        key: &KeyUri,
        token: &Credential,
        wanted: &[&str],
        forbidden: &[&str],
    ) -> Result<(), ProviderError> {
        let resource = Name::parse(key)?.key(key)?;
        let client = Client::new(&self.client().settings.with_credential(token)?);
        let known_by = tokio::time::Instant::now() + KNOWN_WITHIN;
        loop {
            let service = client.service().await?;
            let asked = service.test_iam_permissions().set_resource(&resource);
            let asked = asked.set_permissions(wanted.iter().chain(forbidden).copied());
            let may = client.answer(key, asked.send()).await?.permissions;
            let has = |permission: &&&str| may.iter().any(|one| one == **permission);
            if let Some(more) = forbidden.iter().find(has) {
                let what = format!("the service account may also {more}, by a role from elsewhere");
                return Err(ProviderError::NotConfigured { what });
            }
            if wanted.iter().filter(has).count() == wanted.len() {
                return Ok(());
            }
            if tokio::time::Instant::now() >= known_by {
                let minutes = KNOWN_WITHIN.as_secs() / 60;
                let what = format!("after {minutes} minutes a role is still not known for {key}");
                return Err(ProviderError::NotConfigured { what });
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

#[async_trait]
impl Administrator for GcpKmsAdministrator {
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
        let account = named(self.accounts.signing.as_deref(), SIGNING_ACCOUNT)?;
        for key in keys {
            self.grant(key, account, &SIGNING_ROLES).await?;
        }
        let token = self.token(account).await?;
        let forbidden = [&RULE[..], &["cloudkms.cryptoKeyVersions.update"]].concat();
        for key in keys {
            self.prove(key, &token, &SIGN, &forbidden).await?;
        }
        Ok(token)
    }

    /// The service has one permission for disabling and enabling: this credential can do both.
    async fn disabling(&self, key: &KeyUri) -> Result<Option<Credential>, ProviderError> {
        let account = named(self.accounts.disabling.as_deref(), DISABLING_ACCOUNT)?;
        let role = named(self.accounts.disabling_role.as_deref(), DISABLING_ROLE)?;
        self.grant(key, account, &[role]).await?;
        let token = self.token(account).await?;
        let forbidden = [&RULE[..], &["cloudkms.cryptoKeyVersions.useToSign"]].concat();
        self.prove(key, &token, &DISABLE, &forbidden).await?;
        Ok(Some(token))
    }
}

/// The name of a key in its ring.
pub(crate) fn name_of(key: &KeyUri) -> Result<String, ProviderError> {
    let reason = "a key is made by its own name: projects/…/cryptoKeys/K, without a version";
    let bad = || ProviderError::BadUri { key: key.clone(), reason };
    let name = Name::parse(key)?;
    let full = name.key(key)?;
    let last = full.rsplit('/').next().filter(|_| name.version().is_none());
    last.map(ToOwned::to_owned).ok_or_else(bad)
}

/// No access token was given.
fn refusal(account: &str, status: u16, said: &Value) -> ProviderError {
    let code = said["error"]["status"].as_str().map(ToOwned::to_owned);
    let code = format!("{SCHEME}:{}", code.unwrap_or_else(|| status.to_string()));
    let message = said["error"]["message"].as_str().unwrap_or_default();
    let message = format!("no access token for {account}: {message}");
    let answer = Box::new(Answer { code, message, request_id: None });
    match status {
        401 | 403 => ProviderError::CredentialRefused { answer },
        _ => ProviderError::Refused { answer },
    }
}

/// What a variable has to say: an account's address, which becomes a part of a path, or a role.
fn named<'a>(told: Option<&'a str>, variable: &str) -> Result<&'a str, ProviderError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.@:".contains(&b);
    let is_account = |told: &str| told.contains('@') && told.bytes().all(plain);
    let is_role = |told: &str| told.contains("/roles/") && variable == DISABLING_ROLE;
    let what = || format!("{variable} names no service account or role of yours (docs/keys.md)");
    told.filter(|told| is_account(told) || is_role(told))
        .ok_or_else(|| ProviderError::NotConfigured { what: what() })
}
