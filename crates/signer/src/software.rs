//! Keys in files: PKCS#8, encrypted (PBES2: scrypt and AES-256-CBC), one file for each key.
//!
//! ```text
//! provider.json         the public half of the enabling credential
//! NAME.state.json       algorithm, public key, state; read at every signature
//! NAME.key.pem          the encrypted key, while it may sign
//! NAME.disabled.json    the same file, sealed for the enabling credential, while it may not
//! ```
//!
//! Disabling takes the key file away and leaves it sealed for a credential that is not on this
//! machine, so that whoever holds the signing credential cannot take the disabling back.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use skink_x509::{KeyAlgorithm, PublicKey, SignatureAlgorithm};

mod encryption;
mod files;
mod guard;
mod material;
mod record;

pub use self::encryption::SoftwareEncryption;
use self::files::{Stamp, read, remove, write_atomic, write_new};
use self::material::Material;
use self::record::{Record, Standing, Wrapping};
use crate::credential::Credential;
use crate::custody::Custody;
use crate::provider::{
    Answer, Guard, KeyAttributes, KeyOrigin, KeyPage, KeyProvider, KeyState, PageToken, Protection,
    ProviderError, ProviderSignature, ToSign,
};
use crate::sealed::{Envelope, OpeningKey, SealingKey};
use crate::uri::KeyUri;
use crate::verify::VerifyingKey;

const SCHEME: &str = "software";
const PROVIDER_FILE: &str = "provider.json";
const DISABLED_CODE: &str = "software:KeyDisabled";

/// What alone can enable a disabled software key. Keep it off the machine that signs.
#[derive(Debug)]
pub struct EnablingCredential(OpeningKey);

impl EnablingCredential {
    /// The credential as text, for the place it is kept in.
    pub fn expose(&self) -> zeroize::Zeroizing<String> {
        self.0.expose()
    }

