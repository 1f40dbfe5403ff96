//! Symmetric keys of Google Cloud KMS.
//!
//! A key encrypts with its primary version, and finds by itself which version decrypts. There is no
//! call that re-encrypts: the plaintext comes here and goes back. Whatever is sent and answered
//! goes with a checksum, and both sides look at it.

use async_trait::async_trait;
use google_cloud_kms_v1::model::crypto_key::CryptoKeyPurpose;
use google_cloud_kms_v1::model::crypto_key_version::{
    CryptoKeyVersionAlgorithm, CryptoKeyVersionState,
};
use google_cloud_kms_v1::model::{CryptoKey, CryptoKeyVersionTemplate, ProtectionLevel};
use zeroize::Zeroizing;

use super::client::Client;
use super::crc32c::crc32c;
use super::name::{Name, named};
use super::{GcpKmsSettings, SCHEME, custody, failure};
use crate::encryption::{Context, Encrypted, EncryptionProvider, Plaintext};
use crate::provider::ProviderError;
use crate::uri::KeyUri;

/// The longest plaintext that the service encrypts in software, context included: 64 KiB; in
/// hardware it takes 8 KiB of both, and refuses the rest itself.
const LONGEST: usize = 64 << 10;

/// The symmetric keys of a key ring, with one credential.
#[derive(Debug)]
pub struct GcpKmsEncryption {
    client: Client,
}

impl GcpKmsEncryption {
    /// A provider for the key ring and credential in `settings`. Calls nobody yet.
    pub fn new(settings: &GcpKmsSettings) -> Self {
        Self { client: Client::new(settings) }
    }

    async fn key(&self, uri: &KeyUri, name: &Name) -> Result<CryptoKey, ProviderError> {
        let service = self.client.service().await?;
        let asked = service.get_crypto_key().set_name(name.key(uri)?);
        let found = self.client.answer(uri, asked.send()).await?;
        if found.purpose != CryptoKeyPurpose::EncryptDecrypt {
            let reason = "it is a key for signatures";
            return Err(ProviderError::BadUri { key: uri.clone(), reason });
        }
        Ok(found)
    }

    /// The service has one code for a disabled primary version and for much else; the version's
    /// state tells.
    async fn refusal(&self, uri: &KeyUri, name: &Name, refused: ProviderError) -> ProviderError {
        if !failure::is_precondition(&refused) {
            return refused;
        }
        let ProviderError::Refused { answer } = refused else { return refused };
        let version = match name.version() {
            Some(_) => self.client.describe(uri, name).await.ok(),
            None => self.key(uri, name).await.ok().and_then(|key| key.primary),
        };
        match version.map(|version| version.state) {
            Some(CryptoKeyVersionState::Enabled) => ProviderError::Refused { answer },
            _ => ProviderError::Disabled { key: uri.clone(), answer },
        }
    }
}

fn corrupted(what: &'static str) -> ProviderError {
    ProviderError::Corrupted { what, request_id: None }
}

