//! What a rule is.

use serde::{Deserialize, Serialize};
use skink_x509::Time;

use crate::facts::{Facts, KeyFacts, ServerFacts};
use crate::{Clause, Limits, Untold};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// To be seen to with the next change.
    Low,
    /// To be planned.
    Medium,
    /// To be done now.
    High,
}

impl Severity {
    /// In a word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::High => "HIGH",
            Self::Medium => "MEDIUM",
            Self::Low => "LOW",
        }
    }
}

impl std::fmt::Display for Severity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a rule reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Keys and their places: run always.
    Keys,
    /// What only a server tells: not run without one.
    Server,
}

/// One thing that ought to hold.
#[derive(Debug)]
pub struct Rule {
    /// Its stable name.
    pub id: &'static str,
    /// What ought to hold.
    pub title: &'static str,
    /// The worst that it finds.
    pub worst: Severity,
    /// What it reads.
    pub scope: Scope,
    /// The facts that it reads.
    pub reads: &'static str,
    /// The permission that reading them takes.
    pub needs: &'static str,
    /// What to do about a finding.
    pub recommendation: &'static str,
    /// The clauses that a finding touches.
    pub clauses: &'static [Clause],
    pub(crate) judge: fn(&Asked<'_>) -> Vec<(String, Outcome)>,
}

/// What became of one rule for one subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It holds.
    Passed,
    /// It does not.
    Found {
        /// How bad that is here.
        severity: Severity,
        /// What was seen.
        evidence: String,
    },
    /// Nobody knows.
    Unknown {
        /// Why not.
        why: String,
    },
}

/// What a rule is asked over.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) facts: &'a Facts,
    pub(crate) limits: &'a Limits,
    pub(crate) now: Time,
}

/// What a rule says of one subject.
pub(crate) enum Verdict {
    Holds,
    Breaks(Severity, String),
    /// The rule is not about this one.
    Apart,
}

pub(crate) type Judged = Result<Verdict, Untold>;

impl Rule {
    pub(crate) fn judge(&'static self, asked: &Asked<'_>) -> Vec<(&'static Self, String, Outcome)> {
        (self.judge)(asked).into_iter().map(|(subject, outcome)| (self, subject, outcome)).collect()
    }
}

impl Asked<'_> {
    /// Judges each key that is not gone.
    pub(crate) fn keys(&self, judge: impl Fn(&KeyFacts) -> Judged) -> Vec<(String, Outcome)> {
        let keys = self.facts.keys.iter().filter(|key| !key.is_gone());
        keys.filter_map(|key| named(&key.name, judge(key))).collect()
    }

    /// What the server tells; rules that ask are not run without one.
    pub(crate) fn server(
        &self,
        judge: impl Fn(&ServerFacts) -> Vec<(String, Outcome)>,
    ) -> Vec<(String, Outcome)> {
        self.facts.server.as_ref().map(judge).unwrap_or_default()
    }
}

/// Judges each of a list that may not be known as a whole.
pub(crate) fn each<T>(
    whole: &str,
    list: &crate::Fact<Vec<T>>,
    name: impl Fn(&T) -> &str,
    judge: impl Fn(&T) -> Judged,
) -> Vec<(String, Outcome)> {
    match list.told() {
        Ok(list) => list.iter().filter_map(|one| named(name(one), judge(one))).collect(),
        Err(untold) => named(whole, Err(untold)).into_iter().collect(),
    }
}

pub(crate) fn named(subject: &str, judged: Judged) -> Option<(String, Outcome)> {
    let outcome = match judged {
        Ok(Verdict::Apart) => return None,
        Ok(Verdict::Holds) => Outcome::Passed,
        Ok(Verdict::Breaks(severity, evidence)) => Outcome::Found { severity, evidence },
        Err(Untold(why)) => Outcome::Unknown { why },
    };
    Some((subject.to_owned(), outcome))
}

/// A verdict by what was found, if anything.
#[expect(clippy::unnecessary_wraps, reason = "it ends what may stop at an unknown fact")]
pub(crate) fn unless(found: Option<(Severity, String)>) -> Judged {
    Ok(found.map_or(Verdict::Holds, |(severity, evidence)| Verdict::Breaks(severity, evidence)))
}

impl KeyFacts {
    fn is_gone(&self) -> bool {
        matches!(self.standing, crate::Fact::Known(crate::facts::Standing::Destroyed))
    }

    /// A verdict about its grants: what is seen may be found, and passes only if all is seen.
    pub(crate) fn granted(&self, found: Option<(Severity, String)>) -> Judged {
        match (found, &self.unseen_grants) {
            (None, Some(why)) => Err(Untold(why.clone())),
            (found, _) => unless(found),
        }
    }

    /// Whether it signs for an authority.
    pub(crate) const fn is_authoritys(&self) -> bool {
        matches!(self.work, crate::facts::Work::Authority(_))
    }
}