    /// Reads the text back.
    pub fn from_text(text: &str) -> Result<Self, ProviderError> {
        OpeningKey::from_text(text)
            .map(Self)
            .map_err(|_| ProviderError::Crypto("the text is no enabling credential"))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProviderFile {
    version: u32,
    enabling_key: SealingKey,
}

/// Software keys in a directory of their own.
pub struct SoftwareProvider {
    dir: PathBuf,
    credential: Credential,
    enabling_key: SealingKey,
    /// Parsed keys; a key's state on disk is consulted before it is used all the same.
    opened: Mutex<HashMap<KeyUri, Arc<Material>>>,
    /// Held while a key file is decrypted, which is dear on purpose: once for all who wait for it.
    opening: tokio::sync::Mutex<()>,
    /// Records as they were read, each for as long as its file is the same.
    records: Mutex<HashMap<KeyUri, (Stamp, Record)>>,
}

impl SoftwareProvider {
    /// Makes the directory (0700) of a new provider whose keys `credential` will open. The
    /// credential that can enable disabled keys is handed out here and nowhere else.
    pub fn init(
        dir: &Path,
        credential: Credential,
    ) -> Result<(Self, EnablingCredential), ProviderError> {
        files::private_dir(dir)?;
        let opening = OpeningKey::generate()
            .map_err(|_| ProviderError::Crypto("no enabling credential could be made"))?;
        let file = ProviderFile { version: 1, enabling_key: opening.sealing_key() };
        let taken = ProviderError::Damaged {
            name: dir.display().to_string(),
            what: "a key provider is already there instead of",
        };
        if !write_new(&dir.join(PROVIDER_FILE), &record::json(&file)?)? {
            return Err(taken);
        }
        Ok((Self::with(dir, credential, file.enabling_key), EnablingCredential(opening)))
    }

    /// Opens the directory that [`SoftwareProvider::init`] made.
    pub fn open(dir: &Path, credential: Credential) -> Result<Self, ProviderError> {
        let bytes = read(&dir.join(PROVIDER_FILE))?;
        let file: ProviderFile = record::from_json(PROVIDER_FILE, &bytes)?;
        if file.version != 1 {
            return Err(damaged(PROVIDER_FILE, "an unknown version"));
        }
        Ok(Self::with(dir, credential, file.enabling_key))
    }

    fn with(dir: &Path, credential: Credential, enabling_key: SealingKey) -> Self {
        Self {
            dir: dir.to_owned(),
            credential,
            enabling_key,
            opened: Mutex::default(),
            opening: tokio::sync::Mutex::default(),
            records: Mutex::default(),
        }
    }

    /// Makes a standby key under a credential of its own, which is handed out here and nowhere
    /// else. Until [`SoftwareProvider::lock`] or the end of the process it signs (its request, its
    /// long CRL); afterwards not before [`SoftwareProvider::adopt`].
    pub async fn create_standby(
        &self,
        name: &str,
        algorithm: KeyAlgorithm,
    ) -> Result<(KeyUri, Credential), ProviderError> {
        let credential = Credential::generate()
            .map_err(|_| ProviderError::Crypto("no credential could be made"))?;
        let key = self.make(name, algorithm, credential.clone(), Wrapping::Own).await?;
        Ok((key, credential))
    }

    /// Forgets a standby key that is still open.
    pub fn lock(&self, key: &KeyUri) {
        self.opened().remove(key);
    }

    /// Takes a standby key into use: from now on the provider's own credential opens it.
    pub async fn adopt(&self, key: &KeyUri, credential: &Credential) -> Result<(), ProviderError> {
        let record = self.record(key)?;
        self.ready(key, record.standing)?;
        if record.wrapping == Wrapping::Provider {
            return Ok(());
        }
        let material = match self.decrypt(key, &record, credential.clone()).await {
            // A crash between the two writes below leaves the file under the provider's credential
            // and the record behind it.
            Err(ProviderError::WrongCredential { .. }) => {
                self.decrypt(key, &record, self.credential.clone()).await?
            }
            decrypted => decrypted?,
        };
        let pem = material.wrap(self.credential.clone()).await?;
        let _changing = self.changing()?;
        // Somebody may have disabled it since it was read, and that is not taken back.
        let record = self.record(key)?;
        self.ready(key, record.standing)?;
        write_atomic(&self.path(key, "key.pem"), pem.as_bytes())?;
        self.save(key, &Record { wrapping: Wrapping::Provider, ..record })?;
        self.opened().insert(key.clone(), Arc::new(material));
        Ok(())
    }

    /// Enables a disabled key. Takes the credential that [`SoftwareProvider::init`] handed out.
    pub fn enable(
        &self,
        key: &KeyUri,
        credential: &EnablingCredential,
    ) -> Result<(), ProviderError> {
        let _changing = self.changing()?;
        let record = self.record(key)?;
        match record.standing {
            Standing::Enabled => return Ok(()),
            Standing::Destroyed => return Err(ProviderError::Destroyed { key: key.clone() }),
            Standing::Disabled => {}
        }
        let sealed = read(&self.path(key, "disabled.json"))?;
        let envelope: Envelope = record::from_json(key.name(), &sealed)?;
        let pem = credential
            .0
            .open(&envelope, key.as_str().as_bytes())
            .map_err(|_| ProviderError::EnablingRefused { key: key.clone() })?;
        write_atomic(&self.path(key, "key.pem"), &pem)?;
        self.save(key, &Record { standing: Standing::Enabled, ..record })?;
        remove(&self.path(key, "disabled.json"))
    }

    async fn make(
        &self,
        name: &str,
        algorithm: KeyAlgorithm,
        credential: Credential,
        wrapping: Wrapping,
    ) -> Result<KeyUri, ProviderError> {
        let key = named(name)?;
        let recorded = self.path(&key, "state.json");
        if recorded.exists() {
            return Err(ProviderError::NameTaken { key });
        }
        let material = Material::generate(algorithm).await?;
        let pem = material.wrap(credential).await?;
        let record = Record::new(algorithm, material.spki(), wrapping);
        let _changing = self.changing()?;
        // Another has come first since: his key file stays as it is.
        if recorded.exists() {
            return Err(ProviderError::NameTaken { key });
        }
        write_atomic(&self.path(&key, "key.pem"), pem.as_bytes())?;
        self.save(&key, &record)?;
        self.opened().insert(key.clone(), Arc::new(material));
        Ok(key)
    }

    async fn material(&self, key: &KeyUri) -> Result<Arc<Material>, ProviderError> {
        let record = self.record(key)?;
        self.ready(key, record.standing)?;
        if let Some(material) = self.opened().get(key) {
            return Ok(Arc::clone(material));
        }
        if record.wrapping == Wrapping::Own {
            return Err(ProviderError::Locked { key: key.clone() });
        }
        let _one_at_a_time = self.opening.lock().await;
        if let Some(material) = self.opened().get(key) {
            return Ok(Arc::clone(material));
        }
        // Whoever waited may have waited for long.
        let record = self.record(key)?;
        self.ready(key, record.standing)?;
        let material = Arc::new(self.decrypt(key, &record, self.credential.clone()).await?);
        self.opened().insert(key.clone(), Arc::clone(&material));
        Ok(material)
    }

    async fn decrypt(
        &self,
        key: &KeyUri,
        record: &Record,
        credential: Credential,
    ) -> Result<Material, ProviderError> {
        let pem = read(&self.path(key, "key.pem"))?;
        let material = Material::unwrap(key, record.algorithm()?, pem, credential).await?;
        if material.spki() != record.spki(key.name())? {
            return Err(damaged(key.name(), "another key than recorded in the file"));
        }
        Ok(material)
    }

    fn ready(&self, key: &KeyUri, standing: Standing) -> Result<(), ProviderError> {
        match standing {
            Standing::Enabled => Ok(()),
            Standing::Disabled => {
                self.opened().remove(key);
                let answer = Box::new(Answer::of_code(DISABLED_CODE));
                Err(ProviderError::Disabled { key: key.clone(), answer })
            }
            Standing::Destroyed => {
                self.opened().remove(key);
                Err(ProviderError::Destroyed { key: key.clone() })
            }
        }
    }

    fn record(&self, key: &KeyUri) -> Result<Record, ProviderError> {
        if key.scheme() != SCHEME || named(key.name()).is_err() {
            return Err(ProviderError::UnknownKey { key: key.clone() });
        }
        let path = self.path(key, "state.json");
        let stamp = Stamp::of(&path);
        let known = || self.records.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(stamp), Some((read, record))) = (&stamp, known().get(key))
            && stamp == read
        {
            return Ok(record.clone());
        }
        match read(&path) {
            Ok(bytes) => {
                let record: Record = record::from_json(key.name(), &bytes)?;
                // Of before the reading: what was written meanwhile is read again.
                if let Some(stamp) = stamp {
                    known().insert(key.clone(), (stamp, record.clone()));
                }
                Ok(record)
            }
            Err(ProviderError::Storage(error)) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(ProviderError::UnknownKey { key: key.clone() })
            }
            Err(error) => Err(error),
        }
    }

