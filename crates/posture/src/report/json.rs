//! The report for programs.

use serde_json::{Value, json};

use super::{Check, Report, STALE, STALE_DO};
use crate::Severity;

impl Report {
    /// The report as JSON.
    pub fn to_json(&self) -> Value {
        let findings: Vec<Value> = self
            .findings()
            .map(|(check, severity, evidence)| {
                let mut one = about(check);
                one["severity"] = json!(severity);
                one["evidence"] = json!(evidence);
                one
            })
            .collect();
        let unknown: Vec<Value> = self
            .unknowns()
            .map(|(check, why)| {
                let mut one = about(check);
                one["why"] = json!(why);
                one["needs"] = json!(check.rule.needs);
                one
            })
            .collect();
        let accepted: Vec<Value> = self
            .accepted()
            .map(|(check, accepted)| {
                let mut one = about(check);
                one["evidence"] = json!(check.evidence());
                one["owner"] = json!(accepted.owner);
                one["reason"] = json!(accepted.reason);
                one["until"] = json!(accepted.until);
                one
            })
            .collect();
        let stale: Vec<Value> = self
            .stale
            .iter()
            .map(|stale| {
                json!({
                    "rule": STALE, "severity": Severity::Low, "evidence": stale.why,
                    "recommendation": STALE_DO, "acceptance": stale.acceptance,
                })
            })
            .collect();
        let left_out: Vec<&str> = self.left_out.iter().map(|rule| rule.id).collect();
        json!({
            "at_ms": self.at.as_millis(), "counts": self.counts(), "findings": findings,
            "unknown": unknown, "accepted": accepted, "stale_acceptances": stale,
            "rules_left_out": left_out,
        })
    }
}

fn about(check: &Check) -> Value {
    json!({
        "rule": check.rule.id, "subject": check.subject, "title": check.rule.title,
        "recommendation": check.rule.recommendation, "clauses": check.rule.clauses,
    })
}
