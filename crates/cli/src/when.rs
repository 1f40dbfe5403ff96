//! Times and spans as people write and read them.

use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;

/// The text is neither a time nor a span before now.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not a time; write 2026-03-01T08:30:00Z, or how long ago: 90m, 2h, 3d")]
pub(crate) struct BadTime(String);

/// The text is not a span.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not a span of time; write 45s, 30m, 12h or 90d")]
pub(crate) struct BadSpan(String);

/// A span of time: `30m`, `90d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span(Duration);

impl Span {
    pub(crate) const SECOND: Self = Self(Duration::from_secs(1));

    pub(crate) const fn duration(self) -> Duration {
        self.0
    }

    pub(crate) const fn as_secs(self) -> u64 {
        self.0.as_secs()
    }
}

impl FromStr for Span {
    type Err = BadSpan;

    fn from_str(text: &str) -> Result<Self, BadSpan> {
        let bad = || BadSpan(text.to_owned());
        let unit = text.chars().last().ok_or_else(bad)?;
        let seconds = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            _ => return Err(bad()),
        };
        let count: u64 = text[..text.len() - 1].parse().map_err(|_| bad())?;
        let total = count.checked_mul(seconds).filter(|total| i64::try_from(*total).is_ok());
        total.map(|total| Self(Duration::from_secs(total))).ok_or_else(bad)
    }
}

/// A time as it is written: an instant, or a span before now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    At(Timestamp),
    Ago(Span),
}

impl When {
    /// Milliseconds since the epoch, as the API counts them.
    pub(crate) fn millis(self, now: Timestamp) -> i64 {
        match self {
            Self::At(instant) => instant.as_millisecond(),
            Self::Ago(Span(span)) => {
                let span = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
                now.as_millisecond().saturating_sub(span)
            }
        }
    }
}

impl FromStr for When {
    type Err = BadTime;

    fn from_str(text: &str) -> Result<Self, BadTime> {
        let at = text.parse().map(Self::At).ok();
        at.or_else(|| text.parse().map(Self::Ago).ok()).ok_or_else(|| BadTime(text.to_owned()))
    }
}

/// The present instant: the command line is the edge where time comes in.
#[expect(clippy::disallowed_methods, reason = "a person's `2h` ago is counted from his own clock")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// An instant in whole seconds, UTC.
pub(crate) fn show(millis: i64) -> String {
    let instant = Timestamp::from_millisecond(millis - millis.rem_euclid(1000));
    instant.map_or_else(|_| millis.to_string(), |instant| instant.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_counted_in_their_unit() {
        assert_eq!("90d".parse::<Span>().unwrap().as_secs(), 7_776_000);
        assert_eq!("45s".parse::<Span>().unwrap().as_secs(), 45);
        for bad in ["", "5", "h", "-3h", "1w", "99999999999999999999d", "3é"] {
            assert!(bad.parse::<Span>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_time_is_an_instant_or_a_while_ago() {
        let now: Timestamp = "2026-03-01T10:00:00Z".parse().unwrap();
        let read = |text: &str| show(text.parse::<When>().unwrap().millis(now));
        assert_eq!(read("2h"), "2026-03-01T08:00:00Z");
        assert_eq!(read("2026-02-28T23:59:59+01:00"), "2026-02-28T22:59:59Z");
        assert!("yesterday".parse::<When>().is_err());
    }
}
