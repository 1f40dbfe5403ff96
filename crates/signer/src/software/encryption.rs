//! Symmetric keys in files: AES-256-GCM, for trying out and for small places.
//!
//! ```text
//! NAME.1.encryption.json     a version's key, sealed under the credential; one file for each
//! NAME.minimum.json          the oldest version that still decrypts
//! ```
//!
//! A ciphertext is `skink:vN:BASE64`. It is bound to the key's name, its version and its context.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::files::{private_dir, read, write_atomic, write_new};
use super::record::{from_json, json};
use super::{SCHEME, damaged};
use crate::credential::Credential;
use crate::encryption::{Context, Encrypted, EncryptionProvider, Plaintext, Shape};
use crate::provider::{Answer, ProviderError};
use crate::sealed::{SealError, SealedBox};
use crate::uri::KeyUri;

/// What is held in memory at once.
const LONGEST: usize = 64 << 20;
const PREFIX: &str = "skink:v";

/// Symmetric software keys in a directory of their own.
pub struct SoftwareEncryption {
    dir: PathBuf,
    credential: Credential,
    opened: Mutex<HashMap<(String, u32), Arc<RandomizedNonceKey>>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Minimum {
    version: u32,
}

/// A name, perhaps with one of its versions.
struct Name {
    name: String,
    version: Option<u32>,
}

impl Name {
    fn parse(uri: &KeyUri) -> Result<Self, ProviderError> {
        let bad = |reason| ProviderError::BadUri { key: uri.clone(), reason };
        if uri.scheme() != SCHEME {
            return Err(bad("it has another scheme"));
        }
        let (name, version) = match uri.name().split_once("?version=") {
            Some((name, version)) => {
                let number = version.parse().ok().filter(|number: &u32| *number > 0);
                (name, Some(number.ok_or_else(|| bad("write ?version=1 or nothing"))?))
            }
            None => (uri.name(), None),
        };
        check(name)?;
        Ok(Self { name: name.to_owned(), version })
    }
}

fn check(name: &str) -> Result<(), ProviderError> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
    if !name.is_empty() && name.len() <= 64 && name.bytes().all(plain) {
        return Ok(());
    }
    Err(ProviderError::BadName { name: name.to_owned() })
}

fn uri(name: &str, version: u32) -> Result<KeyUri, ProviderError> {
    let bad = |_| ProviderError::BadName { name: name.to_owned() };
    KeyUri::new(SCHEME, &format!("{name}?version={version}")).map_err(bad)
}

impl SoftwareEncryption {
    /// The keys in `dir`, which `credential` opens. The directory is made with the first key.
    pub fn new(dir: &Path, credential: Credential) -> Self {
        Self { dir: dir.to_owned(), credential, opened: Mutex::default() }
    }

    fn file(&self, name: &str, version: u32) -> PathBuf {
        self.dir.join(format!("{name}.{version}.encryption.json"))
    }

    fn minimum_file(&self, name: &str) -> PathBuf {
        self.dir.join(format!("{name}.minimum.json"))
    }

    /// The newest version; versions are numbered without gaps.
    fn newest(&self, key: &KeyUri, name: &str) -> Result<u32, ProviderError> {
        let mut newest = 0;
        while self.file(name, newest + 1).exists() {
            newest += 1;
        }
        if newest == 0 { Err(ProviderError::UnknownKey { key: key.clone() }) } else { Ok(newest) }
    }

    fn minimum(&self, name: &str) -> Result<u32, ProviderError> {
        let path = self.minimum_file(name);
        if !path.exists() {
            return Ok(1);
        }
        Ok(from_json::<Minimum>(name, &read(&path)?)?.version)
    }

    fn seal_context(name: &str, version: u32) -> String {
        format!("skink encryption key 1 {name} {version}")
    }

    /// Makes a version's key; says whether there was none.
    async fn make(&self, name: &str, version: u32) -> Result<bool, ProviderError> {
        private_dir(&self.dir)?;
        let path = self.file(name, version);
        let secret = self.credential.clone();
        let context = Self::seal_context(name, version);
        blocking(move || {
            let mut key = Zeroizing::new([0_u8; 32]);
            let failed = |_| ProviderError::Crypto("no randomness");
            aws_lc_rs::rand::fill(key.as_mut()).map_err(failed)?;
            let passphrase = secret.expose().to_owned().into();
            let sealed = SealedBox::seal(key.as_ref(), &passphrase, &context);
            let failed = |_| ProviderError::Crypto("sealing the key");
            write_new(&path, &json(&sealed.map_err(failed)?)?)
        })
        .await
    }

    async fn opened(
        &self,
        uri: &KeyUri,
        name: &str,
        version: u32,
    ) -> Result<Arc<RandomizedNonceKey>, ProviderError> {
        let at = (name.to_owned(), version);
        let known = || self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = known().get(&at) {
            return Ok(Arc::clone(key));
        }
        let path = self.file(name, version);
        if !path.exists() {
            return Err(ProviderError::UnknownKey { key: uri.clone() });
        }
        let sealed: SealedBox = from_json(name, &read(&path)?)?;
        let (secret, context) = (self.credential.clone(), Self::seal_context(name, version));
        let (named, asked) = (name.to_owned(), uri.clone());
        let key = blocking(move || {
            let key = sealed.open(&secret.expose().to_owned().into(), &context);
            let key = key.map_err(|error| match error {
                SealError::DoesNotOpen => ProviderError::WrongCredential { key: asked },
                _ => damaged(&named, "an unreadable key in the file"),
            })?;
            RandomizedNonceKey::new(&AES_256_GCM, &key)
                .map_err(|_| damaged(&named, "a key of another length"))
        })
        .await?;
        let key = Arc::new(key);
        known().insert(at, Arc::clone(&key));
        Ok(key)
    }
}

