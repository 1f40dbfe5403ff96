//! Files as the chain tools read them.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Result;
use secrecy::ExposeSecret as _;
use skink_chain::Bag;
use skink_chain::input::{self, Piece, Unlock};
use skink_x509::Time;

use crate::{Failure, PassphraseArgs, Passphrases, when};

/// What is read at once; a file beyond it is no file of certificates.
const MOST: u64 = 1 << 30;

/// Reads files, and asks for passphrases where something is locked.
pub(crate) struct Files {
    passphrases: Passphrases,
}

impl Files {
    pub(crate) fn new(args: &PassphraseArgs) -> Result<Self> {
        Ok(Self { passphrases: Passphrases::open(args)? })
    }

    /// Everything in a file; `-` is standard input.
    pub(crate) fn pieces(&self, path: &Path) -> Result<Vec<Piece>> {
        let bytes = bytes(path)?;
        let mut key = Key { passphrases: &self.passphrases, source: name(path) };
        Ok(input::read(&bytes, &mut key))
    }

    /// Everything in several files, sorted by kind.
    pub(crate) fn bag(&self, paths: &[PathBuf]) -> Result<Bag> {
        let mut bag = Bag::default();
        for path in paths {
            bag.add(self.pieces(path)?, &name(path));
        }
        Ok(bag)
    }
}

/// The file as people call it.
pub(crate) fn name(path: &Path) -> String {
    if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() }
}

fn bytes(path: &Path) -> Result<Vec<u8>> {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        if path == Path::new("-") {
            std::io::stdin().lock().take(MOST).read_to_end(&mut bytes)?;
        } else {
            fs_err::File::open(path)?.take(MOST).read_to_end(&mut bytes)?;
        }
        Ok(bytes)
    };
    Ok(read().map_err(|error| Failure::Usage {
        what: format!("cannot read {}: {error}", name(path)),
        hint: "name files that exist and that you may read; - is standard input".to_owned(),
    })?)
}

struct Key<'p> {
    passphrases: &'p Passphrases,
    source: String,
}

impl Unlock for Key<'_> {
    fn passphrase(&mut self, what: &str) -> Option<zeroize::Zeroizing<String>> {
        // Without a terminal and without a file it stays locked, and that is told.
        let secret = self.passphrases.ask(&format!("{what} in {}", self.source)).ok()?;
        Some(zeroize::Zeroizing::new(secret.expose_secret().to_owned()))
    }
}

/// The machine's time.
pub(crate) fn now() -> Time {
    Time::from_millis(when::now().as_millisecond())
}
