//! The offline root: a directory of its own, without database or network.
//!
//! ```text
//! root.json          what the server may know: certificate, domain, addresses, sealing key
//! root.log           every ceremony, hash-chained, only ever added to
//! signatures.log     every signature, likewise
//! keys/              the root's key, encrypted, unless a key service or a token has it; trust keys
//! opening.json       opens what the server seals for the root, encrypted
//! responses/         every response that was given
//! ```

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use skink_model::{Clock, Rng};
use skink_signer::chain::{Chain, ChainError};
use skink_signer::sealed::{OpeningKey, SealError, SealedBox, SealingKey};
use skink_signer::{
    AttemptPurpose, Credential, FileLedger, KeyProvider, KeyUri, LedgerError, ProviderError,
    Providers, Signer, SoftwareProvider,
};
use skink_x509::{Certificate, Csr, CsrSpec, KeyAlgorithm, PublicKey, Serial};

use super::ROOT;
use super::directory::{ServerNearby, lock, refuse_server, write_private};
use super::document::DocumentError;
use super::kit::KitError;
use super::plan::{CeremonyPlan, CeremonyRefused, Planning};
use super::request::Request;
use super::state::{Event, State};
use crate::hierarchy::{HierarchyError, root_spec, root_subject};
use crate::identity::{KeyMismatch, SigningAuthority, SigningIdentity};
use crate::locations::{BadLocation, Locations};
use crate::span::Span;
use crate::to_be_signed::{FinishError, ToBeSigned};

const INFO: &str = "root.json";
const LOG: &str = "root.log";
const SIGNATURES: &str = "signatures.log";
const OPENING: &str = "opening.json";
/// The scheme of keys in the root's own files.
pub(super) const FILES: &str = "software";
const OPENING_CONTEXT: &str = "skink root opening key";
pub(super) const RESPONSES: &str = "responses";

/// What a root is begun with; it never changes afterwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RootConfig {
    /// The trust domain.
    pub domain: String,
    /// Where lists and certificates will be fetched: `http://HOST[:PORT]`.
    pub public_url: String,
    /// The kind of the root's key.
    pub key_algorithm: String,
    /// How long the root is valid.
    pub root_lifetime: Span,
    /// How long the authorities below it are.
    pub authority_lifetime: Span,
    /// How often ceremonies are held at least: the routine lists speak beyond the next two.
    pub ceremony_interval: Span,
}

impl RootConfig {
    /// The defaults for a trust domain: P-384, 20 years; authorities 5 years; ceremonies each
    /// quarter.
    pub fn new(domain: &str, public_url: &str) -> Self {
        Self {
            domain: domain.to_owned(),
            public_url: public_url.to_owned(),
            key_algorithm: KeyAlgorithm::EcP384.to_string(),
            root_lifetime: Span::days(20 * 365 + 5),
            authority_lifetime: Span::days(5 * 365 + 1),
            ceremony_interval: Span::days(92),
        }
    }
}

/// What the server may know of the root: the contents of `root.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RootInfo {
    /// The version of this file.
    pub version: u32,
    /// How the root was begun.
    pub config: RootConfig,
    /// Its certificate in PEM.
    pub certificate: String,
    /// What the credentials of standby keys are sealed for.
    pub sealing_key: SealingKey,
    /// The root's key, where it is no file of the root's: pinned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyUri>,
}