/// What a ciphertext is bound to.
fn bound(name: &str, version: u32, context: &Context) -> Result<Vec<u8>, ProviderError> {
    let head = format!("skink encryption 1 {name} {version} ");
    Ok([head.as_bytes(), context.bytes(SCHEME)?].concat())
}

/// The version that a ciphertext names, and what follows.
fn parts(ciphertext: &[u8]) -> Option<(u32, &str)> {
    let text = std::str::from_utf8(ciphertext).ok()?;
    let (version, body) = text.strip_prefix(PREFIX)?.split_once(':')?;
    let version = version.parse().ok().filter(|version: &u32| *version > 0)?;
    Some((version, body)).filter(|(_, body)| !body.is_empty())
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ProviderError> + Send + 'static,
) -> Result<T, ProviderError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| ProviderError::Interrupted)?
}

#[async_trait]
impl EncryptionProvider for SoftwareEncryption {
    fn scheme(&self) -> &'static str {
        SCHEME
    }

    fn longest_plaintext(&self) -> usize {
        LONGEST
    }

    async fn create(&self, name: &str) -> Result<KeyUri, ProviderError> {
        check(name)?;
        let uri = uri(name, 1)?;
        if self.make(name, 1).await? { Ok(uri) } else { Err(ProviderError::NameTaken { key: uri }) }
    }

    async fn find(&self, key: &KeyUri) -> Result<KeyUri, ProviderError> {
        let name = Name::parse(key)?;
        let newest = self.newest(key, &name.name)?;
        let version = name.version.unwrap_or(newest);
        if version > newest {
            return Err(ProviderError::UnknownKey { key: key.clone() });
        }
        uri(&name.name, version)
    }

    async fn encrypt_checked(
        &self,
        key: &KeyUri,
        plaintext: &Plaintext,
        context: &Context,
    ) -> Result<Encrypted, ProviderError> {
        let found = self.find(key).await?;
        let Name { name, version } = Name::parse(&found)?;
        let version = version.unwrap_or(1);
        let sealing = self.opened(key, &name, version).await?;
        let mut body = Zeroizing::new(Vec::with_capacity(plaintext.expose().len() + 16));
        body.extend_from_slice(plaintext.expose());
        let bound = Aad::from(bound(&name, version, context)?);
        let nonce = sealing.seal_in_place_append_tag(bound, &mut *body);
        let nonce = nonce.map_err(|_| ProviderError::Crypto("encrypting"))?;
        let bytes = [&nonce.as_ref()[..], &body].concat();
        let ciphertext = format!("{PREFIX}{version}:{}", BASE64.encode(bytes)).into_bytes();
        Ok(Encrypted { ciphertext, key: found, was_current: false })
    }

    async fn decrypt(
        &self,
        key: &KeyUri,
        ciphertext: &[u8],
        context: &Context,
    ) -> Result<Plaintext, ProviderError> {
        let name = Name::parse(key)?;
        let bound_to = |version| bound(&name.name, version, context);
        self.newest(key, &name.name)?;
        let foreign = || ProviderError::ForeignCiphertext { key: key.clone() };
        let (version, body) = parts(ciphertext).ok_or_else(foreign)?;
        if name.version.is_some_and(|wanted| wanted != version) {
            return Err(foreign());
        }
        let bound = bound_to(version)?;
        if version < self.minimum(&name.name)? {
            let mut answer = Answer::of_code(format!("{SCHEME}:Retired"));
            answer.message = format!("version {version} is retired");
            return Err(ProviderError::Refused { answer: answer.into() });
        }
        let opening = match self.opened(key, &name.name, version).await {
            Err(ProviderError::UnknownKey { .. }) => return Err(foreign()),
            opened => opened?,
        };
        let bytes = BASE64.decode(body).map_err(|_| foreign())?;
        let (nonce, body) = bytes.split_first_chunk::<NONCE_LEN>().ok_or_else(foreign)?;
        let mut plain = Zeroizing::new(body.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length = opening.open_in_place(nonce, Aad::from(bound), &mut plain);
        let length = length.map_err(|_| foreign())?.len();
        plain.truncate(length);
        Ok(Plaintext::new(plain))
    }

    fn shape(&self, ciphertext: &[u8]) -> Shape {
        parts(ciphertext).map_or(Shape::None, |(version, _)| Shape::Version(version))
    }

    async fn rotate(&self, key: &KeyUri) -> Result<KeyUri, ProviderError> {
        let name = Name::parse(key)?.name;
        let version = self.newest(key, &name)? + 1;
        let made = uri(&name, version)?;
        // Somebody else rotated it in the same instant.
        if self.make(&name, version).await? {
            Ok(made)
        } else {
            Err(ProviderError::NameTaken { key: made })
        }
    }

    async fn retire(&self, key: &KeyUri) -> Result<(), ProviderError> {
        let Name { name, version } = Name::parse(&self.find(key).await?)?;
        let minimum = Minimum { version: version.unwrap_or(1) };
        write_atomic(&self.minimum_file(&name), &json(&minimum)?)
    }
}

impl std::fmt::Debug for SoftwareEncryption {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SoftwareEncryption").field("dir", &self.dir).finish_non_exhaustive()
    }
}
