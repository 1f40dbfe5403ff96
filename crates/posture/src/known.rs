//! What is known, and what is not.

/// A fact, or why it is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact<T> {
    /// It was read.
    Known(T),
    /// It could not be read, and this is why.
    Unknown(String),
}

/// Why a fact is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Untold(pub String);

impl<T> Fact<T> {
    /// Not known, for this reason.
    pub fn unknown(why: impl Into<String>) -> Self {
        Self::Unknown(why.into())
    }

    /// The fact, for those who cannot judge without.
    pub fn told(&self) -> Result<&T, Untold> {
        match self {
            Self::Known(fact) => Ok(fact),
            Self::Unknown(why) => Err(Untold(why.clone())),
        }
    }

    /// The fact, for those who can.
    pub const fn known(&self) -> Option<&T> {
        match self {
            Self::Known(fact) => Some(fact),
            Self::Unknown(_) => None,
        }
    }

    /// This fact, or the other where it is not known.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        match self {
            Self::Known(_) => self,
            Self::Unknown(_) => other,
        }
    }
}

impl<T, E: std::fmt::Display> From<Result<T, E>> for Fact<T> {
    fn from(read: Result<T, E>) -> Self {
        match read {
            Ok(fact) => Self::Known(fact),
            Err(why) => Self::Unknown(why.to_string()),
        }
    }
}

impl std::fmt::Display for Untold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
