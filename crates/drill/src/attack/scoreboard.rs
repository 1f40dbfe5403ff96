//! Every attempt of every attack, counted by phase and target.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use skink_model::Mechanism;

use crate::outcome::Outcome;
use crate::report::{AttackResult, RefusedBy};
use crate::thief::stolen::ThiefKind;

const KEPT_FAILURES: usize = 8;

/// When an attempt was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// After the theft, before anybody declared it.
    Before,
    /// Between declaration and the last gate.
    During,
    /// After the last gate.
    After,
}

/// One attempt against one target.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    pub(crate) target: String,
    /// How the target distrusts; `None` for the server, an agent or the offline root.
    pub(crate) mechanism: Option<Mechanism>,
    pub(crate) outcome: Outcome,
    /// Whether the legitimate counterpart was accepted beside it.
    pub(crate) control: bool,
}

/// Counts of all attacks.
#[derive(Debug, Default)]
pub(crate) struct Scoreboard(Mutex<BTreeMap<&'static str, Row>>);

#[derive(Debug, Default)]
struct Row {
    targets: BTreeSet<String>,
    accepted_before: BTreeSet<String>,
    refused_after: BTreeMap<String, Option<Mechanism>>,
    accepted_after: BTreeSet<String>,
    controls_ok: BTreeSet<String>,
    attempts_during: usize,
    last_accepted: Option<Instant>,
    failures: Vec<String>,
}

impl Scoreboard {
    /// Counts one attempt of the attack `name`.
    pub(crate) fn record(&self, name: &'static str, phase: Phase, attempt: Attempt) {
        let mut rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let row = rows.entry(name).or_default();
        row.targets.insert(attempt.target.clone());
        if attempt.outcome.accepted() {
            row.last_accepted = Some(Instant::now());
        }
        match phase {
            Phase::Before if attempt.outcome.accepted() => {
                row.accepted_before.insert(attempt.target);
            }
            Phase::Before => row.note(&attempt),
            // What neither let him in nor turned him away was no attempt on anybody.
            Phase::During if attempt.outcome.accepted() || attempt.outcome.refused() => {
                row.attempts_during += 1;
            }
            Phase::During => {}
            Phase::After => row.settle(attempt),
        }
    }

    /// The results, in the order of the names, with times counted from `declared`.
    pub(crate) fn results(&self, declared: Instant, thief: ThiefKind) -> Vec<AttackResult> {
        let rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rows.iter().map(|(name, row)| row.result(name, declared, thief)).collect()
    }
}

impl Row {
    fn settle(&mut self, attempt: Attempt) {
        if attempt.control {
            self.controls_ok.insert(attempt.target.clone());
        }
        if attempt.outcome.refused() {
            self.refused_after.insert(attempt.target, attempt.mechanism);
        } else {
            self.note(&attempt);
            self.accepted_after.insert(attempt.target);
        }
    }

    fn note(&mut self, attempt: &Attempt) {
        if self.failures.len() < KEPT_FAILURES {
            self.failures.push(format!("{}: {:?}", attempt.target, attempt.outcome));
        }
    }

    fn result(&self, name: &str, declared: Instant, thief: ThiefKind) -> AttackResult {
        let mut refused_by = RefusedBy::default();
        let standing =
            self.refused_after.iter().filter(|(target, _)| !self.accepted_after.contains(*target));
        let mut refused_after = 0;
        for (_, mechanism) in standing {
            refused_after += 1;
            *match mechanism {
                Some(Mechanism::Anchor) => &mut refused_by.anchor,
                Some(Mechanism::ParentCrl) => &mut refused_by.parent_crl,
                Some(Mechanism::Deny) => &mut refused_by.deny,
                _ => &mut refused_by.other,
            } += 1;
        }
        AttackResult {
            name: name.to_owned(),
            thief: super::means(name, thief),
            targets: self.targets.len(),
            accepted_before: self.accepted_before.len(),
            refused_after,
            controls_ok: self.controls_ok.len(),
            refused_by,
            last_accepted_s: self
                .last_accepted
                .and_then(|at| at.checked_duration_since(declared))
                .map(|after| after.as_secs_f64()),
            attempts_during: self.attempts_during,
            failures: self.failures.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(target: &str, outcome: Outcome, control: bool) -> Attempt {
        Attempt { target: target.to_owned(), mechanism: Some(Mechanism::Deny), outcome, control }
    }

    #[test]
    fn a_target_that_accepted_once_after_is_not_refused() {
        let board = Scoreboard::default();
        let declared = Instant::now();
        let refused = || Outcome::CertificateRefused("revoked".to_owned());
        board.record("rogue", Phase::After, attempt("a", refused(), true));
        board.record("rogue", Phase::After, attempt("b", refused(), false));
        let accepted = Outcome::Accepted { resumed: false };
        board.record("rogue", Phase::After, attempt("a", accepted, true));
        let result = &board.results(declared, ThiefKind::Copy)[0];
        assert_eq!((result.targets, result.refused_after, result.controls_ok), (2, 1, 1));
        assert_eq!(result.refused_by.deny, 1);
        assert!(result.last_accepted_s.is_some());
    }

    #[test]
    fn an_outage_is_no_refusal() {
        let board = Scoreboard::default();
        let down = Outcome::Failed("connection refused".to_owned());
        board.record("rogue", Phase::After, attempt("a", down, true));
        assert_eq!(board.results(Instant::now(), ThiefKind::Copy)[0].refused_after, 0);
    }
}
