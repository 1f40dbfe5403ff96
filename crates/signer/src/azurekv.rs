//! Azure Key Vault: keys for signing.
//!
//! A key is named by the URL of one of its versions,
//! `azurekv:https://VAULT.vault.azure.net/keys/NAME/VERSION`. Without the version it would mean
//! another key after a rotation: [`KeyProvider::find`] pins it to the newest, and nothing is signed
//! by one.
//!
//! What the service is like: it signs digests only, and knows no Ed25519. Making a key whose name is
//! taken makes another version of that key, without a word. What is deleted is a key with all its
//! versions; it can be brought back for as long as the vault says, 7 to 90 days, and its name is
//! not free in the meantime. The service's own log has an id of a call that its caller makes up.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use azure_core::http::Url;
use azure_core::http::pager::{PagerContinuation, PagerOptions};
use azure_security_keyvault_keys::models::{
    CreateKeyParameters, KeyClientListKeyPropertiesOptions, KeyClientSignOptions, KeyOperation,
    KeyType, SignParameters, VerifyParameters,
};
use futures_util::TryStreamExt as _;
use skink_model::Time;
use skink_x509::{KeyAlgorithm, PublicKey, SignatureAlgorithm};

mod administrator;
mod client;
mod custody;
mod failure;
mod name;
mod settings;
mod token;
mod wire;

use self::client::{CallId, Client};
use self::name::Name;
use self::wire::ToMake;
use crate::encoding::{ecdsa_from_der, ecdsa_to_der};
use crate::provider::{
    KeyAttributes, KeyPage, KeyProvider, KeyState, PageToken, ProviderError, ProviderSignature,
    ToSign,
};
use crate::uri::KeyUri;
use crate::verify::{digest_of, fits, hash};

pub use administrator::{AzureKvAdministrator, Others};
pub use custody::AzureKvCustody;
pub use settings::AzureKvSettings;

/// The name of a key within its vault.
pub(crate) fn name_of(key: &KeyUri) -> Result<String, ProviderError> {
    Name::parse(key)?.key(key).map(ToOwned::to_owned)
}

const SCHEME: &str = "azurekv";
/// How often a key that is being deleted or brought back is looked at.
const LOOK: Duration = Duration::from_millis(500);
const DAY: Duration = Duration::from_hours(24);

/// The keys of a vault, with one credential.
#[derive(Debug)]
pub struct AzureKvProvider {
    client: Client,
    /// What versions are: they never change.
    known: Mutex<HashMap<KeyUri, KeyAlgorithm>>,
}

impl AzureKvProvider {
    /// A provider for the vault and credential in `settings`. Calls nobody yet.
    pub fn new(settings: &AzureKvSettings) -> Self {
        Self { client: Client::new(settings), known: Mutex::default() }
    }

    /// The key's algorithm, remembered: it says what may be asked of the key before it is asked.
    async fn algorithm(&self, uri: &KeyUri, name: &Name) -> Result<KeyAlgorithm, ProviderError> {
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(algorithm) = known().get(uri) {
            return Ok(*algorithm);
        }
        let (found, _) = self.client.describe(uri, name).await?;
        let algorithm = wire::public_key(&found)?.algorithm();
        known().insert(uri.clone(), algorithm);
        Ok(algorithm)
    }

    /// The service's word for how to sign, and the digest, if the key signs so.
    async fn question(
        &self,
        key: &KeyUri,
        name: &Name,
        asked: SignatureAlgorithm,
        to_sign: ToSign<'_>,
    ) -> Result<Question, ProviderError> {
        let has = self.algorithm(key, name).await?;
        let wrong = || ProviderError::WrongAlgorithm { key: key.clone(), has, asked };
        if !fits(has, asked) {
            return Err(wrong());
        }
        let (Some(algorithm), Some(hash)) = (wire::theirs(asked), hash(asked)) else {
            return Err(wrong());
        };
        let digest = digest_of(hash, to_sign).into_owned();
        Ok(Question { algorithm, digest, scalar: wire::scalar(has) })
    }

