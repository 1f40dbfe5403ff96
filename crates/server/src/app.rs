//! What every use case works with.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use metrics_exporter_prometheus::PrometheusHandle;
use skink_api::{Code, ListenerAddress, Ports, Problem};
use skink_authority::{
    Locations, Profile, ProfileConfig, Responder, SigningAuthority, SigningIdentity,
    default_profiles,
};
use skink_model::{Authority, AuthorityId, Clock, Issuer, IssuerName, ProfileName, Rng, Time};
use skink_signer::{KeyUri, Ledger, Signer};
use skink_store::restored::Held;
use skink_store::{Lock, Store};
use skink_x509::{Certificate, Fingerprint, KeyDigest, PublicKey};
use tokio::sync::Mutex;

use crate::config::Settings;
use crate::failure::{Failure, Result};
use crate::fleet::records::Records;
use crate::fleet::turnstile::Turnstile;
use crate::fleet::waiting::Waiting;
use crate::http::authorise::Person;
use crate::http::tls::{self, TlsSource};
use crate::incident::Board;
use crate::kept::Kept;
use crate::keys::Keys;
use crate::ledger::StoreLedger;
use crate::news::News;
use crate::ocsp::Remembered;
use crate::published::Published;
use crate::secrets::Nonces;
use crate::statuses::Statuses;
use crate::{crl, identity, package, replicas, secrets};

/// The issuer of the server's and the agents' TLS identities.
pub(crate) const CONTROL: &str = "control";

/// A server's state. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    settings: Settings,
    locations: Locations,
    store: Store,
    signer: Signer,
    ledger: Arc<StoreLedger>,
    keys: Keys,
    records: Records,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    profiles: HashMap<ProfileName, Profile>,
    started_at: Time,
    ports: Option<Ports>,
    metrics: Option<PrometheusHandle>,
    news: News,
    waiting: Waiting,
    turnstile: Turnstile,
    board: Board,
    published: Published,
    remembered: Remembered,
    statuses: Statuses,
    nonces: Nonces,
    /// Parsed once: an authority's certificate and key never change.
    signing: RwLock<HashMap<AuthorityId, Arc<SigningAuthority>>>,
    responders: RwLock<HashMap<AuthorityId, Arc<Responder>>>,
    tls: RwLock<Option<(TlsSource, TlsSource)>>,
    server_keys: RwLock<Vec<KeyDigest>>,
    /// When agents last made it publish.
    publishing: Mutex<Option<Instant>>,
    making_responders: Mutex<()>,
    kept_authorities: Kept<AuthorityId, Authority>,
    kept_active: Kept<IssuerName, Option<Authority>>,
    kept_issuers: Kept<IssuerName, Issuer>,
    kept_people: Kept<[u8; 32], Option<Person>>,
    /// One for each first byte of a key's digest.
    asking: [Mutex<()>; 256],
    listing: Mutex<()>,
    stopping: AtomicBool,
    /// Lists that wait because the database was put back from a backup.
    held: RwLock<Vec<Held>>,
    /// Whether the database answers, as far as this server knows.
    ready: AtomicBool,
    /// Another server in this folder would write over its files, and `skink key disable` looks here.
    _folder: Option<Lock>,
}

impl App {
    /// Opens database and keys, and calls attempts that a crash left open unknown.
    pub async fn open(
        settings: Settings,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
        metrics: Option<PrometheusHandle>,
        ports: Option<&Ports>,
    ) -> Result<Self> {
        let folder = settings.lock().map_err(Failure::Store)?;
        let store = Store::at(settings.place()).await.map_err(Failure::Store)?;
        let keys = Keys::open(&settings)?;
        let ledger =
            Arc::new(StoreLedger::new(store.clone(), Arc::clone(&clock), Arc::clone(&rng)));
        let attempts: Arc<dyn Ledger> = Arc::<StoreLedger>::clone(&ledger);
        let signer = Signer::with_quotas(attempts, keys.providers().clone(), settings.quotas());
        let locations = Locations::new(settings.base_url())
            .map_err(|error| Failure::malformed(error.to_string()))?;
        let nonces =
            Nonces::new(secrets::kept_key(&settings.nonce_key(), rng.as_ref())?.as_slice());
        let inner = Inner {
            locations,
            records: Records::new(store.clone()),
            signer,
            ledger,
            keys,
            profiles: profiles(&settings)?,
            started_at: clock.now(),
            ports: ports.cloned(),
            metrics,
            news: News::default(),
            waiting: Waiting::default(),
            turnstile: Turnstile::default(),
            board: Board::default(),
            published: Published::default(),
            remembered: Remembered::default(),
            statuses: Statuses::new(store.clone()),
            nonces,
            signing: RwLock::default(),
            responders: RwLock::default(),
            tls: RwLock::default(),
            server_keys: RwLock::default(),
            publishing: Mutex::default(),
            making_responders: Mutex::default(),
            kept_authorities: Kept::default(),
            kept_active: Kept::default(),
            kept_issuers: Kept::default(),
            kept_people: Kept::default(),
            asking: std::array::from_fn(|_| Mutex::default()),
            listing: Mutex::default(),
            stopping: AtomicBool::new(false),
            held: RwLock::default(),
            ready: AtomicBool::new(true),
            _folder: folder,
            settings,
            store,
            clock,
            rng,
        };
        let app = Self(Arc::new(inner));
        let unknown = if app.store().is_shared() {
            replicas::appear(&app).await?;
            crate::db::sweep_gone(&app).await?
        } else {
            crate::db::sweep(&app).await?
        };
        if unknown > 0 {
            tracing::warn!(attempts = unknown, "signatures that a crash cut off are unknown");
        }
        Ok(app)
    }

