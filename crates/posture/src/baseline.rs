//! Findings that somebody answers for, until a day.

use serde::{Deserialize, Serialize};
use skink_x509::Time;

const DAY_MS: i64 = 86_400_000;

/// What is accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// One by one.
    #[serde(default, rename = "accept")]
    pub accepted: Vec<Acceptance>,
}

/// Somebody answers for a finding, or for something that is not known, until the end of a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acceptance {
    /// The rule's name.
    pub rule: String,
    /// The subject, as the report names it.
    pub subject: String,
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// The last day that it holds, as `2027-03-31` (UTC).
    pub until: String,
}

/// The baseline cannot be taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BadBaseline {
    /// It does not parse.
    #[error("this is no baseline")]
    Form(#[source] toml::de::Error),
    /// A part is empty: an acceptance without an owner or a reason is none.
    #[error("acceptance {number} ({rule} of {subject}) has no {part}")]
    Empty {
        /// Which one, from 1.
        number: usize,
        /// Its rule.
        rule: String,
        /// Its subject.
        subject: String,
        /// What is missing.
        part: &'static str,
    },
    /// Its end is no day.
    #[error("acceptance {number} ends on {until:?}, which is no day; write 2027-03-31")]
    Day {
        /// Which one, from 1.
        number: usize,
        /// What it says.
        until: String,
    },
    /// There is no such rule.
    #[error("acceptance {number} is of {rule:?}, and no rule has that name")]
    Rule {
        /// Which one, from 1.
        number: usize,
        /// What it says.
        rule: String,
    },
}

impl Baseline {
    /// Reads a baseline, whole or not at all.
    pub fn from_toml(text: &str) -> Result<Self, BadBaseline> {
        let read: Self = toml::from_str(text).map_err(BadBaseline::Form)?;
        for (at, one) in read.accepted.iter().enumerate() {
            one.check(at + 1)?;
        }
        Ok(read)
    }
}

impl Acceptance {
    fn check(&self, number: usize) -> Result<(), BadBaseline> {
        let parts = [("owner", &self.owner), ("reason", &self.reason), ("subject", &self.subject)];
        if let Some((part, _)) = parts.into_iter().find(|(_, text)| text.trim().is_empty()) {
            let (rule, subject) = (self.rule.clone(), self.subject.clone());
            return Err(BadBaseline::Empty { number, rule, subject, part });
        }
        if !crate::ALL.iter().any(|rule| rule.id == self.rule) {
            return Err(BadBaseline::Rule { number, rule: self.rule.clone() });
        }
        if self.end().is_none() {
            return Err(BadBaseline::Day { number, until: self.until.clone() });
        }
        Ok(())
    }

    /// The first instant at which it no longer holds.
    pub(crate) fn end(&self) -> Option<Time> {
        let mut parts = self.until.split('-');
        let mut number = |digits: usize| -> Option<i64> {
            let part = parts.next()?;
            let plain = part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| part.parse().ok()).flatten()
        };
        let (year, month, day) = (number(4)?, number(2)?, number(2)?);
        let real = (1..=12).contains(&month) && (1..=31).contains(&day);
        if parts.next().is_some() || !real {
            return None;
        }
        let begin = Time::from_millis(days_from_civil(year, month, day) * DAY_MS);
        // A 31st of June would be the 1st of July.
        let same = begin.to_string().starts_with(&self.until);
        same.then(|| Time::from_millis(begin.as_millis() + DAY_MS))
    }

    pub(crate) fn holds_at(&self, now: Time) -> bool {
        self.end().is_some_and(|end| now < end)
    }
}

/// The day's number since 1970-01-01 in the proleptic Gregorian calendar.
const fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(until: &str, owner: &str) -> Result<Baseline, BadBaseline> {
        Baseline::from_toml(&format!(
            "[[accept]]\nrule = \"exportable\"\nsubject = \"vault:transit/old\"\nowner = \"{owner}\"\n\
             reason = \"goes in May\"\nuntil = \"{until}\"\n"
        ))
    }

    #[test]
    fn an_acceptance_holds_to_the_end_of_its_day() {
        let read = one("2027-02-28", "lea").unwrap();
        let end = Time::from_secs(1_803_859_200); // 2027-03-01T00:00:00Z
        assert_eq!(read.accepted[0].end(), Some(end));
        assert!(read.accepted[0].holds_at(Time::from_millis(end.as_millis() - 1)));
        assert!(!read.accepted[0].holds_at(end));
    }

    #[test]
    fn what_is_no_acceptance_is_refused() {
        for day in ["2027-02-29", "2027-2-1", "soon", "2027-13-01", "2027-01-01-01", "+027-01-01"] {
            assert!(matches!(one(day, "lea"), Err(BadBaseline::Day { number: 1, .. })), "{day}");
        }
        assert!(matches!(one("2027-01-01", " "), Err(BadBaseline::Empty { part: "owner", .. })));
        let unknown = "[[accept]]\nrule = \"x\"\nsubject = \"y\"\nowner = \"z\"\nreason = \"r\"\n\
                       until = \"2027-01-01\"\n";
        assert!(matches!(Baseline::from_toml(unknown), Err(BadBaseline::Rule { .. })));
        assert!(matches!(Baseline::from_toml("[[accept]]\n"), Err(BadBaseline::Form(_))));
        assert_eq!(Baseline::from_toml("").unwrap(), Baseline::default());
    }
}
