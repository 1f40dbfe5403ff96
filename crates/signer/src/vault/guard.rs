//! How a transit key is guarded: what the engine says of it, and what the policies allow.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use skink_model::Time;

use super::VaultProvider;
use super::client::Client;
use super::name::{self, Name};
use super::policy::Policy;
use crate::provider::{
    Ending, Guard, KeyGrant, KeyOrigin, KeyState, Protection, ProviderError, Readable, Told, Untold,
};
use crate::uri::KeyUri;

/// A key of any type; the algorithms that only encrypt are here too.
#[derive(Debug, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "the service's own shape")]
struct AnyKey {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    keys: BTreeMap<String, Value>,
    #[serde(default)]
    latest_version: u32,
    #[serde(default)]
    exportable: bool,
    #[serde(default)]
    allow_plaintext_backup: bool,
    /// `OpenBao` only.
    #[serde(default)]
    soft_deleted: bool,
    #[serde(default)]
    deletion_allowed: bool,
    #[serde(default, rename = "imported_key")]
    imported: bool,
    #[serde(default)]
    auto_rotate_period: Option<u64>,
}

#[derive(Deserialize)]
struct Token {
    #[serde(default)]
    creation_time: i64,
}

/// A policy by its name, if it is understood.
pub(super) type NamedPolicy = (String, Told<Policy>);

/// A policy that no token can do without.
const DEFAULT: &str = "default";

pub(super) async fn of(provider: &VaultProvider, key: &KeyUri) -> Guard {
    let mut guard = Guard::untold("the service does not tell it");
    let name = match Name::parse(key) {
        Ok(name) => name,
        Err(error) => return Guard::untold(&Untold::from(error).0),
    };
    match read(&provider.client, key, &name).await {
        Ok(found) => of_key(&mut guard, &found, name.version),
        Err(error) => guard = Guard::untold(&Untold::from(error).0),
    }
    guard.file_mode = Ok(None);
    guard.grants = grants(provider, &name).await;
    guard.record = record(&provider.client).await;
    guard.record_kept =
        Err(Untold("the service does not tell how long its audit log is kept".to_owned()));
    guard.credential_made = credential_made(&provider.client).await;
    guard
}

async fn read(client: &Client, key: &KeyUri, name: &Name) -> Result<AnyKey, ProviderError> {
    let reply = client.get(&name.path("keys")).await?;
    if reply.is_success() {
        return reply.data();
    }
    Err(client.refusal(key, reply, None).await)
}

fn of_key(guard: &mut Guard, found: &AnyKey, version: Option<u32>) {
    let kind = found.kind.as_str();
    let pair =
        ["ecdsa", "ed25519", "rsa", "ml-dsa", "slh-dsa"].iter().any(|it| kind.starts_with(it));
    let secret = ["aes", "chacha", "xchacha", "hmac"].iter().any(|it| kind.starts_with(it));
    guard.symmetric = match (pair, secret) {
        (true, _) => Ok(false),
        (_, true) => Ok(true),
        _ => Err(Untold(format!("{kind} is a type that is not known here"))),
    };
    guard.algorithm = Ok(found.kind.clone());
    guard.state = Some(if found.soft_deleted { KeyState::Disabled } else { KeyState::Enabled });
    let number = version.unwrap_or(found.latest_version).to_string();
    let created = found.keys.get(&number).and_then(created);
    guard.created = created.ok_or_else(|| Untold(format!("version {number} is not shown")));
    // The engine's own storage; what seals that is not told here.
    guard.protection = Ok(Protection::Software);
    guard.fips_level = Ok(0);
    guard.origin = Ok(if found.imported { KeyOrigin::Imported } else { KeyOrigin::Generated });
    guard.exportable = Ok(match (found.exportable, found.allow_plaintext_backup) {
        (false, false) => Readable::No,
        (true, false) => Readable::ByCall("exportable = true".to_owned()),
        (false, true) => Readable::ByCall("allow_plaintext_backup = true".to_owned()),
        (true, true) => {
            Readable::ByCall("exportable = true, allow_plaintext_backup = true".to_owned())
        }
    });
    // Neither can be taken back once it is set.
    guard.was_exportable = Ok(found.exportable || found.allow_plaintext_backup);
    guard.deletion = Ok(if found.deletion_allowed { Ending::AtOnce } else { Ending::Forbidden });
    let every = found.auto_rotate_period.filter(|seconds| *seconds > 0);
    guard.rotates_every = Ok(every.map(Duration::from_secs));
}

/// Pairs say it as a time, secret keys as seconds.
fn created(version: &Value) -> Option<Time> {
    if let Some(seconds) = version.as_i64() {
        return Some(Time::from_secs(seconds));
    }
    let text = version.get("creation_time")?.as_str()?;
    let at: jiff::Timestamp = text.parse().ok()?;
    Some(Time::from_millis(at.as_millisecond()))
}

async fn record(client: &Client) -> Told<bool> {
    let reply = client.get("sys/audit").await?;
    if !reply.is_success() {
        return Err(Untold::from(reply.failure()));
    }
    let devices: BTreeMap<String, Value> = reply.data()?;
    Ok(!devices.is_empty())
}

