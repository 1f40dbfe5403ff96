//! Google Cloud KMS: asymmetric keys for signing.
//!
//! A key is named by the resource name of one of its versions,
//! `gcpkms:projects/P/locations/L/keyRings/R/cryptoKeys/K/cryptoKeyVersions/N`. Without the version
//! it would mean another key after a rotation: [`KeyProvider::find`] pins it to the newest, and
//! nothing is signed by one.
//!
//! What the service is like: names are never free again, and a version signs in one way only, by
//! one padding and one hash. What is sent and what is answered goes with checksums (CRC32C), which
//! both sides look at, and the answer says which version signed. There is no destruction but one
//! that waits, for as long as was said when the key was made: 30 days, if nothing was. By the
//! service's own account a disabling is known everywhere within a minute as a rule, and in rare cases
//! within three hours.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use google_cloud_gax::options::RequestOptionsBuilder as _;
use google_cloud_kms_v1::model::crypto_key::CryptoKeyPurpose;
use google_cloud_kms_v1::model::{
    AsymmetricSignRequest, AsymmetricSignResponse, CryptoKey, CryptoKeyVersion,
    CryptoKeyVersionTemplate, ProtectionLevel,
};
use pkcs8::der::Document;
use skink_model::Time;
use skink_x509::{KeyAlgorithm, PublicKey, SignatureAlgorithm};

mod administrator;
mod client;
mod crc32c;
mod custody;
mod encryption;
mod failure;
mod guard;
mod name;
mod settings;
mod token;
mod wire;

use self::client::{CallId, Client, REASON};
use self::crc32c::crc32c;
use self::name::{Name, named};
use self::wire::Kind;
use crate::provider::{
    Guard, KeyAttributes, KeyPage, KeyProvider, KeyState, PageToken, ProviderError,
    ProviderSignature, RequestId, ToSign,
};
use crate::uri::KeyUri;

pub(crate) use administrator::name_of;
pub use administrator::{Accounts, GcpKmsAdministrator};
pub use custody::GcpKmsCustody;
pub use encryption::GcpKmsEncryption;
pub use settings::GcpKmsSettings;

const SCHEME: &str = "gcpkms";
/// How often a key that is being made is looked at.
const LOOK: Duration = Duration::from_millis(200);
/// How long a destruction waits where the key does not say.
const WAIT: Duration = Duration::from_hours(30 * 24);

/// The keys of a key ring, with one credential.
#[derive(Debug)]
pub struct GcpKmsProvider {
    client: Client,
    /// What versions are: they never change.
    known: Mutex<HashMap<KeyUri, Kind>>,
}

impl GcpKmsProvider {
    /// A provider for the key ring and credential in `settings`. Calls nobody yet.
    pub fn new(settings: &GcpKmsSettings) -> Self {
        Self { client: Client::new(settings), known: Mutex::default() }
    }

