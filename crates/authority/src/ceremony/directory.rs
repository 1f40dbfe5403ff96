//! The root's directory: private, locked, and nowhere near a server's database.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// The name of a server's database.
const DATABASE: &str = "skink.db";

/// The root's directory stands where a server's database is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a server's database is at {database}: the offline root does not run on its ground")]
pub struct ServerNearby {
    /// The database.
    pub database: PathBuf,
}

/// Refuses a directory that holds a server's database, lies below one that does, or has one right
/// below it; and the same for the current directory.
pub(super) fn refuse_server(dir: &Path) -> Result<(), ServerNearby> {
    let whole = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    let resolved = whole.canonicalize().unwrap_or_else(|_| whole.clone());
    let current = std::env::current_dir().ok();
    let places = resolved.ancestors().chain(whole.ancestors()).chain(current.as_deref());
    for place in places {
        refuse_database(place)?;
    }
    let below = std::fs::read_dir(dir).into_iter().flatten().flatten();
    below.map(|entry| entry.path()).try_for_each(|place| refuse_database(&place))
}

fn refuse_database(place: &Path) -> Result<(), ServerNearby> {
    let database = place.join(DATABASE);
    if database.exists() { Err(ServerNearby { database }) } else { Ok(()) }
}

/// Holds the directory for one process, until it is dropped.
pub(super) fn lock(dir: &Path) -> std::io::Result<File> {
    let file =
        OpenOptions::new().create(true).truncate(false).write(true).open(dir.join("root.lock"))?;
    file.try_lock()?;
    Ok(file)
}

/// Writes a file whole, flushed, for its owner only.
pub(super) fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let temporary = path.with_extension("tmp");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file = options.open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)?;
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ground_with_a_database_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        std::fs::create_dir_all(root.join("below")).unwrap();
        let beside = dir.path().join("server");
        std::fs::create_dir(&beside).unwrap();
        std::fs::write(beside.join(DATABASE), "").unwrap();
        assert_eq!(refuse_server(&root), Ok(()), "beside the server it is only bad style");
        for place in [dir.path().to_owned(), root.clone(), root.join("below")] {
            let database = place.join(DATABASE);
            std::fs::write(&database, "").unwrap();
            assert!(refuse_server(&root).is_err(), "{}", database.display());
            std::fs::remove_file(database).unwrap();
        }
        assert_eq!(refuse_server(&root), Ok(()));
    }
}
