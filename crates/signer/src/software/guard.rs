//! How a key in a file is guarded.

use std::path::Path;

use super::record::Standing;
use crate::provider::{
    Ending, Guard, KeyGrant, KeyOrigin, Protection, ProviderError, Readable, Untold,
};

/// `file` is the key's, where it has one: a disabled key's is sealed away.
pub(super) fn of(file: &Path, standing: Result<Standing, ProviderError>) -> Guard {
    let mut guard = Guard::untold("files do not tell it");
    guard.protection = Ok(Protection::Software);
    guard.fips_level = Ok(0);
    guard.origin = Ok(KeyOrigin::Generated);
    guard.symmetric = Ok(false);
    guard.exportable = Ok(Readable::ByNature);
    guard.was_exportable = Ok(true);
    guard.deletion = Ok(Ending::AtOnce);
    guard.rotates_every = Ok(None);
    guard.file_mode = match standing {
        Ok(Standing::Enabled) => mode(file),
        Ok(_) => Ok(None),
        Err(error) => Err(error.into()),
    };
    guard.grants = Ok(vec![KeyGrant {
        who: "whoever reads the server's folder".to_owned(),
        everybody: false,
        what: "sign".to_owned(),
        everything: false,
        signs: true,
        // Enabling takes another credential, kept elsewhere.
        administers: false,
    }]);
    // Every signature has a row in the server's ledger; the file itself counts nothing.
    guard.record = Err(Untold("files keep no record of uses; the server's ledger does".to_owned()));
    guard.credential_made = Ok(None);
    guard
}

#[cfg(unix)]
fn mode(file: &Path) -> Result<Option<u32>, Untold> {
    use std::os::unix::fs::PermissionsExt as _;
    let read = fs_err::metadata(file).map_err(|error| Untold(error.to_string()));
    read.map(|metadata| Some(metadata.permissions().mode()))
}

#[cfg(not(unix))]
fn mode(_: &Path) -> Result<Option<u32>, Untold> {
    Err(Untold("permissions are not told here".to_owned()))
}
