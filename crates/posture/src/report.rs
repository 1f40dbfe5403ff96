//! What came of it all.

mod html;
mod json;
mod sarif;

use std::collections::BTreeMap;

use skink_x509::Time;

use crate::baseline::{Acceptance, Baseline};
use crate::rule::{Outcome, Rule, Severity};

/// What every rule said, with what is accepted put aside.
#[derive(Debug)]
pub struct Report {
    /// When it was made.
    pub at: Time,
    /// What each rule said of each subject.
    pub checks: Vec<Check>,
    /// Acceptances that ended, or that fit nothing.
    pub stale: Vec<Stale>,
    /// Rules that were not run: they ask a server, and none was asked.
    pub left_out: Vec<&'static Rule>,
}

/// What one rule said of one subject.
#[derive(Debug)]
pub struct Check {
    /// The rule.
    pub rule: &'static Rule,
    /// The subject.
    pub subject: String,
    /// What it said.
    pub outcome: Outcome,
    /// Who answers for it.
    pub accepted: Option<Accepted>,
}

/// An acceptance that holds.
pub type Accepted = Acceptance;

/// An acceptance that does not.
#[derive(Debug)]
pub struct Stale {
    /// Which.
    pub acceptance: Acceptance,
    /// Why not: `it ended`, `it fits no finding`.
    pub why: &'static str,
}

/// Whether what is not known counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownSeverity {
    /// It is told, and nothing more.
    Told,
    /// It counts as a failure.
    Fails,
}

/// How many of what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Findings that nobody accepted.
    pub high: usize,
    /// The same.
    pub medium: usize,
    /// The same; with acceptances that ended or fit nothing.
    pub low: usize,
    /// What nobody knows and nobody accepted.
    pub unknown: usize,
    /// What somebody answers for.
    pub accepted: usize,
    /// What holds.
    pub passed: usize,
}

/// Acceptances that ended or fit nothing are findings of this name.
pub(crate) const STALE: &str = "stale-acceptance";
const STALE_TITLE: &str = "every acceptance holds, and is still needed";
const STALE_DO: &str = "take it out of the baseline, or have its owner renew it with a new end";

impl Report {
    pub(crate) fn new(
        said: Vec<(&'static Rule, String, Outcome)>,
        left_out: Vec<&'static Rule>,
        baseline: &Baseline,
        now: Time,
    ) -> Self {
        let mut used = vec![false; baseline.accepted.len()];
        let mut checks = Vec::with_capacity(said.len());
        for (rule, subject, outcome) in said {
            let mut accepted = None;
            if outcome != Outcome::Passed {
                for (at, one) in baseline.accepted.iter().enumerate() {
                    if one.rule == rule.id && one.subject == subject {
                        used[at] = true;
                        accepted = one.holds_at(now).then(|| one.clone()).or(accepted);
                    }
                }
            }
            checks.push(Check { rule, subject, outcome, accepted });
        }
        checks.sort_by_key(|check| std::cmp::Reverse(check.rank()));
        let stale = baseline.accepted.iter().zip(used).filter_map(|(one, used)| {
            let about_left_out = left_out.iter().any(|rule| rule.id == one.rule);
            let why = if !one.holds_at(now) {
                "it ended"
            } else if !used && !about_left_out {
                "it fits no finding"
            } else {
                return None;
            };
            Some(Stale { acceptance: one.clone(), why })
        });
        Self { at: now, stale: stale.collect(), checks, left_out }
    }

    /// How many of what there are.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts { low: self.stale.len(), ..Counts::default() };
        for check in &self.checks {
            let counter = match (&check.outcome, &check.accepted) {
                (Outcome::Passed, _) => &mut counts.passed,
                (_, Some(_)) => &mut counts.accepted,
                (Outcome::Unknown { .. }, None) => &mut counts.unknown,
                (Outcome::Found { severity, .. }, None) => match severity {
                    Severity::High => &mut counts.high,
                    Severity::Medium => &mut counts.medium,
                    Severity::Low => &mut counts.low,
                },
            };
            *counter += 1;
        }
        counts
    }

    /// Whether it fails somebody who will not have findings of `least` or worse.
    pub fn fails(&self, least: Option<Severity>, unknown: UnknownSeverity) -> bool {
        let counts = self.counts();
        let found = match least {
            None => 0,
            Some(Severity::High) => counts.high,
            Some(Severity::Medium) => counts.high + counts.medium,
            Some(Severity::Low) => counts.high + counts.medium + counts.low,
        };
        found > 0 || (unknown == UnknownSeverity::Fails && counts.unknown > 0)
    }

    /// What was found and nobody accepted, the worst first.
    pub fn findings(&self) -> impl Iterator<Item = (&Check, Severity, &str)> {
        self.checks.iter().filter_map(|check| match (&check.outcome, &check.accepted) {
            (Outcome::Found { severity, evidence }, None) => {
                Some((check, *severity, evidence.as_str()))
            }
            _ => None,
        })
    }

    /// What nobody knows and nobody accepted, with the reason.
    pub fn unknowns(&self) -> impl Iterator<Item = (&Check, &str)> {
        self.checks.iter().filter_map(|check| match (&check.outcome, &check.accepted) {
            (Outcome::Unknown { why }, None) => Some((check, why.as_str())),
            _ => None,
        })
    }

    /// What somebody answers for.
    pub fn accepted(&self) -> impl Iterator<Item = (&Check, &Accepted)> {
        self.checks.iter().filter_map(|check| Some((check, check.accepted.as_ref()?)))
    }

    /// Unknown facts by their reason: which rules, how many subjects.
    pub fn unknown_reasons(&self) -> BTreeMap<&str, (Vec<&'static str>, usize)> {
        let mut reasons: BTreeMap<&str, (Vec<&'static str>, usize)> = BTreeMap::new();
        for (check, why) in self.unknowns() {
            let (rules, count) = reasons.entry(why).or_default();
            if !rules.contains(&check.rule.id) {
                rules.push(check.rule.id);
            }
            *count += 1;
        }
        reasons
    }
}

impl Check {
    /// The worst first, what is unknown after it, what holds last.
    const fn rank(&self) -> u8 {
        match self.outcome {
            Outcome::Found { severity: Severity::High, .. } => 4,
            Outcome::Found { severity: Severity::Medium, .. } => 3,
            Outcome::Found { severity: Severity::Low, .. } => 2,
            Outcome::Unknown { .. } => 1,
            Outcome::Passed => 0,
        }
    }

    /// What was seen, or why nothing was.
    pub(crate) fn evidence(&self) -> &str {
        match &self.outcome {
            Outcome::Passed => "",
            Outcome::Found { evidence, .. } => evidence,
            Outcome::Unknown { why } => why,
        }
    }
}

#[cfg(test)]
mod tests;
