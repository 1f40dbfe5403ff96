//! Custodians of recovery kits.

use std::convert::Infallible;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Result, bail};
use skink_signer::sealed::Custodian;

use crate::Failure;
use crate::passphrase::ask_new_passphrase;

/// A custodian on the command line: `alice`, or `alice=FILE` with the file of the passphrase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustodianArg {
    /// Who.
    pub name: String,
    /// Where the passphrase is read from instead of the terminal.
    pub passphrase_file: Option<PathBuf>,
}

impl FromStr for CustodianArg {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text.split_once('=') {
            Some((name, file)) => {
                Self { name: name.to_owned(), passphrase_file: Some(PathBuf::from(file)) }
            }
            None => Self { name: text.to_owned(), passphrase_file: None },
        })
    }
}

/// Refuses anything but two or more different people.
pub(crate) fn check_custodians(custodians: &[CustodianArg]) -> Result<()> {
    let mut names: Vec<&str> = custodians.iter().map(|one| one.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    if names.len() < 2 || names.len() != custodians.len() || names.contains(&"") {
        bail!(Failure::Usage {
            what: "a recovery kit needs two different custodians".into(),
            hint: "give --custodian twice, with two names".into(),
        });
    }
    Ok(())
}

/// Has every custodian choose a passphrase, one after the other.
pub fn ask_custodians(custodians: &[CustodianArg]) -> Result<Vec<Custodian>> {
    check_custodians(custodians)?;
    let ask = |one: &CustodianArg| {
        let whose = format!("{}'s share of the recovery kit", one.name);
        let passphrase = ask_new_passphrase(&whose, one.passphrase_file.as_deref())?;
        Ok(Custodian { name: one.name.clone(), passphrase })
    };
    custodians.iter().map(ask).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_custodian_may_bring_a_file() {
        let read = |text: &str| text.parse::<CustodianArg>().unwrap();
        assert_eq!(read("alice").passphrase_file, None);
        assert_eq!(read("alice=a/b").passphrase_file, Some(PathBuf::from("a/b")));
        assert!(check_custodians(&[read("alice"), read("bob")]).is_ok());
        assert!(check_custodians(&[read("alice"), read("alice=x")]).is_err());
        assert!(check_custodians(&[read("alice")]).is_err());
    }
}
