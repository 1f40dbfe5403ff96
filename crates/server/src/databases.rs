//! A server's database as a whole: looked at, copied, backed up and put back, by whoever has its folder.

use std::error::Error;
use std::path::{Path, PathBuf};

use skink_model::{Actor, Authority, AuthorityId, Clock as _, CrlFacts, Stamp, Time};
use skink_store::copy;
pub use skink_store::copy::Copied;
use skink_store::restored::{self, Given, Held};
use skink_store::{BadPlace, Lock, Place, Store, StoreError, Tx, authorities, journal, leases};
use skink_x509::Certificate;
use skink_x509::crl::{Crl, CrlNumber};

use crate::ambient::SystemClock;
use crate::config::{ConfigError, Settings};
use crate::crl;

/// What was to be done with a database was not done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatabaseError {
    /// The configuration is not taken.
    #[error("the server's folder cannot be used")]
    Config(#[source] ConfigError),
    /// The other place is none.
    #[error("the place to copy to is refused")]
    Place(#[source] BadPlace),
    /// There is nothing.
    #[error("there is no database {0}")]
    None(PathBuf),
    /// A server of another folder uses it.
    #[error(
        "{0} servers are at work on the database: stop them, or wait until their leases are over"
    )]
    InUse(u64),
    /// The database did not do what was asked.
    #[error("the database did not do it")]
    Store(#[source] StoreError),
    /// A list is none of this server's, or not genuine.
    #[error("{name} {what}")]
    List {
        /// The list.
        name: String,
        /// What is wrong with it.
        what: &'static str,
        /// Why.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
}

impl From<StoreError> for DatabaseError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

type Result<T> = std::result::Result<T, DatabaseError>;

/// What a look at a database found.
#[derive(Debug)]
pub struct Looked {
    /// Where it is.
    pub place: String,
    /// How many rows each table has.
    pub tables: Vec<Copied>,
    /// Events of the journal, and the streams whose chain is broken.
    pub journal: (u64, Vec<String>),
    /// What is wrong with the file.
    pub faults: Vec<String>,
    /// Lists that wait because it was put back from a backup.
    pub held: Vec<Held>,
}

/// A database that is given to nobody else meanwhile, with its folder.
struct Alone {
    settings: Settings,
    store: Store,
    _folder: Option<Lock>,
}

impl Alone {
    async fn open(dir: &Path) -> Result<Self> {
        let settings = Settings::load(dir).map_err(DatabaseError::Config)?;
        exists(settings.place())?;
        let folder = settings.lock()?;
        let store = Store::at(settings.place()).await?;
        let present = leases::present(&mut store.glance().await?, SystemClock.now()).await?;
        if store.is_shared() && present > 0 {
            return Err(DatabaseError::InUse(present));
        }
        Ok(Self { settings, store, _folder: folder })
    }
}

fn exists(place: &Place) -> Result<()> {
    match place.file().filter(|path| !path.exists()) {
        Some(path) => Err(DatabaseError::None(path.to_owned())),
        None => Ok(()),
    }
}

/// For reading, beside a running server or without one.
async fn beside(settings: &Settings) -> Result<Store> {
    exists(settings.place())?;
    Ok(Store::beside(settings.place()).await?)
}

async fn look(store: &Store) -> Result<Looked> {
    let mut reading = store.read().await?;
    let verified = journal::verify(&mut reading).await?;
    let broken = verified.streams.iter().filter(|stream| stream.fault.is_some());
    let broken = broken.map(|stream| stream.stream.clone()).collect();
    let held = restored::held(&mut reading).await?;
    drop(reading);
    Ok(Looked {
        place: store.place().to_string(),
        tables: copy::count(store).await?,
        journal: (verified.events, broken),
        faults: store.faults().await?,
        held,
    })
}

/// Verifies the journal and the file of the server in `dir`, also while it runs.
pub async fn check(dir: &Path) -> Result<Looked> {
    let settings = Settings::load(dir).map_err(DatabaseError::Config)?;
    let store = beside(&settings).await?;
    let looked = look(&store).await;
    store.close().await;
    looked
}

/// Says what [`copy_to`] would copy; the other place is not touched.
pub async fn would_copy(dir: &Path, to: &str) -> Result<Looked> {
    let _: Place = to.parse().map_err(DatabaseError::Place)?;
    check(dir).await
}

/// Copies the database of the server in `dir`, which must not run, into the empty one at `to`: a URL of
/// PostgreSQL's, or the path of a file. Gives what is there then.
pub async fn copy_to(dir: &Path, to: &str, told: impl Fn(&Copied) + Send + Sync) -> Result<Looked> {
    let to: Place = to.parse().map_err(DatabaseError::Place)?;
    let from = Alone::open(dir).await?;
    let store = Store::at(&to).await?;
    copy::everything(&from.store, &store, told).await?;
    let looked = look(&store).await;
    store.close().await;
    from.store.close().await;
    looked
}

/// Writes a copy of the whole database to the file `to`, also while the server runs.
pub async fn back_up(dir: &Path, to: &Path) -> Result<Looked> {
    let settings = Settings::load(dir).map_err(DatabaseError::Config)?;
    let store = beside(&settings).await?;
    let written = store.backup(to, SystemClock.now()).await;
    store.close().await;
    written?;
    let copy = Store::inspect(to).await?;
    let looked = look(&copy).await;
    copy.close().await;
    looked
}

/// Says what [`put_back`] would put back.
pub async fn in_backup(from: &Path) -> Result<Looked> {
    let store = Store::inspect(from).await?;
    let looked = look(&store).await;
    store.close().await;
    looked
}

/// Puts a backup back into the empty database of the server in `dir`. Every list waits from then on,
/// whatever the file says of itself.
pub async fn put_back(
    dir: &Path,
    from: &Path,
    told: impl Fn(&Copied) + Send + Sync,
) -> Result<Looked> {
    let settings = Settings::load(dir).map_err(DatabaseError::Config)?;
    let backup = Store::inspect(from).await?;
    let taken_at = written_at(from);
    let folder = settings.lock()?;
    let store = Store::at(settings.place()).await?;
    copy::restore(&backup, &store, taken_at, told).await?;
    let looked = look(&store).await;
    backup.close().await;
    store.close().await;
    drop(folder);
    looked
}

/// Of a file that does not say when it was taken.
fn written_at(file: &Path) -> Time {
    let modified = fs_err::metadata(file).and_then(|file| file.modified()).ok();
    let since = modified.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    since.map_or(SystemClock.now(), |since| Time::EPOCH.plus(since))
}

/// Marks the database of the server in `dir` as put back from a backup by other means, like
/// `pg_restore`. Says how many lists wait then.
pub async fn hold_lists(dir: &Path) -> Result<u64> {
    let alone = Alone::open(dir).await?;
    let now = SystemClock.now();
    let held = alone
        .store
        .run_tx("hold", move |tx| Box::pin(async move { restored::hold_all(tx, now).await }));
    let held = held.await?;
    alone.store.close().await;
    Ok(held)
}

/// What became of a list that was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenBack {
    /// Its scope.
    pub scope: String,
    /// Its number; the next one is above it.
    pub number: u64,
    /// Revocations that this database had forgotten.
    pub forgotten: u64,
}

