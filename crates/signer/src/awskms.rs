//! AWS KMS: asymmetric keys for signing.
//!
//! A key is named by its ARN, `awskms:arn:aws:kms:REGION:ACCOUNT:key/ID`, or by its id alone. An
//! alias can be moved to another key: [`KeyProvider::find`] pins it, and nothing is signed by one.
//!
//! What the service is like: a key has no name but its aliases, so making one is two calls, and the
//! second decides who got the name. Asymmetric keys are never rotated in place; rotating makes a new
//! key and moves the alias. There is no destruction but one that waits for 7 to 30 days. Messages
//! are hashed here and sent as digests, since the service takes 4,096 bytes at most; only Ed25519
//! signs messages alone. Disabling works within seconds, and by the service's own account may take
//! some minutes to be known everywhere.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_kms::operation::RequestId as _;
use aws_sdk_kms::operation::sign::SignOutput;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{KeyMetadata, KeyUsageType, MessageType, SigningAlgorithmSpec};
use skink_model::Time;
use skink_x509::{KeyAlgorithm, PublicKey, SignatureAlgorithm};

mod administrator;
mod client;
mod custody;
mod encryption;
mod failure;
mod guard;
mod name;
mod settings;
mod wire;

use self::client::Clients;
use self::name::Name;
use crate::provider::{
    Guard, KeyAttributes, KeyPage, KeyProvider, KeyState, PageToken, ProviderError,
    ProviderSignature, RequestId, ToSign,
};
use crate::uri::KeyUri;
use crate::verify::{digest_of, hash};

pub use administrator::KmsAdministrator;
pub(crate) use administrator::name_of;
pub use custody::KmsCustody;
pub use encryption::KmsEncryption;
pub use settings::KmsSettings;

const SCHEME: &str = "awskms";
/// The longest message that the service signs.
const MAX_MESSAGE: usize = 4096;
/// The service's shortest wait before a destruction.
const SHORTEST_WAIT: u64 = 7;
const DAY: u64 = 24 * 60 * 60;

/// The keys of an account in a region, with one credential.
#[derive(Debug)]
pub struct KmsProvider {
    clients: Clients,
    /// What pinned keys are: they never change.
    known: Mutex<HashMap<KeyUri, KeyAlgorithm>>,
}

impl KmsProvider {
    /// A provider for the service and credential in `settings`. Calls nobody yet.
    pub fn new(settings: &KmsSettings) -> Self {
        Self { clients: Clients::new(settings), known: Mutex::default() }
    }

    /// The key's algorithm, remembered: it says what may be asked of the key before it is asked.
    async fn algorithm(&self, uri: &KeyUri, name: &Name) -> Result<KeyAlgorithm, ProviderError> {
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(algorithm) = known().get(uri) {
            return Ok(*algorithm);
        }
        let algorithm = wire::algorithm(&self.clients.describe(uri, name).await?)?;
        known().insert(uri.clone(), algorithm);
        Ok(algorithm)
    }

    /// What the service calls `asked`, if the key does it.
    async fn spec(
        &self,
        uri: &KeyUri,
        name: &Name,
        asked: SignatureAlgorithm,
    ) -> Result<SigningAlgorithmSpec, ProviderError> {
        let has = self.algorithm(uri, name).await?;
        let wrong = || ProviderError::WrongAlgorithm { key: uri.clone(), has, asked };
        wire::signing(has, asked).ok_or_else(wrong)
    }

    /// A new key without a name.
    async fn new_key(&self, uri: &KeyUri, spec: wire::NewKey<'_>) -> Result<Name, ProviderError> {
        let client = self.clients.of(spec.region).await;
        let made = client
            .create_key()
            .key_usage(KeyUsageType::SignVerify)
            .key_spec(spec.kind)
            .description(spec.description)
            .send()
            .await
            .map_err(|error| self.clients.refusal(uri, error))?;
        let id = RequestId::new(made.request_id().unwrap_or_default());
        let arn = made.key_metadata.and_then(|metadata| metadata.arn);
        let what = "a new key has no ARN";
        let arn = arn.ok_or(ProviderError::Corrupted { what, request_id: id })?;
        Name::parse(&named(&arn)?)
    }

