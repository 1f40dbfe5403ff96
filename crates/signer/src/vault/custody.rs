//! Stopping a key with a token that does not sign.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::json;

use super::client::{Client, Reply};
use super::name::Name;
use super::{SCHEME, VaultSettings};
use crate::custody::Custody;
use crate::provider::ProviderError;
use crate::uri::KeyUri;

/// `OpenBao`: the key itself is marked deleted, and refuses every credential until it is restored.
#[derive(Debug)]
pub struct SoftDeleteCustody {
    client: Client,
}

impl SoftDeleteCustody {
    /// Custody with the token in `settings`.
    pub fn new(settings: &VaultSettings) -> Result<Self, ProviderError> {
        Ok(Self { client: Client::new(settings)? })
    }
}

#[async_trait]
impl Custody for SoftDeleteCustody {
    fn scheme(&self) -> &'static str {
        SCHEME
    }

    async fn disable(&self, key: &KeyUri) -> Result<(), ProviderError> {
        exists(&self.client, key).await?;
        soft_delete(&self.client, key).await
    }

    async fn enable(&self, key: &KeyUri) -> Result<(), ProviderError> {
        // The service restores what never was, and says so with 200.
        exists(&self.client, key).await?;
        let path = format!("{}/soft-delete-restore", Name::parse(key)?.path("keys"));
        let reply = self.client.post(&path, &json!({})).await?;
        done(&self.client, key, reply).await
    }
}

/// HashiCorp Vault has no call that stops a key. What stops is the policy of those who sign: this
/// adds a denial for the key to it, which beats every permission, and takes it out again.
///
/// It stops those who have that policy, and nobody else: give the permission to sign by no other.
#[derive(Debug)]
pub struct PolicyCustody {
    client: Client,
    policy: String,
}

impl PolicyCustody {
    /// Custody with the token in `settings`, over those whose permission to sign is `policy`.
    pub fn new(settings: &VaultSettings, policy: &str) -> Result<Self, ProviderError> {
        Ok(Self { client: Client::new(settings)?, policy: policy.to_owned() })
    }

    async fn rules(&self, key: &KeyUri) -> Result<String, ProviderError> {
        #[derive(Deserialize)]
        struct Policy {
            policy: String,
        }
        let reply = self.client.get(&self.path()).await?;
        match reply.status {
            200 => Ok(reply.data::<Policy>()?.policy),
            404 => Err(ProviderError::NotConfigured {
                what: format!("the service has no policy {:?}", self.policy),
            }),
            _ => Err(self.client.refusal(key, reply, None).await),
        }
    }

    async fn replace(&self, key: &KeyUri, rules: &str) -> Result<(), ProviderError> {
        let reply = self.client.post(&self.path(), &json!({ "policy": rules })).await?;
        done(&self.client, key, reply).await
    }

    fn path(&self) -> String {
        format!("sys/policies/acl/{}", self.policy)
    }
}

#[async_trait]
impl Custody for PolicyCustody {
    fn scheme(&self) -> &'static str {
        SCHEME
    }

    async fn disable(&self, key: &KeyUri) -> Result<(), ProviderError> {
        exists(&self.client, key).await?;
        let (denial, rules) = (denial(&Name::parse(key)?), self.rules(key).await?);
        if rules.contains(&denial) {
            return Ok(());
        }
        self.replace(key, &format!("{}\n{denial}", rules.trim_end())).await
    }

    async fn enable(&self, key: &KeyUri) -> Result<(), ProviderError> {
        exists(&self.client, key).await?;
        let (denial, rules) = (denial(&Name::parse(key)?), self.rules(key).await?);
        if !rules.contains(&denial) {
            return Ok(());
        }
        self.replace(key, &rules.replace(&denial, "")).await
    }
}

/// The paths under which a key signs; all its versions sign under the same.
fn denial(name: &Name) -> String {
    let path = name.path("sign");
    let deny = "{ capabilities = [\"deny\"] }";
    format!("path \"{path}\" {deny}\npath \"{path}/*\" {deny}\n")
}

/// What does not exist is not disabled: a mistyped name must not look contained.
async fn exists(client: &Client, key: &KeyUri) -> Result<(), ProviderError> {
    let reply = client.get(&Name::parse(key)?.path("keys")).await?;
    done(client, key, reply).await
}

pub(super) async fn soft_delete(client: &Client, key: &KeyUri) -> Result<(), ProviderError> {
    let path = format!("{}/soft-delete", Name::parse(key)?.path("keys"));
    let reply = client.delete(&path).await?;
    // Vault has no such path, and says so in these words.
    let lacking = matches!(reply.status, 404 | 405) && reply.says("unsupported");
    if lacking {
        return Err(ProviderError::Unsupported { scheme: SCHEME, call: "soft-delete" });
    }
    done(client, key, reply).await
}

async fn done(client: &Client, key: &KeyUri, reply: Reply) -> Result<(), ProviderError> {
    if reply.is_success() { Ok(()) } else { Err(client.refusal(key, reply, None).await) }
}
