//! How a key is guarded, as far as its service tells whoever asks.

use std::fmt;
use std::time::Duration;

use skink_model::Time;

use super::{KeyOrigin, KeyState, Protection, ProviderError};

/// What a service tells, or why it does not.
pub type Told<T> = Result<T, Untold>;

/// Why something is not told: no permission, no such call, no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Untold(pub String);

/// How a key is guarded. Each part is told, or says why it is not: that is never good news.
#[derive(Clone, Debug)]
pub struct Guard {
    /// Whether it works, where the service tells that apart from what this credential may.
    pub state: Option<KeyState>,
    /// Whether one key serves both sides.
    pub symmetric: Told<bool>,
    /// What kind of key it is, in the service's word.
    pub algorithm: Told<String>,
    /// When it was made.
    pub created: Told<Time>,
    /// Where it is kept.
    pub protection: Told<Protection>,
    /// The FIPS 140 level of the module that keeps it, by the service's own account; 0 is none.
    pub fips_level: Told<u8>,
    /// Where its material is from.
    pub origin: Told<KeyOrigin>,
    /// Whether its material can be read out, and what says so.
    pub exportable: Told<Readable>,
    /// Whether it could be, once.
    pub was_exportable: Told<bool>,
    /// What stands between a mistake and the end of the key.
    pub deletion: Told<Ending>,
    /// How often the service rotates it; none if not at all.
    pub rotates_every: Told<Option<Duration>>,
    /// Whether the service makes and rotates it for itself.
    pub service_managed: bool,
    /// Who may do what with it.
    pub grants: Told<Vec<KeyGrant>>,
    /// Why others may have rights that do not stand among these grants; none if all are seen.
    pub unseen_grants: Option<String>,
    /// The permissions of its file, where it is one.
    pub file_mode: Told<Option<u32>>,
    /// Whether the service keeps a record of uses.
    pub record: Told<bool>,
    /// How long that is kept; none is for ever.
    pub record_kept: Told<Option<Duration>>,
    /// When the credential that asks was made; none where it is no secret of its own.
    pub credential_made: Told<Option<Time>>,
}

/// Whether a key can be read out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readable {
    /// No call does it.
    No,
    /// A call does it; this is what says so.
    ByCall(String),
    /// Whoever has the place has the key: a file.
    ByNature,
}

/// How a key may end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// By one call.
    AtOnce,
    /// Not before somebody allows it.
    Forbidden,
    /// After so long a wait, in which that can be taken back.
    After(Duration),
}

/// Somebody may do something with a key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is asked for by itself")]
pub struct KeyGrant {
    /// Who, in the service's words: a principal, a policy.
    pub who: String,
    /// Whether that is everybody, without a condition.
    pub everybody: bool,
    /// What, in the service's words.
    pub what: String,
    /// Whether that is every action.
    pub everything: bool,
    /// Whether it lets him sign.
    pub signs: bool,
    /// Whether it lets him delete, export or re-configure the key, or change who may.
    pub administers: bool,
}

impl Guard {
    /// Nothing is told, for this reason.
    pub fn untold(why: &str) -> Self {
        let untold = || Untold(why.to_owned());
        Self {
            state: None,
            symmetric: Err(untold()),
            algorithm: Err(untold()),
            created: Err(untold()),
            protection: Err(untold()),
            fips_level: Err(untold()),
            origin: Err(untold()),
            exportable: Err(untold()),
            was_exportable: Err(untold()),
            deletion: Err(untold()),
            rotates_every: Err(untold()),
            service_managed: false,
            grants: Err(untold()),
            unseen_grants: None,
            file_mode: Err(untold()),
            record: Err(untold()),
            record_kept: Err(untold()),
            credential_made: Err(untold()),
        }
    }
}

impl fmt::Display for Untold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<ProviderError> for Untold {
    /// The error with its causes, in a line.
    fn from(error: ProviderError) -> Self {
        Self(skink_model::with_causes(&error))
    }
}
