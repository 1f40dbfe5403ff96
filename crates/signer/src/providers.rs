//! Which provider holds which key.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use crate::credential::Credential;
use crate::custody::Custody;
use crate::provider::{KeyProvider, ProviderError};
use crate::uri::KeyUri;

/// The key providers of a program: one for each scheme, and one for each key that has a credential
/// of its own. Cheap to clone; clones share what is adopted.
#[derive(Clone, Default)]
pub struct Providers(Arc<Inner>);

#[derive(Default)]
struct Inner {
    by_scheme: BTreeMap<&'static str, Arc<dyn KeyProvider>>,
    by_key: RwLock<HashMap<KeyUri, Arc<dyn KeyProvider>>>,
}

impl Providers {
    /// These providers; of two for one scheme the last.
    pub fn new(providers: impl IntoIterator<Item = Arc<dyn KeyProvider>>) -> Self {
        let by_scheme = providers.into_iter().map(|one| (one.scheme(), one)).collect();
        Self(Arc::new(Inner { by_scheme, by_key: RwLock::default() }))
    }

    /// The provider of `key`: the key's own, or the one of its scheme.
    pub fn of(&self, key: &KeyUri) -> Option<Arc<dyn KeyProvider>> {
        let own = self.0.by_key.read().unwrap_or_else(PoisonError::into_inner);
        own.get(key).or_else(|| self.0.by_scheme.get(key.scheme())).cloned()
    }

    /// From now on `key` is used by this provider, which has a credential for it alone.
    pub fn adopt(&self, key: KeyUri, provider: Arc<dyn KeyProvider>) {
        self.0.by_key.write().unwrap_or_else(PoisonError::into_inner).insert(key, provider);
    }

