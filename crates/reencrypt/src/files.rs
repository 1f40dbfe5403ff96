//! Files that are ciphertexts.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use tempfile::NamedTempFile;

use crate::source::{Change, Found, Object, Replaced, Source, SourceError};

/// What a new ciphertext is called until it takes the old one's place.
const UNFINISHED: &str = ".skink-rewrap-";

/// What is longer is no ciphertext that a service would take.
const LONGEST: u64 = 128 << 20;

/// A set of files.
#[derive(Debug)]
pub struct Files {
    paths: Vec<String>,
}

impl Files {
    /// Files, folders with all that is in them, patterns (`*.enc`), and `@LIST`: a file with one
    /// path a line. A target that means nothing is an error, for it may be misspelt.
    pub fn find<'a>(targets: impl IntoIterator<Item = &'a str>) -> Result<Self, SourceError> {
        let mut paths = BTreeSet::new();
        for target in targets {
            match target.strip_prefix('@') {
                Some(list) => {
                    let text =
                        fs_err::read_to_string(list).map_err(io_error("reading the list"))?;
                    for line in text.lines().filter(|line| !line.is_empty()) {
                        add(Path::new(line), &mut paths)?;
                    }
                }
                None if Path::new(target).exists() => add(Path::new(target), &mut paths)?,
                None => add_pattern(target, &mut paths)?,
            }
        }
        Ok(Self { paths: paths.into_iter().collect() })
    }
}

fn add_pattern(pattern: &str, paths: &mut BTreeSet<String>) -> Result<(), SourceError> {
    let bad = |why: String| SourceError::BadTarget { target: pattern.to_owned(), why };
    let found = glob::glob(pattern).map_err(|error| bad(error.to_string()))?;
    let mut any = false;
    for path in found {
        add(&path.map_err(|error| bad(error.to_string()))?, paths)?;
        any = true;
    }
    if any { Ok(()) } else { Err(bad("there is no such file".to_owned())) }
}

/// A file by its own name, links followed: what is replaced is the file, and no link to it.
fn add(path: &Path, paths: &mut BTreeSet<String>) -> Result<(), SourceError> {
    let path = fs_err::canonicalize(path).map_err(io_error("looking for files"))?;
    if path.is_dir() {
        for entry in fs_err::read_dir(&path).map_err(io_error("listing"))? {
            let entry = entry.map_err(io_error("listing"))?;
            let unfinished = entry.file_name().to_string_lossy().starts_with(UNFINISHED);
            // A link in a folder may lead out of it.
            if !unfinished && !entry.path().is_symlink() {
                add(&entry.path(), paths)?;
            }
        }
        return Ok(());
    }
    let bad = |why: &str| SourceError::BadTarget {
        target: path.display().to_string(),
        why: why.to_owned(),
    };
    if !path.is_file() {
        return Err(bad("it is no file"));
    }
    paths.insert(path.to_str().ok_or_else(|| bad("its name is no text"))?.to_owned());
    Ok(())
}

#[async_trait]
impl Source for Files {
    fn name(&self) -> String {
        format!("{} files", self.paths.len())
    }

    async fn count(&self) -> Result<Option<u64>, SourceError> {
        Ok(u64::try_from(self.paths.len()).ok())
    }

    async fn page(&self, after: Option<&str>, limit: usize) -> Result<Vec<Object>, SourceError> {
        let from = after.map_or(0, |id| self.paths.partition_point(|path| path.as_str() <= id));
        let page = self.paths.iter().skip(from).take(limit);
        Ok(page.map(|path| Object { id: path.clone(), found: None }).collect())
    }

