//! Passphrases: from the terminal, unseen, or from a file.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use console::Term;
use secrecy::{ExposeSecret as _, SecretString};

use crate::Failure;

/// Where a passphrase comes from.
#[derive(Clone, Debug, Default, Args)]
pub struct PassphraseArgs {
    /// Read the passphrase from this file (its first line) instead of the terminal.
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
}

/// A passphrase that exists already.
pub fn ask_passphrase(what: &str, file: Option<&Path>) -> Result<SecretString> {
    match file {
        Some(file) => first_line(file),
        None => on_terminal(&format!("Passphrase of {what}: ")),
    }
}

/// A new passphrase; on a terminal it is asked for twice.
pub fn ask_new_passphrase(what: &str, file: Option<&Path>) -> Result<SecretString> {
    if let Some(file) = file {
        return first_line(file);
    }
    let first = on_terminal(&format!("New passphrase for {what}: "))?;
    let second = on_terminal("The same once more: ")?;
    if first.expose_secret() != second.expose_secret() {
        bail!("the two passphrases differ");
    }
    Ok(first)
}

fn first_line(file: &Path) -> Result<SecretString> {
    let text = SecretString::from(fs_err::read_to_string(file)?);
    let line = text.expose_secret().lines().next().unwrap_or_default();
    if line.is_empty() {
        bail!("{} holds no passphrase", file.display());
    }
    Ok(SecretString::from(line))
}

fn on_terminal(prompt: &str) -> Result<SecretString> {
    let terminal = Term::stderr();
    if !terminal.is_term() {
        bail!(Failure::Usage {
            what: "a passphrase is needed and there is no terminal to ask on".into(),
            hint: "give it in a file of mode 0600 with --passphrase-file".into(),
        });
    }
    terminal.write_str(prompt)?;
    let line = terminal.read_secure_line().context("cannot read the passphrase")?;
    if line.is_empty() {
        bail!("the passphrase is empty");
    }
    Ok(SecretString::from(line))
}
