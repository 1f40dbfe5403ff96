//! A maker's library, which a process has once.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};

use crate::provider::ProviderError;

/// Between two restarts in search of a token.
const PAUSE: Duration = Duration::from_secs(1);

/// The library, started; and started anew when a token has gone, because some libraries look for
/// tokens at their start only.
pub(super) struct Library {
    running: RwLock<Running>,
}

/// A start of the library. Whoever calls it holds this, so that nobody stops it meanwhile.
pub(super) struct Running {
    pub(super) module: Pkcs11,
    /// Counts the starts: sessions of another start are void.
    pub(super) start: u64,
    /// When it was started anew.
    since: Option<Instant>,
}

impl Library {
    /// The library at `path`, loaded and started once in this process.
    pub(super) fn load(path: &Path) -> Result<Arc<Self>, ProviderError> {
        static LOADED: Mutex<Option<HashMap<PathBuf, Arc<Library>>>> = Mutex::new(None);
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        let loaded = loaded.get_or_insert_default();
        if let Some(library) = loaded.get(path) {
            return Ok(Arc::clone(library));
        }
        let unusable = |error: Error| ProviderError::NotConfigured {
            what: format!("the library {} cannot be used: {error}", path.display()),
        };
        let module = Pkcs11::new(path).map_err(unusable)?;
        started(&module).map_err(unusable)?;
        let running = Running { module, start: 0, since: None };
        let library = Arc::new(Self { running: RwLock::new(running) });
        loaded.insert(path.to_owned(), Arc::clone(&library));
        Ok(library)
    }

    pub(super) fn running(&self) -> RwLockReadGuard<'_, Running> {
        self.running.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stops and starts it, unless that was just done. Every session ends.
    pub(super) fn restart(&self) {
        let mut running = self.running.write().unwrap_or_else(PoisonError::into_inner);
        if running.since.is_some_and(|since| since.elapsed() < PAUSE) {
            return;
        }
        let _ = running.module.clone().finalize();
        // A failure shows at the next call.
        let _ = started(&running.module);
        running.start += 1;
        running.since = Some(Instant::now());
    }
}

fn started(module: &Pkcs11) -> Result<(), Error> {
    match module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(()),
        other => other,
    }
}