    /// A key that did not get its name is of no use to anybody.
    async fn discard(&self, name: &Name) {
        let client = self.clients.of(name.region()).await;
        let days = i32::try_from(SHORTEST_WAIT).ok();
        let scheduling = client.schedule_key_deletion().key_id(name.key_id());
        // Without the permission it stays, unnamed and unused; the first error is the one to tell.
        let _ = scheduling.set_pending_window_in_days(days).send().await;
    }

    /// The one alias of a key, which may go to another.
    async fn alias_of(&self, uri: &KeyUri, name: &Name) -> Result<String, ProviderError> {
        if let Some(alias) = name.alias() {
            return Ok(alias.to_owned());
        }
        let client = self.clients.of(name.region()).await;
        let listed = client.list_aliases().key_id(name.key_id()).send().await;
        let listed = listed.map_err(|error| self.clients.refusal(uri, error))?;
        let mut aliases = listed.aliases().iter().filter_map(|alias| alias.alias_name());
        match (aliases.next(), aliases.next()) {
            (Some(one), None) if !listed.truncated() => Ok(one.to_owned()),
            _ => Err(ProviderError::BadUri {
                key: uri.clone(),
                reason: "it has not the one alias that could go over to a new key",
            }),
        }
    }
}

#[async_trait]
impl KeyProvider for KmsProvider {
    fn scheme(&self) -> &'static str {
        SCHEME
    }

    async fn create(&self, name: &str, algorithm: KeyAlgorithm) -> Result<KeyUri, ProviderError> {
        let alias = name::new_alias(name)?;
        let uri = named(&alias)?;
        let taken = || ProviderError::NameTaken { key: uri.clone() };
        let kind = wire::kind(algorithm).ok_or(ProviderError::UnsupportedAlgorithm(algorithm))?;
        match self.clients.describe(&uri, &Name::parse(&uri)?).await {
            Ok(_) => return Err(taken()),
            Err(ProviderError::UnknownKey { .. }) => {}
            Err(other) => return Err(other),
        }
        let wanted = wire::NewKey { region: None, kind, description: name };
        let made = self.new_key(&uri, wanted).await?;
        let client = self.clients.of(None).await;
        let naming = client.create_alias().alias_name(&alias).target_key_id(made.key_id());
        if let Err(error) = naming.send().await {
            self.discard(&made).await;
            let is_taken = failure::has_code(&error, "AlreadyExistsException");
            return Err(if is_taken { taken() } else { self.clients.refusal(&uri, error) });
        }
        named(made.key_id())
    }

    async fn find(&self, key: &KeyUri) -> Result<KeyUri, ProviderError> {
        let found = self.clients.describe(key, &Name::parse(key)?).await?;
        named(found.arn().unwrap_or_default())
    }

    /// The service shows none of a key that will be destroyed.
    async fn public_key(&self, key: &KeyUri) -> Result<PublicKey, ProviderError> {
        let name = Name::parse(key)?;
        let client = self.clients.of(name.region()).await;
        let shown = client.get_public_key().key_id(name.key_id()).send().await;
        let shown = shown.map_err(|error| self.clients.refusal(key, error))?;
        let request_id = RequestId::new(shown.request_id().unwrap_or_default());
        name.must_be(key, shown.key_id(), request_id.as_ref())?;
        let der = shown.public_key().map(Blob::as_ref).unwrap_or_default();
        PublicKey::from_spki_der(der)
            .ok()
            .filter(|public| shown.key_spec().and_then(wire::known) == Some(public.algorithm()))
            .ok_or(ProviderError::Corrupted {
                what: "the public key is none of the key's kind",
                request_id,
            })
    }

    async fn sign_checked(
        &self,
        key: &KeyUri,
        algorithm: SignatureAlgorithm,
        to_sign: ToSign<'_>,
    ) -> Result<ProviderSignature, ProviderError> {
        let name = Name::parse(key)?;
        name.pinned(key)?;
        let spec = self.spec(key, &name, algorithm).await;
        let spec = spec.map_err(ProviderError::before_signing)?;
        let (kind, input) = input(algorithm, to_sign)?;
        let client = self.clients.of(name.region()).await;
        let signing = client
            .sign()
            .key_id(name.key_id())
            .signing_algorithm(spec.clone())
            .message_type(kind)
            .message(input);
        let signed = signing.send().await.map_err(|error| self.clients.refusal(key, error))?;
        signature(key, &name, &spec, signed)
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
        name.pinned(key)?;
        let spec = self.spec(key, &name, algorithm).await?;
        let (kind, input) = input(algorithm, signed)?;
        let client = self.clients.of(name.region()).await;
        let verifying = client
            .verify()
            .key_id(name.key_id())
            .signing_algorithm(spec)
            .message_type(kind)
            .message(input)
            .signature(Blob::new(signature));
        match verifying.send().await {
            Ok(verdict) => {
                let request_id = RequestId::new(verdict.request_id().unwrap_or_default());
                name.must_be(key, verdict.key_id(), request_id.as_ref())?;
                Ok(verdict.signature_valid())
            }
            Err(error) if failure::has_code(&error, "KMSInvalidSignatureException") => Ok(false),
            Err(error) => Err(self.clients.refusal(key, error)),
        }
    }

    async fn state(&self, key: &KeyUri) -> Result<KeyState, ProviderError> {
        wire::state(&self.clients.describe(key, &Name::parse(key)?).await?)
    }

    /// The policy is left out if the credential may not read it.
    async fn attributes(&self, key: &KeyUri) -> Result<KeyAttributes, ProviderError> {
        let name = Name::parse(key)?;
        let found = self.clients.describe(key, &name).await?;
        let client = self.clients.of(name.region()).await;
        let asked = client.get_key_policy().key_id(found.key_id()).policy_name("default");
        let policy = match asked.send().await {
            Ok(told) => told.policy,
            Err(error) => match self.clients.refusal(key, error) {
                ProviderError::CredentialRefused { .. } => None,
                other => return Err(other),
            },
        };
        Ok(KeyAttributes { policy, ..wire::attributes(&found)? })
    }

    async fn guard(&self, key: &KeyUri) -> Guard {
        guard::of(self, key).await
    }

    /// If this credential may: better that it may not, and a custody does it.
    async fn disable(&self, key: &KeyUri) -> Result<(), ProviderError> {
        custody::disable(&self.clients, key).await
    }

    /// Makes another key and moves the alias to it; the old one goes on under its ARN.
    async fn rotate(&self, key: &KeyUri) -> Result<KeyUri, ProviderError> {
        let name = Name::parse(key)?;
        let found = self.clients.describe(key, &name).await?;
        let algorithm = wire::algorithm(&found)?;
        let kind = wire::kind(algorithm).ok_or(ProviderError::UnsupportedAlgorithm(algorithm))?;
        let alias = self.alias_of(key, &name).await?;
        let description = found.description().unwrap_or_default();
        let wanted = wire::NewKey { region: name.region(), kind, description };
        let made = self.new_key(key, wanted).await?;
        let client = self.clients.of(name.region()).await;
        let moving = client.update_alias().alias_name(alias).target_key_id(made.key_id());
        if let Err(error) = moving.send().await {
            self.discard(&made).await;
            return Err(self.clients.refusal(key, error));
        }
        named(made.key_id())
    }

    fn schedules_destruction(&self) -> bool {
        true
    }

    /// The wait is in whole days, at least seven; more than thirty the service refuses.
    async fn schedule_destruction(
        &self,
        key: &KeyUri,
        after: Duration,
    ) -> Result<Time, ProviderError> {
        let name = Name::parse(key)?;
        name.pinned(key)?;
        let days = after.as_secs().div_ceil(DAY).max(SHORTEST_WAIT);
        let days = i32::try_from(days).unwrap_or(i32::MAX);
        let client = self.clients.of(name.region()).await;
        let scheduling = client.schedule_key_deletion().key_id(name.key_id());
        let scheduled = scheduling.pending_window_in_days(days).send().await;
        let scheduled = scheduled.map_err(|error| self.clients.refusal(key, error))?;
        let request_id = RequestId::new(scheduled.request_id().unwrap_or_default());
        name.must_be(key, scheduled.key_id(), request_id.as_ref())?;
        let what = "a scheduled destruction has no day";
        let day = scheduled.deletion_date().and_then(wire::time);
        day.ok_or(ProviderError::Corrupted { what, request_id })
    }

    async fn cancel_destruction(&self, key: &KeyUri) -> Result<(), ProviderError> {
        let name = Name::parse(key)?;
        name.pinned(key)?;
        let client = self.clients.of(name.region()).await;
        let cancelled = client.cancel_key_deletion().key_id(name.key_id()).send().await;
        cancelled.map(|_| ()).map_err(|error| self.clients.refusal(key, error))
    }

    /// All keys of the account in the region, those for encryption too: the list does not tell.
    async fn list_page(
        &self,
        after: Option<&PageToken>,
        limit: u16,
    ) -> Result<KeyPage, ProviderError> {
        let client = self.clients.of(None).await;
        let listing = client
            .list_keys()
            .limit(i32::from(limit.clamp(1, 1000)))
            .set_marker(after.map(|PageToken(marker)| marker.clone()));
        let place = named("alias/")?;
        let page = listing.send().await.map_err(|error| self.clients.refusal(&place, error))?;
        if page.truncated() && page.next_marker().is_none() {
            let what = "the list of keys is cut off, and says not where it goes on";
            let request_id = RequestId::new(page.request_id().unwrap_or_default());
            return Err(ProviderError::Corrupted { what, request_id });
        }
        let arns = page.keys().iter().filter_map(|key| key.key_arn());
        let keys = arns.map(named).collect::<Result<_, _>>()?;
        let next = page.next_marker().filter(|_| page.truncated());
        Ok(KeyPage { keys, next: next.map(|marker| PageToken(marker.to_owned())) })
    }
}

