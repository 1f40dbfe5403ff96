//! What services tell about keys.

use skink_model::Time;
use skink_x509::KeyAlgorithm;

use super::KeyState;
use crate::uri::KeyUri;

/// Where a key's material is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// In a file or a database, encrypted.
    Software,
    /// In a hardware module that other customers use too.
    SharedHardware,
    /// In a hardware module of one's own.
    Hardware,
    /// Outside the service that signs.
    External,
}

/// Where a key's material comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyOrigin {
    /// Made where it is kept.
    Generated,
    /// Made elsewhere and brought in: another copy may exist.
    Imported,
}

/// What a service tells about a key. `None` is what it does not tell: that is never good news.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyAttributes {
    /// What kind of key it is.
    pub algorithm: KeyAlgorithm,
    /// Whether it will sign.
    pub state: KeyState,
    /// Where it is kept.
    pub protection: Option<Protection>,
    /// When it was made.
    pub created: Option<Time>,
    /// Where it comes from.
    pub origin: Option<KeyOrigin>,
    /// Whether its material can be read out.
    pub exportable: Option<bool>,
    /// Which of the service's versions of the key this is.
    pub version: Option<String>,
    /// When its material will be gone, where that is set.
    pub destroyed_at: Option<Time>,
    /// Who may use it, in the service's own words.
    pub policy: Option<String>,
}

impl KeyAttributes {
    /// A key about which nothing more is known.
    pub const fn new(algorithm: KeyAlgorithm, state: KeyState) -> Self {
        Self {
            algorithm,
            state,
            protection: None,
            created: None,
            origin: None,
            exportable: None,
            version: None,
            destroyed_at: None,
            policy: None,
        }
    }
}

/// Where a list goes on; means something to the provider that gave it only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageToken(pub(crate) String);

/// A part of a list of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPage {
    /// The keys, in the service's order.
    pub keys: Vec<KeyUri>,
    /// Where it goes on, if it does.
    pub next: Option<PageToken>,
}

impl KeyPage {
    /// One page out of all `keys`, for services that give all or nothing: in order of their names,
    /// after the one that the token names.
    pub(crate) fn of(mut keys: Vec<KeyUri>, after: Option<&PageToken>, limit: u16) -> Self {
        keys.sort();
        if let Some(PageToken(after)) = after {
            keys.retain(|key| key.as_str() > after.as_str());
        }
        let limit = usize::from(limit.max(1));
        let more = keys.len() > limit;
        keys.truncate(limit);
        let last = keys.last().map(|key| PageToken(key.as_str().to_owned()));
        Self { keys, next: last.filter(|_| more) }
    }
}
