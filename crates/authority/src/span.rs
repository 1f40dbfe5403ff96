//! Spans of time as configuration writes them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A duration written as a number and a unit: `45s`, `5m`, `1h`, `30d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span(u64);

/// Why a text is no span of time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no span of time: write a number and s, m, h or d, like 45s or 30d")]
pub struct BadSpan(pub String);

const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3600), ('m', 60), ('s', 1)];

impl Span {
    /// A span of `days` days.
    pub const fn days(days: u32) -> Self {
        Self::secs_of(days, 86_400)
    }

    /// A span of `minutes` minutes.
    pub const fn minutes(minutes: u32) -> Self {
        Self::secs_of(minutes, 60)
    }

    /// The duration.
    pub const fn duration(self) -> Duration {
        Duration::from_secs(self.0)
    }

    #[expect(clippy::as_conversions, reason = "u64::from is not const; widening loses nothing")]
    const fn secs_of(count: u32, unit: u64) -> Self {
        Self(count as u64 * unit)
    }
}

impl FromStr for Span {
    type Err = BadSpan;

    fn from_str(text: &str) -> Result<Self, BadSpan> {
        let bad = || BadSpan(text.to_owned());
        let (at, unit) = text.char_indices().next_back().ok_or_else(bad)?;
        let (_, secs) = UNITS.into_iter().find(|(known, _)| *known == unit).ok_or_else(bad)?;
        let number = text.get(..at).unwrap_or_default();
        let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
        let count: u64 = number.parse().map_err(|_| bad())?;
        digits.then(|| count.checked_mul(secs)).flatten().map(Self).ok_or_else(bad)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |(_, secs): &(char, u64)| self.0.is_multiple_of(*secs);
        let (unit, secs) = UNITS.into_iter().find(whole).unwrap_or(('s', 1));
        write!(f, "{}{unit}", self.0 / secs)
    }
}

impl TryFrom<String> for Span {
    type Error = BadSpan;

    fn try_from(text: String) -> Result<Self, BadSpan> {
        text.parse()
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_a_number_and_a_unit() {
        for (text, secs) in [("45s", 45), ("5m", 300), ("1h", 3600), ("30d", 2_592_000)] {
            let span: Span = text.parse().unwrap();
            assert_eq!(span.duration().as_secs(), secs);
            assert_eq!(span.to_string(), text);
        }
        assert_eq!("90m".parse::<Span>().unwrap().to_string(), "90m");
        for bad in ["", "d", "5", "-5m", "+5m", "5 m", "5y", "99999999999999999d", "5é"] {
            assert!(bad.parse::<Span>().is_err(), "{bad:?}");
        }
    }
}
