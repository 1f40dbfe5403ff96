//! Making what the others need: the engine, and one token for each of them.

use serde_json::json;

use super::client::Client;
use super::name::{self, Name};
use super::{SCHEME, VaultSettings};
use crate::credential::Credential;
use crate::provider::ProviderError;
use crate::uri::KeyUri;

/// How long a token lives from its making and from each renewal: as long as a recovery kit. Some of
/// these lie sealed, where nobody renews them.
const LIFE: &str = "17520h";

/// Acts with a token that may make policies and tokens: for setting up, and for drills. Nothing
/// that signs ever holds such a token.
#[derive(Debug)]
pub struct VaultAdministrator {
    client: Client,
    mount: String,
}

impl VaultAdministrator {
    /// The administrator whose token is in `settings`.
    pub fn new(settings: &VaultSettings) -> Result<Self, ProviderError> {
        let mount = settings.mount.clone();
        name::check_mount(&mount)?;
        Ok(Self { client: Client::new(settings)?, mount })
    }

    /// Mounts the transit engine, if it is not there.
    pub async fn mount_engine(&self) -> Result<(), ProviderError> {
        let path = format!("sys/mounts/{}", self.mount);
        let reply = self.client.post(&path, &json!({ "type": "transit" })).await?;
        if reply.is_success() || reply.says("path is already in use") {
            return Ok(());
        }
        Err(reply.failure())
    }

    /// A token that looks, and signs with these keys only; with every key if none is named. It can
    /// neither make, disable, enable nor destroy a key. Its permissions are the policy `policy`,
    /// made here, and nothing else.
    pub async fn mint_signing(
        &self,
        policy: &str,
        keys: &[KeyUri],
    ) -> Result<Credential, ProviderError> {
        let mount = &self.mount;
        let mut rules = format!(
            "path \"{mount}/keys\" {{ capabilities = [\"list\", \"read\"] }}\n\
             path \"{mount}/keys/+\" {{ capabilities = [\"read\"] }}\n\
             path \"{mount}/verify/*\" {{ capabilities = [\"update\"] }}\n"
        );
        let every = keys.is_empty().then(|| Ok("*".to_owned()));
        let named = keys.iter().map(|key| Name::parse(key).map(|name| name.key));
        for name in named.chain(every) {
            let path = format!("{mount}/sign/{}", name?);
            rules.extend(["path \"", &path, "\" { capabilities = [\"update\"] }\n"]);
        }
        self.mint(policy, &rules).await
    }

    /// A token that disables `key` and does nothing else: it cannot take that back, and so may lie
    /// where a server finds it when an incident comes to it.
    pub async fn mint_disabling(
        &self,
        policy: &str,
        key: &KeyUri,
    ) -> Result<Credential, ProviderError> {
        let path = Name::parse(key)?.path("keys");
        let rules = format!(
            "path \"{path}\" {{ capabilities = [\"read\"] }}\n\
             path \"{path}/soft-delete\" {{ capabilities = [\"delete\"] }}\n"
        );
        self.mint(policy, &rules).await
    }

    /// A token that disables and enables keys and does nothing else: for an approver, or sealed.
    /// It may change `signing_policy` too, which is how a Vault without soft deletion is told.
    pub async fn mint_custody(
        &self,
        policy: &str,
        signing_policy: &str,
    ) -> Result<Credential, ProviderError> {
        let mount = &self.mount;
        let update = "{ capabilities = [\"create\", \"update\", \"delete\"] }";
        let rules = format!(
            "path \"{mount}/keys/+\" {{ capabilities = [\"read\"] }}\n\
             path \"{mount}/keys/+/soft-delete\" {update}\n\
             path \"{mount}/keys/+/soft-delete-restore\" {update}\n\
             path \"sys/policies/acl/{signing_policy}\" \
             {{ capabilities = [\"read\", \"update\"] }}\n"
        );
        self.mint(policy, &rules).await
    }

    async fn mint(&self, policy: &str, rules: &str) -> Result<Credential, ProviderError> {
        if !name::is_segment(policy) {
            let what = format!("{policy:?} is no policy's name");
            return Err(ProviderError::NotConfigured { what });
        }
        let path = format!("sys/policies/acl/{policy}");
        let written = self.client.post(&path, &json!({ "policy": rules })).await?;
        if !written.is_success() {
            return Err(written.failure());
        }
        let asked = json!({ "policies": [policy], "no_parent": true, "period": LIFE });
        let reply = self.client.post("auth/token/create", &asked).await?;
        let token = reply.token.as_ref().map(|token| Credential::from_text(token));
        token.ok_or_else(|| {
            reply.answered(|mut answer| {
                answer.code = format!("{SCHEME}:no-token");
                ProviderError::Refused { answer }
            })
        })
    }
}
