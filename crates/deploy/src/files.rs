//! An endpoint's files.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::Mechanism;

/// Where an endpoint's files are, and by which mechanism its software distrusts.
///
/// `cert.pem` holds the certificate and the authority above it, `key.pem` its key, `anchors.pem`
/// what is trusted, `crls.pem` one CRL for each scope (`parent-crl`), `denied.json` the denied keys
/// (`deny`), `trust.json` which package all that came from, `staple.der` an OCSP response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointFiles {
    dir: PathBuf,
    mechanism: Mechanism,
}

/// A file to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFile {
    /// Its path.
    pub path: PathBuf,
    /// Its content; none removes the file.
    pub content: Option<Vec<u8>>,
    /// Who may read it.
    pub secrecy: Secrecy,
}

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrecy {
    /// Everybody (0644).
    Public,
    /// The owner (0600).
    Private,
}

/// A file could not be read, written or removed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {path}")]
pub struct FileError {
    /// What was tried.
    pub action: &'static str,
    /// On which file.
    pub path: PathBuf,
    /// What the system says.
    #[source]
    pub source: io::Error,
}

impl EndpointFiles {
    /// The files in `dir`.
    pub fn new(dir: impl Into<PathBuf>, mechanism: Mechanism) -> Self {
        Self { dir: dir.into(), mechanism }
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The mechanism.
    pub const fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    /// `cert.pem`
    pub fn certificate(&self) -> PathBuf {
        self.dir.join("cert.pem")
    }

    /// `key.pem`
    pub fn key(&self) -> PathBuf {
        self.dir.join("key.pem")
    }

    /// `anchors.pem`
    pub fn anchors(&self) -> PathBuf {
        self.dir.join("anchors.pem")
    }

    /// `crls.pem`
    pub fn crls(&self) -> PathBuf {
        self.dir.join("crls.pem")
    }

    /// `denied.json`
    pub fn denied(&self) -> PathBuf {
        self.dir.join("denied.json")
    }

    /// `trust.json`
    pub fn trust_note(&self) -> PathBuf {
        self.dir.join("trust.json")
    }

    /// `staple.der`
    pub fn staple(&self) -> PathBuf {
        self.dir.join("staple.der")
    }
}

impl NewFile {
    /// A file that everybody may read.
    pub fn public(path: PathBuf, content: impl Into<Vec<u8>>) -> Self {
        Self { path, content: Some(content.into()), secrecy: Secrecy::Public }
    }

    /// A file for its owner's eyes.
    pub fn private(path: PathBuf, content: impl Into<Vec<u8>>) -> Self {
        Self { path, content: Some(content.into()), secrecy: Secrecy::Private }
    }

    /// No such file any more.
    pub fn absent(path: PathBuf) -> Self {
        Self { path, content: None, secrecy: Secrecy::Public }
    }

    /// Writes it whole or leaves what was there. Whether anything changed.
    pub(crate) fn apply(&self) -> Result<bool, FileError> {
        match &self.content {
            Some(content) => write_whole(&self.path, content, self.secrecy),
            None => remove(&self.path),
        }
    }

    /// What stands at the path now, to be put back later.
    pub(crate) fn before(&self) -> Result<Self, FileError> {
        let content = match fs_err::read(&self.path) {
            Ok(content) => Some(content),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(source) => return Err(failed("read", &self.path)(source)),
        };
        Ok(Self { path: self.path.clone(), content, secrecy: self.secrecy })
    }
}

/// Writes a file beside its place, syncs it, renames it into place and syncs the directory: a
/// reader and a crash see the old content or the new. A file that has the content already is left
/// alone; the answer is whether anything was written.
pub fn write_whole(path: &Path, content: &[u8], secrecy: Secrecy) -> Result<bool, FileError> {
    if fs_err::read(path).is_ok_and(|now| now == content) {
        return Ok(false);
    }
    let beside = path.with_extension("new");
    write_synced(&beside, content, secrecy).map_err(failed("write", &beside))?;
    fs_err::rename(&beside, path).map_err(failed("replace", path))?;
    sync_parent(path)?;
    Ok(true)
}

fn write_synced(path: &Path, content: &[u8], secrecy: Secrecy) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(
        &mut options,
        match secrecy {
            Secrecy::Public => 0o644,
            Secrecy::Private => 0o600,
        },
    );
    let mut file = options.open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

fn remove(path: &Path) -> Result<bool, FileError> {
    match fs_err::remove_file(path) {
        Ok(()) => sync_parent(path).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(failed("remove", path)(source)),
    }
}

fn sync_parent(path: &Path) -> Result<(), FileError> {
    let Some(parent) = path.parent() else { return Ok(()) };
    fs_err::File::open(parent)
        .and_then(|directory| directory.sync_all())
        .map_err(failed("sync", parent))
}

pub(crate) fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FileError {
    move |source| FileError { action, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_left_alone_when_equal() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cert.pem");
        assert!(write_whole(&path, b"one", Secrecy::Public).unwrap());
        assert!(!write_whole(&path, b"one", Secrecy::Public).unwrap());
        assert!(write_whole(&path, b"two", Secrecy::Public).unwrap());
        assert_eq!(fs_err::read(&path).unwrap(), b"two");
        assert_eq!(fs_err::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_key_is_for_its_owner_from_the_first_byte() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key.pem");
        fs_err::write(path.with_extension("new"), b"left by a crash").unwrap();
        write_whole(&path, b"secret", Secrecy::Private).unwrap();
        let mode = fs_err::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn what_was_there_can_be_put_back() {
        let dir = tempfile::tempdir().unwrap();
        let (there, absent) = (dir.path().join("a"), dir.path().join("b"));
        fs_err::write(&there, b"old").unwrap();
        let new = [NewFile::public(there.clone(), b"new"), NewFile::public(absent.clone(), b"x")];
        let before: Vec<NewFile> = new.iter().map(|file| file.before().unwrap()).collect();
        for file in &new {
            assert!(file.apply().unwrap());
        }
        for file in &before {
            assert!(file.apply().unwrap());
        }
        assert_eq!(fs_err::read(&there).unwrap(), b"old");
        assert!(!absent.exists());
    }
}