/// Takes lists back in that were out when the database was lost: DER or PEM. The server in `dir` must
/// not run. All of them, or none.
pub async fn take_lists_back(dir: &Path, files: &[(String, Vec<u8>)]) -> Result<Vec<TakenBack>> {
    let alone = Alone::open(dir).await?;
    let mut lists = Vec::with_capacity(files.len());
    for (name, bytes) in files {
        lists.push(genuine(&alone, name, bytes).await?);
    }
    let stamp = &Stamp { actor: Actor::Console, at: SystemClock.now() };
    let lists = &lists;
    let done = alone.store.run_tx("take_lists_back", move |tx| {
        Box::pin(async move {
            let mut done = Vec::with_capacity(lists.len());
            for list in lists {
                let der = list.crl.der();
                let (scope, number) = (list.scope.as_str(), list.number);
                let facts = list.facts.clone();
                let given = Given { scope, partition: list.partition, number, facts, der };
                let forgotten = restored::take_back(tx, stamp, &given, list.crl.entries()).await?;
                if let (None, Some(about)) = (list.partition, &list.about) {
                    freeze_if_revoked(tx, stamp, about, &list.crl).await?;
                }
                done.push(TakenBack { scope: scope.to_owned(), number, forgotten });
            }
            Ok::<_, DatabaseError>(done)
        })
    });
    let done = done.await?;
    alone.store.close().await;
    Ok(done)
}

