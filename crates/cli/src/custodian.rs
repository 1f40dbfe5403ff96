//! Custodians of recovery kits.

use anyhow::{Result, bail};
use skink_signer::sealed::Custodian;

use crate::{Failure, Passphrases};

/// Refuses anything but two or more different people.
pub(crate) fn check_custodians(custodians: &[String]) -> Result<()> {
    let mut names: Vec<&str> = custodians.iter().map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    let odd = |name: &&str| name.is_empty() || name.contains('=') || *name == "root";
    if names.len() < 2 || names.len() != custodians.len() || names.iter().any(odd) {
        bail!(Failure::Usage {
            what: "a recovery kit needs two different custodians".into(),
            hint: "give --custodian twice, with the names of two people".into(),
        });
    }
    Ok(())
}

/// Has every custodian choose a passphrase, one after the other.
pub fn ask_custodians(custodians: &[String], passphrases: &Passphrases) -> Result<Vec<Custodian>> {
    check_custodians(custodians)?;
    let ask = |name: &String| {
        let passphrase = passphrases.choose(name, "a share of the recovery kit")?;
        Ok(Custodian { name: name.clone(), passphrase })
    };
    custodians.iter().map(ask).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_different_people_are_wanted() {
        let check = |names: &[&str]| {
            check_custodians(&names.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert!(check(&["alice", "bob"]).is_ok());
        for bad in [&["alice"][..], &["alice", "alice"], &["alice", "root"], &["alice", ""]] {
            assert!(check(bad).is_err(), "{bad:?}");
        }
    }
}
