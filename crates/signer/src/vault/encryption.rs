//! Symmetric keys of a transit engine.
//!
//! Traps of the service, met here: encrypting with a key that does not exist makes one, so a key is
//! read before it is first used; `rewrap` knows no associated data and fails as for a forged
//! ciphertext, so what has some is not given to it; a batch answers 200 whatever became of its
//! parts.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::{Zeroize as _, Zeroizing};

use super::client::{Client, Reply};
use super::name::{self, Name};
use super::{SCHEME, VaultSettings};
use crate::encryption::{Context, Encrypted, EncryptionProvider, Plaintext, Shape};
use crate::provider::{Answer, ProviderError};
use crate::uri::KeyUri;

/// What an engine encrypts with associated data. Others are told apart by their type.
const KIND: &str = "aes256-gcm96";
/// Base64 and JSON around it stay below what a server takes by default (32 MiB) and what is read of
/// an answer.
const LONGEST: usize = 4 << 20;
/// Ciphertexts in one call: few enough for the server's time limit.
const BATCH: usize = 100;

/// The symmetric keys of a transit engine, with one credential.
#[derive(Debug)]
pub struct VaultEncryption {
    client: Client,
    mount: String,
    /// Keys that are there, by name.
    known: Mutex<HashSet<String>>,
}

#[derive(Deserialize)]
struct Key {
    #[serde(rename = "type")]
    kind: String,
    /// By number, when each was made.
    keys: BTreeMap<String, Value>,
    latest_version: u32,
    #[serde(default)]
    supports_encryption: bool,
}

#[derive(Deserialize)]
struct Made {
    ciphertext: String,
}

#[derive(Deserialize)]
struct Clear {
    plaintext: String,
}

#[derive(Deserialize)]
struct Batch {
    batch_results: Vec<Part>,
}

#[derive(Deserialize)]
struct Part {
    #[serde(default)]
    ciphertext: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    reference: String,
}

impl VaultEncryption {
    /// A provider for the service and credential in `settings`. Calls nobody yet.
    pub fn new(settings: &VaultSettings) -> Result<Self, ProviderError> {
        let mount = settings.mount.clone();
        name::check_mount(&mount)?;
        Ok(Self { client: Client::new(settings)?, mount, known: Mutex::default() })
    }

    async fn read(&self, uri: &KeyUri, name: &Name) -> Result<Key, ProviderError> {
        let reply = self.client.get(&name.path("keys")).await?;
        if !reply.is_success() {
            return Err(self.client.refusal(uri, reply, None).await);
        }
        let key: Key = reply.data()?;
        if !key.supports_encryption || key.kind.starts_with("rsa") {
            let reason = "it is a key for signatures";
            return Err(ProviderError::BadUri { key: uri.clone(), reason });
        }
        Ok(key)
    }

    /// Refuses a key that is not there: the service would make it.
    async fn must_be_there(&self, uri: &KeyUri, name: &Name) -> Result<(), ProviderError> {
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known().contains(&name.key) {
            return Ok(());
        }
        self.read(uri, name).await?;
        known().insert(name.key.clone());
        Ok(())
    }

    async fn refusal(&self, uri: &KeyUri, reply: Reply) -> ProviderError {
        if reply.status == 400 && FOREIGN.iter().any(|words| reply.says(words)) {
            return ProviderError::ForeignCiphertext { key: uri.clone() };
        }
        self.client.refusal(uri, reply, None).await
    }

    /// A ciphertext that the service made, with the version that it names.
    fn encrypted(name: &Name, text: String) -> Result<Encrypted, ProviderError> {
        let what = "the ciphertext names no version";
        let version = version_named(text.as_bytes());
        let version = version.ok_or(ProviderError::Corrupted { what, request_id: None })?;
        let key = name.uri(version)?;
        Ok(Encrypted { ciphertext: text.into_bytes(), key, was_current: false })
    }
}