    /// Fills the answers of the public listener from the database.
    pub(crate) async fn load(&self) -> Result<()> {
        self.load_certificates().await?;
        crl::load(self).await?;
        package::load(self).await
    }

    pub(crate) async fn load_certificates(&self) -> Result<()> {
        for authority in crate::db::authorities(self).await? {
            if let Some(certificate) = &authority.certificate {
                let parsed = Certificate::from_pem(&certificate.pem).map_err(Failure::Stored)?;
                let der = parsed.der().to_vec();
                self.0.published.put_certificate(authority.id.to_string(), der);
            }
        }
        Ok(())
    }

    /// The configuration.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// The database.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// The way to a signature.
    pub fn signer(&self) -> &Signer {
        &self.0.signer
    }

    /// The keys, wherever they are kept.
    pub fn keys(&self) -> &Keys {
        &self.0.keys
    }

    /// Where lists and responders are found.
    pub fn locations(&self) -> &Locations {
        &self.0.locations
    }

    /// Wakes whoever waits.
    pub fn news(&self) -> &News {
        &self.0.news
    }

    /// Agents that poll.
    pub(crate) fn waiting(&self) -> &Waiting {
        &self.0.waiting
    }

    /// Where news goes out in turn.
    pub(crate) fn turnstile(&self) -> &Turnstile {
        &self.0.turnstile
    }

    /// What agents report.
    pub(crate) fn records(&self) -> &Records {
        &self.0.records
    }

    /// What was measured last at gates that are shut.
    pub(crate) fn board(&self) -> &Board {
        &self.0.board
    }

    /// The present instant.
    pub fn now(&self) -> Time {
        self.0.clock.now()
    }

