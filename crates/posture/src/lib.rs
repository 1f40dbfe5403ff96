//! Whether keys, authorities and the people around them are kept as they should be.
//!
//! Pure: facts come in, findings go out, and the time is an argument. Each rule stands in a file of
//! its own, names the facts that it reads and the permission that reading them takes. What could not
//! be read is unknown, and never a pass.
#![warn(missing_docs)]

mod baseline;
mod clause;
mod facts;
mod known;
mod limits;
mod report;
mod rule;
mod rules;
mod span;

#[cfg(test)]
mod fixture;

pub use baseline::{Acceptance, BadBaseline, Baseline};
pub use clause::Clause;
pub use facts::{
    AuthorityFacts, AuthorityStanding, Deletion, Exportable, Facts, Grant, KeyFacts, KeyKind,
    KitFacts, LogFacts, OperatorFacts, Origin, ProfileFacts, Protection, Publication,
    PublicationKind, SecretFacts, ServerFacts, Signs, Standing, Work,
};
pub use known::{Fact, Untold};
pub use limits::{BadLimits, Limits};
pub use report::{Accepted, Check, Report, UnknownSeverity};
pub use rule::{Outcome, Rule, Scope, Severity};
pub use rules::{ALL, table};

use skink_x509::Time;

/// Holds every rule against the facts, as of `now`, and puts what is accepted aside.
pub fn check(facts: &Facts, limits: &Limits, baseline: &Baseline, now: Time) -> Report {
    let asked = rule::Asked { facts, limits, now };
    let run = |rule: &&'static Rule| rule.scope == Scope::Keys || facts.server.is_some();
    let (asked_of, left): (Vec<&'static Rule>, Vec<_>) = ALL.iter().copied().partition(run);
    let checks = asked_of.into_iter().flat_map(|rule| rule.judge(&asked)).collect();
    report::Report::new(checks, left, baseline, now)
}
