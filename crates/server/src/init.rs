//! `skink init`: the hierarchy of a first try. The server's directory and, beside it, the offline
//! root's, joined by a real ceremony with request and response.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use skink_api::{NewOperator, OperatorCreated, Role};
use skink_authority::AuthorityKind;
use skink_authority::ceremony::{
    AnchorsInput, OfflineRoot, RootConfig, RootError, RootInfo, SignOptions,
};
use skink_model::{
    AuthorityCertificate, AuthorityId, Clock, Issuer, IssuerKind, IssuerName, OperatorName, Rng,
    Stamp,
};
use skink_signer::sealed::Custodian;
use skink_signer::{Credential, KeyUri, SoftwareProvider};
use skink_store::authorities::NewAuthority;
use skink_x509::{Certificate, Fingerprint, KeyAlgorithm};

use crate::app::{App, CONTROL};
use crate::ceremonies::{self, Elsewhere, Wanted, import};
use crate::config::{Config, ConfigError, FILE, Settings};
use crate::failure::{Failure, Result};
use crate::operators::parsed;
use crate::{authorities, files, identity, operators, package};

/// The issuer of the key that signs trust packages.
const TRUST: &str = "trust";
/// Profiles that may be asked for; canaries and responders are the server's own business.
const PROFILES: [&str; 3] = ["server", "client", "server-client"];
/// What to make.
pub struct InitOptions {
    /// The server's configuration, written to its directory.
    pub config: Config,
    /// The root's directory.
    pub root_dir: PathBuf,
    /// What opens the root's key.
    pub root_credential: Credential,
    /// Who holds the recovery kits' shares: at least two.
    pub custodians: Vec<Custodian>,
    /// Issuers of endpoints' certificates.
    pub issuers: Vec<IssuerName>,
    /// Kind of the issuers' keys.
    pub key_algorithm: KeyAlgorithm,
    /// The first operators.
    pub operators: Vec<(OperatorName, Role)>,
    /// Keys of the only issuer that are not to be files of the server's.
    pub elsewhere: KeysElsewhere,
}

/// Keys that `init` is given instead of making them.
#[derive(Debug, Default)]
pub struct KeysElsewhere {
    /// Of the root: one that is there already.
    pub root: Option<KeyUri>,
    /// Of the first generation.
    pub issuer: Option<Elsewhere>,
    /// Of its standby.
    pub standby: Option<Elsewhere>,
    /// What disables the issuer's key and does nothing else.
    pub disabling: Option<Credential>,
}

/// What was made.
#[derive(Debug)]
pub struct Initialised {
    /// SHA-256 of the root certificate.
    pub root_fingerprint: Fingerprint,
    /// The root certificate.
    pub root_pem: String,
    /// The DNS name in the server's certificate.
    pub server_name: String,
    /// The operators, with the tokens that are said once.
    pub operators: Vec<OperatorCreated>,
    /// The recovery kits' files, for their custodians.
    pub kits: Vec<PathBuf>,
    /// What alone can enable a disabled key, for a safe place.
    pub enabling_credential: PathBuf,
}

