//! The seam to where ciphertexts lie.

use async_trait::async_trait;

/// A ciphertext where it lies.
#[derive(Clone, Debug)]
pub struct Object {
    /// Its name within the source: printable, and the same tomorrow.
    pub id: String,
    /// What stands there, where listing told it already.
    pub found: Option<Found>,
}

/// What stands at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// What the source recognises this state by, where bytes are not what it compares.
    pub mark: Option<String>,
}

/// A new ciphertext for a place, if the old one still stands there.
#[derive(Clone, Debug)]
pub struct Change {
    /// The object.
    pub id: String,
    /// What has to stand there.
    pub old: Found,
    /// What is to stand there.
    pub new: Vec<u8>,
}

/// What became of a [`Change`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replaced {
    /// The new ciphertext stands there, durably.
    Done,
    /// Something else than the old one stood there; it was left alone.
    Changed,
}

/// Why a source did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The target names nothing that could hold ciphertexts.
    #[error("{target}: {why}")]
    BadTarget {
        /// The target, without what is secret in it.
        target: String,
        /// What is wrong with it.
        why: String,
    },
    /// A file could not be read or written.
    #[error("{what}")]
    Io {
        /// What was tried.
        what: String,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// A database did not do what it was asked.
    #[error("{what} failed")]
    Database {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An object store did not do what it was asked.
    #[error("{what} failed")]
    Store {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The object cannot be replaced without loss.
    #[error("{id} is left alone: {why}")]
    Unfit {
        /// The object.
        id: String,
        /// What would be lost.
        why: &'static str,
    },
}

/// Where ciphertexts lie.
#[async_trait]
pub trait Source: Send + Sync {
    /// What it is called in messages; nothing secret.
    fn name(&self) -> String;

    /// What stands before an object's id wherever sources are not told apart: in the state, in
    /// lists. The same tomorrow.
    fn scope(&self) -> String {
        String::new()
    }

    /// How many objects there are, where that is cheap to know.
    async fn count(&self) -> Result<Option<u64>, SourceError>;

    /// At most `limit` objects, after the one of this id, in an order that stays.
    async fn page(&self, after: Option<&str>, limit: usize) -> Result<Vec<Object>, SourceError>;

    /// What stands at a place now; nothing if it is gone.
    async fn read(&self, id: &str) -> Result<Option<Found>, SourceError>;

    /// Makes these changes, each as a whole or not at all. One result for each.
    async fn replace(&self, changes: Vec<Change>) -> Vec<Result<Replaced, SourceError>>;
}