/// The URI of what the service calls `name`.
fn named(name: &str) -> Result<KeyUri, ProviderError> {
    KeyUri::new(SCHEME, name).map_err(|_| ProviderError::BadName { name: name.to_owned() })
}

/// What is sent to sign or verify.
fn input(
    algorithm: SignatureAlgorithm,
    to_sign: ToSign<'_>,
) -> Result<(MessageType, Blob), ProviderError> {
    if let Some(hash) = hash(algorithm) {
        return Ok((MessageType::Digest, Blob::new(digest_of(hash, to_sign).as_ref())));
    }
    let (ToSign::Message(message) | ToSign::Digest(message)) = to_sign;
    let length = message.len();
    if length > MAX_MESSAGE {
        return Err(ProviderError::MessageTooLong { length, limit: MAX_MESSAGE });
    }
    Ok((MessageType::Raw, Blob::new(message)))
}

/// The signature in an answer, if it answers what was asked.
fn signature(
    key: &KeyUri,
    name: &Name,
    spec: &SigningAlgorithmSpec,
    signed: SignOutput,
) -> Result<ProviderSignature, ProviderError> {
    let request_id = RequestId::new(signed.request_id().unwrap_or_default());
    name.must_be(key, signed.key_id(), request_id.as_ref())?;
    let corrupted = |what| ProviderError::Corrupted { what, request_id: request_id.clone() };
    if signed.signing_algorithm() != Some(spec) {
        return Err(corrupted("the signature is of another algorithm"));
    }
    let bytes = signed.signature.ok_or_else(|| corrupted("the answer has no signature"))?;
    Ok(ProviderSignature { bytes: bytes.into_inner(), request_id })
}

impl Clients {
    /// What the service says about a key.
    async fn describe(&self, key: &KeyUri, name: &Name) -> Result<KeyMetadata, ProviderError> {
        let client = self.of(name.region()).await;
        let told = client.describe_key().key_id(name.key_id()).send().await;
        let told = told.map_err(|error| self.refusal(key, error))?;
        let request_id = RequestId::new(told.request_id().unwrap_or_default());
        let what = "the answer is about no key";
        let found = told.key_metadata.filter(|found| found.arn().is_some());
        let found =
            found.ok_or(ProviderError::Corrupted { what, request_id: request_id.clone() })?;
        if name.alias().is_none() {
            name.must_be(key, found.arn(), request_id.as_ref())?;
        }
        Ok(found)
    }
}
