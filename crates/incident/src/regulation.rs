//! Deadlines that regulations set, as data.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use skink_model::Time;

use crate::state::State;

/// One regulation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Regulation {
    /// By which settings name it.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Who must be told.
    pub authority: String,
    /// When it applies; a person decides.
    pub applies_when: String,
    /// What is due.
    pub deadlines: Vec<Deadline>,
}

/// One duty of a regulation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deadline {
    /// What is due.
    pub what: String,
    /// Where it is written.
    pub source: String,
    /// From when the clock runs.
    pub from: From,
    /// Hours from there; without a figure, "without undue delay".
    pub hours: Option<u64>,
}

/// From when a clock runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum From {
    /// When something noticed.
    Detected,
    /// When a responsible person knew.
    Aware,
    /// When the incident was declared.
    Declared,
    /// When an earlier duty was fulfilled; planned from that duty's own deadline.
    After(String),
}

impl std::convert::From<String> for From {
    fn from(text: String) -> Self {
        match text.as_str() {
            "detected" => Self::Detected,
            "aware" => Self::Aware,
            "declared" => Self::Declared,
            _ => Self::After(text),
        }
    }
}

impl std::convert::From<From> for String {
    fn from(from: From) -> Self {
        match from {
            From::Detected => "detected".to_owned(),
            From::Aware => "aware".to_owned(),
            From::Declared => "declared".to_owned(),
            From::After(duty) => duty,
        }
    }
}

/// A duty of this incident, with its instant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Due {
    /// The regulation.
    pub regulation: String,
    /// Who must be told.
    pub authority: String,
    /// What is due.
    pub what: String,
    /// Where it is written.
    pub source: String,
    /// By when at the latest, as RFC 3339; without one, without undue delay.
    pub by: Option<String>,
}

/// All regulations that are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Regulations(Vec<Regulation>);

impl Regulations {
    /// Those that come with Skink.
    pub fn built_in() -> Self {
        Self(serde_json::from_str(include_str!("../data/regulations.json")).unwrap_or_default())
    }

    /// An organisation's own list.
    pub fn from_json(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json).map(Self)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Regulation> {
        self.0.iter()
    }

    /// What this incident owes under the regulations that its settings name.
    pub fn due(&self, state: &State) -> Vec<Due> {
        let named = &state.settings().regulations;
        let ours = self.0.iter().filter(|regulation| named.contains(&regulation.id));
        ours.flat_map(|regulation| regulation.due(state)).collect()
    }
}

impl Regulation {
    fn due(&self, state: &State) -> Vec<Due> {
        let due = |deadline: &Deadline| Due {
            regulation: self.name.clone(),
            authority: self.authority.clone(),
            what: deadline.what.clone(),
            source: deadline.source.clone(),
            by: self.instant(deadline, state, self.deadlines.len()).map(|at| at.to_string()),
        };
        self.deadlines.iter().map(due).collect()
    }

    /// The latest instant of a duty; `depth` bounds chains of duties that wait for each other.
    fn instant(&self, deadline: &Deadline, state: &State, depth: usize) -> Option<Time> {
        let declared = state.declaration();
        let start = match &deadline.from {
            From::Detected => declared.detected.unwrap_or(state.declared_at()),
            From::Aware => state.aware_at(),
            From::Declared => state.declared_at(),
            From::After(duty) if depth > 0 => {
                let earlier = self.deadlines.iter().find(|d| d.what.starts_with(duty.as_str()))?;
                self.instant(earlier, state, depth - 1)?
            }
            From::After(_) => return None,
        };
        Some(start.plus(Duration::from_secs(deadline.hours? * 3600)))
    }
}
