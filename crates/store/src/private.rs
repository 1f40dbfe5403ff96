//! Files that only their owner reads: a database holds hashes of tokens and shares on their way.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;

/// Makes an empty file for the owner alone; one that is there is left as it is. SQLite gives the
/// files beside a database the database's permissions.
pub(crate) fn create(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.create_new(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        done => done.map(drop),
    }
}
