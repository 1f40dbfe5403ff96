//! One server per database: an advisory lock on a file beside it, freed by the system with the
//! process that holds it.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use crate::{Place, StoreError};

/// Holds the lock until dropped.
#[derive(Debug)]
pub(crate) struct Lock(#[expect(dead_code, reason = "held for its lock")] File);

impl Lock {
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
