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

/// How often a policy is written until it says what it was told.
const TRIES: u32 = 8;

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

#[derive(Deserialize)]
struct Policy {
    policy: String,
    /// `OpenBao` only.
    #[serde(default)]
    version: Option<u64>,
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

    async fn policy(&self, key: &KeyUri) -> Result<Policy, ProviderError> {
        let reply = self.client.get(&self.path()).await?;
        match reply.status {
            200 => reply.data(),
            404 => Err(ProviderError::NotConfigured {
                what: format!("the service has no policy {:?}", self.policy),
            }),
            _ => Err(self.client.refusal(key, reply, None).await),
        }
    }

    /// Changes the rules until they are as `change` wants them; it gives none where they are.
    async fn change(
        &self,
        key: &KeyUri,
        change: impl Fn(&str) -> Option<String> + Send,
    ) -> Result<(), ProviderError> {
        for _ in 0..TRIES {
            let now = self.policy(key).await?;
            let Some(rules) = change(&now.policy) else { return Ok(()) };
            // By its version OpenBao refuses to write over what somebody else wrote meanwhile.
            let written = match now.version {
                Some(version) => json!({ "policy": rules, "cas": version }),
                None => json!({ "policy": rules }),
            };
            let reply = self.client.post(&self.path(), &written).await?;
            if !reply.says("check-and-set") {
                done(&self.client, key, reply).await?;
            }
        }
        Err(ProviderError::NotConfigured {
            what: format!("somebody else goes on changing the policy {:?}", self.policy),
        })
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
        let denial = denial(&Name::parse(key)?);
        let add = |rules: &str| {
            (!rules.contains(&denial)).then(|| format!("{}\n{denial}", rules.trim_end()))
        };
        self.change(key, add).await
    }

    async fn enable(&self, key: &KeyUri) -> Result<(), ProviderError> {
        exists(&self.client, key).await?;
        let denial = denial(&Name::parse(key)?);
        let take = |rules: &str| rules.contains(&denial).then(|| rules.replace(&denial, ""));
        self.change(key, take).await
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
    let name = Name::parse(key)?;
    let reply = client.get(&name.path("keys")).await?;
    if !reply.is_success() {
        return Err(client.refusal(key, reply, None).await);
    }
    let found: super::wire::Key = reply.data()?;
    found.shows(key, name.version.unwrap_or(1)).map(drop)
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