#[async_trait]
impl EncryptionProvider for GcpKmsEncryption {
    fn scheme(&self) -> &'static str {
        SCHEME
    }

    fn longest_plaintext(&self) -> usize {
        LONGEST
    }

    async fn create(&self, name: &str) -> Result<KeyUri, ProviderError> {
        let settings = &self.client.settings;
        let ring = Name::parse(settings.ring())?;
        let new = ring.new_key(name)?;
        let uri = named(&new.key(settings.ring())?)?;
        let level =
            if settings.hardware { ProtectionLevel::Hsm } else { ProtectionLevel::Software };
        let template = CryptoKeyVersionTemplate::new()
            .set_algorithm(CryptoKeyVersionAlgorithm::GoogleSymmetricEncryption)
            .set_protection_level(level);
        let key = CryptoKey::new()
            .set_purpose(CryptoKeyPurpose::EncryptDecrypt)
            .set_version_template(template);
        let service = self.client.service().await?;
        let making = service.create_crypto_key().set_parent(ring.ring());
        let making = making.set_crypto_key_id(name).set_crypto_key(key);
        match self.client.answer(&uri, making.send()).await {
            Ok(_) => named(&new.of_version(1).pinned(&uri)?),
            Err(refused) if failure::is_taken(&refused) => {
                Err(ProviderError::NameTaken { key: uri })
            }
            Err(refused) => Err(refused),
        }
    }

    /// What is encrypted with: the primary version, if none is named.
    async fn find(&self, key: &KeyUri) -> Result<KeyUri, ProviderError> {
        let name = Name::parse(key)?;
        let found = self.key(key, &name).await?;
        if name.version().is_some() {
            return named(&self.client.describe(key, &name).await?.name);
        }
        let unknown = || ProviderError::UnknownKey { key: key.clone() };
        named(&found.primary.ok_or_else(unknown)?.name)
    }

    async fn encrypt_checked(
        &self,
        key: &KeyUri,
        plaintext: &Plaintext,
        context: &Context,
    ) -> Result<Encrypted, ProviderError> {
        let name = Name::parse(key)?;
        let context = context.bytes(SCHEME)?.to_vec();
        let resource = match name.version() {
            Some(_) => name.pinned(key)?,
            None => name.key(key)?,
        };
        let service = self.client.service().await?;
        let encrypting = service
            .encrypt()
            .set_name(resource)
            .set_plaintext_crc32c(crc32c(plaintext.expose()))
            .set_plaintext(plaintext.expose().to_vec())
            .set_additional_authenticated_data_crc32c(crc32c(&context))
            .set_additional_authenticated_data(context);
        let made = match self.client.answer(key, encrypting.send()).await {
            Ok(made) => made,
            Err(refused) => return Err(self.refusal(key, &name, refused).await),
        };
        let answered = named(&made.name)?;
        let version = name.version().or(Name::parse(&answered)?.version());
        let version = version.ok_or_else(|| corrupted("the answer names no version"))?;
        name.of_version(version).must_be(key, &made.name, None)?;
        if !made.verified_plaintext_crc32c || !made.verified_additional_authenticated_data_crc32c {
            return Err(corrupted("the service has not checked what it was sent"));
        }
        if made.ciphertext_crc32c != Some(crc32c(&made.ciphertext)) {
            return Err(corrupted("the ciphertext is not the one of its checksum"));
        }
        let ciphertext = made.ciphertext.to_vec();
        Ok(Encrypted { ciphertext, key: answered, was_current: false })
    }

    /// The service is given the key and no version: it knows which one it is, and tells only
    /// whether it is the primary. What is under another version than the named one is decrypted
    /// all the same.
    async fn decrypt(
        &self,
        key: &KeyUri,
        ciphertext: &[u8],
        context: &Context,
    ) -> Result<Plaintext, ProviderError> {
        let name = Name::parse(key)?;
        let context = context.bytes(SCHEME)?.to_vec();
        let service = self.client.service().await?;
        let decrypting = service
            .decrypt()
            .set_name(name.key(key)?)
            .set_ciphertext_crc32c(crc32c(ciphertext))
            .set_ciphertext(ciphertext.to_vec())
            .set_additional_authenticated_data_crc32c(crc32c(&context))
            .set_additional_authenticated_data(context);
        let opened = match self.client.answer(key, decrypting.send()).await {
            Ok(opened) => opened,
            // Checksums that do not fit have the same code: then nothing was changed on the way but
            // the ciphertext itself.
            Err(ProviderError::Refused { answer })
                if answer.code.ends_with(":INVALID_ARGUMENT") =>
            {
                return Err(ProviderError::ForeignCiphertext { key: key.clone() });
            }
            Err(refused) => return Err(refused),
        };
        let bytes = Zeroizing::new(opened.plaintext.to_vec());
        if opened.plaintext_crc32c != Some(crc32c(&bytes)) {
            return Err(corrupted("the plaintext is not the one of its checksum"));
        }
        let plaintext = Plaintext::new(bytes);
        Ok(if opened.used_primary { plaintext.of_newest() } else { plaintext })
    }

    /// A new version, made the primary one.
    async fn rotate(&self, key: &KeyUri) -> Result<KeyUri, ProviderError> {
        let name = Name::parse(key)?;
        self.key(key, &name).await?;
        let service = self.client.service().await?;
        let making = service.create_crypto_key_version().set_parent(name.key(key)?);
        let made = self.client.answer(key, making.send()).await?;
        let unnamed = || corrupted("the new version has no number");
        let version = Name::given(&made.name)?.version().ok_or_else(unnamed)?;
        let new = name.of_version(version);
        new.must_be(key, &made.name, None)?;
        let electing = service.update_crypto_key_primary_version().set_name(name.key(key)?);
        let electing = electing.set_crypto_key_version_id(version.to_string());
        let elected = self.client.answer(key, electing.send()).await?;
        let primary = elected.primary.ok_or_else(unnamed)?;
        new.must_be(key, &primary.name, None)?;
        named(&primary.name)
    }

    /// Disables each older version.
    async fn retire(&self, key: &KeyUri) -> Result<(), ProviderError> {
        let name = Name::parse(key)?;
        let reason = "it names no version";
        let none = || ProviderError::BadUri { key: key.clone(), reason };
        let first = name.version().ok_or_else(none)?;
        self.client.describe(key, &name).await?;
        for number in 1..first {
            let old = name.of_version(number);
            let found = match self.client.describe(key, &old).await {
                Err(ProviderError::UnknownKey { .. }) => continue,
                found => found?,
            };
            if found.state != CryptoKeyVersionState::Enabled {
                continue;
            }
            custody::disable(&self.client, &named(&old.pinned(key)?)?).await?;
        }
        Ok(())
    }
}
