//! Setting a service up: keys, and credentials for those who use them.

use async_trait::async_trait;
use skink_x509::KeyAlgorithm;

use crate::credential::Credential;
use crate::provider::ProviderError;
use crate::uri::KeyUri;

/// Makes keys at a service, and credentials with just the permissions that somebody needs. For
/// setting up and for drills: nothing that signs ever holds such a credential.
#[async_trait]
pub trait Administrator: Send + Sync + 'static {
    /// Makes the key that `wanted` names, with `suffix` at the end of its name, and pins it.
    async fn create(
        &self,
        wanted: &KeyUri,
        suffix: &str,
        algorithm: KeyAlgorithm,
    ) -> Result<KeyUri, ProviderError>;

    /// What signs with these keys, and can neither make, disable, enable nor destroy a key, where
    /// the service tells users apart.
    async fn signing(&self, keys: &[KeyUri]) -> Result<Credential, ProviderError>;

    /// What disables `key` and cannot take that back; none where the credential that signs does so,
    /// because the service knows one user only.
    async fn disabling(&self, key: &KeyUri) -> Result<Option<Credential>, ProviderError>;
}

/// The administrator of the place that `key` names, by the credential that the environment gives.
pub async fn administer(key: &KeyUri) -> Result<Box<dyn Administrator>, ProviderError> {
    match key.scheme() {
        #[cfg(feature = "awskms")]
        "awskms" => Ok(Box::new(crate::awskms::KmsAdministrator::of_uri(key)?)),
        #[cfg(feature = "azurekv")]
        "azurekv" => Ok(Box::new(crate::azurekv::AzureKvAdministrator::of_uri(key)?)),
        #[cfg(feature = "gcpkms")]
        "gcpkms" => Ok(Box::new(crate::gcpkms::GcpKmsAdministrator::of_uri(key)?)),
        #[cfg(feature = "vault")]
        "vault" => Ok(Box::new(vault::OfVault::of(key).await?)),
        #[cfg(feature = "pkcs11")]
        "pkcs11" => Ok(Box::new(pkcs11::OfToken::of(key)?)),
        scheme => Err(crate::providers::no_provider(scheme)),
    }
}

#[cfg(feature = "vault")]
mod vault {
    use super::{Administrator, Credential, KeyAlgorithm, KeyUri, ProviderError, async_trait};
    use crate::provider::KeyProvider as _;
    use crate::vault::{VaultAdministrator, VaultProvider, VaultSettings, name_of};

    pub(super) struct OfVault {
        administrator: VaultAdministrator,
        provider: VaultProvider,
    }

    impl OfVault {
        /// Mounts the engine too, if it is not there.
        pub(super) async fn of(key: &KeyUri) -> Result<Self, ProviderError> {
            let settings = VaultSettings::of_uri(key, None)?;
            let administrator = VaultAdministrator::new(&settings)?;
            administrator.mount_engine().await?;
            Ok(Self { administrator, provider: VaultProvider::new(&settings)? })
        }
    }

    #[async_trait]
    impl Administrator for OfVault {
        async fn create(
            &self,
            wanted: &KeyUri,
            suffix: &str,
            algorithm: KeyAlgorithm,
        ) -> Result<KeyUri, ProviderError> {
            let name = format!("{}{suffix}", name_of(wanted)?);
            self.provider.create(&name, algorithm).await
        }

        async fn signing(&self, keys: &[KeyUri]) -> Result<Credential, ProviderError> {
            let first = keys.first().map(name_of).transpose()?.unwrap_or_default();
            self.administrator.mint_signing(&format!("skink-sign-{first}"), keys).await
        }

        async fn disabling(&self, key: &KeyUri) -> Result<Option<Credential>, ProviderError> {
            let policy = format!("skink-disable-{}", name_of(key)?);
            self.administrator.mint_disabling(&policy, key).await.map(Some)
        }
    }
}

#[cfg(feature = "pkcs11")]
mod pkcs11 {
    use super::{Administrator, Credential, KeyAlgorithm, KeyUri, ProviderError, async_trait};
    use crate::pkcs11::{Pkcs11Provider, Pkcs11Settings, object_of};
    use crate::provider::KeyProvider as _;

    /// A token has one user, who does everything.
    pub(super) struct OfToken {
        provider: Pkcs11Provider,
        pin: Credential,
    }

    impl OfToken {
        pub(super) fn of(key: &KeyUri) -> Result<Self, ProviderError> {
            let settings = Pkcs11Settings::of_uri(key, None)?;
            Ok(Self { provider: Pkcs11Provider::new(&settings)?, pin: settings.pin })
        }
    }

    #[async_trait]
    impl Administrator for OfToken {
        async fn create(
            &self,
            wanted: &KeyUri,
            suffix: &str,
            algorithm: KeyAlgorithm,
        ) -> Result<KeyUri, ProviderError> {
            let name = format!("{}{suffix}", object_of(wanted)?);
            self.provider.create(&name, algorithm).await
        }

        async fn signing(&self, _: &[KeyUri]) -> Result<Credential, ProviderError> {
            Ok(self.pin.clone())
        }

        async fn disabling(&self, _: &KeyUri) -> Result<Option<Credential>, ProviderError> {
            Ok(None)
        }
    }
}