/// A list that the authority signed whose it is, of a scope of this server's.
struct Genuine {
    scope: String,
    partition: Option<u32>,
    number: u64,
    facts: CrlFacts,
    crl: Crl,
    /// Of a list of the root's: whom it is about.
    about: Option<Authority>,
}

async fn genuine(alone: &Alone, name: &str, bytes: &[u8]) -> Result<Genuine> {
    let bad = |what, source: Option<Box<dyn Error + Send + Sync>>| DatabaseError::List {
        name: name.to_owned(),
        what,
        source,
    };
    let read = match std::str::from_utf8(bytes).ok().filter(|text| text.contains("-----BEGIN")) {
        Some(text) => Crl::from_pem(text),
        None => Crl::from_der(bytes),
    };
    let crl = read.map_err(|error| bad("is no revocation list", Some(Box::new(error))))?;
    let none = || bad("is none of this server's lists", None);
    let point = crl.issuing_distribution_point().map(|point| point.uris.clone());
    let base = alone.settings.base_url().trim_end_matches('/');
    let path = point.and_then(|uris| uris.first()?.strip_prefix(base).map(ToOwned::to_owned));
    let scope = path.as_deref().and_then(crl::scope_of).ok_or_else(none)?.to_owned();
    let (first, second) = scope.split_once('/').ok_or_else(none)?;
    let (owner, about) = (id(first).ok_or_else(none)?, id(second));
    let mut reading = alone.store.glance().await?;
    let signer = authorities::find(&mut reading, &owner).await?.ok_or_else(none)?;
    let of_root = scope.starts_with(crl::OF_ROOT);
    let about = match about.filter(|_| of_root) {
        Some(about) => authorities::find(&mut reading, &about).await?,
        None => None,
    };
    let signer = certificate(&signer).ok_or_else(none)?;
    crl.verify_signed_by(signer.public_key())
        .map_err(|error| bad("is not signed by whose it says it is", Some(Box::new(error))))?;
    let number = crl.number().and_then(CrlNumber::to_u64).ok_or_else(none)?;
    let facts = CrlFacts {
        this_update: crl.this_update(),
        next_update: crl.next_update().ok_or_else(none)?,
        entries: u64::try_from(crl.len()).unwrap_or(u64::MAX),
        size: u64::try_from(crl.der().len()).unwrap_or(u64::MAX),
        digest: crl.fingerprint(),
    };
    let partition = if of_root { None } else { Some(crl::partition(&scope).ok_or_else(none)?) };
    Ok(Genuine { scope, partition, number, facts, crl, about })
}

fn id(text: &str) -> Option<AuthorityId> {
    text.parse().ok()
}

fn certificate(authority: &Authority) -> Option<Certificate> {
    Certificate::from_pem(&authority.certificate.as_ref()?.pem).ok()
}

/// The root revoked an authority, and this database has forgotten the incident: nothing is issued until
/// people have seen to it.
async fn freeze_if_revoked(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    about: &Authority,
    list: &Crl,
) -> Result<()> {
    let revoked = certificate(about).is_some_and(|one| list.find(one.serial()).is_some());
    if revoked && about.taint.is_none() && about.frozen.is_none() {
        let why = "the root has revoked it, and this database was put back from before: declare the \
                   incident again";
        authorities::freeze(tx, stamp, &about.id, why, None).await?;
    }
    Ok(())
}
