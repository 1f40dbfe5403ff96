//! A real token of SoftHSM.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::service::{missing_is_a_failure, program};

const MODULES: [&str; 2] =
    ["/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so"];
const INSTALL: &str = "apt-get install softhsm2";

/// A token in a folder of its own.
#[derive(Debug)]
pub struct SoftHsm {
    /// The library.
    pub module: PathBuf,
    folder: TempDir,
}

impl SoftHsm {
    /// The PIN of the token's user.
    pub const PIN: &'static str = "471147";

    /// The variable that leads the library to its configuration.
    pub const CONFIGURATION: &'static str = "SOFTHSM2_CONF";

    /// The library, if it is installed.
    pub fn module() -> Option<PathBuf> {
        let found = MODULES.map(PathBuf::from).into_iter().find(|file| file.is_file());
        missing_is_a_failure(found.is_none(), "SoftHSM's library", INSTALL);
        found
    }

    /// Makes a token with this label; none where SoftHSM is not installed.
    pub fn init(label: &str) -> Option<Self> {
        let (module, util) = (Self::module()?, program("softhsm2-util", INSTALL)?);
        let token = Self { module, folder: tempfile::tempdir().unwrap() };
        let store = Self::store_beside(&token.configuration());
        std::fs::create_dir(&store).unwrap();
        let lines = format!("directories.tokendir = {}\nlog.level = ERROR\n", store.display());
        std::fs::write(token.configuration(), lines).unwrap();
        let made = Command::new(util)
            .args(["--init-token", "--free", "--label", label, "--so-pin", "999999"])
            .args(["--pin", Self::PIN])
            .env(Self::CONFIGURATION, token.configuration())
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        Some(token)
    }

    /// The library's configuration file.
    pub fn configuration(&self) -> PathBuf {
        self.folder.path().join("softhsm2.conf")
    }

    /// The directory that stands for the token's hardware.
    pub fn store_beside(configuration: &Path) -> PathBuf {
        configuration.with_file_name("tokens")
    }

    /// The command with the variables that lead to the token, and its PIN.
    pub fn lead<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env(Self::CONFIGURATION, self.configuration())
            .env("PKCS11_MODULE_PATH", &self.module)
            .env("PKCS11_PIN", Self::PIN)
    }
}