    fn save(&self, key: &KeyUri, record: &Record) -> Result<(), ProviderError> {
        write_atomic(&self.path(key, "state.json"), &record::json(record)?)
    }

    fn path(&self, key: &KeyUri, kind: &str) -> PathBuf {
        self.dir.join(format!("{}.{kind}", key.name()))
    }

    fn opened(&self) -> MutexGuard<'_, HashMap<KeyUri, Arc<Material>>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To be held while files change: one at a time, in this process and in all others.
    fn changing(&self) -> Result<std::fs::File, ProviderError> {
        let file = std::fs::File::open(self.dir.join(PROVIDER_FILE));
        let locked = file.and_then(|file| file.lock().map(|()| file));
        locked.map_err(ProviderError::storage)
    }
}

impl std::fmt::Debug for SoftwareProvider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SoftwareProvider").field("dir", &self.dir).finish_non_exhaustive()
    }
}

#[async_trait]
impl KeyProvider for SoftwareProvider {
    fn scheme(&self) -> &'static str {
        SCHEME
    }

    async fn create(&self, name: &str, algorithm: KeyAlgorithm) -> Result<KeyUri, ProviderError> {
        self.make(name, algorithm, self.credential.clone(), Wrapping::Provider).await
    }

    async fn public_key(&self, key: &KeyUri) -> Result<PublicKey, ProviderError> {
        let record = self.record(key)?;
        PublicKey::from_spki_der(&record.spki(key.name())?)
            .map_err(|_| damaged(key.name(), "an unreadable public key"))
    }

    async fn sign_checked(
        &self,
        key: &KeyUri,
        algorithm: SignatureAlgorithm,
        to_sign: ToSign<'_>,
    ) -> Result<ProviderSignature, ProviderError> {
        let bytes = self.material(key).await?.sign(key, algorithm, to_sign)?;
        Ok(ProviderSignature { bytes, request_id: None })
    }

    async fn verify(
        &self,
        key: &KeyUri,
        algorithm: SignatureAlgorithm,
        signed: ToSign<'_>,
        signature: &[u8],
    ) -> Result<bool, ProviderError> {
        signed.check(algorithm)?;
        let public = self.public_key(key).await?;
        let has = public.algorithm();
        let verifying = VerifyingKey::new(&public, algorithm).map_err(|_| {
            ProviderError::WrongAlgorithm { key: key.clone(), has, asked: algorithm }
        })?;
        Ok(verifying.verify(signed, signature).is_ok())
    }

    async fn attributes(&self, key: &KeyUri) -> Result<KeyAttributes, ProviderError> {
        let (algorithm, state) = (self.record(key)?.algorithm()?, self.state(key).await?);
        Ok(KeyAttributes {
            protection: Some(Protection::Software),
            origin: Some(KeyOrigin::Generated),
            // Whoever has the file and its credential has the key.
            exportable: Some(true),
            ..KeyAttributes::new(algorithm, state)
        })
    }

    async fn guard(&self, key: &KeyUri) -> Guard {
        guard::of(&self.path(key, "key.pem"), self.record(key).map(|record| record.standing))
    }

    async fn state(&self, key: &KeyUri) -> Result<KeyState, ProviderError> {
        let record = self.record(key)?;
        Ok(match (record.standing, record.wrapping) {
            (Standing::Disabled, _) => KeyState::Disabled,
            (Standing::Destroyed, _) => KeyState::Destroyed,
            (Standing::Enabled, Wrapping::Provider) => KeyState::Enabled,
            (Standing::Enabled, Wrapping::Own) if self.opened().contains_key(key) => {
                KeyState::Enabled
            }
            (Standing::Enabled, Wrapping::Own) => KeyState::Locked,
        })
    }

    async fn disable(&self, key: &KeyUri) -> Result<(), ProviderError> {
        let _changing = self.changing()?;
        let record = self.record(key)?;
        match record.standing {
            Standing::Enabled => {
                let pem = read(&self.path(key, "key.pem"))?;
                let envelope = self
                    .enabling_key
                    .seal(&pem, key.as_str().as_bytes())
                    .map_err(|_| ProviderError::Crypto("the key file could not be sealed"))?;
                write_atomic(&self.path(key, "disabled.json"), &record::json(&envelope)?)?;
                self.save(key, &Record { standing: Standing::Disabled, ..record })?;
            }
            Standing::Disabled => {}
            Standing::Destroyed => return Err(ProviderError::Destroyed { key: key.clone() }),
        }
        self.opened().remove(key);
        remove(&self.path(key, "key.pem"))
    }

    async fn destroy(&self, key: &KeyUri) -> Result<(), ProviderError> {
        let _changing = self.changing()?;
        let record = self.record(key)?;
        self.save(key, &Record { standing: Standing::Destroyed, ..record })?;
        self.opened().remove(key);
        remove(&self.path(key, "key.pem"))?;
        remove(&self.path(key, "disabled.json"))
    }

    async fn list_page(
        &self,
        after: Option<&PageToken>,
        limit: u16,
    ) -> Result<KeyPage, ProviderError> {
        let mut keys = Vec::new();
        for entry in fs_err::read_dir(&self.dir).map_err(ProviderError::storage)? {
            let file = entry.map_err(ProviderError::storage)?.file_name();
            let name = file.to_str().and_then(|file| file.strip_suffix(".state.json"));
            keys.extend(name.and_then(|name| named(name).ok()));
        }
        Ok(KeyPage::of(keys, after, limit))
    }
}

