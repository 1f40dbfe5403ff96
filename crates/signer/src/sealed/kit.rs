//! Sealed for several custodians, any two of whom open it together.
//!
//! The contents are encrypted under a random key. For every pair of custodians that key is split in
//! two by exclusive or: either half alone is random bytes. Each custodian's halves lie in a box
//! under a passphrase of their own.

use std::collections::BTreeMap;
use std::fmt;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use super::SealError;
use super::cipher::{Base64, decrypt, encrypt, random};
use super::passphrase::{SealedBox, SealingPassphrase};

/// A person who keeps a share.
#[derive(Clone)]
pub struct Custodian {
    /// Their name, as the kit will show it.
    pub name: String,
    /// What opens their share.
    pub passphrase: SecretString,
}

impl fmt::Debug for Custodian {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Custodian").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Custodians whose passphrases have been turned into keys: that costs time, once for any number of
/// kits.
pub struct PreparedCustodians(BTreeMap<String, SealingPassphrase>);

impl PreparedCustodians {
    /// At least two, of different names.
    pub fn new(custodians: &[Custodian]) -> Result<Self, SealError> {
        let mut prepared = BTreeMap::new();
        let mut names: Vec<&str> = custodians.iter().map(|one| one.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        if names.len() < 2 || names.len() != custodians.len() {
            return Err(SealError::TooFewCustodians);
        }
        for custodian in custodians {
            let key = SealingPassphrase::derive(&custodian.passphrase)?;
            prepared.insert(custodian.name.clone(), key);
        }
        Ok(Self(prepared))
    }

    /// Their names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl fmt::Debug for PreparedCustodians {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

/// Sealed contents with the custodians' shares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KitSeal {
    version: u32,
    /// Tells this sealing from every other; shares of different kits do not mix.
    id: String,
    context: String,
    shares: BTreeMap<String, SealedBox>,
    contents: Base64,
}

/// One custodian's opened share.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    kit: String,
    custodian: String,
    /// This custodian's half of the key, by the other custodian of the pair.
    halves: BTreeMap<String, Base64>,
}

impl Share {
    /// Whose share it is.
    pub fn custodian(&self) -> &str {
        &self.custodian
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.halves.values_mut().for_each(|half| half.0.zeroize());
    }
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Share").field("custodian", &self.custodian).finish_non_exhaustive()
    }
}

impl KitSeal {
    /// Seals `contents` so that any two of `custodians` can open it.
    pub fn seal(
        contents: &[u8],
        custodians: &[Custodian],
        context: &str,
    ) -> Result<Self, SealError> {
        Self::seal_for(contents, &PreparedCustodians::new(custodians)?, context)
    }

    /// The same, for custodians whose keys are derived already.
    pub fn seal_for(
        contents: &[u8],
        custodians: &PreparedCustodians,
        context: &str,
    ) -> Result<Self, SealError> {
        let id = hex::encode(random::<16>()?);
        let key = Zeroizing::new(random::<32>()?);
        let mut shares = blank_shares(&id, custodians);
        let names: Vec<&str> = custodians.names().collect();
        for (at, one) in names.iter().enumerate() {
            for other in names.iter().skip(at + 1) {
                let half = random::<32>()?;
                let rest = xor(&key, &half);
                give(&mut shares, one, other, half.to_vec());
                give(&mut shares, other, one, rest.to_vec());
            }
        }
        let mut sealed = BTreeMap::new();
        for (share, passphrase) in shares.values().zip(custodians.0.values()) {
            let text = serde_json::to_vec(share).map(Zeroizing::new);
            let text = text.map_err(|_| SealError::Malformed("a share"))?;
            let bound = share_context(&id, context, &share.custodian);
            sealed.insert(share.custodian.clone(), passphrase.seal(&text, &bound)?);
        }
        let contents = encrypt(&key, contents_context(&id, context).as_bytes(), contents)?;
        Ok(Self { version: 1, id, context: context.to_owned(), shares: sealed, contents })
    }

    /// What the kit was sealed for.
    pub fn context(&self) -> &str {
        &self.context
    }

    /// Tells this sealing from every other.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The custodians' names.
    pub fn custodians(&self) -> impl Iterator<Item = &str> {
        self.shares.keys().map(String::as_str)
    }

