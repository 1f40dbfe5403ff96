//! Stores of trusted roots: those of operating systems, of NSS and of Java.
//!
//! Whatever is done is first a plan, a list of [`Step`]s that can be shown; [`perform`] does what
//! the plan says and nothing else. What Skink puts into a store bears a name that begins with
//! `skink-`, so that it can be listed and taken out without touching anything else. The stores of
//! macOS and Windows keep no such names: there a root is taken out by its fingerprint, whoever put
//! it in, and nothing can be listed.

mod detect;
mod plan;

pub use detect::{Host, detect};

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::str::FromStr;

use serde::Serialize;
use skink_x509::{Certificate, Hex};

/// A kind of store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StoreKind {
    /// Debian, Ubuntu and what comes of them: `update-ca-certificates`.
    Debian,
    /// Red Hat, Fedora, and what comes of them: `update-ca-trust`.
    Redhat,
    /// Alpine: `update-ca-certificates` of its own.
    Alpine,
    /// The system's key chain.
    Macos,
    /// The machine's `Root` store.
    Windows,
    /// A database of NSS: Firefox, Chrome on Linux.
    Nss,
    /// A `cacerts` of Java.
    Jvm,
}

/// Kinds and their names.
const KINDS: [(StoreKind, &str); 7] = [
    (StoreKind::Debian, "debian"),
    (StoreKind::Redhat, "redhat"),
    (StoreKind::Alpine, "alpine"),
    (StoreKind::Macos, "macos"),
    (StoreKind::Windows, "windows"),
    (StoreKind::Nss, "nss"),
    (StoreKind::Jvm, "jvm"),
];

/// No store has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no store; there are debian, redhat, alpine, macos, windows, nss and jvm")]
pub struct UnknownStore(String);

impl fmt::Display for StoreKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = KINDS.iter().find(|(kind, _)| kind == self);
        f.write_str(found.map_or("", |(_, name)| name))
    }
}

impl FromStr for StoreKind {
    type Err = UnknownStore;

    fn from_str(text: &str) -> Result<Self, UnknownStore> {
        let found = KINDS.iter().find(|(_, name)| *name == text);
        found.map(|(kind, _)| *kind).ok_or_else(|| UnknownStore(text.to_owned()))
    }
}

/// One store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Store {
    /// Its kind.
    pub kind: StoreKind,
    /// The folder, database or file; of NSS the folder of the database.
    pub place: PathBuf,
    /// The folder of an image that is tended from outside; nothing is this machine itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root: Option<PathBuf>,
}

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Step {
    /// Write a file that everybody may read.
    Write {
        /// Where.
        path: PathBuf,
        /// What.
        contents: String,
    },
    /// Remove a file.
    Remove {
        /// Where.
        path: PathBuf,
    },
    /// Run a program.
    Run {
        /// Program and arguments.
        argv: Vec<String>,
    },
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write { path, .. } => write!(f, "write   {}", path.display()),
            Self::Remove { path } => write!(f, "remove  {}", path.display()),
            Self::Run { argv } => {
                write!(f, "run    ")?;
                argv.iter().try_for_each(|word| write!(f, " {}", shell_word(word)))
            }
        }
    }
}

/// As one word of a POSIX shell.
fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || ":/.,@_-+=".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// Why a root was not put into a store, or not taken out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The certificate is no authority's.
    #[error("{subject} is not an authority: a certificate that is trusted as root must be one")]
    NotAnAuthority {
        /// Its subject.
        subject: String,
    },
    /// The store keeps no names.
    #[error("roots bear no name of their own here: what skink put in cannot be told from the rest")]
    NoNames,
    /// A file could not be written or removed.
    #[error("cannot change {}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A program could not be started.
    #[error("cannot start {program}")]
    Start {
        /// The program.
        program: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A program failed.
    #[error("{program} failed: {said}")]
    Failed {
        /// The program.
        program: String,
        /// What it said.
        said: String,
    },
}

/// A root that may be put into stores.
#[derive(Clone, Debug)]
pub struct TrustedRoot(Certificate);

impl TrustedRoot {
    /// Takes only a certificate of an authority.
    pub fn new(certificate: Certificate) -> Result<Self, StoreError> {
        let signs = certificate
            .key_usage()
            .is_none_or(|usage| usage.contains(skink_x509::KeyUsage::KEY_CERT_SIGN));
        if certificate.is_ca() && signs {
            return Ok(Self(certificate));
        }
        Err(StoreError::NotAnAuthority { subject: certificate.subject().to_string() })
    }

    /// The certificate.
    pub const fn certificate(&self) -> &Certificate {
        &self.0
    }

    /// Its name in stores: `skink-` and the beginning of its fingerprint.
    pub fn name(&self) -> String {
        let fingerprint = self.0.fingerprint().to_string();
        format!("skink-{}", fingerprint.get(..16).unwrap_or(&fingerprint))
    }

    /// SHA-1 of the certificate, as Windows names it; a serial number is only its issuer's.
    fn thumbprint(&self) -> String {
        Hex(&self.0.thumbprint()).to_string()
    }
}

/// Does what a plan says, and stops at the first step that fails.
pub fn perform(plan: &[Step]) -> Result<(), StoreError> {
    plan.iter().try_for_each(|step| match step {
        Step::Write { path, contents } => {
            let write = || {
                if let Some(folder) = path.parent() {
                    fs_err::create_dir_all(folder)?;
                }
                fs_err::write(path, contents)
            };
            write().map_err(|source| StoreError::File { path: path.clone(), source })
        }
        Step::Remove { path } => match fs_err::remove_file(path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(StoreError::File { path: path.clone(), source })
            }
            _ => Ok(()),
        },
        Step::Run { argv } => run(argv).map(drop),
    })
}

/// Names that Skink put into a store; an error where the store keeps none.
pub fn installed(store: &Store) -> Result<Vec<String>, StoreError> {
    if matches!(store.kind, StoreKind::Macos | StoreKind::Windows) {
        return Err(StoreError::NoNames);
    }
    let mut names = match store.list_command() {
        Some(argv) => names_in(&run(&argv)?),
        None => files_in(store)?,
    };
    names.sort();
    names.dedup();
    Ok(names)
}

fn files_in(store: &Store) -> Result<Vec<String>, StoreError> {
    let entries = match fs_err::read_dir(&store.place) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(StoreError::File { path: store.place.clone(), source }),
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let ours = names.filter(|name| name.starts_with("skink-"));
    Ok(ours.filter_map(|name| name.rsplit_once('.').map(|(stem, _)| stem.to_owned())).collect())
}

/// Words of a program's answer that begin as ours do.
fn names_in(answer: &str) -> Vec<String> {
    let words = answer.split(|c: char| c.is_whitespace() || matches!(c, ',' | '"'));
    words.filter(|word| word.starts_with("skink-")).map(str::to_owned).collect()
}

fn run(argv: &[String]) -> Result<String, StoreError> {
    let (program, arguments) = argv.split_first().map_or(("", argv), |(a, b)| (a.as_str(), b));
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let output =
        output.map_err(|source| StoreError::Start { program: program.to_owned(), source })?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(said);
    }
    let complaint = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let said = if complaint.is_empty() { said.trim().to_owned() } else { complaint };
    Err(StoreError::Failed { program: program.to_owned(), said })
}

#[cfg(test)]
mod tests;