/// A software provider together with the credential that enables its keys.
#[derive(Debug)]
pub struct SoftwareCustody {
    provider: Arc<SoftwareProvider>,
    credential: EnablingCredential,
}

impl SoftwareCustody {
    /// Custody over the keys of `provider`.
    pub const fn new(provider: Arc<SoftwareProvider>, credential: EnablingCredential) -> Self {
        Self { provider, credential }
    }
}

#[async_trait]
impl Custody for SoftwareCustody {
    fn scheme(&self) -> &'static str {
        SCHEME
    }

    async fn disable(&self, key: &KeyUri) -> Result<(), ProviderError> {
        self.provider.disable(key).await
    }

    async fn enable(&self, key: &KeyUri) -> Result<(), ProviderError> {
        self.provider.enable(key, &self.credential)
    }
}

/// The URI of the key `name`, which becomes part of file names.
fn named(name: &str) -> Result<KeyUri, ProviderError> {
    let bad = || ProviderError::BadName { name: name.to_owned() };
    let begins = name.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric);
    let plain =
        |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.');
    if begins && name.len() <= 64 && name.bytes().all(plain) {
        KeyUri::new(SCHEME, name).map_err(|_| bad())
    } else {
        Err(bad())
    }
}

fn damaged(name: &str, what: &'static str) -> ProviderError {
    ProviderError::Damaged { name: name.to_owned(), what }
}

#[cfg(test)]
mod tests;