    async fn read(&self, id: &str) -> Result<Option<Found>, SourceError> {
        let length = fs_err::metadata(id).map(|metadata| metadata.len());
        if length.is_ok_and(|length| length > LONGEST) {
            let why = "it is too long for a ciphertext";
            return Err(SourceError::Unfit { id: id.to_owned(), why });
        }
        match fs_err::read(id) {
            Ok(bytes) => Ok(Some(Found { bytes, mark: None })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(io_error("reading")(source)),
        }
    }

    async fn replace(&self, changes: Vec<Change>) -> Vec<Result<Replaced, SourceError>> {
        let count = changes.len();
        let all = move || changes.iter().map(replace).collect();
        let failed = |_| {
            let lost = || io::Error::other("the thread that wrote was lost");
            (0..count).map(|_| Err(io_error("writing")(lost()))).collect()
        };
        tokio::task::spawn_blocking(all).await.unwrap_or_else(failed)
    }
}

/// Puts the new ciphertext in the old one's place: beside it first, to the disk, then both change
/// places in one step, and what stood there is looked at. If it was not the old ciphertext, they
/// change back.
fn replace(change: &Change) -> Result<Replaced, SourceError> {
    let path = PathBuf::from(&change.id);
    let metadata = fs_err::symlink_metadata(&path).map_err(io_error("looking at"))?;
    let unfit = |why| Err(SourceError::Unfit { id: change.id.clone(), why });
    if !metadata.is_file() {
        return unfit("it is no plain file any more");
    }
    if metadata.nlink() > 1 {
        return unfit("it has other names (hard links), which would go on meaning the old one");
    }
    if fs_err::read(&path).map_err(io_error("reading"))? != change.old.bytes {
        return Ok(Replaced::Changed);
    }
    let folder = path.parent().unwrap_or_else(|| Path::new("/"));
    let written = written_beside(folder, &metadata, &change.new);
    let beside = written.map_err(io_error(&format!("writing beside {}", path.display())))?;
    let taken = take_place(&beside, &path, &change.old.bytes);
    let taken = taken.map_err(io_error(&format!("replacing {}", path.display())))?;
    if taken {
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(io_error(&format!("syncing {}", folder.display())))?;
    }
    // Dropped, the other name goes, with what then stands there.
    drop(beside);
    Ok(if taken { Replaced::Done } else { Replaced::Changed })
}

/// The new ciphertext under a name of its own, on the disk, with the owner and mode of the old.
fn written_beside(folder: &Path, like: &fs::Metadata, new: &[u8]) -> io::Result<NamedTempFile> {
    let mut beside = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder)?;
    beside.write_all(new)?;
    let file = beside.as_file();
    let made = file.metadata()?;
    if (made.uid(), made.gid()) != (like.uid(), like.gid()) {
        fchown(file, Some(like.uid()), Some(like.gid()))?;
    }
    file.set_permissions(fs::Permissions::from_mode(like.mode() & 0o7777))?;
    file.sync_all()?;
    Ok(beside)
}

/// Whether it took the place of `old`.
fn take_place(beside: &NamedTempFile, path: &Path, old: &[u8]) -> io::Result<bool> {
    let exchange = || renameat_with(CWD, beside.path(), CWD, path, RenameFlags::EXCHANGE);
    match exchange() {
        Ok(()) => {}
        // A file system that cannot exchange: it was the old one a moment ago.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
            fs::rename(beside.path(), path)?;
            return Ok(true);
        }
        Err(error) => return Err(error.into()),
    }
    if fs::read(beside.path())? == old {
        return Ok(true);
    }
    exchange()?;
    Ok(false)
}

fn io_error(what: &str) -> impl FnOnce(io::Error) -> SourceError {
    let what = format!("{what} failed");
    move |source| SourceError::Io { what, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(path: &Path, old: &[u8], new: &[u8]) -> Change {
        let old = Found { bytes: old.to_vec(), mark: None };
        Change { id: path.to_str().unwrap().to_owned(), old, new: new.to_vec() }
    }

    #[test]
    fn a_file_is_replaced_with_its_mode_and_nothing_stays_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.enc");
        fs::write(&path, b"old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(replace(&change(&path, b"old", b"new")).unwrap(), Replaced::Done);
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o640);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_changed_in_between_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.enc");
        fs::write(&path, b"newer").unwrap();
        assert_eq!(replace(&change(&path, b"old", b"new")).unwrap(), Replaced::Changed);
        assert_eq!(fs::read(&path).unwrap(), b"newer");
        // In the very last moment, too.
        let beside = written_beside(dir.path(), &fs::metadata(&path).unwrap(), b"new").unwrap();
        assert!(!take_place(&beside, &path, b"old").unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"newer");
        drop(beside);
        fs::hard_link(&path, dir.path().join("other")).unwrap();
        let refused = replace(&change(&path, b"newer", b"new")).unwrap_err();
        assert!(matches!(refused, SourceError::Unfit { .. }), "{refused}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[tokio::test]
    async fn files_folders_patterns_and_lists_are_found_once() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
        fs::create_dir(at("folder")).unwrap();
        for name in ["a.enc", "b.enc", "c.txt", "folder/d", "folder/.skink-rewrap-x"] {
            fs::write(at(name), b"x").unwrap();
        }
        std::os::unix::fs::symlink(at("a.enc"), at("link")).unwrap();
        fs::write(at("list"), format!("{}\n\n{}\n", at("c.txt"), at("a.enc"))).unwrap();
        let list = format!("@{}", at("list"));
        let found = Files::find([&*at("*.enc"), &*at("folder"), &*list, &*at("link")]).unwrap();
        let page = found.page(None, 10).await.unwrap();
        let ids: Vec<&str> = page.iter().map(|object| object.id.as_str()).collect();
        let root = fs::canonicalize(dir.path()).unwrap();
        let wanted = ["a.enc", "b.enc", "c.txt", "folder/d"]
            .map(|name| root.join(name).to_str().unwrap().to_owned());
        assert_eq!(ids, wanted);
        let rest = found.page(Some(&wanted[1]), 1).await.unwrap();
        assert_eq!(rest[0].id, wanted[2]);
        assert!(Files::find([&*at("*.none")]).is_err());
        assert!(Files::find([&*at("missing")]).is_err());
    }
}