    /// Forgets the key's own credential.
    pub fn forget(&self, key: &KeyUri) {
        self.0.by_key.write().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

/// The provider that holds `key`, with this credential; without one, with what the environment
/// gives, by the variables of the service's own tools. A URI may also name a place without a key:
/// `vault:transit/`, `pkcs11:token=LABEL`, `awskms:alias/`, a vault of `azurekv`, a key ring of `gcpkms`. Software keys have
/// a directory instead: [`crate::SoftwareProvider::open`].
pub fn open(
    key: &KeyUri,
    credential: Option<Credential>,
) -> Result<Arc<dyn KeyProvider>, ProviderError> {
    match key.scheme() {
        #[cfg(feature = "awskms")]
        "awskms" => {
            let settings = crate::awskms::KmsSettings::of_uri(key, credential.as_ref())?;
            Ok(Arc::new(crate::awskms::KmsProvider::new(&settings)))
        }
        #[cfg(feature = "azurekv")]
        "azurekv" => {
            let settings = crate::azurekv::AzureKvSettings::of_uri(key, credential.as_ref())?;
            Ok(Arc::new(crate::azurekv::AzureKvProvider::new(&settings)))
        }
        #[cfg(feature = "gcpkms")]
        "gcpkms" => {
            let settings = crate::gcpkms::GcpKmsSettings::of_uri(key, credential.as_ref())?;
            Ok(Arc::new(crate::gcpkms::GcpKmsProvider::new(&settings)))
        }
        #[cfg(feature = "vault")]
        "vault" => {
            let settings = crate::vault::VaultSettings::of_uri(key, credential)?;
            Ok(Arc::new(crate::vault::VaultProvider::new(&settings)?))
        }
        #[cfg(feature = "pkcs11")]
        "pkcs11" => {
            let settings = crate::pkcs11::Pkcs11Settings::of_uri(key, credential)?;
            Ok(Arc::new(crate::pkcs11::Pkcs11Provider::new(&settings)?))
        }
        scheme => {
            let _ = credential;
            Err(no_provider(scheme))
        }
    }
}

/// The same to make keys with, where the service lets one say whether they are kept in hardware; it
/// is an error to want what the service never does.
pub fn open_to_make(
    key: &KeyUri,
    credential: Option<Credential>,
    hardware: bool,
) -> Result<Arc<dyn KeyProvider>, ProviderError> {
    let always = match key.scheme() {
        #[cfg(feature = "azurekv")]
        "azurekv" => {
            let mut settings = crate::azurekv::AzureKvSettings::of_uri(key, credential.as_ref())?;
            settings.hardware = hardware;
            return Ok(Arc::new(crate::azurekv::AzureKvProvider::new(&settings)));
        }
        #[cfg(feature = "gcpkms")]
        "gcpkms" => {
            let mut settings = crate::gcpkms::GcpKmsSettings::of_uri(key, credential.as_ref())?;
            settings.hardware = hardware;
            return Ok(Arc::new(crate::gcpkms::GcpKmsProvider::new(&settings)));
        }
        "awskms" => Some(true),
        "vault" => Some(false),
        _ => None,
    };
    if always == Some(hardware) {
        return open(key, credential);
    }
    let what = match always {
        Some(true) => "AWS KMS keeps every key in hardware",
        Some(false) => "the transit engine keeps every key in software",
        None => "where this provider keeps keys is not for the caller to say",
    };
    Err(ProviderError::NotConfigured { what: what.to_owned() })
}

/// The name that `key` has at its place: what [`KeyProvider::create`] makes a key by, and what a
/// person calls it.
pub fn name_of(key: &KeyUri) -> Result<String, ProviderError> {
    match key.scheme() {
        #[cfg(feature = "awskms")]
        "awskms" => crate::awskms::name_of(key),
        #[cfg(feature = "gcpkms")]
        "gcpkms" => crate::gcpkms::name_of(key),
        #[cfg(feature = "vault")]
        "vault" => crate::vault::name_of(key),
        #[cfg(feature = "pkcs11")]
        "pkcs11" => crate::pkcs11::object_of(key),
        #[cfg(feature = "azurekv")]
        "azurekv" => crate::azurekv::name_of(key),
        _ => Ok(key.name().rsplit('/').next().unwrap_or_default().to_owned()),
    }
}

/// What disables and enables the keys of the place that `key` names, with this credential; without
/// one, with what the environment gives. Software keys have a [`crate::SoftwareCustody`].
pub fn open_custody(
    key: &KeyUri,
    credential: Option<Credential>,
) -> Result<Arc<dyn Custody>, ProviderError> {
    match key.scheme() {
        #[cfg(feature = "awskms")]
        "awskms" => {
            let settings = crate::awskms::KmsSettings::of_uri(key, credential.as_ref())?;
            Ok(Arc::new(crate::awskms::KmsCustody::new(&settings)))
        }
        #[cfg(feature = "azurekv")]
        "azurekv" => {
            let settings = crate::azurekv::AzureKvSettings::of_uri(key, credential.as_ref())?;
            Ok(Arc::new(crate::azurekv::AzureKvCustody::new(&settings)))
        }
        #[cfg(feature = "gcpkms")]
        "gcpkms" => {
            let settings = crate::gcpkms::GcpKmsSettings::of_uri(key, credential.as_ref())?;
            Ok(Arc::new(crate::gcpkms::GcpKmsCustody::new(&settings)))
        }
        #[cfg(feature = "vault")]
        "vault" => {
            let settings = crate::vault::VaultSettings::of_uri(key, credential)?;
            Ok(Arc::new(crate::vault::SoftDeleteCustody::new(&settings)?))
        }
        #[cfg(feature = "pkcs11")]
        "pkcs11" => {
            let settings = crate::pkcs11::Pkcs11Settings::of_uri(key, credential)?;
            let provider = crate::pkcs11::Pkcs11Provider::new(&settings)?;
            Ok(Arc::new(crate::pkcs11::Pkcs11Custody::new(Arc::new(provider))))
        }
        scheme => {
            let _ = credential;
            Err(no_provider(scheme))
        }
    }
}

pub(crate) fn no_provider(scheme: &str) -> ProviderError {
    let what = format!("this build of skink has no key provider {scheme:?}");
    ProviderError::NotConfigured { what }
}

impl fmt::Debug for Providers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Providers").field(&self.0.by_scheme.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SoftwareProvider;

    #[test]
    fn what_a_service_never_does_is_not_promised() {
        for (place, hardware) in [
            ("awskms:alias/", false),
            ("vault:transit/", true),
            ("pkcs11:token=ca", true),
            ("pkcs11:token=ca", false),
        ] {
            let refused = open_to_make(&place.parse().unwrap(), None, hardware).err();
            assert!(matches!(refused, Some(ProviderError::NotConfigured { .. })), "{place}");
        }
    }

    #[test]
    fn a_key_with_a_credential_of_its_own_has_a_provider_of_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let provider = |name: &str| -> Arc<dyn KeyProvider> {
            let credential = Credential::generate().unwrap();
            Arc::new(SoftwareProvider::init(&dir.path().join(name), credential).unwrap().0)
        };
        let (common, own) = (provider("common"), provider("own"));
        let providers = Providers::new([Arc::clone(&common)]);
        let [one, other]: [KeyUri; 2] =
            ["software:one", "software:other"].map(|uri| uri.parse().unwrap());
        providers.clone().adopt(one.clone(), Arc::clone(&own));
        assert!(Arc::ptr_eq(&providers.of(&one).unwrap(), &own));
        assert!(Arc::ptr_eq(&providers.of(&other).unwrap(), &common));
        providers.forget(&one);
        assert!(Arc::ptr_eq(&providers.of(&one).unwrap(), &common));
        assert!(providers.of(&"vault:transit/one".parse().unwrap()).is_none());
    }
}
