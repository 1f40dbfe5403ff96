//! Files that are whole or not there, and nobody else's to read.

use std::io::Write;
use std::path::Path;

use fs_err as fs;

use crate::provider::ProviderError;

/// Makes `dir` and its parents; `dir` for its owner only.
pub(crate) fn private_dir(dir: &Path) -> Result<(), ProviderError> {
    fs::create_dir_all(dir).map_err(ProviderError::storage)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(dir, std::fs::Permissions::from_mode(0o700))
            .map_err(ProviderError::storage)?;
    }
    Ok(())
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, ProviderError> {
    std::fs::read(path).map_err(|error| {
        // The kind decides what the caller makes of it; the path belongs into the message.
        ProviderError::storage(std::io::Error::new(
            error.kind(),
            format!("{}: {error}", path.display()),
        ))
    })
}

/// Which file stands at a path, and since when: another one after each [`write_atomic`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stamp(Vec<u64>);

impl Stamp {
    /// `None` where there is no file, or no way to tell one from another.
    #[cfg(unix)]
    pub(crate) fn of(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        let file = std::fs::metadata(path).ok()?;
        let times = [file.mtime(), file.mtime_nsec(), file.ctime(), file.ctime_nsec()];
        let fields = [file.dev(), file.ino(), file.size()].into_iter();
        Some(Self(fields.chain(times.map(i64::cast_unsigned)).collect()))
    }

    /// `None` where there is no file, or no way to tell one from another.
    #[cfg(not(unix))]
    pub(crate) fn of(_: &Path) -> Option<Self> {
        None
    }
}

/// Replaces `path`: written beside it, flushed, renamed, folder flushed.
pub(crate) fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), ProviderError> {
    let temporary = beside(path, bytes)?;
    fs::rename(&temporary, path).map_err(ProviderError::storage)?;
    flush_folder(path)
}

/// Writes `path` only if it is not there yet; says whether it wrote.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Result<bool, ProviderError> {
    let temporary = beside(path, bytes)?;
    let linked = std::fs::hard_link(&temporary, path);
    remove(&temporary)?;
    match linked {
        Ok(()) => flush_folder(path).map(|()| true),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(ProviderError::storage(error)),
    }
}

/// Removes `path` if it is there.
pub(crate) fn remove(path: &Path) -> Result<(), ProviderError> {
    match fs::remove_file(path) {
        Ok(()) => flush_folder(path),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(ProviderError::storage(error)),
    }
}

fn beside(path: &Path, bytes: &[u8]) -> Result<std::path::PathBuf, ProviderError> {
    let mut tag = [0_u8; 8];
    aws_lc_rs::rand::fill(&mut tag).map_err(|_| ProviderError::Crypto("no random bytes"))?;
    let temporary = path.with_extension(format!("{}.tmp", hex::encode(tag)));
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use fs_err::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let written = options.open(&temporary).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    if let Err(error) = written {
        let _ = std::fs::remove_file(&temporary);
        return Err(ProviderError::storage(error));
    }
    Ok(temporary)
}

fn flush_folder(path: &Path) -> Result<(), ProviderError> {
    let Some(folder) = path.parent() else { return Ok(()) };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    fs::File::open(folder).and_then(|file| file.sync_all()).map_err(ProviderError::storage)
}