    /// Opens one custodian's share.
    pub fn open_share(
        &self,
        custodian: &str,
        passphrase: &SecretString,
    ) -> Result<Share, SealError> {
        if self.version != 1 {
            return Err(SealError::Malformed("a kit of an unknown version"));
        }
        let sealed = self
            .shares
            .get(custodian)
            .ok_or_else(|| SealError::NotACustodian(custodian.to_owned()))?;
        let text = sealed.open(passphrase, &share_context(&self.id, &self.context, custodian))?;
        serde_json::from_slice(&text).map_err(|_| SealError::Malformed("a share"))
    }

    /// Opens the contents with the shares of two different custodians.
    pub fn combine(&self, one: &Share, other: &Share) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let ours = one.kit == self.id && other.kit == self.id;
        if !ours || one.custodian == other.custodian {
            return Err(SealError::SharesDoNotMatch);
        }
        let half = |mine: &Share, theirs: &Share| {
            mine.halves
                .get(&theirs.custodian)
                .and_then(|half| <[u8; 32]>::try_from(half.0.as_slice()).ok())
                .map(Zeroizing::new)
                .ok_or(SealError::SharesDoNotMatch)
        };
        let key = xor(&*half(one, other)?, &*half(other, one)?);
        decrypt(&key, contents_context(&self.id, &self.context).as_bytes(), &self.contents)
    }
}

/// A share without halves for each custodian, in the order of their names.
fn blank_shares(id: &str, custodians: &PreparedCustodians) -> BTreeMap<String, Share> {
    let blank = |custodian: &str| {
        let (kit, custodian) = (id.to_owned(), custodian.to_owned());
        (custodian.clone(), Share { kit, custodian, halves: BTreeMap::new() })
    };
    custodians.names().map(blank).collect()
}

fn give(shares: &mut BTreeMap<String, Share>, to: &str, with: &str, half: Vec<u8>) {
    if let Some(share) = shares.get_mut(to) {
        share.halves.insert(with.to_owned(), Base64(half));
    }
}

fn xor(one: &[u8; 32], other: &[u8; 32]) -> Zeroizing<[u8; 32]> {
    Zeroizing::new(std::array::from_fn(|at| one[at] ^ other[at]))
}

fn share_context(id: &str, context: &str, custodian: &str) -> String {
    format!("skink kit share 1\n{id}\n{context}\n{custodian}")
}

fn contents_context(id: &str, context: &str) -> String {
    format!("skink kit contents 1\n{id}\n{context}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn custodian(name: &str) -> Custodian {
        Custodian { name: name.to_owned(), passphrase: format!("passphrase of {name}").into() }
    }

    #[test]
    fn any_two_custodians_open_it_and_no_one_alone() {
        let people = [custodian("ada"), custodian("bob"), custodian("eve")];
        let kit = KitSeal::seal(b"contents", &people, "workloads-g1").unwrap();
        let kit: KitSeal = serde_json::from_str(&serde_json::to_string(&kit).unwrap()).unwrap();
        let share = |person: &Custodian| kit.open_share(&person.name, &person.passphrase).unwrap();
        for (one, other) in [(0, 1), (1, 2), (2, 0)] {
            let opened = kit.combine(&share(&people[one]), &share(&people[other])).unwrap();
            assert_eq!(opened.as_slice(), b"contents");
        }
        assert_eq!(
            kit.combine(&share(&people[0]), &share(&people[0])),
            Err(SealError::SharesDoNotMatch)
        );
        assert_eq!(
            kit.open_share("ada", &people[1].passphrase).err(),
            Some(SealError::DoesNotOpen)
        );
        assert!(matches!(
            kit.open_share("mallory", &people[1].passphrase),
            Err(SealError::NotACustodian(_))
        ));
    }

    #[test]
    fn shares_of_another_kit_do_not_mix() {
        let people = [custodian("ada"), custodian("bob")];
        let one = KitSeal::seal(b"1", &people, "workloads-g1").unwrap();
        let two = KitSeal::seal(b"2", &people, "workloads-g1").unwrap();
        let ada = one.open_share("ada", &people[0].passphrase).unwrap();
        let bob = two.open_share("bob", &people[1].passphrase).unwrap();
        assert_eq!(one.combine(&ada, &bob), Err(SealError::SharesDoNotMatch));
    }

    #[test]
    fn one_person_under_one_name_is_not_two() {
        for people in [vec![custodian("ada")], vec![custodian("ada"), custodian("ada")]] {
            assert_eq!(KitSeal::seal(b"1", &people, "k").err(), Some(SealError::TooFewCustodians));
        }
    }
}
