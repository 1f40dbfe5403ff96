//! The recovery kit: what a ceremony leaves for the bad day.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use skink_model::AuthorityId;
use skink_signer::Credential;
use skink_signer::sealed::{KitSeal, PreparedCustodians, SealError, Share};
use skink_x509::Fingerprint;
use zeroize::{Zeroize, Zeroizing};

/// What is known of a kit without opening it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KitFacts {
    /// Tells this kit from every other.
    pub id: String,
    /// The trust domain.
    pub domain: String,
    /// The ceremony that made it.
    pub ceremony: u64,
    /// When it was made, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// The authority that it is for.
    pub authority: AuthorityId,
    /// The standby whose credential is in it, if one is.
    pub standby: Option<AuthorityId>,
    /// Who holds its shares; two of them open it.
    pub custodians: Vec<String>,
    /// The escrow in it.
    pub escrow: EscrowFacts,
}

/// What is known of an escrow without opening its kit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EscrowFacts {
    /// Its distribution point.
    pub uri: String,
    /// Its number.
    pub number: u64,
    /// When it is said.
    pub this_update_ms: i64,
    /// Until when it speaks.
    pub next_update_ms: i64,
    /// SHA-256 of its DER, in hexadecimal.
    pub sha256: String,
}

/// A kit, sealed: the file that the custodians keep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KitFile {
    version: u32,
    facts: KitFacts,
    seal: KitSeal,
}

/// What is in a kit.
#[derive(Debug)]
pub struct KitContents {
    /// The escrow's DER.
    pub escrow: Vec<u8>,
    /// The credential of the standby's key.
    pub standby_credential: Option<Credential>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    escrow: String,
    standby_credential: Option<String>,
}

impl Drop for Contents {
    fn drop(&mut self) {
        self.standby_credential.zeroize();
    }
}

/// Why a kit does not open.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KitError {
    /// It is no kit, or one of another version.
    #[error("the file is no recovery kit")]
    NotOne(#[source] Option<serde_json::Error>),
    /// What is written on it is not what is in it.
    #[error("what is written on the kit is not what was sealed in it")]
    Altered,
    /// It does not open.
    #[error("the kit does not open")]
    Seal(#[source] SealError),
    /// It cannot be written.
    #[error("the kit cannot be written")]
    Unwritable(#[source] serde_json::Error),
}

impl KitFacts {
    /// Binds the sealed contents to what is written outside.
    fn context(&self) -> Result<String, KitError> {
        let text = serde_json::to_string(self).map_err(KitError::Unwritable)?;
        Ok(format!("skink recovery kit 1 {}", Fingerprint::of(text.as_bytes())))
    }
}

impl KitFile {
    pub(super) fn seal(
        facts: KitFacts,
        escrow: &[u8],
        standby_credential: Option<&Credential>,
        custodians: &PreparedCustodians,
    ) -> Result<Self, KitError> {
        let contents = Contents {
            escrow: STANDARD.encode(escrow),
            standby_credential: standby_credential.map(|one| one.expose().to_owned()),
        };
        let text = serde_json::to_vec(&contents).map(Zeroizing::new);
        let text = text.map_err(KitError::Unwritable)?;
        let seal =
            KitSeal::seal_for(&text, custodians, &facts.context()?).map_err(KitError::Seal)?;
        Ok(Self { version: 1, facts, seal })
    }

    /// Reads a kit file.
    pub fn from_json(json: &str) -> Result<Self, KitError> {
        let kit: Self = serde_json::from_str(json).map_err(|e| KitError::NotOne(Some(e)))?;
        if kit.version != 1 {
            return Err(KitError::NotOne(None));
        }
        if kit.seal.context() != kit.facts.context()? {
            return Err(KitError::Altered);
        }
        Ok(kit)
    }

    /// The file.
    pub fn to_json(&self) -> Result<String, KitError> {
        serde_json::to_string_pretty(self).map_err(KitError::Unwritable)
    }

    /// What is written on it.
    pub const fn facts(&self) -> &KitFacts {
        &self.facts
    }

    /// The seal: each custodian opens a share of it.
    pub const fn sealed(&self) -> &KitSeal {
        &self.seal
    }

    /// Opens the kit with the shares of two custodians.
    pub fn open(&self, one: &Share, other: &Share) -> Result<KitContents, KitError> {
        let text = self.seal.combine(one, other).map_err(KitError::Seal)?;
        let contents: Contents = serde_json::from_slice(&text).map_err(|_| KitError::Altered)?;
        let escrow = STANDARD.decode(&contents.escrow).map_err(|_| KitError::Altered)?;
        if Fingerprint::of(&escrow).to_string() != self.facts.escrow.sha256 {
            return Err(KitError::Altered);
        }
        let standby_credential = contents.standby_credential.as_deref().map(Credential::from_text);
        Ok(KitContents { escrow, standby_credential })
    }
}
