//! The report as SARIF 2.1.0, for what collects findings of many tools.

use serde_json::{Value, json};

use super::{Check, Report, STALE, STALE_DO, STALE_TITLE, Stale};
use crate::{ALL, Outcome, Rule, Severity};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

impl Report {
    /// The report as a SARIF log with one run; `version` is the program's.
    pub fn to_sarif(&self, version: &str) -> Value {
        let mut rules: Vec<Value> = ALL.iter().map(|rule| described(rule)).collect();
        rules.push(json!({
            "id": STALE,
            "shortDescription": { "text": STALE_TITLE },
            "help": { "text": STALE_DO },
            "defaultConfiguration": { "level": level(Severity::Low) },
        }));
        let mut results: Vec<Value> = self.checks.iter().map(result).collect();
        results.extend(self.stale.iter().map(stale));
        json!({
            "$schema": SCHEMA,
            "version": "2.1.0",
            "runs": [{
                "tool": { "driver": {
                    "name": "skink posture",
                    "version": version,
                    "rules": rules,
                } },
                "invocations": [{
                    "executionSuccessful": true,
                    "endTimeUtc": self.at.to_string(),
                }],
                "columnKind": "unicodeCodePoints",
                "results": results,
            }],
        })
    }
}

fn described(rule: &Rule) -> Value {
    let clauses: Vec<String> = rule.clauses.iter().map(ToString::to_string).collect();
    json!({
        "id": rule.id,
        "shortDescription": { "text": rule.title },
        "fullDescription": { "text": format!("{}. It reads {}.", rule.title, rule.reads) },
        "help": { "text": rule.recommendation },
        "defaultConfiguration": { "level": level(rule.worst) },
        "properties": {
            "tags": clauses, "needs": rule.needs, "security-severity": score(rule.worst),
        },
    })
}

fn result(check: &Check) -> Value {
    let index = ALL.iter().position(|rule| rule.id == check.rule.id);
    let (kind, level, text) = match &check.outcome {
        Outcome::Passed => ("pass", "none", check.rule.title.to_owned()),
        Outcome::Found { severity, evidence } => {
            ("fail", level(*severity), format!("{}. {}.", evidence, check.rule.recommendation))
        }
        // Nothing could be decided (§3.27.9).
        Outcome::Unknown { why } => ("open", "none", format!("not known: {why}")),
    };
    let mut result = json!({
        "ruleId": check.rule.id,
        "ruleIndex": index,
        "kind": kind,
        "level": level,
        "message": { "text": text },
        "locations": [location(&check.subject)],
        "partialFingerprints": { "subject/v1": format!("{}:{}", check.rule.id, check.subject) },
    });
    if let Some(accepted) = &check.accepted {
        result["suppressions"] = json!([{
            "kind": "external",
            "status": "accepted",
            "justification": format!(
                "{} answers for it until {}: {}", accepted.owner, accepted.until, accepted.reason
            ),
        }]);
    }
    result
}

fn stale(stale: &Stale) -> Value {
    let one = &stale.acceptance;
    let text = format!(
        "{}'s acceptance of {} for {}, until {}: {}",
        one.owner, one.rule, one.subject, one.until, stale.why
    );
    json!({
        "ruleId": STALE,
        "ruleIndex": ALL.len(),
        "kind": "fail",
        "level": level(Severity::Low),
        "message": { "text": text },
        "locations": [location(&one.subject)],
        "partialFingerprints": { "subject/v1": format!("{STALE}:{}:{}", one.rule, one.subject) },
    })
}

/// A key is in no file: a logical place alone (§3.33).
fn location(subject: &str) -> Value {
    json!({ "logicalLocations": [{ "fullyQualifiedName": subject, "kind": "resource" }] })
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low => "note",
    }
}

const fn score(severity: Severity) -> &'static str {
    match severity {
        Severity::High => "8.0",
        Severity::Medium => "5.0",
        Severity::Low => "2.0",
    }
}