#[async_trait]
impl EncryptionProvider for VaultEncryption {
    fn scheme(&self) -> &'static str {
        SCHEME
    }

    fn longest_plaintext(&self) -> usize {
        LONGEST
    }

    async fn create(&self, name: &str) -> Result<KeyUri, ProviderError> {
        let name = Name::new(&self.mount, name)?;
        let uri = name.uri(1)?;
        let found = self.client.get(&name.path("keys")).await?;
        if found.is_success() {
            return Err(ProviderError::NameTaken { key: uri });
        }
        if found.status != 404 {
            return Err(self.client.refusal(&uri, found, None).await);
        }
        let reply = self.client.post(&name.path("keys"), &json!({ "type": KIND })).await?;
        if reply.is_success() {
            return Ok(uri);
        }
        Err(self.client.refusal(&uri, reply, None).await)
    }

    async fn find(&self, key: &KeyUri) -> Result<KeyUri, ProviderError> {
        let name = Name::parse(key)?;
        let found = self.read(key, &name).await?;
        let version = name.version.unwrap_or(found.latest_version);
        if !found.keys.contains_key(&version.to_string()) {
            return Err(ProviderError::UnknownKey { key: key.clone() });
        }
        name.uri(version)
    }

    async fn encrypt_checked(
        &self,
        key: &KeyUri,
        plaintext: &Plaintext,
        context: &Context,
    ) -> Result<Encrypted, ProviderError> {
        let name = Name::parse(key)?;
        let context = context.bytes(SCHEME)?;
        self.must_be_there(key, &name).await?;
        let mut body = json!({ "plaintext": BASE64.encode(plaintext.expose()) });
        if let Some(version) = name.version {
            body["key_version"] = json!(version);
        }
        if !context.is_empty() {
            body["associated_data"] = json!(BASE64.encode(context));
        }
        let sent = self.client.post(&name.path("encrypt"), &body).await;
        if let Some(Value::String(text)) = body.get_mut("plaintext") {
            text.zeroize();
        }
        let reply = sent?;
        if !reply.is_success() {
            return Err(self.refusal(key, reply).await);
        }
        let made: Made = reply.data()?;
        let made = Self::encrypted(&name, made.ciphertext)?;
        let other = name.version.is_some() && Name::parse(&made.key)?.version != name.version;
        if other {
            let (key, answered) = (key.clone(), made.key.to_string());
            return Err(ProviderError::AnotherKey { key, answered, request_id: None });
        }
        Ok(made)
    }

    async fn decrypt(
        &self,
        key: &KeyUri,
        ciphertext: &[u8],
        context: &Context,
    ) -> Result<Plaintext, ProviderError> {
        let name = Name::parse(key)?;
        let context = context.bytes(SCHEME)?;
        let foreign = || ProviderError::ForeignCiphertext { key: key.clone() };
        let named = version_named(ciphertext).ok_or_else(foreign)?;
        if name.version.is_some_and(|version| version != named) {
            return Err(foreign());
        }
        let mut body = json!({ "ciphertext": String::from_utf8_lossy(ciphertext) });
        if !context.is_empty() {
            body["associated_data"] = json!(BASE64.encode(context));
        }
        let reply = self.client.post(&name.path("decrypt"), &body).await?;
        if !reply.is_success() {
            return Err(self.refusal(key, reply).await);
        }
        let Clear { plaintext } = reply.data()?;
        let plaintext = Zeroizing::new(plaintext);
        let what = "the plaintext is no base64";
        let corrupted = |_| ProviderError::Corrupted { what, request_id: None };
        Ok(Plaintext::new(Zeroizing::new(BASE64.decode(&*plaintext).map_err(corrupted)?)))
    }

    fn shape(&self, ciphertext: &[u8]) -> Shape {
        version_named(ciphertext).map_or(Shape::None, Shape::Version)
    }

    /// One key in its versions; `rewrap` knows no associated data.
    fn turns(&self, from: &KeyUri, to: &KeyUri, context: &Context) -> bool {
        let key = |uri| Name::parse(uri).map(|name| (name.mount, name.key)).ok();
        key(from).is_some() && key(from) == key(to) && *context == Context::None
    }

    async fn reencrypt(
        &self,
        ciphertexts: &[&[u8]],
        from: &KeyUri,
        to: &KeyUri,
        _context: &Context,
    ) -> Result<Vec<Result<Encrypted, ProviderError>>, ProviderError> {
        let name = Name::parse(from)?;
        let wanted = Name::parse(to)?.version;
        let mut parts = Vec::with_capacity(ciphertexts.len());
        for (index, ciphertext) in ciphertexts.iter().enumerate() {
            let text = String::from_utf8_lossy(ciphertext);
            let mut part = json!({ "ciphertext": text, "reference": index.to_string() });
            if let Some(version) = wanted {
                part["key_version"] = json!(version);
            }
            parts.push(part);
        }
        let path = name.path("rewrap");
        let reply = self.client.post(&path, &json!({ "batch_input": parts })).await?;
        if !reply.is_success() {
            return Err(self.refusal(from, reply).await);
        }
        let request_id = reply.request_id.clone();
        let batch: Batch = reply.data()?;
        let in_order = |(index, part): (usize, &Part)| part.reference == index.to_string();
        let complete = batch.batch_results.len() == ciphertexts.len();
        if !complete || !batch.batch_results.iter().enumerate().all(in_order) {
            let what = "the batch came back in another order";
            return Err(ProviderError::Corrupted { what, request_id });
        }
        let judged = |part: Part| {
            if !part.error.is_empty() {
                return Err(refused_part(from, part.error));
            }
            let made = Self::encrypted(&name, part.ciphertext)?;
            let version = Name::parse(&made.key)?.version;
            if wanted.is_some() && version != wanted {
                let (key, answered) = (to.clone(), made.key.to_string());
                return Err(ProviderError::AnotherKey { key, answered, request_id: None });
            }
            Ok(made)
        };
        Ok(batch.batch_results.into_iter().map(judged).collect())
    }

    fn batch(&self) -> usize {
        BATCH
    }

    async fn rotate(&self, key: &KeyUri) -> Result<KeyUri, ProviderError> {
        let name = Name::parse(key)?;
        self.read(key, &name).await?;
        let path = format!("{}/rotate", name.path("keys"));
        let reply = self.client.post(&path, &json!({})).await?;
        if !reply.is_success() {
            return Err(self.client.refusal(key, reply, None).await);
        }
        name.uri(self.read(key, &name).await?.latest_version)
    }

    async fn retire(&self, key: &KeyUri) -> Result<(), ProviderError> {
        let name = Name::parse(key)?;
        let version = name.pinned(key)?;
        let found = self.read(key, &name).await?;
        if !found.keys.contains_key(&version.to_string()) {
            return Err(ProviderError::UnknownKey { key: key.clone() });
        }
        let path = format!("{}/config", name.path("keys"));
        let body = json!({ "min_decryption_version": version });
        let reply = self.client.post(&path, &body).await?;
        if reply.is_success() {
            return Ok(());
        }
        Err(self.client.refusal(key, reply, None).await)
    }
}