/// Why the offline root does not work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RootError {
    /// A server's database is where the root is.
    #[error("the offline root refuses to run here")]
    ServerNearby(#[source] ServerNearby),
    /// A root is there already.
    #[error("{0} holds a root already")]
    AlreadyThere(PathBuf),
    /// Another process has the directory.
    #[error("another process is using {0}")]
    InUse(PathBuf),
    /// A file cannot be read or written.
    #[error("cannot use {path}")]
    Storage {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The root's log cannot be used, or was altered.
    #[error("the root's log cannot be used")]
    Log(#[source] ChainError),
    /// The directory's files do not belong together.
    #[error("the root's directory is damaged: {0}")]
    Damaged(&'static str),
    /// The credential does not open the root.
    #[error("the credential does not open the root")]
    Credential(#[source] SealError),
    /// The configuration cannot be used.
    #[error("the public address cannot be used")]
    Location(#[source] BadLocation),
    /// The configuration names no algorithm that keys are made of.
    #[error("the key algorithm cannot be used")]
    KeyAlgorithm(#[source] skink_x509::UnknownKeyAlgorithm),
    /// The root's name, or a name below it, cannot be written.
    #[error("the hierarchy cannot be written")]
    Hierarchy(#[source] HierarchyError),
    /// The root's key fails.
    #[error("the root's key fails")]
    Key(#[source] ProviderError),
    /// The root's key would be a file that another provider made.
    #[error("{0} is a file: a root makes its own")]
    KeyInFile(KeyUri),
    /// The root's key is another one than its certificate's.
    #[error("the root's directory is damaged")]
    KeyMismatch(#[source] KeyMismatch),
    /// The record of signatures cannot be used.
    #[error("the record of signatures cannot be used")]
    Ledger(#[source] LedgerError),
    /// The request is refused.
    #[error("the ceremony does not take place")]
    Refused(#[source] CeremonyRefused),
    /// Something cannot be encoded.
    #[error("a certificate or list cannot be encoded")]
    Encode(#[source] skink_x509::EncodeError),
    /// Something cannot be signed.
    #[error("the root did not sign")]
    Sign(#[source] FinishError),
    /// The rules object to a certificate.
    #[error("{authority} breaks rules: {findings}")]
    Lint {
        /// The authority.
        authority: String,
        /// What they say.
        findings: String,
    },
    /// What was signed would not win over what is published.
    #[error("the escrow that was signed does not serve")]
    Escrow(#[source] super::EscrowRefused),
    /// A kit cannot be sealed.
    #[error("the recovery kit cannot be sealed")]
    Kit(#[source] KitError),
    /// A file cannot be written.
    #[error("the response cannot be written")]
    Document(#[source] DocumentError),
}

/// The offline root, open in this process and no other.
pub struct OfflineRoot {
    pub(super) dir: PathBuf,
    _lock: File,
    pub(super) info: RootInfo,
    pub(super) locations: Locations,
    pub(super) authority: SigningAuthority,
    pub(super) opening: OpeningKey,
    pub(super) signer: Signer,
    pub(super) chain: Chain,
    pub(super) state: State,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) rng: Arc<dyn Rng>,
}

impl OfflineRoot {
    /// Begins a root in `dir`, which is made if it is not there, with a key in a file of its own.
    pub async fn init(
        dir: &Path,
        credential: Credential,
        config: RootConfig,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
    ) -> Result<Self, RootError> {
        Self::init_with(dir, credential, config, None, clock, rng).await
    }

    /// The same with a key that is there already, at a key service or in a token; whoever signs
    /// with it is said by the environment, each time. Its kind counts, not the configuration's.
    pub async fn init_with(
        dir: &Path,
        credential: Credential,
        mut config: RootConfig,
        key: Option<&KeyUri>,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
    ) -> Result<Self, RootError> {
        refuse_server(dir).map_err(RootError::ServerNearby)?;
        if dir.join(INFO).exists() {
            return Err(RootError::AlreadyThere(dir.to_owned()));
        }
        let locations = Locations::new(&config.public_url).map_err(RootError::Location)?;
        let algorithm: KeyAlgorithm =
            config.key_algorithm.parse().map_err(RootError::KeyAlgorithm)?;
        let subject = root_subject(&config.domain).map_err(RootError::Hierarchy)?;
        let elsewhere = match key {
            Some(key) => Some(found(key).await?),
            None => None,
        };

        let keys = dir.join("keys");
        let (files, _) =
            SoftwareProvider::init(&keys, credential.clone()).map_err(RootError::Key)?;
        let key = match &elsewhere {
            Some(key) => key.clone(),
            None => files.create(ROOT, algorithm).await.map_err(RootError::Key)?,
        };
        let (signer, public_key) = signer(dir, files, &key).await?;
        config.key_algorithm = public_key.algorithm().to_string();

        let now = clock.now().truncated_to_secs();
        let validity =
            (now.minus(Span::minutes(5).duration()), now.plus(config.root_lifetime.duration()));
        let serial = random_serial(rng.as_ref());
        let spec = root_spec(subject.clone(), &public_key, serial, validity, &locations);
        let id = root_id()?;
        let identity = SigningIdentity { id, subject, public_key, key };
        let tbs = spec.tbs_der().map_err(RootError::Encode)?;
        let der = ToBeSigned::new(&identity, tbs)
            .sign(&signer, AttemptPurpose::Certificate, ROOT, None)
            .await
            .map_err(RootError::Sign)?;
        let certificate = Certificate::from_der(&der)
            .map_err(|source| RootError::Sign(FinishError::ReadBack(source)))?;

        let opening = OpeningKey::generate().map_err(RootError::Credential)?;
        write_opening(dir, &opening, &credential)?;
        let (mut chain, _) = Chain::open(&dir.join(LOG)).map_err(RootError::Log)?;
        let begun = Event::Begun {
            domain: config.domain.clone(),
            root: certificate.fingerprint().to_string(),
            at_ms: clock.now().as_millis(),
        };
        append(&mut chain, &begun)?;
        let info = RootInfo {
            version: 1,
            config,
            certificate: certificate.to_pem(),
            sealing_key: opening.sealing_key(),
            key: elsewhere,
        };
        let text = serde_json::to_vec_pretty(&info)
            .map_err(|_| RootError::Damaged("its description cannot be written"))?;
        store(&dir.join(INFO), &text)?;
        drop((chain, signer));
        Self::open(dir, credential, clock, rng).await
    }

    /// Opens the root in `dir`.
    pub async fn open(
        dir: &Path,
        credential: Credential,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
    ) -> Result<Self, RootError> {
        refuse_server(dir).map_err(RootError::ServerNearby)?;
        let info = Self::info_of(dir)?;
        let lock = lock(dir).map_err(|_| RootError::InUse(dir.to_owned()))?;
        let locations = Locations::new(&info.config.public_url).map_err(RootError::Location)?;
        let certificate = Certificate::from_pem(&info.certificate)
            .map_err(|_| RootError::Damaged("its certificate cannot be read"))?;
        let opening = read_opening(dir, &credential)?;
        if opening.sealing_key() != info.sealing_key {
            return Err(RootError::Damaged("its opening key is another root's"));
        }
        let (chain, events) = Chain::open(&dir.join(LOG)).map_err(RootError::Log)?;
        let state = State::of(events).map_err(|_| RootError::Damaged("its log cannot be read"))?;
        if !state.begun {
            return Err(RootError::Damaged("its log is empty"));
        }
        let files =
            SoftwareProvider::open(&dir.join("keys"), credential).map_err(RootError::Key)?;
        let in_file = KeyUri::new(files.scheme(), ROOT)
            .map_err(|_| RootError::Damaged("its key has no name"))?;
        let key = info.key.clone().unwrap_or(in_file);
        let (signer, public_key) = signer(dir, files, &key).await?;
        let authority = SigningAuthority::new(root_id()?, certificate, key, &public_key)
            .map_err(RootError::KeyMismatch)?;
        Ok(Self {
            dir: dir.to_owned(),
            _lock: lock,
            info,
            locations,
            authority,
            opening,
            signer,
            chain,
            state,
            clock,
            rng,
        })
    }

    /// What the server may know of the root in `dir`; takes no credential.
    pub fn info_of(dir: &Path) -> Result<RootInfo, RootError> {
        let path = dir.join(INFO);
        let bytes = std::fs::read(&path).map_err(|source| RootError::Storage { path, source })?;
        let info: RootInfo = serde_json::from_slice(&bytes)
            .map_err(|_| RootError::Damaged("its description cannot be read"))?;
        if info.version == 1 { Ok(info) } else { Err(RootError::Damaged("an unknown version")) }
    }

    /// What the server may know of this root.
    pub const fn info(&self) -> &RootInfo {
        &self.info
    }

    /// The root's certificate.
    pub const fn certificate(&self) -> &Certificate {
        self.authority.certificate()
    }

    /// Where its lists are found.
    pub const fn locations(&self) -> &Locations {
        &self.locations
    }

    /// A request (RFC 2986) for a certificate of the root's key and name, in PEM: for a parent
    /// elsewhere that certifies it too.
    pub async fn csr(&self) -> Result<String, RootError> {
        let identity = self.authority.identity();
        let spec = CsrSpec {
            subject: identity.subject.clone(),
            public_key: identity.public_key.clone(),
            subject_alt_names: Vec::new(),
        };
        let tbs = spec.tbs_der().map_err(RootError::Encode)?;
        let der = ToBeSigned::new(identity, tbs)
            .sign(&self.signer, AttemptPurpose::Control, "csr", None)
            .await
            .map_err(RootError::Sign)?;
        let read_back = |source| RootError::Sign(FinishError::ReadBack(source));
        Ok(Csr::from_der(&der).map_err(read_back)?.to_pem())
    }

    /// What signing this request now would sign, or why it would not. Its text is for the person
    /// who decides. A requester not seen before is shown, not refused: [`OfflineRoot::sign`] wants
    /// it confirmed.
    pub fn plan(&self, request: &Request) -> Result<CeremonyPlan, CeremonyRefused> {
        self.planning().plan(request)
    }

    pub(super) fn planning(&self) -> Planning<'_> {
        Planning {
            config: &self.info.config,
            locations: &self.locations,
            root: self.authority.certificate(),
            opening: &self.opening,
            state: &self.state,
            now: self.clock.now(),
        }
    }

    /// Writes a line into the root's log.
    pub(super) fn remember(&mut self, event: Event) -> Result<(), RootError> {
        append(&mut self.chain, &event)?;
        self.state.add(event);
        Ok(())
    }

    pub(super) fn serial(&self) -> Serial {
        random_serial(self.rng.as_ref())
    }
}

impl std::fmt::Debug for OfflineRoot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OfflineRoot").field("dir", &self.dir).finish_non_exhaustive()
    }
}

fn append(chain: &mut Chain, event: &Event) -> Result<(), RootError> {
    let body = serde_json::to_value(event)
        .map_err(|_| RootError::Damaged("a line of its log cannot be written"))?;
    chain.append(body).map(|_| ()).map_err(RootError::Log)
}

/// The key that is meant, pinned: what it means today it has to mean at every ceremony.
async fn found(key: &KeyUri) -> Result<KeyUri, RootError> {
    if key.scheme() == FILES {
        return Err(RootError::KeyInFile(key.clone()));
    }
    let provider = skink_signer::open(key, None).map_err(RootError::Key)?;
    let key = provider.find(key).await.map_err(RootError::Key)?;
    let public_key = provider.public_key(&key).await.map_err(RootError::Key)?;
    let kind: Result<KeyAlgorithm, _> = public_key.algorithm().as_str().parse();
    kind.map(|_| key).map_err(RootError::KeyAlgorithm)
}

/// What signs with the root's key and with the trust keys, which are always in files; and the root's
/// public key.
async fn signer(
    dir: &Path,
    files: SoftwareProvider,
    key: &KeyUri,
) -> Result<(Signer, PublicKey), RootError> {
    let ledger = FileLedger::open(&dir.join(SIGNATURES)).map_err(RootError::Ledger)?;
    let mut providers: Vec<Arc<dyn KeyProvider>> = vec![Arc::new(files)];
    if key.scheme() != FILES {
        providers.push(skink_signer::open(key, None).map_err(RootError::Key)?);
    }
    let providers = Providers::new(providers);
    let of_key = providers.of(key).ok_or(RootError::Damaged("its key has no provider"))?;
    let public_key = of_key.public_key(key).await.map_err(RootError::Key)?;
    Ok((Signer::new(Arc::new(ledger), providers), public_key))
}

fn root_id() -> Result<skink_model::AuthorityId, RootError> {
    ROOT.parse().map_err(|_| RootError::Damaged("its id"))
}

fn random_serial(rng: &dyn Rng) -> Serial {
    let mut bytes = [0; 16];
    rng.fill(&mut bytes);
    Serial::from_random(bytes)
}

pub(super) fn store(path: &Path, bytes: &[u8]) -> Result<(), RootError> {
    write_private(path, bytes)
        .map_err(|source| RootError::Storage { path: path.to_owned(), source })
}

fn write_opening(
    dir: &Path,
    opening: &OpeningKey,
    credential: &Credential,
) -> Result<(), RootError> {
    let passphrase = credential.expose().to_owned().into();
    let sealed = SealedBox::seal(opening.expose().as_bytes(), &passphrase, OPENING_CONTEXT)
        .map_err(RootError::Credential)?;
    let text = serde_json::to_vec_pretty(&sealed)
        .map_err(|_| RootError::Damaged("its opening key cannot be written"))?;
    store(&dir.join(OPENING), &text)
}

fn read_opening(dir: &Path, credential: &Credential) -> Result<OpeningKey, RootError> {
    let path = dir.join(OPENING);
    let bytes = std::fs::read(&path).map_err(|source| RootError::Storage { path, source })?;
    let damaged = || RootError::Damaged("its opening key cannot be read");
    let sealed: SealedBox = serde_json::from_slice(&bytes).map_err(|_| damaged())?;
    let passphrase = credential.expose().to_owned().into();
    let text = sealed.open(&passphrase, OPENING_CONTEXT).map_err(RootError::Credential)?;
    OpeningKey::from_text(std::str::from_utf8(&text).map_err(|_| damaged())?).map_err(|_| damaged())
}
