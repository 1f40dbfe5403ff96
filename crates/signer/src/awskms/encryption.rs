//! Symmetric keys of AWS KMS.
//!
//! A ciphertext carries what the service needs to find its key; the key is named all the same, and
//! an answer for another one is refused. Rotating makes new material under the same ARN; the old
//! decrypts for ever, and no call stops it.

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kms::operation::RequestId as _;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{DataKeySpec, KeySpec, KeyUsageType};
use zeroize::Zeroizing;

use super::client::Clients;
use super::name::{self, Name};
use super::{KmsSettings, SCHEME, SHORTEST_WAIT, failure, named};
use crate::encryption::{Context, Encrypted, EncryptionProvider, Plaintext};
use crate::provider::{ProviderError, RequestId};
use crate::uri::KeyUri;

/// The longest plaintext that the service encrypts.
const LONGEST: usize = 4096;

/// The symmetric keys of an account in a region, with one credential.
#[derive(Debug)]
pub struct KmsEncryption {
    clients: Clients,
}

impl KmsEncryption {
    /// A provider for the service and credential in `settings`. Calls nobody yet.
    pub fn new(settings: &KmsSettings) -> Self {
        Self { clients: Clients::new(settings) }
    }

    /// What a failed call about a ciphertext means.
    fn refusal<E>(&self, key: &KeyUri, error: SdkError<E>) -> ProviderError
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let foreign = ["InvalidCiphertextException", "IncorrectKeyException"];
        if foreign.iter().any(|code| failure::has_code(&error, code)) {
            return ProviderError::ForeignCiphertext { key: key.clone() };
        }
        self.clients.refusal(key, error)
    }
}

fn pairs(context: &Context) -> Result<Option<HashMap<String, String>>, ProviderError> {
    match context {
        Context::None => Ok(None),
        Context::Pairs(pairs) => Ok(Some(pairs.clone().into_iter().collect())),
        Context::Bytes(_) => {
            let reason = "it is names with values there, no bytes";
            Err(ProviderError::BadContext { scheme: SCHEME, reason })
        }
    }
}

/// The ciphertext of an answer that is about the key that was asked for.
fn encrypted(
    uri: &KeyUri,
    name: &Name,
    blob: Option<Blob>,
    answered: Option<&str>,
    request_id: Option<&str>,
) -> Result<Encrypted, ProviderError> {
    let request_id = request_id.and_then(RequestId::new);
    name.must_be(uri, answered, request_id.as_ref())?;
    let ciphertext = blob.map(Blob::into_inner).filter(|blob| !blob.is_empty());
    let what = "the answer has no ciphertext";
    let ciphertext = ciphertext.ok_or(ProviderError::Corrupted { what, request_id })?;
    let key = named(answered.unwrap_or_default())?;
    Ok(Encrypted { ciphertext, key, was_current: false })
}

fn plaintext(blob: Option<Blob>, request_id: Option<&str>) -> Result<Plaintext, ProviderError> {
    let request_id = request_id.and_then(RequestId::new);
    let what = "the answer has no plaintext";
    let blob = blob.ok_or(ProviderError::Corrupted { what, request_id })?;
    Ok(Plaintext::new(Zeroizing::new(blob.into_inner())))
}