/// Why nothing, or not everything, was made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InitError {
    /// Something is there already.
    #[error("{0} is not empty: give an empty or a new directory")]
    NotEmpty(PathBuf),
    /// The database has a hierarchy in it.
    #[error("the database {0} has a hierarchy already: give it an empty one")]
    Used(String),
    /// The configuration is not taken.
    #[error("the configuration is not taken")]
    Config(#[source] ConfigError),
    /// A file cannot be written.
    #[error("cannot write in {path}")]
    Write {
        /// The directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The offline root did not do its part.
    #[error("the offline root did not do its part")]
    Root(#[source] RootError),
    /// The server did not do its part.
    #[error("the server did not do its part")]
    Server(#[source] Failure),
}

impl From<Failure> for InitError {
    fn from(failure: Failure) -> Self {
        Self::Server(failure)
    }
}

/// Makes the server's directory `dir` and the root's.
pub async fn init(
    dir: &Path,
    options: InitOptions,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
) -> Result<Initialised, InitError> {
    for path in [dir, &options.root_dir] {
        refuse_contents(path)?;
    }
    let settings = Settings::new(dir, options.config.clone()).map_err(InitError::Config)?;
    let elsewhere = &options.elsewhere;
    if options.issuers.len() > 1 && (elsewhere.issuer.is_some() || elsewhere.standby.is_some()) {
        let detail = "a key is of one issuer: make one issuer here, and others by ceremonies";
        return Err(InitError::Server(Failure::malformed(detail)));
    }
    let credential = Credential::generate()
        .map_err(|_| InitError::Server(Failure::Bug("no credential could be made")))?;
    let enabling = lay_out(&settings, &options, &credential)?;
    let mut root = begin_root(&options, &clock, &rng).await?;
    let enabling_credential = options.root_dir.join("enabling.key");
    write(&enabling_credential, enabling.as_bytes())?;
    let app = App::open(settings, Arc::clone(&clock), rng, None, None).await?;
    if !crate::db::authorities(&app).await?.is_empty() {
        let place = app.store().place().to_string();
        app.close().await;
        return Err(InitError::Used(place));
    }
    let by = Stamp { actor: skink_model::Actor::Console, at: clock.now() };
    record_root(&app, root.info(), &by).await?;
    let kits = hold_ceremony(&app, &mut root, &options, &by).await?;
    bring_everything_up(&app, &options, &by).await?;
    let mut people = Vec::with_capacity(options.operators.len());
    for (name, role) in &options.operators {
        let new = NewOperator { name: name.to_string(), role: *role, client_key_pem: None };
        people.push(operators::create(&app, &by, &new).await?);
    }
    let initialised = Initialised {
        root_fingerprint: app.root_fingerprint().await?,
        root_pem: app.root_pem().await?,
        server_name: app.settings().server_name(),
        operators: people,
        kits,
        enabling_credential,
    };
    app.close().await;
    Ok(initialised)
}

fn refuse_contents(path: &Path) -> Result<(), InitError> {
    let empty = fs_err::read_dir(path).map_or(true, |mut entries| entries.next().is_none());
    if empty { Ok(()) } else { Err(InitError::NotEmpty(path.to_owned())) }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), InitError> {
    files::write_atomic(path, 0o600, bytes)
        .map_err(|source| InitError::Write { path: path.to_owned(), source })
}

/// Directories, configuration, credential and key provider.
fn lay_out(
    settings: &Settings,
    options: &InitOptions,
    credential: &Credential,
) -> Result<String, InitError> {
    let dir = settings.dir();
    let failed = |source| InitError::Write { path: dir.to_owned(), source };
    files::private_dir(dir).map_err(failed)?;
    files::private_dir(&dir.join("credentials")).map_err(failed)?;
    let text = toml::to_string_pretty(&options.config)
        .map_err(|_| InitError::Server(Failure::Bug("the configuration cannot be written")))?;
    write(&dir.join(FILE), text.as_bytes())?;
    write(&settings.credential(), credential.expose().as_bytes())?;
    let KeysElsewhere { issuer, disabling, .. } = &options.elsewhere;
    if let (Some(issuer), Some(disabling)) = (issuer, disabling) {
        let path = settings.disabling(issuer.key.scheme());
        files::private_dir(path.parent().unwrap_or(dir)).map_err(failed)?;
        write(&path, disabling.expose().as_bytes())?;
    }
    let (_, enabling) = SoftwareProvider::init(&settings.keys(), credential.clone())
        .map_err(|error| InitError::Server(Failure::Provider(error)))?;
    Ok(enabling.expose().to_string())
}

async fn begin_root(
    options: &InitOptions,
    clock: &Arc<dyn Clock>,
    rng: &Arc<dyn Rng>,
) -> Result<OfflineRoot, InitError> {
    let dir = &options.root_dir;
    files::private_dir(dir).map_err(|source| InitError::Write { path: dir.clone(), source })?;
    let config = RootConfig::new(&options.config.domain, &options.config.public.base_url);
    let credential = options.root_credential.clone();
    let key = options.elsewhere.root.as_ref();
    OfflineRoot::init_with(dir, credential, config, key, Arc::clone(clock), Arc::clone(rng))
        .await
        .map_err(InitError::Root)
}

/// The server knows its root from the start, and the issuers that will stand below it.
async fn record_root(app: &App, info: &RootInfo, by: &Stamp) -> Result<()> {
    let certificate = Certificate::from_pem(&info.certificate).map_err(Failure::Stored)?;
    let id: AuthorityId = crate::authorities::id(skink_authority::ceremony::ROOT)?;
    let name: IssuerName = parsed(skink_authority::ceremony::ROOT)?;
    let issuer = Issuer {
        name: name.clone(),
        kind: IssuerKind::Root,
        profiles: Vec::new(),
        created_at: by.at,
    };
    crate::db::create_issuer(app, &issuer, by).await?;
    let new = NewAuthority {
        id,
        issuer: name,
        generation: 1,
        parent: None,
        key_uri: None,
        key_algorithm: certificate.public_key().algorithm(),
        key_digest: certificate.public_key().digest(),
        csr_pem: None,
        crl_uri: Some(app.locations().root_crl()),
        crl_partitions: 1,
    };
    let row = AuthorityCertificate {
        pem: certificate.to_pem(),
        fingerprint: certificate.fingerprint(),
        not_before: certificate.not_before(),
        not_after: certificate.not_after(),
    };
    crate::db::record_root(app, &new, &row, info, by).await
}

/// Request out, response in; the kits go to a folder of the root's, for their custodians.
async fn hold_ceremony(
    app: &App,
    root: &mut OfflineRoot,
    options: &InitOptions,
    by: &Stamp,
) -> Result<Vec<PathBuf>, InitError> {
    let mut wanted = Vec::new();
    let fixed = [
        (CONTROL, IssuerKind::Control, AuthorityKind::Control),
        (TRUST, IssuerKind::Trust, AuthorityKind::Trust),
    ];
    for (name, kind, of) in fixed {
        // Nobody asks these for certificates by profile.
        create_issuer(app, &parsed(name)?, kind, &[], by).await?;
        wanted.push(Wanted {
            issuer: parsed(name)?,
            kind: of,
            algorithm: KeyAlgorithm::EcP256,
            replaces: None,
            elsewhere: None,
        });
    }
    for issuer in &options.issuers {
        create_issuer(app, issuer, IssuerKind::Issuing, &PROFILES, by).await?;
        let first = AuthorityId::generation(issuer, 1);
        let KeysElsewhere { issuer: of_first, standby, .. } = &options.elsewhere;
        for (replaces, elsewhere) in [(None, of_first), (Some(first), standby)] {
            wanted.push(Wanted {
                issuer: issuer.clone(),
                kind: AuthorityKind::Issuing,
                algorithm: options.key_algorithm,
                replaces,
                elsewhere: elsewhere.clone(),
            });
        }
    }
    let request = ceremonies::request(app, by.clone(), wanted).await?;
    let sign = SignOptions {
        custodians: &options.custodians,
        confirmed_requester: Some(request.requester()),
        anchors: Some(&anchors),
    };
    let ceremony = root.sign(&request, &sign).await.map_err(InitError::Root)?;
    let mut files = Vec::with_capacity(ceremony.kits.len());
    for kit in &ceremony.kits {
        let path =
            options.root_dir.join("kits").join(format!("{}.kit.json", kit.facts().authority));
        let text = kit.to_json().map_err(|_| Failure::Bug("a kit cannot be written"))?;
        write(&path, text.as_bytes())?;
        files.push(path);
    }
    let response = ceremony.response.to_json().map_err(|error| ceremonies::unusable(&error))?;
    import::take_in(app, by.clone(), response.as_bytes()).await?;
    Ok(files)
}

/// The text of the anchors part, as the trust package has it.
pub fn anchors(input: &AnchorsInput) -> String {
    let anchors = skink_trust::Anchors {
        domain: input.domain.clone(),
        ceremony: input.ceremony,
        roots: vec![input.root.to_pem()],
        successors: Vec::new(),
        reinstated: Vec::new(),
    };
    anchors.to_body().unwrap_or_default()
}

async fn create_issuer(
    app: &App,
    name: &IssuerName,
    kind: IssuerKind,
    profiles: &[&str],
    by: &Stamp,
) -> Result<()> {
    let profiles = profiles.iter().map(|name| parsed(name)).collect::<Result<_>>()?;
    let issuer = Issuer { name: name.clone(), kind, profiles, created_at: by.at };
    crate::db::create_issuer(app, &issuer, by).await
}

/// First generations issue, the server has its identity, the first package is out.
async fn bring_everything_up(app: &App, options: &InitOptions, by: &Stamp) -> Result<()> {
    let mut first = vec![parsed::<IssuerName>(CONTROL)?, parsed(TRUST)?];
    first.extend(options.issuers.iter().cloned());
    for issuer in &first {
        let id = AuthorityId::generation(issuer, 1);
        authorities::bring_up(app, &id, None, by).await?;
    }
    identity::renew(app).await?;
    app.tls().await?;
    package::publish(app, by.clone(), "the first package", None).await?;
    Ok(())
}
