//! Passphrases: from the terminal, unseen, or from a file.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use console::Term;
use secrecy::{ExposeSecret as _, SecretString};

use crate::Failure;

/// Where passphrases come from.
#[derive(Clone, Debug, Default, Args)]
pub struct PassphraseArgs {
    /// Read passphrases from this file instead of the terminal: a line `NAME=PASSPHRASE` for each
    /// who needs one, or, where only one is needed, that alone on the first line. The root's name
    /// is `root`.
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
}

/// Passphrases by the names of those who know them.
pub struct Passphrases {
    file: Option<(PathBuf, SecretString)>,
}

impl Passphrases {
    /// Reads the file, if one is named.
    pub fn open(args: &PassphraseArgs) -> Result<Self> {
        let read = |path: &PathBuf| -> Result<_> {
            Ok((path.clone(), SecretString::from(fs_err::read_to_string(path)?)))
        };
        Ok(Self { file: args.passphrase_file.as_ref().map(read).transpose()? })
    }

    /// A passphrase that exists already.
    pub(crate) fn ask(&self, name: &str) -> Result<SecretString> {
        match &self.file {
            Some((path, text)) => alone(text, name).with_context(|| needed(path, name)),
            None => on_terminal(&format!("Passphrase of {name}: ")),
        }
    }

    /// A new passphrase, one of several; on a terminal it is asked for twice.
    pub fn choose(&self, name: &str, what_for: &str) -> Result<SecretString> {
        if let Some((path, text)) = &self.file {
            return named(text, name).with_context(|| needed(path, name));
        }
        let first = on_terminal(&format!("New passphrase of {name}, for {what_for}: "))?;
        let second = on_terminal("The same once more: ")?;
        if first.expose_secret() != second.expose_secret() {
            bail!("the two passphrases differ");
        }
        Ok(first)
    }

    /// The same, where nobody else needs one.
    pub(crate) fn choose_alone(&self, name: &str, what_for: &str) -> Result<SecretString> {
        match &self.file {
            Some((path, text)) => alone(text, name).with_context(|| needed(path, name)),
            None => self.choose(name, what_for),
        }
    }
}

impl std::fmt::Debug for Passphrases {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Passphrases(…)")
    }
}

fn needed(path: &Path, name: &str) -> String {
    format!("{} holds no passphrase of {name}: write a line {name}=…", path.display())
}

fn named(text: &SecretString, name: &str) -> Option<SecretString> {
    let mut lines = text.expose_secret().lines();
    let line = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
    (!line.is_empty()).then(|| SecretString::from(line))
}

fn alone(text: &SecretString, name: &str) -> Option<SecretString> {
    let first = || text.expose_secret().lines().next().filter(|line| !line.is_empty());
    named(text, name).or_else(|| first().map(SecretString::from))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_speaks_for_several_or_for_one() {
        let text = SecretString::from("root=one two\nalice=a=b\nempty=\n");
        let read = |name: &str| named(&text, name).map(|it| it.expose_secret().to_owned());
        assert_eq!(read("root").as_deref(), Some("one two"));
        assert_eq!(read("alice").as_deref(), Some("a=b"));
        assert_eq!(read("empty"), None);
        assert_eq!(read("ali"), None);
        let single = SecretString::from("correct horse\n");
        assert_eq!(alone(&single, "root").unwrap().expose_secret(), "correct horse");
        assert_eq!(alone(&text, "alice").unwrap().expose_secret(), "a=b");
    }
}
