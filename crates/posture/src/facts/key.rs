//! What is told about a key and the place it is kept at.

use std::time::Duration;

use skink_x509::{PublicKey, Time};

use crate::Fact;

/// A key.
#[derive(Clone, Debug)]
pub struct KeyFacts {
    /// Its URI.
    pub name: String,
    /// What it does.
    pub work: Work,
    /// Whether the service makes, uses and rotates it by itself; age and rotation are then its own.
    pub service_managed: bool,
    /// Symmetric or not.
    pub kind: Fact<KeyKind>,
    /// What kind of key it is, in a word.
    pub algorithm: Fact<String>,
    /// Its public half.
    pub public: Fact<PublicKey>,
    /// Whether it works.
    pub standing: Fact<Standing>,
    /// When it was made; where that is not told, no later than when it was certified.
    pub created: Fact<Time>,
    /// Where it is kept.
    pub protection: Fact<Protection>,
    /// The FIPS 140 level of the module that keeps it, by the service's own account; 0 is none.
    pub fips_level: Fact<u8>,
    /// Where its material is from.
    pub origin: Fact<Origin>,
    /// Whether its material can be read out.
    pub exportable: Fact<Exportable>,
    /// Whether it could be, once.
    pub was_exportable: Fact<bool>,
    /// What stands between a mistake and the end of the key.
    pub deletion: Fact<Deletion>,
    /// How often the service rotates it; none if not at all.
    pub rotates_every: Fact<Option<Duration>>,
    /// Who may do what with it.
    pub grants: Fact<Vec<Grant>>,
    /// Why others may have rights that do not stand among these grants; none if all are seen.
    pub unseen_grants: Option<String>,
    /// The permissions of its file, where it is one.
    pub file_mode: Fact<Option<u32>>,
}

/// What a key does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// It signs for this authority.
    Authority(String),
    /// It does something else, named here.
    Other(String),
    /// Nobody said.
    Unsaid,
}

/// Symmetric or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// One key for both sides.
    Symmetric,
    /// A pair.
    Asymmetric,
}

/// Whether a key works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It does.
    Enabled,
    /// It waits, or was stopped.
    Disabled,
    /// Its material will be gone, at this time if that is told.
    DeletionPending(Option<Time>),
    /// Its material is gone.
    Destroyed,
}

/// Where a key is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// In a file or a database.
    Software,
    /// In a hardware module.
    Hardware,
    /// Outside the service that signs.
    External,
}

/// Where a key's material is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Made where it is kept.
    Generated,
    /// Brought in.
    Imported,
}

/// Whether a key can be read out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exportable {
    /// No call does it.
    No,
    /// A call does it; this is what says so.
    ByCall(String),
    /// Whoever has the place has the key: a file.
    ByNature,
}

/// What stands between a mistake and the end of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// One call ends it.
    AtOnce,
    /// Deletion is not allowed until somebody changes that.
    Forbidden,
    /// It waits so long, and can be taken back.
    After(Duration),
}

/// Whether a grant lets somebody sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signs {
    /// It does.
    Yes,
    /// It does not.
    No,
}

/// Somebody may do something with a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Who, in the service's words: a principal, a policy.
    pub who: String,
    /// Whether that is everybody, without a condition.
    pub everybody: bool,
    /// What, in the service's words.
    pub what: String,
    /// Whether that is every action.
    pub everything: bool,
    /// Whether it lets him sign.
    pub signs: Signs,
    /// Whether it lets him delete, export or re-configure the key, or change who may.
    pub administers: bool,
}

/// A secret that lets somebody in.
#[derive(Clone, Debug)]
pub struct SecretFacts {
    /// Whose, and what for.
    pub name: String,
    /// When it was made.
    pub created: Fact<Time>,
}

/// The record that a key service keeps of uses.
#[derive(Clone, Debug)]
pub struct LogFacts {
    /// Whose.
    pub name: String,
    /// Whether it is kept at all.
    pub on: Fact<bool>,
    /// How long its entries are kept; none is for ever.
    pub kept: Fact<Option<Duration>>,
}
