//! The machine interface: one JSON job a line, one answer a line.

use serde::Deserialize;
use skink_path::{PeerName, Severity};
use skink_x509::{ObjectIdentifier, Time};

use crate::bag::{Bag, Read};
use crate::finding::Finding;
use crate::input::{self, NoPassphrase};
use crate::question::{Answer, Question, Settings, Word};
use crate::words::{self, UnknownWord};

/// A job as it is written; what it does not say has the default of [`Settings::at`]. Fields that
/// are not known are ignored.
#[derive(Clone, Debug, Deserialize)]
pub struct Job {
    leaf: String,
    #[serde(default)]
    untrusted: Vec<String>,
    #[serde(default)]
    trusted: Vec<String>,
    #[serde(default)]
    crls: Vec<String>,
    #[serde(default)]
    ocsp: Vec<String>,
    #[serde(default)]
    time: Option<String>,
    #[serde(default)]
    name: Option<JobName>,
    #[serde(default)]
    purpose: Option<String>,
    #[serde(default)]
    profile: Option<String>,
    #[serde(default)]
    revocation: Option<String>,
    #[serde(default)]
    max_depth: Option<usize>,
    #[serde(default)]
    policies: Option<Vec<String>>,
    #[serde(default)]
    explicit_policy: Option<bool>,
    #[serde(default)]
    inhibit_mapping: Option<bool>,
    #[serde(default)]
    inhibit_any: Option<bool>,
}

#[derive(Clone, Debug, Deserialize)]
struct JobName {
    kind: String,
    #[serde(default)]
    value: Option<String>,
}

/// Why a line is no job.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BadJob {
    /// It is no JSON, or a field is missing or of another type.
    #[error("the line is not a job: {0}")]
    Json(#[source] serde_json::Error),
    /// A word is not known.
    #[error(transparent)]
    Word(UnknownWord),
    /// The time is none.
    #[error("the time {0:?} is not in the form of RFC 3339")]
    Time(String),
    /// A policy is no object identifier.
    #[error("the policy {0:?} is no object identifier")]
    Policy(String),
    /// The line is longer than what is read at once.
    #[error("the line is longer than {0} bytes")]
    TooLong(usize),
    /// The program broke over it.
    #[error("the program broke over this job; that is a mistake in the program")]
    Broken,
}

impl BadJob {
    /// The answer to such a line: it decides nothing.
    pub fn answer(&self) -> Answer {
        let fix =
            "write one JSON object a line, in the form that `skink chain verify --help` shows";
        let finding = Finding::whole("bad-job", Severity::Error, self.to_string(), fix);
        Answer::without_path(Word::Undecided, finding)
    }
}

/// Answers one line; `now` is the time of jobs that say none.
pub fn answer(line: &[u8], now: Time) -> Answer {
    let job = serde_json::from_slice::<Job>(line).map_err(BadJob::Json);
    job.and_then(|job| job.answer(now)).unwrap_or_else(|bad| bad.answer())
}

impl Job {
    /// Judges it; `now` is the time if it says none.
    pub fn answer(&self, now: Time) -> Result<Answer, BadJob> {
        let settings = self.settings(now)?;
        let leaf = match self.leaf() {
            Ok(leaf) => leaf,
            Err(finding) => return Ok(Answer::without_path(Word::Reject, finding)),
        };
        let mut bag = Bag::default();
        let mut anchors = Bag::default();
        let (mut crls, mut ocsp) = (Bag::default(), Bag::default());
        for (into, texts, what) in [
            (&mut bag, &self.untrusted, "untrusted"),
            (&mut anchors, &self.trusted, "trusted"),
            (&mut crls, &self.crls, "crls"),
            (&mut ocsp, &self.ocsp, "ocsp"),
        ] {
            for (at, text) in texts.iter().enumerate() {
                into.add(input::read(text.as_bytes(), &mut NoPassphrase), &format!("{what}[{at}]"));
            }
        }
        bag.crls = crls.crls;
        bag.ocsp = ocsp.ocsp;
        bag.unread.extend([anchors.unread, crls.unread, ocsp.unread].into_iter().flatten());
        Ok(Question { leaf, bag, anchors: anchors.certificates, settings }.judge().answer())
    }

    fn leaf(&self) -> Result<Read, Finding> {
        let mut bag = Bag::default();
        bag.add(input::read(self.leaf.as_bytes(), &mut NoPassphrase), "leaf");
        let unread = bag.unread.into_iter().next();
        bag.certificates.into_iter().next().ok_or_else(|| {
            let message = "leaf: there is no certificate in it".to_owned();
            let finding = unread.unwrap_or_else(|| Finding::unread(message));
            Finding { severity: Severity::Error, ..finding }
        })
    }

    fn settings(&self, now: Time) -> Result<Settings, BadJob> {
        let defaults = Settings::at(now);
        let (purpose, profile) = (self.purpose.as_deref(), self.profile.as_deref());
        let revocation = self.revocation.as_deref();
        Ok(Settings {
            time: self.time.as_deref().map_or(Ok(now), time)?,
            purpose: purpose.map_or(Ok(defaults.purpose), words::purpose).map_err(BadJob::Word)?,
            name: self.name().map_err(BadJob::Word)?,
            profile: profile.map_or(Ok(defaults.profile), words::profile).map_err(BadJob::Word)?,
            revocation: revocation
                .map_or(Ok(defaults.revocation), words::revocation)
                .map_err(BadJob::Word)?,
            max_depth: self.max_depth,
            policies: policies(self.policies.as_deref().unwrap_or_default())?,
            explicit_policy: self.explicit_policy.unwrap_or_default(),
            inhibit_mapping: self.inhibit_mapping.unwrap_or_default(),
            inhibit_any: self.inhibit_any.unwrap_or_default(),
        })
    }

    fn name(&self) -> Result<PeerName, UnknownWord> {
        let Some(JobName { kind, value }) = &self.name else { return Ok(PeerName::None) };
        words::name(kind, value.as_deref().unwrap_or_default())
    }
}

/// A time of RFC 3339.
pub fn time(text: &str) -> Result<Time, BadJob> {
    let instant = text.parse::<jiff::Timestamp>().map_err(|_| BadJob::Time(text.to_owned()))?;
    Ok(Time::from_millis(instant.as_millisecond()))
}

fn policies(texts: &[String]) -> Result<Vec<ObjectIdentifier>, BadJob> {
    let read = |text: &String| text.parse().map_err(|_| BadJob::Policy(text.clone()));
    texts.iter().map(read).collect()
}

#[cfg(test)]
mod tests;
