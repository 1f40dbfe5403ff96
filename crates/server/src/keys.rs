//! Which keys the server uses, where they are kept, and what stops them.
//!
//! Software keys are in the server's own directory. Of every other place the server knows what its
//! configuration names, and has the credential that its environment gives. A standby kept elsewhere
//! has a credential of its own, which comes out of its recovery kit; what disables keys at such a
//! place is yet another credential, which can neither sign nor enable.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use skink_signer::{
    Credential, Custody, KeyProvider, KeyState, KeyUri, ProviderError, Providers, SoftwareProvider,
};
use skink_x509::{Fingerprint, KeyAlgorithm};

use crate::app::App;
use crate::config::Settings;
use crate::failure::{Failure, Result};
use crate::files;

/// The server's keys.
pub struct Keys {
    software: Arc<SoftwareProvider>,
    providers: Providers,
    custody: HashMap<String, Arc<dyn Custody>>,
    /// Where the credentials lie that keys of their own have.
    adopted: PathBuf,
}

/// The credential of a key of its own, as it lies in the server's directory.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Adopted {
    key: KeyUri,
    credential: String,
}

impl Keys {
    /// Opens the places that the configuration names. Calls no service yet.
    pub fn open(settings: &Settings) -> Result<Self> {
        let text = fs_err::read_to_string(settings.credential()).map_err(Failure::Io)?;
        let software = SoftwareProvider::open(&settings.keys(), Credential::from_text(&text));
        let software = Arc::new(software.map_err(Failure::Provider)?);
        let mut all: Vec<Arc<dyn KeyProvider>> = vec![Arc::<SoftwareProvider>::clone(&software)];
        let mut custody = HashMap::new();
        for place in settings.key_places() {
            all.push(skink_signer::open(place, None).map_err(Failure::Provider)?);
            if let Some(credential) = read_credential(&settings.disabling(place.scheme()))? {
                let opened = skink_signer::open_custody(place, Some(credential));
                let opened = opened.map_err(Failure::Provider)?;
                custody.insert(place.scheme().to_owned(), opened);
            }
        }
        let keys =
            Self { software, providers: Providers::new(all), custody, adopted: settings.adopted() };
        keys.open_adopted()?;
        Ok(keys)
    }

    fn open_adopted(&self) -> Result<()> {
        let entries = match fs_err::read_dir(&self.adopted) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(Failure::Io(error)),
        };
        for entry in entries {
            let path = entry.map_err(Failure::Io)?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                let bytes = fs_err::read(&path).map_err(Failure::Io)?;
                let one: Adopted = serde_json::from_slice(&bytes).map_err(Failure::Encode)?;
                self.open_own(&one.key, &Credential::from_text(&one.credential))?;
            }
        }
        Ok(())
    }

    /// Every provider, for the signer.
    pub fn providers(&self) -> &Providers {
        &self.providers
    }

    /// The keys in files: the only ones that the server makes.
    pub fn software(&self) -> &SoftwareProvider {
        &self.software
    }

    /// The provider of a key.
    pub fn of(&self, key: &KeyUri) -> Result<Arc<dyn KeyProvider>> {
        let known = self.providers.of(key);
        known.ok_or_else(|| {
            let what = format!("`keys.places` of the configuration names no place for {key}");
            Failure::Provider(ProviderError::NotConfigured { what })
        })
    }

    /// Disables a key, by the credential that is there for it, or else by the one that signs.
    pub async fn disable(&self, key: &KeyUri) -> Result<()> {
        let disabled = match self.custody.get(key.scheme()) {
            Some(custody) => custody.disable(key).await,
            None => self.of(key)?.disable(key).await,
        };
        disabled.map_err(Failure::Provider)
    }

    /// Uses `key` by a credential of its own until [`Keys::forget`], which is not written down.
    pub fn borrow(&self, key: &KeyUri, credential: &Credential) -> Result<()> {
        self.open_own(key, credential)
    }

    /// Forgets the credential of a key that stands by.
    pub fn forget(&self, key: &KeyUri) {
        self.software.lock(key);
        self.providers.forget(key);
    }

    /// Takes a standby's key into use for good, with the credential out of its kit.
    pub async fn adopt(&self, key: &KeyUri, credential: &Credential) -> Result<()> {
        if key.scheme() == self.software.scheme() {
            return self.software.adopt(key, credential).await.map_err(Failure::Provider);
        }
        let one = Adopted { key: key.clone(), credential: credential.expose().to_owned() };
        let bytes = serde_json::to_vec_pretty(&one).map_err(Failure::Encode)?;
        files::private_dir(&self.adopted).map_err(Failure::Io)?;
        let name = format!("{}.json", Fingerprint::of(key.as_str().as_bytes()));
        files::write_atomic(&self.adopted.join(name), 0o600, &bytes).map_err(Failure::Io)?;
        self.open_own(key, credential)
    }

    fn open_own(&self, key: &KeyUri, credential: &Credential) -> Result<()> {
        let own = skink_signer::open(key, Some(credential.clone())).map_err(Failure::Provider)?;
        self.providers.adopt(key.clone(), own);
        Ok(())
    }

    /// Whether a key signs. One that the server has no credential for stands by.
    pub async fn state(&self, key: &KeyUri) -> Result<KeyState> {
        let Some(provider) = self.providers.of(key) else { return Ok(KeyState::Locked) };
        provider.state(key).await.map_err(Failure::Provider)
    }
}

fn read_credential(path: &Path) -> Result<Option<Credential>> {
    match fs_err::read_to_string(path) {
        Ok(text) => Ok(Some(Credential::from_text(&text))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::Io(error)),
    }
}

/// Makes the software key `name`, whose row comes next, or finds the one that a crash left without
/// its row.
pub(crate) async fn make(app: &App, name: &str, algorithm: KeyAlgorithm) -> Result<KeyUri> {
    let software = app.keys().software();
    let Some(left) = left_behind(app, name).await? else {
        return software.create(name, algorithm).await.map_err(Failure::Provider);
    };
    let state = software.state(&left).await.map_err(Failure::Provider)?;
    let public_key = software.public_key(&left).await.map_err(Failure::Provider)?;
    if state == KeyState::Enabled && public_key.algorithm() == algorithm {
        return Ok(left);
    }
    Err(Failure::Provider(ProviderError::NameTaken { key: left }))
}

/// The software key `name`, if it is there and no row is.
pub(crate) async fn left_behind(app: &App, name: &str) -> Result<Option<KeyUri>> {
    let software = app.keys().software();
    let uri = KeyUri::new(software.scheme(), name).map_err(|_| Failure::Bug("a key's URI"))?;
    match software.public_key(&uri).await {
        Ok(_) => {}
        Err(ProviderError::UnknownKey { .. }) => return Ok(None),
        Err(error) => return Err(Failure::Provider(error)),
    }
    let known = crate::db::keys(app).await?;
    Ok((!known.iter().any(|key| key.uri == uri.as_str())).then_some(uri))
}
