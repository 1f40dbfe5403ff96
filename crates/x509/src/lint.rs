//! Lints: what is wrong with a certificate or a CRL, one rule a file.
//!
//! They run over what is about to be signed (under a throwaway key) and over anything foreign. A
//! rule reads bytes leniently, so that one fault does not hide the next.

mod certificate;
mod crl;

use std::fmt;
use std::time::Duration;

pub use certificate::{lint_certificate, lint_read_certificate};
pub use crl::lint_crl;

use crate::Certificate;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Legal and worth a thought.
    Notice,
    /// Against a SHOULD, or known to cause trouble somewhere.
    Warning,
    /// Against a MUST: not to be signed.
    Error,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule's name, stable: `ca_key_usage`.
    pub rule: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// Where the rule stands: `RFC 5280 §4.2.1.3`.
    pub section: &'static str,
    /// What is wrong, in a sentence.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.rule, self.message, self.section)
    }
}

/// What a lint may know besides the bytes.
#[derive(Clone, Debug)]
pub struct LintContext {
    /// The issuing authority, when it is at hand: rules that compare with it run then.
    pub issuer: Option<Certificate>,
    /// The longest life of an end entity's certificate.
    pub max_end_entity_life: Duration,
}

impl Default for LintContext {
    /// No issuer; 398 days.
    fn default() -> Self {
        Self { issuer: None, max_end_entity_life: Duration::from_hours(398 * 24) }
    }
}

impl LintContext {
    /// With the issuing authority to compare with.
    pub fn issued_by(issuer: &Certificate) -> Self {
        Self { issuer: Some(issuer.clone()), ..Self::default() }
    }
}

/// A rule over `T`: what it is called, and what it complains about.
struct Rule<T: ?Sized> {
    name: &'static str,
    severity: Severity,
    section: &'static str,
    check: fn(&T) -> Vec<String>,
}

impl<T: ?Sized> Rule<T> {
    fn run(&self, subject: &T) -> impl Iterator<Item = Finding> {
        let Self { name, severity, section, check } = *self;
        check(subject).into_iter().map(move |message| Finding {
            rule: name,
            severity,
            section,
            message,
        })
    }
}

/// A complaint when `broken` holds.
fn complain(broken: bool, message: &str) -> Vec<String> {
    if broken { vec![message.to_owned()] } else { Vec::new() }
}

/// Whether a URI can be fetched without asking about a certificate first (RFC 5280 §8).
fn is_plain_http(uri: &str) -> bool {
    uri.strip_prefix("http://").is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
}

#[cfg(test)]
mod tests;
