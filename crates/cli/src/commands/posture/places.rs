//! Where keys are, and who opens each place.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use skink_posture::{Fact, Facts, LogFacts, SecretFacts};
use skink_signer::{Credential, Guard, KeyProvider, KeyUri, SoftwareProvider, Untold};

/// The places that were looked at, each opened once.
pub(super) struct Places {
    dir: PathBuf,
    credential: Option<Credential>,
    opened: BTreeMap<String, Result<Arc<dyn KeyProvider>, Untold>>,
    /// What places tell about themselves, as the first key's guard has it.
    told: BTreeMap<String, (LogFacts, Option<SecretFacts>)>,
}

pub(super) const SOFTWARE: &str = "software";

impl Places {
    pub(super) fn new(dir: &Path, credential: Option<&Path>) -> Result<Self> {
        let text = credential.map(fs_err::read_to_string).transpose()?;
        let credential = text.as_deref().map(Credential::from_text);
        let (opened, told) = Default::default();
        Ok(Self { dir: dir.to_owned(), credential, opened, told })
    }

    /// The provider of this key.
    pub(super) fn provider(&mut self, key: &KeyUri) -> Result<Arc<dyn KeyProvider>, Untold> {
        let place = whole(key);
        let opened = self.opened.entry(place).or_insert_with(|| match key.scheme() {
            SOFTWARE => software(&self.dir),
            _ => skink_signer::open(key, self.credential.clone()).map_err(Untold::from),
        });
        opened.clone()
    }

    /// Remembers what a key's guard tells about its place.
    pub(super) fn learn(&mut self, key: &KeyUri, guard: &Guard) {
        let name = of(key);
        self.told.entry(name.clone()).or_insert_with(|| {
            let log = LogFacts {
                name: name.clone(),
                on: guard.record.clone().into(),
                kept: guard.record_kept.clone().into(),
            };
            let secret = match &guard.credential_made {
                Ok(None) => None,
                Ok(Some(at)) => Some(Fact::Known(*at)),
                Err(untold) => Some(Fact::unknown(untold.to_string())),
            };
            let name = format!("the credential in use at {name}");
            (log, secret.map(|created| SecretFacts { name, created }))
        });
    }

    /// Adds what was learned.
    pub(super) fn tell(&self, facts: &mut Facts) {
        for (log, secret) in self.told.values() {
            // Where a server asks for every signature, its ledger is the record of files' uses.
            if facts.server.is_none() || !log.name.starts_with(SOFTWARE) {
                facts.logs.push(log.clone());
            }
            facts.secrets.extend(secret.clone());
        }
    }
}

/// Looks only: no key is opened, so no credential is needed.
fn software(dir: &Path) -> Result<Arc<dyn KeyProvider>, Untold> {
    let opened = SoftwareProvider::open(&dir.join("keys"), Credential::from_text(""));
    match opened {
        Ok(provider) => Ok(Arc::new(provider)),
        Err(error) => {
            let why = Untold::from(error);
            Err(Untold(format!("the server's folder is not here (--dir {}): {why}", dir.display())))
        }
    }
}

/// What one provider opens: a mount, a token, an account, a vault.
fn whole(key: &KeyUri) -> String {
    let name = key.name();
    match key.scheme() {
        "vault" => format!("vault:{}", name.rsplit_once('/').map_or("", |(mount, _)| mount)),
        // Module and PIN may be named by each URI.
        "pkcs11" => format!("{};{}", of(key), name.split_once('?').map_or("", |(_, query)| query)),
        "azurekv" => of(key),
        scheme => format!("{scheme}:{}", if scheme == "awskms" { of(key) } else { String::new() }),
    }
}

/// The place of a key, as far as its name tells: who takes the place has all its keys.
pub(super) fn of(key: &KeyUri) -> String {
    let name = key.name();
    match key.scheme() {
        "awskms" => {
            let mut parts = name.strip_prefix("arn:").unwrap_or_default().split(':').skip(3);
            format!("awskms:{}", parts.next().unwrap_or_default())
        }
        "gcpkms" => {
            let project: Vec<&str> = name.split('/').take(2).collect();
            format!("gcpkms:{}", project.join("/"))
        }
        "pkcs11" => {
            let path = name.split('?').next().unwrap_or_default();
            let token = path.split(';').find(|part| part.starts_with("token="));
            format!("pkcs11:{}", token.unwrap_or_default())
        }
        "azurekv" => format!("azurekv:{}", name.split("/keys/").next().unwrap_or_default()),
        // One service, whatever the engine.
        scheme => scheme.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_one_account_are_in_one_place() {
        let place = |uri: &str| of(&uri.parse().unwrap());
        let arn = "awskms:arn:aws:kms:eu-central-1:111122223333:key/";
        assert_eq!(place(&format!("{arn}a")), "awskms:111122223333");
        assert_eq!(place(&format!("{arn}a")), place(&format!("{arn}b")));
        assert_eq!(
            place("gcpkms:projects/p/locations/l/keyRings/r/cryptoKeys/k"),
            "gcpkms:projects/p"
        );
        assert_eq!(place("pkcs11:object=a;token=ca?module-path=/x"), "pkcs11:token=ca");
        assert_eq!(
            place("azurekv:https://v.vault.azure.net/keys/a"),
            "azurekv:https://v.vault.azure.net"
        );
        assert_eq!(place("vault:transit/a"), place("vault:other/b"));
    }
}
