//! Exit codes.

use std::process::ExitCode;

/// What the exit code of `skink` says. The numbers never change their meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// It failed; the message says why.
    Failed,
    /// The command line is wrong. Also what the argument parser uses.
    Usage,
    /// The server, or a rule, refused.
    Refused,
    /// The server does not know you, or your role does not allow it.
    NotAllowed,
    /// The server cannot be reached.
    Unreachable,
    /// Something was checked and does not hold: a drill, a journal, a signature.
    NotVerified,
    /// Not now: come back after the time that the message says.
    Later,
    /// A chain, a key or a name was looked at and is not good: what `skink chain` says with 1.
    NotGood,
    /// What `skink chain` was asked cannot be decided: what it says with 3.
    Undecided,
}

impl Exit {
    /// The number.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed | Self::NotGood => 1,
            Self::Usage => 2,
            Self::Refused | Self::Undecided => 3,
            Self::NotAllowed => 4,
            Self::Unreachable => 5,
            Self::NotVerified => 6,
            Self::Later => 7,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
