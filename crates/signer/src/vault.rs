//! HashiCorp Vault and OpenBao: keys of a transit engine.
//!
//! A key is named `vault:MOUNT/NAME?version=N`. Without a version a URI means the newest one, which
//! changes when somebody rotates the key: [`KeyProvider::find`] pins it, and nothing is signed by a
//! name that is not pinned.
//!
//! Traps of the services, met here: Ed25519 ignores `prehashed` in silence, so it is never sent a
//! digest; ECDSA signs a digest of any length, so lengths are checked before; an Ed25519 public key
//! comes as raw base64; making a key that exists succeeds and changes nothing; a rotated key goes
//! on under the same name.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;
use skink_x509::{KeyAlgorithm, PublicKey, SignatureAlgorithm};
use tokio::sync::OnceCell;

mod administrator;
mod client;
mod custody;
mod encryption;
mod guard;
mod name;
mod policy;
mod settings;
mod together;
mod wire;

use self::client::Client;
use self::name::Name;
use self::together::{Kind, Signing};
use self::wire::{Key, Verdict};
use crate::provider::{
    Answer, Guard, KeyAttributes, KeyOrigin, KeyPage, KeyProvider, KeyState, PageToken, Protection,
    ProviderError, ProviderSignature, ToSign, Told,
};
use crate::uri::KeyUri;
use crate::verify::{digest_of, fits, hash};

pub use administrator::VaultAdministrator;
pub use custody::{PolicyCustody, SoftDeleteCustody};
pub use encryption::VaultEncryption;
pub use settings::VaultSettings;

/// The name of a key within its engine.
pub(crate) fn name_of(key: &KeyUri) -> Result<String, ProviderError> {
    Name::parse(key).map(|name| name.key)
}

const SCHEME: &str = "vault";

/// The keys of a transit engine, with one credential.
#[derive(Debug)]
pub struct VaultProvider {
    client: Arc<Client>,
    signing: Arc<Signing>,
    mount: String,
    /// What pinned keys are: they never change.
    known: Mutex<HashMap<KeyUri, KeyAlgorithm>>,
    /// What its policies say, read once: for a look at how keys are guarded, not for signing.
    policies: OnceCell<Told<Vec<guard::NamedPolicy>>>,
}

impl VaultProvider {
    /// A provider for the service and credential in `settings`. Calls nobody yet.
    pub fn new(settings: &VaultSettings) -> Result<Self, ProviderError> {
        let mount = settings.mount.clone();
        name::check_mount(&mount)?;
        let client = Arc::new(Client::new(settings)?);
        let signing = Signing::new(Arc::clone(&client));
        Ok(Self { client, signing, mount, known: Mutex::default(), policies: OnceCell::new() })
    }

    async fn read(&self, uri: &KeyUri, name: &Name) -> Result<Key, ProviderError> {
        let reply = self.client.get(&name.path("keys")).await?;
        if reply.is_success() {
            return reply.data();
        }
        Err(self.client.refusal(uri, reply, None).await)
    }

    /// The key's algorithm, remembered: it is what stands between a caller's mistake and a service
    /// that signs whatever it is sent.
    async fn algorithm(&self, uri: &KeyUri, name: &Name) -> Result<KeyAlgorithm, ProviderError> {
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(algorithm) = known().get(uri) {
            return Ok(*algorithm);
        }
        let algorithm = self.read(uri, name).await?.algorithm()?;
        known().insert(uri.clone(), algorithm);
        Ok(algorithm)
    }

    /// What the service is to sign or verify, in base64: a digest, but for Ed25519.
    async fn input(
        &self,
        uri: &KeyUri,
        name: &Name,
        asked: SignatureAlgorithm,
        to_sign: ToSign<'_>,
    ) -> Result<String, ProviderError> {
        let has = self.algorithm(uri, name).await?;
        if !fits(has, asked) {
            return Err(ProviderError::WrongAlgorithm { key: uri.clone(), has, asked });
        }
        if let Some(hash) = hash(asked) {
            return Ok(BASE64.encode(digest_of(hash, to_sign)));
        }
        let (ToSign::Message(message) | ToSign::Digest(message)) = to_sign;
        Ok(BASE64.encode(message))
    }
}

