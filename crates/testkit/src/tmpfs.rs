//! A file system small enough to fill.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::service::missing_is_a_failure;

/// A small file system of its own, unmounted when dropped.
#[derive(Debug)]
pub struct Tmpfs(tempfile::TempDir);

impl Tmpfs {
    /// One of `size` (as `mount -o size=` takes it: `5m`). Where nobody may mount it says that the
    /// test is skipped, and gives none; a machine that sets `CI` must be able to.
    pub fn mount(size: &str) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(dir.path())
            .output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(dir));
        }
        missing_is_a_failure(true, "a mounted tmpfs", "run as root");
        None
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes until nothing fits any more, into the file that it names.
    pub fn fill(&self) -> PathBuf {
        let path = self.path().join("filler");
        let mut file = std::fs::File::create(&path).unwrap();
        while file.write_all(&[0; 4096]).is_ok() {}
        path
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).output();
    }
}
