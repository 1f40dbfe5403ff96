//! One server per folder and per file: an advisory lock on a file, freed by the system with the
//! process that holds it.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use crate::{Place, StoreError};

/// The database of a server's folder, when it is a file of that folder. Its lock is the folder's lock,
/// wherever the database is.
pub const FILE_NAME: &str = "skink.db";

/// Holds the lock until dropped.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "held for its lock")] File);

impl Lock {
    /// Takes the lock of a server's folder whose database is elsewhere, or says that another server has
    /// it. [`crate::Store::open`] takes it with a database that is a file of the folder.
    pub fn folder(dir: &Path) -> Result<Self, StoreError> {
        Self::take(&dir.join(FILE_NAME)).map_err(|error| match error {
            StoreError::Locked { .. } => StoreError::Locked { path: dir.to_owned() },
            other => other,
        })
    }

    /// Takes the lock of the database at `path`, or says that another server has it.
    pub(crate) fn take(path: &Path) -> Result<Self, StoreError> {
        let open = |source: std::io::Error| Place::File(path.to_owned()).cannot_open(source);
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(beside(path))
            .map_err(open)?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(StoreError::Locked { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => Err(open(source)),
        }
    }
}

fn beside(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".lock");
    PathBuf::from(name)
}
