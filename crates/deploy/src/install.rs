//! Change the files under a running software, or leave everything as it was.

use crate::{EndpointFiles, FileError, NewFile, Target, TargetError};

/// An installation that did not succeed. What ran before runs on, unless `undone` says otherwise.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InstallError {
    /// The files could not be written.
    #[error("the files cannot be written")]
    Write(#[source] FileError),
    /// The software would not take them.
    #[error("the check refuses the new files")]
    Check(#[source] TargetError),
    /// The software did not load them.
    #[error("the new files cannot be loaded")]
    Reload(#[source] TargetError),
    /// The software could not be brought to forget its sessions.
    #[error("the sessions from before cannot be ended")]
    Sessions(#[source] TargetError),
    /// And then the files from before could not be put back.
    #[error("the files from before cannot be put back")]
    Undo(#[source] Box<InstallError>),
}

/// What was installed and loaded, with the way back.
#[must_use = "an installation is kept or rolled back"]
#[derive(Debug)]
pub struct Installation {
    files: EndpointFiles,
    before: Vec<NewFile>,
    changed: bool,
}

/// Writes `new`, checks, reloads. On failure the files from before are back, and loaded.
///
/// When no file changes, the software is reloaded nevertheless: after a crash nobody knows what it
/// had loaded.
pub async fn install(
    files: &EndpointFiles,
    new: Vec<NewFile>,
    target: &dyn Target,
) -> Result<Installation, InstallError> {
    let (before, changed) = write(new).await?;
    let installation = Installation { files: files.clone(), before, changed };
    if let Err(error) = target.check(files).await {
        installation.put_back().await?;
        return Err(InstallError::Check(error));
    }
    if let Err(error) = target.reload(files).await {
        installation.roll_back(target).await?;
        return Err(InstallError::Reload(error));
    }
    Ok(installation)
}

impl Installation {
    /// Whether any file has another content than before.
    pub const fn changed(&self) -> bool {
        self.changed
    }

    /// Puts the files from before back and loads them.
    pub async fn roll_back(self, target: &dyn Target) -> Result<(), InstallError> {
        let files = self.files.clone();
        self.put_back().await?;
        let undo = |error| InstallError::Undo(Box::new(InstallError::Reload(error)));
        target.reload(&files).await.map_err(undo)
    }

    async fn put_back(self) -> Result<(), InstallError> {
        write(self.before).await.map(drop).map_err(|error| InstallError::Undo(Box::new(error)))
    }
}

/// Writes all files or none; what was there before, and whether anything changed.
async fn write(new: Vec<NewFile>) -> Result<(Vec<NewFile>, bool), InstallError> {
    let written = tokio::task::spawn_blocking(move || {
        let before: Vec<NewFile> = new.iter().map(NewFile::before).collect::<Result<_, _>>()?;
        let mut changed = false;
        for (at, file) in new.iter().enumerate() {
            match file.apply() {
                Ok(written) => changed |= written,
                Err(error) => {
                    for file in &before[..at] {
                        file.apply()?;
                    }
                    return Err(error);
                }
            }
        }
        Ok((before, changed))
    });
    match written.await {
        Ok(result) => result.map_err(InstallError::Write),
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;

    use super::*;
    use crate::Mechanism;

    /// Takes any file but one that says `bad`; remembers what it loaded.
    #[derive(Default)]
    struct Recorder {
        loaded: Mutex<Vec<String>>,
        fails_check: bool,
        fails_reload_of: Option<&'static str>,
    }

    #[async_trait]
    impl Target for Recorder {
        async fn check(&self, _: &EndpointFiles) -> Result<(), TargetError> {
            if self.fails_check { Err(TargetError::NotRunning) } else { Ok(()) }
        }

        async fn reload(&self, files: &EndpointFiles) -> Result<(), TargetError> {
            let text = fs_err::read_to_string(files.certificate()).unwrap();
            let fails = self.fails_reload_of == Some(text.as_str());
            self.loaded.lock().unwrap().push(text);
            if fails { Err(TargetError::NotRunning) } else { Ok(()) }
        }

        async fn reset_sessions(&self, _: &EndpointFiles) -> Result<(), TargetError> {
            Ok(())
        }
    }

    fn endpoint() -> (tempfile::TempDir, EndpointFiles) {
        let dir = tempfile::tempdir().unwrap();
        let files = EndpointFiles::new(dir.path(), Mechanism::Anchor);
        fs_err::write(files.certificate(), "old").unwrap();
        (dir, files)
    }

    fn new(files: &EndpointFiles) -> Vec<NewFile> {
        vec![NewFile::public(files.certificate(), "new"), NewFile::private(files.key(), "new key")]
    }

    #[tokio::test]
    async fn new_files_are_loaded_and_can_be_rolled_back() {
        let (_dir, files) = endpoint();
        let target = Recorder::default();
        let installation = install(&files, new(&files), &target).await.unwrap();
        assert!(installation.changed());
        installation.roll_back(&target).await.unwrap();
        assert_eq!(*target.loaded.lock().unwrap(), ["new", "old"]);
        assert!(!files.key().exists());
    }

    #[tokio::test]
    async fn a_refused_check_leaves_the_old_files_and_loads_nothing() {
        let (_dir, files) = endpoint();
        let target = Recorder { fails_check: true, ..Recorder::default() };
        let error = install(&files, new(&files), &target).await.unwrap_err();
        assert!(matches!(error, InstallError::Check(_)));
        assert_eq!(fs_err::read_to_string(files.certificate()).unwrap(), "old");
        assert!(target.loaded.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_failed_reload_loads_the_old_files_again() {
        let (_dir, files) = endpoint();
        let target = Recorder { fails_reload_of: Some("new"), ..Recorder::default() };
        let error = install(&files, new(&files), &target).await.unwrap_err();
        assert!(matches!(error, InstallError::Reload(_)));
        assert_eq!(*target.loaded.lock().unwrap(), ["new", "old"]);
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_written_takes_the_others_back() {
        let (_dir, files) = endpoint();
        let mut new = new(&files);
        new.push(NewFile::public(files.dir().join("missing/anchors.pem"), "x"));
        let target = Recorder::default();
        let error = install(&files, new, &target).await.unwrap_err();
        assert!(matches!(error, InstallError::Write(_)));
        assert_eq!(fs_err::read_to_string(files.certificate()).unwrap(), "old");
        assert!(!files.key().exists());
    }
}
