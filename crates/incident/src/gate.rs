//! Gates, and the measurements that open them.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use skink_model::{Time, wire};

use crate::effect::CrlRound;

/// A point which an incident passes only by a measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gate {
    /// The key's provider says "disabled", and the same credential still signs with another key.
    Disabled,
    /// Published CRLs were read back and are what was published.
    CrlReadBack(CrlRound),
    /// Every managed relying party is past N.
    Barrier,
    /// Every endpoint of this wave holds a proven certificate of the new authority.
    Wave(u32),
    /// Nobody has seen a legitimate peer with an old certificate for the quiet period.
    Quiet,
    /// Every relying party refuses the old authority, and accepts the new one beside it.
    Distrust,
}

/// The kinds of gate by which waivers are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GateKind {
    /// [`Gate::Disabled`]
    Disabled,
    /// [`Gate::CrlReadBack`]
    CrlReadBack,
    /// [`Gate::Barrier`]
    Barrier,
    /// [`Gate::Wave`]
    Wave,
    /// [`Gate::Quiet`]
    Quiet,
    /// [`Gate::Distrust`]
    Distrust,
}

impl GateKind {
    const ALL: [Self; 6] =
        [Self::Disabled, Self::CrlReadBack, Self::Barrier, Self::Wave, Self::Quiet, Self::Distrust];

    /// The name that people and programs use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::CrlReadBack => "crl-read-back",
            Self::Barrier => "barrier",
            Self::Wave => "wave",
            Self::Quiet => "quiet",
            Self::Distrust => "distrust",
        }
    }

    /// Whether a subject may be left out of this gate by name.
    ///
    /// The proof that the key is disabled has no subjects to leave out.
    pub const fn waivable(self) -> bool {
        !matches!(self, Self::Disabled)
    }
}

impl fmt::Display for GateKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no gate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a gate")]
pub struct UnknownGate(String);

impl FromStr for GateKind {
    type Err = UnknownGate;
    fn from_str(text: &str) -> Result<Self, UnknownGate> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| UnknownGate(text.to_owned()))
    }
}

impl Gate {
    /// The gate's kind.
    pub const fn kind(self) -> GateKind {
        match self {
            Self::Disabled => GateKind::Disabled,
            Self::CrlReadBack(_) => GateKind::CrlReadBack,
            Self::Barrier => GateKind::Barrier,
            Self::Wave(_) => GateKind::Wave,
            Self::Quiet => GateKind::Quiet,
            Self::Distrust => GateKind::Distrust,
        }
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CrlReadBack(round) => write!(f, "crl-read-back:{round}"),
            Self::Wave(wave) => write!(f, "wave:{wave}"),
            other => f.write_str(other.kind().as_str()),
        }
    }
}

impl FromStr for Gate {
    type Err = UnknownGate;
    fn from_str(text: &str) -> Result<Self, UnknownGate> {
        let unknown = || UnknownGate(text.to_owned());
        if let Some(round) = text.strip_prefix("crl-read-back:") {
            return round.parse().map(Self::CrlReadBack).map_err(|()| unknown());
        }
        if let Some(wave) = text.strip_prefix("wave:") {
            return wave.parse().map(Self::Wave).map_err(|_| unknown());
        }
        match text {
            "disabled" => Ok(Self::Disabled),
            "barrier" => Ok(Self::Barrier),
            "quiet" => Ok(Self::Quiet),
            "distrust" => Ok(Self::Distrust),
            _ => Err(unknown()),
        }
    }
}

impl Serialize for Gate {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Gate {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What was measured at a gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measurement {
    /// When the measurement was complete.
    #[serde(with = "wire::millis")]
    pub at: Time,
    /// How many subjects the gate is about.
    pub target: u64,
    /// How many of them met it.
    pub met: u64,
    /// Those that did not, by name: all of them, or as many as fit.
    pub pending: BTreeSet<String>,
    /// How many single samples (handshakes, files read, reports) stand behind it.
    pub samples: u64,
    /// SHA-256, in lower hex, of the observations behind it, in a canonical order.
    pub evidence: String,
    /// One line for people: what was seen, or what is missing.
    pub note: String,
}

impl Measurement {
    /// Whether this opens a gate when the subjects in `waived` are left out.
    ///
    /// A measurement of nothing opens nothing. A fleet without subjects passes only when the
    /// subject [`Measurement::FLEET`] is waived by name.
    pub fn opens(&self, waived: &BTreeSet<String>) -> bool {
        if self.evidence.is_empty() {
            return false;
        }
        if self.target == 0 {
            return waived.contains(Self::FLEET);
        }
        let missing = self.target.saturating_sub(self.met);
        let named = u64::try_from(self.pending.len()).unwrap_or(0);
        let measured = self.samples > 0 || self.met == 0;
        missing == named && measured && self.pending.iter().all(|subject| waived.contains(subject))
    }

    /// The subject by which an empty fleet is waived.
    pub const FLEET: &'static str = "fleet";
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(target: u64, met: u64, pending: &[&str]) -> Measurement {
        Measurement {
            at: Time::EPOCH,
            target,
            met,
            pending: pending.iter().map(|&name| name.to_owned()).collect(),
            samples: met * 3,
            evidence: "00".to_owned(),
            note: String::new(),
        }
    }

    fn waived(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn only_a_whole_measurement_opens() {
        assert!(measured(3, 3, &[]).opens(&waived(&[])));
        assert!(!measured(3, 2, &["a"]).opens(&waived(&[])));
        assert!(measured(3, 2, &["a"]).opens(&waived(&["a"])));
        assert!(!measured(3, 1, &["a"]).opens(&waived(&["a"])), "one is missing and not named");
        assert!(!measured(3, 1, &["a", "b"]).opens(&waived(&["a"])));
    }

    #[test]
    fn nothing_measured_opens_nothing() {
        assert!(!measured(0, 0, &[]).opens(&waived(&[])));
        assert!(measured(0, 0, &[]).opens(&waived(&["fleet"])));
        let unseen = Measurement { samples: 0, ..measured(3, 3, &[]) };
        assert!(!unseen.opens(&waived(&[])));
        let unproven = Measurement { evidence: String::new(), ..measured(3, 3, &[]) };
        assert!(!unproven.opens(&waived(&[])));
    }

    #[test]
    fn gates_are_named_and_read_back() {
        let gates = [
            Gate::Disabled,
            Gate::CrlReadBack(CrlRound::Transition),
            Gate::CrlReadBack(CrlRound::Revocation),
            Gate::CrlReadBack(CrlRound::Fleet),
            Gate::Barrier,
            Gate::Wave(7),
            Gate::Quiet,
            Gate::Distrust,
        ];
        for gate in gates {
            assert_eq!(gate.to_string().parse::<Gate>().unwrap(), gate);
        }
        assert!("wave:x".parse::<Gate>().is_err());
    }
}