async fn credential_made(client: &Client) -> Told<Option<Time>> {
    let reply = client.get("auth/token/lookup-self").await?;
    if !reply.is_success() {
        return Err(Untold::from(reply.failure()));
    }
    let token: Token = reply.data()?;
    Ok(Some(Time::from_secs(token.creation_time)))
}

async fn grants(provider: &VaultProvider, name: &Name) -> Told<Vec<KeyGrant>> {
    let policies = provider.policies.get_or_init(|| policies(&provider.client)).await;
    let policies = policies.as_ref().map_err(Clone::clone)?;
    let mut grants = Vec::new();
    for (who, policy) in policies {
        let policy = policy.as_ref().map_err(Clone::clone)?;
        grants.extend(granted(who, policy, name));
    }
    Ok(grants)
}

/// Every policy of the service by its name. One that is not understood is not passed over.
async fn policies(client: &Client) -> Told<Vec<NamedPolicy>> {
    let reply = client.get("sys/policies/acl?list=true").await?;
    if !reply.is_success() {
        return Err(Untold::from(reply.failure()));
    }
    let names: super::wire::Names = reply.data()?;
    let mut read = Vec::new();
    // What `root` may is written nowhere: everything.
    for name in names.keys.into_iter().filter(|name| name != "root") {
        let policy = policy(client, &name).await;
        read.push((name, policy));
    }
    Ok(read)
}

async fn policy(client: &Client, name: &str) -> Told<Policy> {
    #[derive(Deserialize)]
    struct Text {
        policy: String,
    }
    if !name.split('/').all(name::is_segment) {
        return Err(Untold(format!("the policy {name:?} has a name that is not asked for here")));
    }
    let reply = client.get(&format!("sys/policies/acl/{name}")).await?;
    if !reply.is_success() {
        return Err(Untold::from(reply.failure()));
    }
    let text: Text = reply.data()?;
    Policy::read(&text.policy)
        .ok_or_else(|| Untold(format!("the policy {name} is written in a way not known here")))
}

/// What one policy allows with one key.
fn granted(who: &str, policy: &Policy, name: &Name) -> Option<KeyGrant> {
    const CHANGES: [&str; 3] = ["create", "update", "patch"];
    let (mount, key) = (&name.mount, &name.key);
    let may = |path: &str, wanted: &[&str]| policy.allows(path, wanted);
    let sign = may(&format!("{mount}/sign/{key}"), &CHANGES)
        .or_else(|| may(&format!("{mount}/sign/{key}/sha2-256"), &CHANGES))
        .or_else(|| may(&format!("{mount}/decrypt/{key}"), &CHANGES));
    let keys = format!("{mount}/keys/{key}");
    let exports = ["signing-key", "encryption-key", "hmac-key"];
    let administer = may(&keys, &["delete"])
        .or_else(|| may(&format!("{keys}/config"), &CHANGES))
        .or_else(|| may(&format!("{keys}/rotate"), &CHANGES))
        .or_else(|| may(&format!("{keys}/soft-delete-restore"), &CHANGES))
        .or_else(|| may(&format!("{mount}/backup/{key}"), &["read"]))
        .or_else(|| {
            exports.iter().find_map(|kind| may(&format!("{mount}/export/{kind}/{key}"), &["read"]))
        });
    let path = sign.or(administer)?;
    // It says nothing narrower than the engine.
    let everything = [sign, administer]
        .into_iter()
        .flatten()
        .any(|pattern| pattern.find(['*', '+']).is_some_and(|at| at <= mount.len() + 1));
    let everybody = who == DEFAULT;
    let whole = if everybody { ", which every token has" } else { "" };
    let verb = match (sign.is_some(), administer.is_some()) {
        (true, true) => "sign and administer",
        (true, false) => "sign",
        (false, _) => "administer",
    };
    Some(KeyGrant {
        who: format!("policy {who}{whole}"),
        everybody,
        what: format!("{verb}, by path {path:?}"),
        everything,
        signs: sign.is_some(),
        administers: administer.is_some(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(who: &str, text: &str) -> Option<KeyGrant> {
        let name = Name::parse(&"vault:transit/ca?version=1".parse().unwrap()).unwrap();
        granted(who, &Policy::read(text).unwrap(), &name)
    }

    #[test]
    fn what_a_policy_allows_is_told_and_nothing_else() {
        let signing = r#"path "transit/sign/ca" { capabilities = ["update"] }"#;
        let told = grant("server", signing).unwrap();
        assert!(told.signs && !told.administers && !told.everything && !told.everybody);
        assert!(
            grant("other", r#"path "transit/sign/cb" { capabilities = ["update"] }"#).is_none()
        );
        assert!(grant("look", r#"path "transit/keys/+" { capabilities = ["read"] }"#).is_none());
        let wide = grant("ops", r#"path "transit/*" { capabilities = ["create", "update"] }"#);
        assert!(wide.is_some_and(|it| it.everything && it.signs && it.administers));
        let all = grant("default", r#"path "*" { capabilities = ["update"] }"#).unwrap();
        assert!(all.everybody && all.everything);
        let custody = r#"path "transit/keys/+/soft-delete-restore" { capabilities = ["update"] }"#;
        assert!(grant("custody", custody).is_some_and(|it| it.administers && !it.signs));
        let export = r#"path "transit/export/signing-key/*" { capabilities = ["read"] }"#;
        assert!(grant("export", export).is_some_and(|it| it.administers && !it.everything));
    }
}