    /// Random bytes.
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.rng.fill(&mut bytes);
        bytes
    }

    pub(crate) fn rng(&self) -> &dyn Rng {
        self.0.rng.as_ref()
    }

    pub(crate) fn writes(&self) -> &StoreLedger {
        &self.0.ledger
    }

    pub(crate) fn published(&self) -> &Published {
        &self.0.published
    }

    pub(crate) fn remembered(&self) -> &Remembered {
        &self.0.remembered
    }

    /// Whether OCSP answers may be given from memory: this server hears of every revocation.
    pub fn remembers_statuses(&self) -> bool {
        self.0.remembered.hears(self.store())
    }

    /// What the database says of serials.
    pub(crate) fn statuses(&self) -> &Statuses {
        &self.0.statuses
    }

    pub(crate) fn nonces(&self) -> &Nonces {
        &self.0.nonces
    }

    /// Held while a package is published; when agents last made this server publish one.
    pub(crate) fn publishing(&self) -> &Mutex<Option<Instant>> {
        &self.0.publishing
    }

    /// Held while a responder's key is made.
    pub(crate) fn making_responders(&self) -> &Mutex<()> {
        &self.0.making_responders
    }

    /// Held while somebody asks for a certificate of this key.
    pub(crate) fn asking(&self, key: &KeyDigest) -> &Mutex<()> {
        &self.0.asking[usize::from(key.as_bytes()[0])]
    }

    pub(crate) fn listing(&self) -> &Mutex<()> {
        &self.0.listing
    }

    /// Which lists wait, as it was read last.
    pub(crate) fn hold(&self, lists: Vec<Held>) {
        *self.0.held.write().unwrap_or_else(PoisonError::into_inner) = lists;
    }

    /// Whether a list waits for the newest one that was out.
    pub(crate) fn holds(&self, scope: &str) -> bool {
        self.held(|held| held.scope == scope)
    }

    /// Whether any list of an authority does: what is good may have been revoked.
    pub(crate) fn holds_any_of(&self, authority: &AuthorityId) -> bool {
        self.held(|held| held.authority == *authority)
    }

    /// Whether any list waits at all.
    pub(crate) fn holds_anything(&self) -> bool {
        self.held(|_| true)
    }

    fn held(&self, wanted: impl Fn(&Held) -> bool) -> bool {
        self.0.held.read().unwrap_or_else(PoisonError::into_inner).iter().any(wanted)
    }

    /// Whether this server can do what is asked of it: with a database elsewhere, whether that answers.
    pub(crate) fn is_ready(&self) -> bool {
        self.0.ready.load(Ordering::Relaxed)
    }

    pub(crate) fn set_ready(&self, ready: bool) {
        self.0.ready.store(ready, Ordering::Relaxed);
    }

    pub(crate) fn started_at(&self) -> Time {
        self.0.started_at
    }

    pub(crate) fn rendered_metrics(&self) -> String {
        self.0.metrics.as_ref().map(PrometheusHandle::render).unwrap_or_default()
    }

    pub(crate) fn stop(&self) {
        self.0.stopping.store(true, Ordering::SeqCst);
        self.0.news.tell_agents();
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.0.stopping.load(Ordering::SeqCst)
    }

    pub(crate) async fn close(&self) {
        self.0.ledger.close().await;
        self.0.statuses.close().await;
        self.0.records.close().await;
        replicas::leave(self).await;
        self.0.store.close().await;
    }

    pub(crate) fn listeners(&self) -> Vec<ListenerAddress> {
        let of = |name: &str, address: &str| ListenerAddress {
            name: name.to_owned(),
            address: address.to_owned(),
        };
        self.0.ports.as_ref().map_or_else(Vec::new, |ports| {
            vec![of("api", &ports.api), of("agent", &ports.agent), of("public", &ports.public)]
        })
    }

    /// The URL that enrolment tokens name.
    pub(crate) fn agent_url(&self) -> String {
        let address = self.0.ports.as_ref().and_then(|ports| ports.agent.parse().ok());
        let port = address.map_or(self.0.settings.listen().agent.port(), |a: SocketAddr| a.port());
        self.0.settings.agent_url(port)
    }

    /// A profile by name.
    pub fn profile(&self, name: &ProfileName) -> Result<&Profile> {
        self.0.profiles.get(name).ok_or_else(|| {
            let known = self.profile_names().join(", ");
            let detail = format!("there is no profile {name}; there are {known}");
            Problem::new(Code::UnknownProfile, detail).into()
        })
    }

    pub(crate) fn profile_names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.0.profiles.keys().map(ToString::to_string).collect();
        names.sort();
        names
    }

    /// An authority's row.
    pub async fn authority(&self, id: &AuthorityId) -> Result<Authority> {
        let read = async || crate::db::authority(self, id).await;
        self.0.kept_authorities.or_read(&self.0.store, id, read).await
    }

    /// An issuer's row.
    pub(crate) async fn issuer(&self, name: &IssuerName) -> Result<Issuer> {
        let read = async || crate::db::issuer(self, name).await;
        self.0.kept_issuers.or_read(&self.0.store, name, read).await
    }

    /// The generation of an issuer that issues, if one does.
    pub async fn active_authority(&self, issuer: &IssuerName) -> Result<Option<Authority>> {
        let read = async || crate::db::active_authority(self, issuer).await;
        self.0.kept_active.or_read(&self.0.store, issuer, read).await
    }

    /// An authority's certificate and key, joined.
    pub fn signing_authority(&self, authority: &Authority) -> Result<Arc<SigningAuthority>> {
        let known = self.0.signing.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(&authority.id) {
            return Ok(Arc::clone(found));
        }
        drop(known);
        let certificate = certificate(authority)?;
        let key = key_uri(authority)?;
        let public_key = certificate.public_key().clone();
        let joined = SigningAuthority::new(authority.id.clone(), certificate, key, &public_key)
            .map_err(|_| Failure::Bug("an authority's key is not its certificate's"))?;
        let joined = Arc::new(joined);
        let mut known = self.0.signing.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(authority.id.clone(), Arc::clone(&joined));
        Ok(joined)
    }

    /// An authority's name and key, also before its certificate is there.
    pub async fn signing_identity(&self, authority: &Authority) -> Result<SigningIdentity> {
        if authority.certificate.is_some() {
            return Ok(self.signing_authority(authority)?.identity().clone());
        }
        let key = key_uri(authority)?;
        let public_key: PublicKey =
            self.0.keys.of(&key)?.public_key(&key).await.map_err(Failure::Provider)?;
        let subject = skink_authority::subject_of(self.0.settings.domain(), &authority.id)
            .map_err(|_| Failure::Bug("an authority's name cannot be written"))?;
        Ok(SigningIdentity { id: authority.id.clone(), subject, public_key, key })
    }

    /// The authorities above what `id` signs, without the root.
    pub async fn chain_pem(&self, id: &AuthorityId) -> Result<String> {
        let authority = self.authority(id).await?;
        Ok(authority.certificate.map(|certificate| certificate.pem).unwrap_or_default())
    }

    /// The root's row.
    pub(crate) async fn root(&self) -> Result<Authority> {
        self.authority(&crate::authorities::id(skink_authority::ceremony::ROOT)?).await
    }

    pub(crate) async fn root_pem(&self) -> Result<String> {
        let root = self.root().await?;
        root.certificate.map(|one| one.pem).ok_or(Failure::Bug("the root has no certificate"))
    }

    pub(crate) async fn root_fingerprint(&self) -> Result<Fingerprint> {
        let root = self.root().await?;
        let certificate = root.certificate.ok_or(Failure::Bug("the root has no certificate"))?;
        Ok(certificate.fingerprint)
    }

    /// The responder of an authority, if it has one.
    pub(crate) async fn responder(&self, id: &AuthorityId) -> Result<Option<Arc<Responder>>> {
        let known =
            self.0.responders.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned();
        if known.is_some() {
            return Ok(known);
        }
        let Some(found) = crate::responders::find(self, id).await? else { return Ok(None) };
        let found = Arc::new(found);
        let mut known = self.0.responders.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(id.clone(), Arc::clone(&found));
        Ok(Some(found))
    }

    /// The responder has a new certificate: look again.
    pub(crate) fn forget_responder(&self, id: &AuthorityId) {
        self.0.responders.write().unwrap_or_else(PoisonError::into_inner).remove(id);
    }

    /// Another server may have certified responders anew.
    pub(crate) fn forget_responders(&self) {
        self.0.responders.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Digests of the keys that the server's control certificate may have.
    pub(crate) fn server_keys(&self) -> Vec<KeyDigest> {
        self.0.server_keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Loads the server's TLS identity and makes both listeners use it.
    pub(crate) async fn tls(&self) -> Result<(TlsSource, TlsSource)> {
        let (own, key) = identity::load(self)?;
        let control = crate::db::control_anchors(self).await?;
        let api = tls::api(&own).map_err(Failure::Tls)?;
        let agents = tls::agents(&own, &control).map_err(Failure::Tls)?;
        *self.0.server_keys.write().unwrap_or_else(PoisonError::into_inner) = vec![key];
        let mut sources = self.0.tls.write().unwrap_or_else(PoisonError::into_inner);
        if let Some((old_api, old_agents)) = sources.as_ref() {
            old_api.replace(api);
            old_agents.replace(agents);
        } else {
            *sources = Some((TlsSource::new(api), TlsSource::new(agents)));
        }
        sources.clone().ok_or(Failure::Bug("TLS was just set up"))
    }

    pub(crate) async fn operator_by_token(&self, token: &str) -> Result<Option<Person>> {
        let hash = secrets::hash(token);
        let read = async || Ok(crate::db::operator_by_token(self, &hash).await?.map(Person::of));
        self.0.kept_people.or_read(&self.0.store, &hash, read).await
    }

    pub(crate) async fn operator_by_key(&self, key: &KeyDigest) -> Result<Option<Person>> {
        Ok(crate::db::operator_by_key(self, key).await?.map(Person::of))
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("dir", &self.0.settings.dir()).finish_non_exhaustive()
    }
}

fn certificate(authority: &Authority) -> Result<Certificate> {
    let Some(certificate) = &authority.certificate else {
        return Err(Failure::conflict(format!("{} has no certificate yet", authority.id)));
    };
    Certificate::from_pem(&certificate.pem).map_err(Failure::Stored)
}

fn key_uri(authority: &Authority) -> Result<KeyUri> {
    let uri = authority.key.uri.as_deref();
    let uri =
        uri.ok_or_else(|| Failure::conflict(format!("the key of {} is not here", authority.id)))?;
    uri.parse().map_err(|_| Failure::Bug("a key's URI"))
}

fn profiles(settings: &Settings) -> Result<HashMap<ProfileName, Profile>> {
    let mut profiles = HashMap::new();
    for config in default_profiles().into_iter().chain(settings.profiles().iter().cloned()) {
        let config: ProfileConfig = config;
        let profile =
            Profile::try_from(config).map_err(|error| Failure::malformed(error.to_string()))?;
        profiles.insert(profile.name().clone(), profile);
    }
    Ok(profiles)
}
