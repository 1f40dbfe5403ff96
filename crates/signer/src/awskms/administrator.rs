//! Making what the others need: keys, and sessions with few permissions.

use async_trait::async_trait;
use aws_sdk_sts::types::Credentials;
use serde_json::json;
use skink_x509::KeyAlgorithm;

use super::name::Name;
use super::{KmsProvider, KmsSettings};
use crate::administrator::Administrator;
use crate::credential::Credential;
use crate::provider::{KeyProvider as _, ProviderError, variable};
use crate::uri::KeyUri;

/// The variable that names a role to take on for each credential, for an administrator who has a
/// session himself: the service gives federated sessions to users only.
const ROLE: &str = "SKINK_AWSKMS_ROLE_ARN";
/// How long a user's federated session lives. The service gives 36 hours at most.
const FEDERATED: i32 = 12 * 60 * 60;
/// How long a role's session lives that another session took on; the service gives no more.
const CHAINED: i32 = 60 * 60;
/// The longest name of a session.
const LONGEST_NAME: usize = 32;

/// Acts with a credential that may make keys and sessions: for setting up, and for drills. Nothing
/// that signs ever holds such a credential.
///
/// What it mints are sessions (`sts:GetFederationToken`, or `sts:AssumeRole` with the role that
/// `SKINK_AWSKMS_ROLE_ARN` names) whose policy allows a few calls on a few keys. The service lets
/// them do what both that policy and the administrator's own allow, and ends them after hours.
#[derive(Debug)]
pub struct KmsAdministrator {
    provider: KmsProvider,
    role: Option<String>,
}

impl KmsAdministrator {
    /// The administrator whose credential the environment has, for the region of `key`.
    pub fn of_uri(key: &KeyUri) -> Result<Self, ProviderError> {
        Ok(Self::new(&KmsSettings::of_uri(key, None)?, variable(ROLE)))
    }

    /// The administrator whose credential is in `settings`; with the ARN of a role to take on, if
    /// sessions are to be that role's.
    pub fn new(settings: &KmsSettings, role: Option<String>) -> Self {
        Self { provider: KmsProvider::new(settings), role }
    }

    /// A session that makes these calls on these keys, and no other on any.
    async fn mint(
        &self,
        purpose: &str,
        calls: &[&str],
        keys: &[KeyUri],
    ) -> Result<Credential, ProviderError> {
        let mut pinned = Vec::new();
        for key in keys {
            // A policy names a key by its ARN and in no other way.
            pinned.push(self.provider.find(key).await?);
        }
        let Some(key) = pinned.first() else {
            let what = "a session for no key could do nothing".to_owned();
            return Err(ProviderError::NotConfigured { what });
        };
        let arns: Vec<&str> = pinned.iter().map(KeyUri::name).collect();
        let id = key.name().rsplit('/').next().unwrap_or_default();
        let name: String = format!("skink-{purpose}-{id}").chars().take(LONGEST_NAME).collect();
        let calls: Vec<String> = calls.iter().map(|call| format!("kms:{call}")).collect();
        let statement = json!({ "Effect": "Allow", "Action": calls, "Resource": arns });
        let policy = json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string();
        self.session(key, name, policy).await
    }

    async fn session(
        &self,
        key: &KeyUri,
        name: String,
        policy: String,
    ) -> Result<Credential, ProviderError> {
        let clients = &self.provider.clients;
        let sts = clients.sts(Name::parse(key)?.region()).await;
        let given = if let Some(role) = &self.role {
            let asked = sts.assume_role().role_arn(role).role_session_name(name).policy(policy);
            let given = asked.duration_seconds(CHAINED).send().await;
            given.map_err(|error| clients.refusal(key, error))?.credentials
        } else {
            let asked = sts.get_federation_token().name(name).policy(policy);
            let given = asked.duration_seconds(FEDERATED).send().await;
            given.map_err(|error| clients.refusal(key, error))?.credentials
        };
        let what = "a new session has no credentials";
        given.as_ref().map(written).ok_or(ProviderError::Corrupted { what, request_id: None })
    }
}

#[async_trait]
impl Administrator for KmsAdministrator {
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
        self.mint("sign", &["Sign", "GetPublicKey", "DescribeKey"], keys).await
    }

    async fn disabling(&self, key: &KeyUri) -> Result<Option<Credential>, ProviderError> {
        let calls = ["DisableKey", "DescribeKey"];
        self.mint("disable", &calls, std::slice::from_ref(key)).await.map(Some)
    }
}

/// The name that an alias gives a key; keys have no other.
pub(crate) fn name_of(key: &KeyUri) -> Result<String, ProviderError> {
    let name = Name::parse(key)?;
    let name = name.alias().and_then(|alias| alias.strip_prefix("alias/"));
    let reason = "a key is made by the name of an alias, awskms:alias/NAME";
    let bad = || ProviderError::BadUri { key: key.clone(), reason };
    name.map(ToOwned::to_owned).ok_or_else(bad)
}

/// As a credential is written here.
fn written(given: &Credentials) -> Credential {
    let (id, secret) = (given.access_key_id(), given.secret_access_key());
    Credential::from_text(&format!("{id}:{secret}:{}", given.session_token()))
}