#[async_trait]
impl EncryptionProvider for KmsEncryption {
    fn scheme(&self) -> &'static str {
        SCHEME
    }

    fn longest_plaintext(&self) -> usize {
        LONGEST
    }

    async fn create(&self, name: &str) -> Result<KeyUri, ProviderError> {
        let alias = name::new_alias(name)?;
        let uri = named(&alias)?;
        let taken = || ProviderError::NameTaken { key: uri.clone() };
        match self.clients.describe(&uri, &Name::parse(&uri)?).await {
            Ok(_) => return Err(taken()),
            Err(ProviderError::UnknownKey { .. }) => {}
            Err(other) => return Err(other),
        }
        let client = self.clients.of(None).await;
        let making = client.create_key().key_usage(KeyUsageType::EncryptDecrypt);
        let making = making.key_spec(KeySpec::SymmetricDefault).description(name);
        let made = making.send().await.map_err(|error| self.clients.refusal(&uri, error))?;
        let id = RequestId::new(made.request_id().unwrap_or_default());
        let arn = made.key_metadata.and_then(|metadata| metadata.arn);
        let what = "a new key has no ARN";
        let arn = arn.ok_or(ProviderError::Corrupted { what, request_id: id })?;
        let naming = client.create_alias().alias_name(&alias).target_key_id(&arn);
        if let Err(error) = naming.send().await {
            let days = i32::try_from(SHORTEST_WAIT).ok();
            let discarding = client.schedule_key_deletion().key_id(&arn);
            // Without the permission it stays, unnamed and unused; the first error is the one to
            // tell.
            let _ = discarding.set_pending_window_in_days(days).send().await;
            let is_taken = failure::has_code(&error, "AlreadyExistsException");
            return Err(if is_taken { taken() } else { self.clients.refusal(&uri, error) });
        }
        named(&arn)
    }

    /// Its ARN; the service names no versions.
    async fn find(&self, key: &KeyUri) -> Result<KeyUri, ProviderError> {
        let found = self.clients.describe(key, &Name::parse(key)?).await?;
        if found.key_usage() != Some(&KeyUsageType::EncryptDecrypt) {
            let reason = "it is a key for signatures";
            return Err(ProviderError::BadUri { key: key.clone(), reason });
        }
        named(found.arn().unwrap_or_default())
    }

    async fn encrypt_checked(
        &self,
        key: &KeyUri,
        plaintext: &Plaintext,
        context: &Context,
    ) -> Result<Encrypted, ProviderError> {
        let name = Name::parse(key)?;
        let client = self.clients.of(name.region()).await;
        let encrypting = client
            .encrypt()
            .key_id(name.key_id())
            .plaintext(Blob::new(plaintext.expose()))
            .set_encryption_context(pairs(context)?);
        let made = encrypting.send().await.map_err(|error| self.refusal(key, error))?;
        let id = made.request_id();
        encrypted(key, &name, made.ciphertext_blob.clone(), made.key_id(), id)
    }

    async fn decrypt(
        &self,
        key: &KeyUri,
        ciphertext: &[u8],
        context: &Context,
    ) -> Result<Plaintext, ProviderError> {
        let name = Name::parse(key)?;
        let client = self.clients.of(name.region()).await;
        let decrypting = client
            .decrypt()
            .key_id(name.key_id())
            .ciphertext_blob(Blob::new(ciphertext))
            .set_encryption_context(pairs(context)?);
        let made = decrypting.send().await.map_err(|error| self.refusal(key, error))?;
        let id = made.request_id().map(ToOwned::to_owned);
        name.must_be(key, made.key_id(), id.as_deref().and_then(RequestId::new).as_ref())?;
        plaintext(made.plaintext, id.as_deref())
    }

    async fn data_key(
        &self,
        key: &KeyUri,
        context: &Context,
    ) -> Result<(Plaintext, Encrypted), ProviderError> {
        let name = Name::parse(key)?;
        let client = self.clients.of(name.region()).await;
        let making = client
            .generate_data_key()
            .key_id(name.key_id())
            .key_spec(DataKeySpec::Aes256)
            .set_encryption_context(pairs(context)?);
        let made = making.send().await.map_err(|error| self.refusal(key, error))?;
        let id = made.request_id().map(ToOwned::to_owned);
        let blob = made.ciphertext_blob.clone();
        let wrapped = encrypted(key, &name, blob, made.key_id(), id.as_deref())?;
        Ok((plaintext(made.plaintext, id.as_deref())?, wrapped))
    }

    /// Between any two keys of a region.
    fn turns(&self, from: &KeyUri, to: &KeyUri, context: &Context) -> bool {
        let (Ok(from), Ok(to)) = (Name::parse(from), Name::parse(to)) else { return false };
        let here = from.region().is_none() || to.region().is_none();
        (here || from.region() == to.region()) && !matches!(context, Context::Bytes(_))
    }

    async fn reencrypt(
        &self,
        ciphertexts: &[&[u8]],
        from: &KeyUri,
        to: &KeyUri,
        context: &Context,
    ) -> Result<Vec<Result<Encrypted, ProviderError>>, ProviderError> {
        let (source, destination) = (Name::parse(from)?, Name::parse(to)?);
        let context = pairs(context)?;
        let client = self.clients.of(source.region().or(destination.region())).await;
        let mut results = Vec::with_capacity(ciphertexts.len());
        for ciphertext in ciphertexts {
            let turning = client
                .re_encrypt()
                .ciphertext_blob(Blob::new(*ciphertext))
                .source_key_id(source.key_id())
                .set_source_encryption_context(context.clone())
                .destination_key_id(destination.key_id())
                .set_destination_encryption_context(context.clone());
            let turned = match turning.send().await {
                Ok(turned) => turned,
                Err(error) => {
                    results.push(Err(self.refusal(from, error)));
                    continue;
                }
            };
            let id = turned.request_id();
            let of_source = id.and_then(RequestId::new);
            let foreign = |_| ProviderError::ForeignCiphertext { key: from.clone() };
            let made = source
                .must_be(from, turned.source_key_id(), of_source.as_ref())
                .map_err(foreign)
                .and_then(|()| {
                    let blob = turned.ciphertext_blob.clone();
                    encrypted(to, &destination, blob, turned.key_id(), id)
                })
                .map(|made| {
                    let before = turned.source_key_material_id();
                    let same = turned.source_key_id() == turned.key_id();
                    let current = before == turned.destination_key_material_id();
                    Encrypted { was_current: before.is_some() && same && current, ..made }
                });
            results.push(made);
        }
        Ok(results)
    }

    fn renews_in_place(&self) -> bool {
        true
    }

    /// On demand, and under the same ARN. The service does it a limited number of times in a key's
    /// life.
    async fn rotate(&self, key: &KeyUri) -> Result<KeyUri, ProviderError> {
        let found = self.find(key).await?;
        let name = Name::parse(&found)?;
        let client = self.clients.of(name.region()).await;
        let rotating = client.rotate_key_on_demand().key_id(name.key_id());
        let rotated = rotating.send().await.map_err(|error| self.clients.refusal(key, error))?;
        let id = rotated.request_id().and_then(RequestId::new);
        name.must_be(&found, rotated.key_id(), id.as_ref())?;
        Ok(found)
    }
}