    /// The key's kind, remembered: it says what may be asked of the key before it is asked.
    async fn kind(&self, uri: &KeyUri, name: &Name) -> Result<Kind, ProviderError> {
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kind) = known().get(uri) {
            return Ok(*kind);
        }
        let kind = wire::kind(&self.client.describe(uri, name).await?)?;
        known().insert(uri.clone(), kind);
        Ok(kind)
    }

    /// What the URI means now: the newest version, if it names none.
    async fn resolve(&self, uri: &KeyUri) -> Result<Name, ProviderError> {
        let name = Name::parse(uri)?;
        if name.version().is_some() {
            return Ok(name);
        }
        let newest = self.numbers(uri, &name).await?.last().copied();
        let unknown = || ProviderError::UnknownKey { key: uri.clone() };
        Ok(name.of_version(newest.ok_or_else(unknown)?))
    }

    /// The numbers of the key's versions, destroyed ones too, the oldest first.
    async fn numbers(&self, uri: &KeyUri, name: &Name) -> Result<Vec<u64>, ProviderError> {
        let service = self.client.service().await?;
        let (parent, mut token, mut numbers) = (name.key(uri)?, String::new(), Vec::new());
        loop {
            let listing = service.list_crypto_key_versions().set_parent(&parent);
            let listing = listing.set_page_size(1000).set_page_token(token);
            let page = self.client.answer(uri, listing.send()).await?;
            for version in &page.crypto_key_versions {
                numbers.extend(Name::given(&version.name)?.version());
            }
            token = page.next_page_token;
            if token.is_empty() {
                break;
            }
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// The URI of a new version, once there is something in it.
    async fn made(&self, uri: &KeyUri, name: Name) -> Result<KeyUri, ProviderError> {
        let made = named(&name.pinned(uri)?)?;
        let waiting = async {
            while wire::is_pending(&self.client.describe(&made, &name).await?) {
                tokio::time::sleep(LOOK).await;
            }
            Ok(())
        };
        // One that takes longer is there all the same; its state says that it does not sign yet.
        let waited = tokio::time::timeout(self.client.settings.patience, waiting).await;
        waited.unwrap_or(Ok(())).map(|()| made)
    }

    /// One call that signs; every call has an id of its own.
    async fn sign_once(
        &self,
        key: &KeyUri,
        name: &Name,
        request: AsymmetricSignRequest,
        call: CallId,
    ) -> Result<ProviderSignature, ProviderError> {
        let service = self.client.service().await?;
        let signing = service.asymmetric_sign().with_request(request.clone());
        let signing = signing.set_name(name.pinned(key)?).with_custom_header(REASON, call.header);
        match self.client.answer(key, signing.send()).await {
            Ok(signed) => signature(key, name, &request, &signed, call.id),
            Err(refused) if failure::is_precondition(&refused) => {
                Err(failure::of_call(self.stopped(key, name, refused).await, call.id))
            }
            Err(refused) => Err(failure::of_call(refused, call.id)),
        }
    }

    /// The service has one code for keys that are not enabled and for much else; the key's state
    /// tells.
    async fn stopped(&self, key: &KeyUri, name: &Name, refused: ProviderError) -> ProviderError {
        let ProviderError::Refused { answer } = refused else { return refused };
        let found = self.client.describe(key, name).await;
        match found.as_ref().map(wire::state) {
            Ok(Ok(KeyState::Disabled | KeyState::DestructionScheduled)) => {
                ProviderError::Disabled { key: key.clone(), answer }
            }
            Ok(Ok(KeyState::Destroyed)) => ProviderError::Destroyed { key: key.clone() },
            _ => ProviderError::Refused { answer },
        }
    }

    /// How long a destruction of the key's versions waits.
    async fn wait(&self, key: &KeyUri, name: &Name) -> Result<Duration, ProviderError> {
        let service = self.client.service().await?;
        let asked = service.get_crypto_key().set_name(name.key(key)?);
        let found = self.client.answer(key, asked.send()).await?;
        let wait = found.destroy_scheduled_duration.map(|wait| u64::try_from(wait.seconds()));
        Ok(wait.and_then(Result::ok).map_or(WAIT, Duration::from_secs))
    }
}

#[async_trait]
impl KeyProvider for GcpKmsProvider {
    fn scheme(&self) -> &'static str {
        SCHEME
    }

    /// Into the key ring of the settings, which must be there.
    async fn create(&self, name: &str, algorithm: KeyAlgorithm) -> Result<KeyUri, ProviderError> {
        let ring = Name::parse(self.client.settings.ring())?;
        let new = ring.new_key(name)?;
        let unsupported = ProviderError::UnsupportedAlgorithm(algorithm);
        let theirs = wire::to_make(algorithm).ok_or(unsupported)?;
        let uri = named(&new.key(self.client.settings.ring())?)?;
        let hardware = self.client.settings.hardware;
        let level = if hardware { ProtectionLevel::Hsm } else { ProtectionLevel::Software };
        let template =
            CryptoKeyVersionTemplate::new().set_algorithm(theirs).set_protection_level(level);
        let key = CryptoKey::new()
            .set_purpose(CryptoKeyPurpose::AsymmetricSign)
            .set_version_template(template);
        let service = self.client.service().await?;
        let making = service.create_crypto_key().set_parent(ring.ring());
        let making = making.set_crypto_key_id(name).set_crypto_key(key);
        match self.client.answer(&uri, making.send()).await {
            Ok(_) => self.made(&uri, new.of_version(1)).await,
            Err(refused) if failure::is_taken(&refused) => {
                Err(ProviderError::NameTaken { key: uri })
            }
            Err(ProviderError::UnknownKey { .. }) => {
                let what = format!("there is no key ring {}", ring.ring());
                Err(ProviderError::NotConfigured { what })
            }
            Err(refused) => Err(refused),
        }
    }

    /// Destroyed ones too: the service forgets none.
    async fn versions(&self, key: &KeyUri) -> Result<Vec<KeyUri>, ProviderError> {
        let name = Name::parse(key)?;
        let numbers = self.numbers(key, &name).await?;
        numbers.into_iter().map(|number| named(&name.of_version(number).pinned(key)?)).collect()
    }

    async fn find(&self, key: &KeyUri) -> Result<KeyUri, ProviderError> {
        let name = self.resolve(key).await?;
        named(&self.client.describe(key, &name).await?.name)
    }

    /// The service shows that of enabled versions only.
    async fn public_key(&self, key: &KeyUri) -> Result<PublicKey, ProviderError> {
        let name = self.resolve(key).await?;
        let service = self.client.service().await?;
        let asked = service.get_public_key().set_name(name.pinned(key)?);
        let shown = match self.client.answer(key, asked.send()).await {
            Err(refused) if failure::is_precondition(&refused) => {
                return Err(self.stopped(key, &name, refused).await);
            }
            shown => shown?,
        };
        name.must_be(key, &shown.name, None)?;
        let corrupted = |what| ProviderError::Corrupted { what, request_id: None };
        if shown.pem_crc32c != Some(crc32c(shown.pem.as_bytes())) {
            return Err(corrupted("the public key is not the one of its checksum"));
        }
        let der = Document::from_pem(&shown.pem).ok().filter(|(label, _)| *label == "PUBLIC KEY");
        der.and_then(|(_, der)| PublicKey::from_spki_der(der.as_bytes()).ok())
            .filter(|public| {
                wire::known(&shown.algorithm).is_some_and(|kind| kind.key == public.algorithm())
            })
            .ok_or_else(|| corrupted("the public key is none of the key's kind"))
    }

    async fn sign_checked(
        &self,
        key: &KeyUri,
        algorithm: SignatureAlgorithm,
        to_sign: ToSign<'_>,
    ) -> Result<ProviderSignature, ProviderError> {
        let name = Name::parse(key)?;
        name.pinned(key)?;
        let kind = self.kind(key, &name).await.map_err(ProviderError::before_signing)?;
        let wrong =
            ProviderError::WrongAlgorithm { key: key.clone(), has: kind.key, asked: algorithm };
        let request = wire::request(kind, algorithm, to_sign)?.ok_or(wrong)?;
        self.sign_once(key, &name, request, CallId::new()?).await
    }

    async fn state(&self, key: &KeyUri) -> Result<KeyState, ProviderError> {
        let name = self.resolve(key).await?;
        wire::state(&self.client.describe(key, &name).await?)
    }

    /// The policy is that of the key alone, without what it inherits from the key ring, the project
    /// and above; it is left out if the credential may not read it.
    async fn attributes(&self, key: &KeyUri) -> Result<KeyAttributes, ProviderError> {
        let name = self.resolve(key).await?;
        let found = self.client.describe(key, &name).await?;
        let service = self.client.service().await?;
        let asked = service.get_iam_policy().set_resource(name.key(key)?);
        let policy = match self.client.answer(key, asked.send()).await {
            Ok(policy) => serde_json::to_string(&policy).ok(),
            Err(ProviderError::CredentialRefused { .. }) => None,
            Err(other) => return Err(other),
        };
        Ok(KeyAttributes { policy, ..wire::attributes(&found, name.version())? })
    }

    async fn guard(&self, key: &KeyUri) -> Guard {
        guard::of(self, key).await
    }

    /// If this credential may: better that it may not, and a custody does it.
    async fn disable(&self, key: &KeyUri) -> Result<(), ProviderError> {
        custody::disable(&self.client, key).await
    }

    async fn rotate(&self, key: &KeyUri) -> Result<KeyUri, ProviderError> {
        let name = Name::parse(key)?;
        let service = self.client.service().await?;
        let making = service.create_crypto_key_version().set_parent(name.key(key)?);
        let made = self.client.answer(key, making.send()).await?;
        let unnamed =
            || ProviderError::Corrupted { what: "the new version has no number", request_id: None };
        let version = Name::given(&made.name)?.version().ok_or_else(unnamed)?;
        let new = name.of_version(version);
        new.must_be(key, &made.name, None)?;
        self.made(key, new).await
    }

    fn schedules_destruction(&self) -> bool {
        true
    }

    /// The wait is the key's own, set for good when it was made. Where it is shorter than `after`,
    /// nothing is done.
    async fn schedule_destruction(
        &self,
        key: &KeyUri,
        after: Duration,
    ) -> Result<Time, ProviderError> {
        let name = Name::parse(key)?;
        let version = name.pinned(key)?;
        let wait = self.wait(key, &name).await?;
        if wait < after {
            let hours = wait.as_secs() / 3600;
            let what = format!("a destruction of {key} waits {hours} hours and no longer");
            return Err(ProviderError::NotConfigured { what });
        }
        let service = self.client.service().await?;
        let scheduling = service.destroy_crypto_key_version().set_name(version);
        let found = self.client.answer(key, scheduling.send()).await?;
        name.must_be(key, &found.name, None)?;
        let what = "a scheduled destruction has no day";
        let day = found.destroy_time.as_ref().and_then(wire::time);
        day.ok_or(ProviderError::Corrupted { what, request_id: None })
    }

    async fn cancel_destruction(&self, key: &KeyUri) -> Result<(), ProviderError> {
        let name = Name::parse(key)?;
        let service = self.client.service().await?;
        let restoring = service.restore_crypto_key_version().set_name(name.pinned(key)?);
        let found = self.client.answer(key, restoring.send()).await?;
        name.must_be(key, &found.name, None)
    }

    /// The keys of the ring that sign, without their versions.
    async fn list_page(
        &self,
        after: Option<&PageToken>,
        limit: u16,
    ) -> Result<KeyPage, ProviderError> {
        let ring = self.client.settings.ring();
        let service = self.client.service().await?;
        let listing = service
            .list_crypto_keys()
            .set_parent(Name::parse(ring)?.ring())
            .set_page_size(i32::from(limit.clamp(1, 1000)))
            .set_page_token(after.map(|PageToken(token)| token.clone()).unwrap_or_default());
        let page = self.client.answer(ring, listing.send()).await?;
        let sign = |key: &&CryptoKey| key.purpose == CryptoKeyPurpose::AsymmetricSign;
        let keys = page.crypto_keys.iter().filter(sign).map(|key| named(&key.name));
        let keys = keys.collect::<Result<_, _>>()?;
        let next = Some(page.next_page_token).filter(|token| !token.is_empty());
        Ok(KeyPage { keys, next: next.map(PageToken) })
    }
}

/// The signature in an answer, if it answers what was asked and arrived as it was sent.
fn signature(
    key: &KeyUri,
    name: &Name,
    request: &AsymmetricSignRequest,
    signed: &AsymmetricSignResponse,
    request_id: Option<RequestId>,
) -> Result<ProviderSignature, ProviderError> {
    name.must_be(key, &signed.name, request_id.clone())?;
    let (digest, data) = (signed.verified_digest_crc32c, signed.verified_data_crc32c);
    let what = if !wire::was_checked(request, digest, data) {
        "the service has not checked what it was sent"
    } else if signed.signature_crc32c != Some(crc32c(&signed.signature)) {
        "the signature is not the one of its checksum"
    } else {
        return Ok(ProviderSignature { bytes: signed.signature.to_vec(), request_id });
    };
    Err(ProviderError::Corrupted { what, request_id })
}

impl Client {
    /// What the service says about a version.
    async fn describe(&self, key: &KeyUri, name: &Name) -> Result<CryptoKeyVersion, ProviderError> {
        let asked = self.service().await?.get_crypto_key_version().set_name(name.pinned(key)?);
        let found = self.answer(key, asked.send()).await?;
        name.must_be(key, &found.name, None)?;
        Ok(found)
    }
}