/// What the service says of ciphertexts that this key never made.
const FOREIGN: [&str; 4] =
    ["message authentication failed", "invalid ciphertext", "illegal base64", "could not decode"];

/// A part of a batch that was refused.
fn refused_part(key: &KeyUri, message: String) -> ProviderError {
    if FOREIGN.iter().any(|words| message.contains(words)) {
        return ProviderError::ForeignCiphertext { key: key.clone() };
    }
    let code = format!("{SCHEME}:400");
    let answer = Box::new(Answer { code, message, request_id: None });
    ProviderError::Refused { answer }
}

/// The version that a ciphertext names: `vault:v3:BASE64`.
fn version_named(ciphertext: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(ciphertext).ok()?;
    let (version, body) = text.strip_prefix("vault:v")?.split_once(':')?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=');
    let number = version.parse().ok().filter(|number: &u32| *number > 0);
    number.filter(|_| !body.is_empty() && body.bytes().all(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ciphertext_names_its_version() {
        assert_eq!(version_named(b"vault:v12:AAAA+/=="), Some(12));
        for bad in ["", "vault:v0:AAAA", "vault:v1:", "vault:v1:a b", "vault:x:AAAA", "rubbish"] {
            assert_eq!(version_named(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(version_named(b"vault:v1:\xff"), None);
    }
}