    /// Whether the key waits for the end of its deletion.
    async fn is_deleted(&self, key: &KeyUri, name: &Name) -> Result<bool, ProviderError> {
        let service = self.client.service().await?;
        let asked = service.get_deleted_key(name.key(key)?, None);
        match self.client.answer(key, async { asked.await?.into_model() }).await {
            Ok(_) => Ok(true),
            Err(ProviderError::UnknownKey { .. }) => Ok(false),
            Err(other) => Err(other),
        }
    }

    /// Waits until the key is deleted, or is not: the service takes its time for both.
    async fn until(&self, key: &KeyUri, name: &Name, deleted: bool) -> Result<(), ProviderError> {
        let waiting = async {
            loop {
                let there = match self.client.describe(key, name).await {
                    Ok(_) => true,
                    Err(ProviderError::UnknownKey { .. }) => false,
                    Err(other) => return Err(other),
                };
                if there != deleted && self.is_deleted(key, name).await? == deleted {
                    return Ok(());
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        // What takes longer is on its way all the same.
        tokio::time::timeout(self.client.settings.patience, waiting).await.unwrap_or(Ok(()))
    }
}

/// What is asked of a key that signs or verifies.
struct Question {
    algorithm: azure_security_keyvault_keys::models::SignatureAlgorithm,
    digest: Vec<u8>,
    /// Of an elliptic key, how long each of a signature's numbers is.
    scalar: Option<usize>,
}

#[async_trait]
impl KeyProvider for AzureKvProvider {
    fn scheme(&self) -> &'static str {
        SCHEME
    }

    /// The service makes another version where the name is taken, so it is asked first. Two that
    /// create the same name in the same instant get two versions of one key.
    async fn create(&self, name: &str, algorithm: KeyAlgorithm) -> Result<KeyUri, ProviderError> {
        let new = self.client.settings.place().new_key(name)?;
        let uri = new.uri()?;
        let unsupported = ProviderError::UnsupportedAlgorithm(algorithm);
        let wanted = wire::to_make(algorithm).ok_or(unsupported)?;
        match self.client.describe(&uri, &new).await {
            Ok(_) => return Err(ProviderError::NameTaken { key: uri }),
            Err(ProviderError::UnknownKey { .. }) => {}
            Err(other) => return Err(other),
        }
        let hardware = self.client.settings.hardware;
        let mut asked = CreateKeyParameters {
            key_ops: Some(vec![KeyOperation::Sign, KeyOperation::Verify]),
            ..Default::default()
        };
        match wanted {
            ToMake::Curve(curve) => {
                asked.kty = Some(if hardware { KeyType::EcHsm } else { KeyType::Ec });
                asked.curve = Some(curve);
            }
            ToMake::Bits(bits) => {
                asked.kty = Some(if hardware { KeyType::RsaHsm } else { KeyType::Rsa });
                asked.key_size = Some(bits);
            }
        }
        let asked = asked.try_into().map_err(|error| failure::refusal(&uri, error))?;
        let making = self.client.service().await?.create_key(name, asked, None);
        let made = self.client.answer(&uri, async { making.await?.into_model() }).await;
        let made = match made {
            Err(refused) if failure::is_conflict(&refused) => {
                return Err(ProviderError::NameTaken { key: uri });
            }
            made => made?,
        };
        let kid = made.key.as_ref().and_then(|key| key.kid.as_deref());
        new.answered(&uri, kid, None)?.uri()
    }

    async fn find(&self, key: &KeyUri) -> Result<KeyUri, ProviderError> {
        self.client.describe(key, &Name::parse(key)?).await?.1.uri()
    }

    async fn public_key(&self, key: &KeyUri) -> Result<PublicKey, ProviderError> {
        wire::public_key(&self.client.describe(key, &Name::parse(key)?).await?.0)
    }

    async fn sign_checked(
        &self,
        key: &KeyUri,
        algorithm: SignatureAlgorithm,
        to_sign: ToSign<'_>,
    ) -> Result<ProviderSignature, ProviderError> {
        let name = Name::parse(key)?;
        let version = name.pinned(key)?.to_owned();
        let question = self.question(key, &name, algorithm, to_sign).await;
        let question = question.map_err(ProviderError::before_signing)?;
        let asked =
            SignParameters { algorithm: Some(question.algorithm), value: Some(question.digest) };
        let asked = asked.try_into().map_err(|error| failure::refusal(key, error))?;
        let call = CallId::new()?;
        let options =
            KeyClientSignOptions { key_version: Some(version), method_options: call.options() };
        let signing = self.client.service().await?.sign(name.key(key)?, asked, Some(options));
        let answer = self.client.answer(key, async { signing.await?.into_model() }).await;
        let request_id = call.id;
        let answer = answer.map_err(|error| failure::of_call(error, request_id.clone()))?;
        name.answered(key, answer.kid.as_deref(), request_id.as_ref())?;
        let made = answer.result.filter(|made| match question.scalar {
            Some(length) => made.len() == 2 * length,
            None => !made.is_empty(),
        });
        let bytes = made.and_then(|made| match question.scalar {
            Some(_) => ecdsa_to_der(&made),
            None => Some(made),
        });
        let what = "the signature has not the length of the key's";
        let bytes =
            bytes.ok_or(ProviderError::Corrupted { what, request_id: request_id.clone() })?;
        Ok(ProviderSignature { bytes, request_id })
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
        let question = self.question(key, &name, algorithm, signed).await?;
        let raw = match question.scalar {
            Some(length) => ecdsa_from_der(signature, length),
            None => Some(signature.to_vec()),
        };
        let Some(raw) = raw else { return Ok(false) };
        let asked = VerifyParameters {
            algorithm: Some(question.algorithm),
            digest: Some(question.digest),
            signature: Some(raw),
        };
        let asked = asked.try_into().map_err(|error| failure::refusal(key, error))?;
        let service = self.client.service().await?;
        let verifying = service.verify(name.key(key)?, version, asked, None);
        let verdict = self.client.answer(key, async { verifying.await?.into_model() }).await?;
        Ok(verdict.value == Some(true))
    }

    async fn state(&self, key: &KeyUri) -> Result<KeyState, ProviderError> {
        let name = Name::parse(key)?;
        match self.client.describe(key, &name).await {
            Ok((found, _)) => Ok(wire::state(&found)),
            Err(ProviderError::UnknownKey { .. }) if self.is_deleted(key, &name).await? => {
                Ok(KeyState::DestructionScheduled)
            }
            Err(other) => Err(other),
        }
    }

    async fn attributes(&self, key: &KeyUri) -> Result<KeyAttributes, ProviderError> {
        let (found, which) = self.client.describe(key, &Name::parse(key)?).await?;
        wire::attributes(&found, which.version())
    }

    /// If this credential may: better that it may not, and a custody does it.
    async fn disable(&self, key: &KeyUri) -> Result<(), ProviderError> {
        custody::set(&self.client, key, false).await
    }

    /// In the order of their making, as far as the service tells it: to the second.
    async fn versions(&self, key: &KeyUri) -> Result<Vec<KeyUri>, ProviderError> {
        let name = Name::parse(key)?;
        let service = self.client.service().await?;
        let versions = service.list_key_properties_versions(name.key(key)?, None);
        let versions = versions.map_err(|error| failure::refusal(key, error))?;
        let found: Vec<_> = self.client.answer(key, versions.try_collect()).await?;
        let place = self.client.settings.place();
        let of_key = place.new_key(name.key(key)?)?;
        let newest = self.client.describe(&of_key.uri()?, &of_key).await?.1;
        let mut versions = Vec::with_capacity(found.len());
        for one in found {
            let which = of_key.answered(key, one.kid.as_deref(), None)?;
            let created = one.attributes.as_ref().and_then(wire::created);
            versions.push((which == newest, created, which.uri()?));
        }
        versions.sort();
        Ok(versions.into_iter().map(|(.., uri)| uri).collect())
    }

    async fn rotate(&self, key: &KeyUri) -> Result<KeyUri, ProviderError> {
        let name = Name::parse(key)?;
        let making = self.client.service().await?.rotate_key(name.key(key)?, None);
        let made = self.client.answer(key, async { making.await?.into_model() }).await?;
        let kid = made.key.as_ref().and_then(|key| key.kid.as_deref());
        self.client.settings.place().new_key(name.key(key)?)?.answered(key, kid, None)?.uri()
    }

    fn schedules_destruction(&self) -> bool {
        true
    }

    /// The key goes with all its versions, each disabled before: brought back they would sign again
    /// otherwise. How long it can be brought back is the vault's own, set when the vault was made.
    /// Where that is shorter than `after`, nothing is done.
    async fn schedule_destruction(
        &self,
        key: &KeyUri,
        after: Duration,
    ) -> Result<Time, ProviderError> {
        let name = Name::parse(key)?;
        let (found, _) = self.client.describe(key, &name).await?;
        let days = found.attributes.as_ref().and_then(|told| told.recoverable_days);
        let days = days.and_then(|days| u32::try_from(days).ok()).unwrap_or_default();
        if DAY * days < after {
            let what = format!("a deletion of {key} waits {days} days and no longer");
            return Err(ProviderError::NotConfigured { what });
        }
        for version in self.versions(key).await? {
            custody::set(&self.client, &version, false).await?;
        }
        let deleting = self.client.service().await?.delete_key(name.key(key)?, None);
        let gone = self.client.answer(key, async { deleting.await?.into_model() }).await?;
        self.until(key, &name, true).await?;
        let what = "a deletion has no day";
        let day = gone.scheduled_purge_date.and_then(wire::time);
        day.ok_or(ProviderError::Corrupted { what, request_id: None })
    }

    async fn cancel_destruction(&self, key: &KeyUri) -> Result<(), ProviderError> {
        let name = Name::parse(key)?;
        let restoring = self.client.service().await?.recover_deleted_key(name.key(key)?, None);
        self.client.answer(key, async { restoring.await?.into_model() }).await?;
        self.until(key, &name, false).await
    }

    /// The keys of the vault, without their versions.
    async fn list_page(
        &self,
        after: Option<&PageToken>,
        limit: u16,
    ) -> Result<KeyPage, ProviderError> {
        let place = self.client.settings.place();
        let uri = place.uri()?;
        let service = self.client.service().await?;
        let refused = |error| failure::refusal(&uri, error);
        let next = after.map(|PageToken(link)| link.parse::<Url>());
        let next = next.transpose().map_err(|_| ProviderError::BadUri {
            key: uri.clone(),
            reason: "the mark of a page is none of the service's",
        })?;
        // A link leads where the list came from, and nowhere else with our token.
        if next.as_ref().is_some_and(|link| link.origin() != service.endpoint().origin()) {
            let what = "a list goes on at another place";
            return Err(ProviderError::Corrupted { what, request_id: None });
        }
        let options = KeyClientListKeyPropertiesOptions {
            maxresults: Some(i32::from(limit.clamp(1, 25))),
            method_options: PagerOptions {
                continuation: next.map(PagerContinuation::Link),
                ..Default::default()
            },
        };
        let mut pages = service.list_key_properties(Some(options)).map_err(refused)?.into_pages();
        let page = self.client.answer(&uri, pages.try_next()).await?;
        let page = page.map(azure_core::http::Response::into_model).transpose().map_err(refused)?;
        let mut keys = Vec::new();
        for found in page.map(|page| page.value).unwrap_or_default() {
            let kid = found.kid.as_deref().unwrap_or_default();
            let named = KeyUri::new(SCHEME, kid).ok().filter(|uri| Name::parse(uri).is_ok());
            let what = "a key in the list has no name";
            keys.push(named.ok_or(ProviderError::Corrupted { what, request_id: None })?);
        }
        let next = pages.into_continuation().map(|link| PageToken(link.as_ref().to_owned()));
        Ok(KeyPage { keys, next })
    }
}
