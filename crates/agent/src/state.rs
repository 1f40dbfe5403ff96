//! What an agent keeps on disk, all of it for its owner's eyes.

use std::io;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use skink_api::EndpointSpec;
use skink_deploy::{FileError, Secrecy, write_whole};
use skink_trust::{BadRecord, Held};
use skink_x509::ParseError;

use crate::pair::{Pair, Pairs};

/// What is kept cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// There is nothing: enrol first.
    #[error("there is no enrolled agent in {0}")]
    NotEnrolled(PathBuf),
    /// An agent is enrolled there already.
    #[error("an agent is enrolled in {0} already")]
    AlreadyEnrolled(PathBuf),
    /// A file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("the agent's state cannot be written")]
    Write(#[source] FileError),
    /// The directory cannot be made.
    #[error("cannot make the directory {path}")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A file is damaged.
    #[error("{path} is damaged")]
    Json {
        /// The file.
        path: PathBuf,
        /// How.
        #[source]
        source: serde_json::Error,
    },
    /// The trust record is damaged.
    #[error("what was believed cannot be read back")]
    Trust(#[source] BadRecord),
    /// A certificate is damaged.
    #[error("a certificate cannot be read")]
    Certificate(#[source] ParseError),
    /// A certificate and a key do not go together.
    #[error("a certificate and its key cannot be used")]
    Pair(#[source] skink_deploy::tls::ConfigError),
    /// A key is damaged.
    #[error("a key cannot be used")]
    Key(#[source] crate::key::KeyFault),
}

/// Who the agent is and where its server is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Membership {
    pub(crate) agent: String,
    pub(crate) domain: String,
    pub(crate) url: String,
    pub(crate) server_name: String,
    pub(crate) endpoints: Vec<EndpointSpec>,
}

/// The directory with what is kept.
#[derive(Clone, Debug)]
pub(crate) struct StateDir(PathBuf);

const MEMBERSHIP: &str = "agent.json";
const IDENTITY: &str = "identity.json";
const TRUST: &str = "trust-state.json";
const CANARIES: &str = "canaries.json";

impl StateDir {
    pub(crate) fn new(dir: &Path) -> Self {
        Self(dir.to_owned())
    }

    pub(crate) fn is_enrolled(&self) -> bool {
        self.0.join(MEMBERSHIP).exists()
    }

    /// Makes the directory and those below it, for the owner only.
    pub(crate) fn create(&self) -> Result<(), StateError> {
        for dir in [self.0.clone(), self.0.join("pairs")] {
            make_private_dir(&dir).map_err(|source| StateError::Directory { path: dir, source })?;
        }
        Ok(())
    }

    pub(crate) fn membership(&self) -> Result<Membership, StateError> {
        self.load(MEMBERSHIP)?.ok_or_else(|| StateError::NotEnrolled(self.0.clone()))
    }

    pub(crate) fn save_membership(&self, membership: &Membership) -> Result<(), StateError> {
        self.save(MEMBERSHIP, membership)
    }

    pub(crate) fn identity(&self) -> Result<Pair, StateError> {
        self.load(IDENTITY)?.ok_or_else(|| StateError::NotEnrolled(self.0.clone()))
    }

    pub(crate) fn save_identity(&self, identity: &Pair) -> Result<(), StateError> {
        self.save(IDENTITY, identity)
    }

    pub(crate) fn held(&self) -> Result<Held, StateError> {
        let bytes = self.read(TRUST)?;
        let bytes = bytes.ok_or_else(|| StateError::NotEnrolled(self.0.clone()))?;
        Held::from_record(&bytes).map_err(StateError::Trust)
    }

    pub(crate) fn save_held(&self, held: &Held) -> Result<(), StateError> {
        let path = self.0.join(TRUST);
        let record =
            held.to_record().map_err(|source| StateError::Json { path: path.clone(), source })?;
        write_whole(&path, &record, Secrecy::Private).map(drop).map_err(StateError::Write)
    }

    pub(crate) fn canaries(&self) -> Result<Vec<Pair>, StateError> {
        self.load(CANARIES).map(Option::unwrap_or_default)
    }

    pub(crate) fn save_canaries(&self, canaries: &[Pair]) -> Result<(), StateError> {
        self.save(CANARIES, &canaries)
    }

    pub(crate) fn pairs(&self, endpoint: &str) -> Result<Pairs, StateError> {
        self.load(&pairs_file(endpoint)).map(Option::unwrap_or_default)
    }

    pub(crate) fn save_pairs(&self, endpoint: &str, pairs: &Pairs) -> Result<(), StateError> {
        self.save(&pairs_file(endpoint), pairs)
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, StateError> {
        let path = self.0.join(name);
        match fs_err::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(StateError::Read { path, source }),
        }
    }

    fn load<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, StateError> {
        let Some(bytes) = self.read(name)? else { return Ok(None) };
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|source| StateError::Json { path: self.0.join(name), source })
    }

    fn save<T: Serialize + ?Sized>(&self, name: &str, value: &T) -> Result<(), StateError> {
        let path = self.0.join(name);
        let bytes = serde_json::to_vec(value)
            .map(zeroize::Zeroizing::new)
            .map_err(|source| StateError::Json { path: path.clone(), source })?;
        write_whole(&path, &bytes, Secrecy::Private).map(drop).map_err(StateError::Write)
    }
}

/// Runs what waits for the disk on a thread for that: many agents share a few runtime threads, and
/// syncs that are asked for together are done together.
pub(crate) async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

fn pairs_file(endpoint: &str) -> String {
    format!("pairs/{endpoint}.json")
}

/// Makes a directory that only its owner can look into.
pub(crate) fn make_private_dir(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}
