//! The steps: each says when it may begin and what it does, in lanes.
//!
//! Effects of one lane happen one after another, lanes beside each other. A step is through when
//! every effect of every lane is over; nothing else ends it.

mod close;
mod contain;
mod distrust;
mod evidence;
mod notices;
mod replace;
mod revoke;
mod transition;
mod triage;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::effect::Effect;
use crate::state::State;

pub(crate) use close::Close;
pub(crate) use contain::Contain;
pub(crate) use distrust::Distrust;
pub(crate) use evidence::Evidence;
pub(crate) use notices::Notices;
pub(crate) use replace::Replace;
pub(crate) use revoke::Revoke;
pub(crate) use transition::Transition;
pub(crate) use triage::Triage;

/// The names of the steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepName {
    /// Freeze, count, start the clock.
    Triage,
    /// Taint, sign the closing set, disable the key.
    Contain,
    /// Keep what an investigation will need.
    Evidence,
    /// Tell people.
    Notices,
    /// Activate the standby.
    Replace,
    /// Bring everybody past N and onto new certificates.
    Transition,
    /// Publish that the authority and its certificates are revoked.
    Revoke,
    /// Have nobody accept it, and prove that.
    Distrust,
    /// Dispose of the key and report.
    Close,
}

impl StepName {
    /// The name that people and programs use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Triage => "triage",
            Self::Contain => "contain",
            Self::Evidence => "evidence",
            Self::Notices => "notices",
            Self::Replace => "replace",
            Self::Transition => "transition",
            Self::Revoke => "revoke",
            Self::Distrust => "distrust",
            Self::Close => "close",
        }
    }
}

impl fmt::Display for StepName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Effects that happen one after another.
pub(crate) type Lane = Vec<Effect>;

/// One step of a plan.
pub(crate) trait Step: Sync {
    /// Its name.
    fn name(&self) -> StepName;

    /// Whether it may begin: everything that its lanes are made of is known, and every step and
    /// gate that must lie behind it does.
    fn begins(&self, state: &State) -> bool;

    /// What it does. Complete whenever [`Step::begins`] holds; a forecast before that.
    fn lanes(&self, state: &State) -> Vec<Lane>;

    /// Whether everything is over.
    fn is_through(&self, state: &State) -> bool {
        self.begins(state) && self.lanes(state).iter().flatten().all(|effect| state.is_over(effect))
    }
}
