//! Where a key is, who opens it, and whether it may be changed from here.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use skink_signer::{
    Credential, Custody, EnablingCredential, KeyProvider, KeyUri, ProviderError, SoftwareCustody,
    SoftwareProvider,
};

use super::direct::{Protection, Target};
use crate::Failure;

const SOFTWARE: &str = "software";

/// A key's provider, opened with a credential.
pub(super) struct Place {
    pub(super) key: KeyUri,
    pub(super) provider: Arc<dyn KeyProvider>,
    /// A server that starts meanwhile finds its directory taken.
    _held: Option<File>,
}

impl Place {
    /// Opens it to look at keys and to sign.
    pub(super) fn open(target: &Target) -> Result<Self> {
        let provider = provider(target, target.key_credential_file.as_deref())?;
        Ok(Self { key: target.key.clone(), provider, _held: None })
    }

    /// Opens it to change keys; `instead` says what to do where a server runs over them.
    pub(super) fn open_to_change(target: &Target, instead: &str) -> Result<Self> {
        let held = hold(target, instead)?;
        Ok(Self { _held: held, ..Self::open(target)? })
    }

    /// From now on keys are made so.
    pub(super) fn protect(&mut self, target: &Target, protection: Protection) -> Result<()> {
        let credential = read(target.key_credential_file.as_deref())?;
        let hardware = protection == Protection::Hsm;
        let opened = skink_signer::open_to_make(&self.key, credential, hardware);
        self.provider = opened.map_err(|error| self.failed("cannot make", error))?;
        Ok(())
    }

    /// The one key that is meant now.
    pub(super) async fn find(&self) -> Result<KeyUri> {
        self.provider.find(&self.key).await.map_err(|error| self.failed("cannot find", error))
    }

    pub(super) fn failed(&self, doing: &str, source: ProviderError) -> anyhow::Error {
        failed(&self.key, doing, source)
    }
}

/// What enables and disables, with what keeps a server away meanwhile.
pub(super) struct Custodian {
    pub(super) custody: Arc<dyn Custody>,
    _held: Option<File>,
}

impl Custodian {
    pub(super) fn open(target: &Target, policy: Option<&str>, instead: &str) -> Result<Self> {
        let held = hold(target, instead)?;
        let custody = custody(target, policy)?;
        Ok(Self { custody, _held: held })
    }
}

/// A provider's error about `key`.
pub(super) fn failed(key: &KeyUri, doing: &str, source: ProviderError) -> anyhow::Error {
    let (what, source) = (format!("{doing} {key}"), Box::new(source));
    Failure::Key { what, key: key.clone(), source }.into()
}

/// The provider of the target's key with the credential in this file, or the one that is there.
pub(super) fn provider(target: &Target, credential: Option<&Path>) -> Result<Arc<dyn KeyProvider>> {
    if target.key.scheme() == SOFTWARE {
        return Ok(software(&target.dir, credential)?);
    }
    let opened = skink_signer::open(&target.key, read(credential)?);
    opened.map_err(|error| failed(&target.key, "cannot open the provider of", error))
}

pub(super) fn custody(target: &Target, policy: Option<&str>) -> Result<Arc<dyn Custody>> {
    let file = target.key_credential_file.as_deref();
    let key = &target.key;
    if key.scheme() == SOFTWARE {
        return software_custody(target, file);
    }
    let cannot = |error| failed(key, "cannot open the provider of", error);
    let credential = read(file)?;
    if let Some(policy) = policy {
        if key.scheme() != "vault" {
            bail!(Failure::Usage {
                what: "--signing-policy is of HashiCorp Vault and OpenBao".into(),
                hint: "leave it out: this service has a call that stops a key".into(),
            });
        }
        let settings =
            skink_signer::vault::VaultSettings::of_uri(key, credential).map_err(cannot)?;
        let custody = skink_signer::vault::PolicyCustody::new(&settings, policy);
        return Ok(Arc::new(custody.map_err(cannot)?));
    }
    skink_signer::open_custody(key, credential).map_err(cannot)
}

/// Disabling takes nothing but the directory; enabling takes what `skink init` put into a safe.
fn software_custody(target: &Target, file: Option<&Path>) -> Result<Arc<dyn Custody>> {
    let provider = software(&target.dir, None)?;
    let Some(file) = file else {
        bail!(Failure::Usage {
            what: "a disabled software key is sealed for its enabling credential".into(),
            hint: "give it with --key-credential-file: `skink init` wrote enabling.key into the \
                   root's folder"
                .into(),
        });
    };
    let text = fs_err::read_to_string(file)?;
    let credential = EnablingCredential::from_text(text.trim())
        .with_context(|| format!("{} does not enable keys", file.display()))?;
    Ok(Arc::new(SoftwareCustody::new(provider, credential)))
}

fn software(dir: &Path, credential: Option<&Path>) -> Result<Arc<SoftwareProvider>> {
    let keys = dir.join("keys");
    if !keys.join("provider.json").is_file() {
        bail!(Failure::Usage {
            what: format!("{} holds no software keys", dir.display()),
            hint: "name the server's folder with --dir; a key elsewhere has another provider, \
                   vault:… or pkcs11:…"
                .into(),
        });
    }
    let own = dir.join("credentials").join("software.key");
    let text = fs_err::read_to_string(credential.unwrap_or(&own))?;
    let provider = SoftwareProvider::open(&keys, Credential::from_text(&text));
    Ok(Arc::new(provider.with_context(|| format!("cannot open the keys in {}", dir.display()))?))
}

pub(super) fn read(file: Option<&Path>) -> Result<Option<Credential>> {
    let text = file.map(fs_err::read_to_string).transpose()?;
    Ok(text.as_deref().map(Credential::from_text))
}

/// Keeps a server from running over its software keys while one of them changes; refuses where one
/// runs.
fn hold(target: &Target, instead: &str) -> Result<Option<File>> {
    let dir = &target.dir;
    // Its database may be elsewhere; its configuration and the lock are here.
    let server = ["skink.toml", "skink.db"].iter().any(|file| dir.join(file).exists());
    if target.key.scheme() != SOFTWARE || !server {
        return Ok(None);
    }
    let path = dir.join("skink.db.lock");
    let mut options = OpenOptions::new();
    let file = options.create(true).truncate(false).write(true).open(&path);
    let file = file.with_context(|| format!("cannot open {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => bail!(Failure::Refused {
            what: format!(
                "a server runs over {}, and its keys are not changed behind its back",
                dir.display()
            ),
            hint: instead.to_owned(),
        }),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", path.display()))
        }
    }
}