#[async_trait]
impl KeyProvider for VaultProvider {
    fn scheme(&self) -> &'static str {
        SCHEME
    }

    /// The service makes nothing and says nothing where the name is taken; so it is asked first.
    /// Two that create the same name in the same instant get the same key.
    async fn create(&self, name: &str, algorithm: KeyAlgorithm) -> Result<KeyUri, ProviderError> {
        let name = Name::new(&self.mount, name)?;
        let uri = name.uri(1)?;
        let found = self.client.get(&name.path("keys")).await?;
        if found.is_success() {
            return Err(ProviderError::NameTaken { key: uri });
        }
        if found.status != 404 {
            return Err(self.client.refusal(&uri, found, None).await);
        }
        let kind = wire::kind(algorithm).ok_or(ProviderError::UnsupportedAlgorithm(algorithm))?;
        let reply = self.client.post(&name.path("keys"), &json!({ "type": kind })).await?;
        if !reply.is_success() {
            return Err(self.client.refusal(&uri, reply, None).await);
        }
        Ok(uri)
    }

    async fn find(&self, key: &KeyUri) -> Result<KeyUri, ProviderError> {
        let name = Name::parse(key)?;
        let found = self.read(key, &name).await?;
        let version = name.version.unwrap_or(found.latest_version);
        found.version(key, version)?;
        name.uri(version)
    }

    async fn public_key(&self, key: &KeyUri) -> Result<PublicKey, ProviderError> {
        let name = Name::parse(key)?;
        let found = self.read(key, &name).await?;
        found.public_key(key, name.version.unwrap_or(found.latest_version))
    }

    async fn sign_checked(
        &self,
        key: &KeyUri,
        algorithm: SignatureAlgorithm,
        to_sign: ToSign<'_>,
    ) -> Result<ProviderSignature, ProviderError> {
        let name = Name::parse(key)?;
        name.pinned(key)?;
        let input = self.input(key, &name, algorithm, to_sign).await;
        let input = input.map_err(ProviderError::before_signing)?;
        self.signing.sign(Kind { key: key.clone(), algorithm }, input).await
    }

    async fn verify(
        &self,
        key: &KeyUri,
        algorithm: SignatureAlgorithm,
        signed: ToSign<'_>,
        signature: &[u8],
    ) -> Result<bool, ProviderError> {
        signed.check(algorithm)?;
        let name = Name::parse(key)?;
        let version = name.pinned(key)?;
        let input = self.input(key, &name, algorithm, signed).await?;
        let mut body = wire::how(algorithm);
        body["input"] = json!(input);
        body["signature"] = json!(format!("vault:v{version}:{}", BASE64.encode(signature)));
        let reply = self.client.post(&name.path("verify"), &body).await?;
        if reply.is_success() {
            return Ok(reply.data::<Verdict>()?.valid);
        }
        Err(self.client.refusal(key, reply, None).await)
    }

    /// A key that this credential is not allowed to sign with counts as disabled.
    async fn state(&self, key: &KeyUri) -> Result<KeyState, ProviderError> {
        let name = Name::parse(key)?;
        let found = self.read(key, &name).await?;
        if found.soft_deleted {
            return Ok(KeyState::Disabled);
        }
        if !found.shows(key, name.version.unwrap_or(found.latest_version))? {
            return Ok(KeyState::Disabled);
        }
        let denied = self.client.is_denied(&name.path("sign")).await?;
        Ok(if denied { KeyState::Disabled } else { KeyState::Enabled })
    }

    async fn attributes(&self, key: &KeyUri) -> Result<KeyAttributes, ProviderError> {
        let name = Name::parse(key)?;
        let (state, found) = (self.state(key).await?, self.read(key, &name).await?);
        let number = name.version.unwrap_or(found.latest_version);
        let version = found.version(key, number)?;
        Ok(KeyAttributes {
            // The engine's own storage; what seals that is not told here.
            protection: Some(Protection::Software),
            created: version.created(),
            origin: Some(if found.imported { KeyOrigin::Imported } else { KeyOrigin::Generated }),
            exportable: Some(found.exportable || found.allow_plaintext_backup),
            version: Some(number.to_string()),
            ..KeyAttributes::new(found.algorithm()?, state)
        })
    }

    async fn guard(&self, key: &KeyUri) -> Guard {
        guard::of(self, key).await
    }

    /// By soft deletion, if this credential may: better that it may not, and a custody does it.
    async fn disable(&self, key: &KeyUri) -> Result<(), ProviderError> {
        custody::soft_delete(&self.client, key).await
    }

    async fn versions(&self, key: &KeyUri) -> Result<Vec<KeyUri>, ProviderError> {
        let name = Name::parse(key)?;
        self.read(key, &name).await?.versions().into_iter().map(|number| name.uri(number)).collect()
    }

    async fn rotate(&self, key: &KeyUri) -> Result<KeyUri, ProviderError> {
        let name = Name::parse(key)?;
        let path = format!("{}/rotate", name.path("keys"));
        let reply = self.client.post(&path, &json!({})).await?;
        if !reply.is_success() {
            return Err(self.client.refusal(key, reply, None).await);
        }
        let found = self.read(key, &name).await?;
        name.uri(found.latest_version)
    }

    /// Every version goes, and the service forgets the name.
    async fn destroy(&self, key: &KeyUri) -> Result<(), ProviderError> {
        let name = Name::parse(key)?;
        let path = name.path("keys");
        let allowing = json!({ "deletion_allowed": true });
        let allowed = self.client.post(&format!("{path}/config"), &allowing).await?;
        if !allowed.is_success() {
            return Err(self.client.refusal(key, allowed, None).await);
        }
        let reply = self.client.delete(&path).await?;
        if reply.is_success() {
            return Ok(());
        }
        Err(self.client.refusal(key, reply, None).await)
    }

    /// The service gives all names at once; each is named by its newest version.
    async fn list_page(
        &self,
        after: Option<&PageToken>,
        limit: u16,
    ) -> Result<KeyPage, ProviderError> {
        let reply = self.client.get(&format!("{}/keys?list=true", self.mount)).await?;
        let names: Vec<String> = match reply.status {
            404 => Vec::new(),
            200 => reply.data::<wire::Names>()?.keys,
            _ => return Err(reply.failure()),
        };
        let mut uris = Vec::with_capacity(names.len());
        for name in names {
            uris.extend(Name::new(&self.mount, &name).and_then(|name| name.unpinned()).ok());
        }
        Ok(KeyPage::of(uris, after, limit))
    }
}

/// The service's answer to a call about a key that is not enabled.
fn disabled(key: &KeyUri, code: &str, mut answer: Box<Answer>) -> ProviderError {
    answer.code = format!("{SCHEME}:{code}");
    ProviderError::Disabled { key: key.clone(), answer }
}
