//! The report at a terminal.

use std::fmt::Write as _;

use skink_posture::Report;

use crate::table::Table;

pub(super) fn people(report: &Report) -> String {
    let mut findings = Table::new(["severity", "rule", "of", "seen"], "nothing was found");
    for (check, severity, evidence) in report.findings() {
        findings.row([
            severity.to_string(),
            check.rule.id.to_owned(),
            check.subject.clone(),
            evidence.to_owned(),
        ]);
    }
    for stale in &report.stale {
        let one = &stale.acceptance;
        findings.row([
            "LOW".to_owned(),
            "stale-acceptance".to_owned(),
            format!("{} of {}", one.rule, one.subject),
            format!("{}'s, until {}: {}", one.owner, one.until, stale.why),
        ]);
    }
    let mut text = findings.to_string();
    to_do(&mut text, report);
    unknown(&mut text, report);
    accepted(&mut text, report);
    if !report.left_out.is_empty() {
        let names: Vec<&str> = report.left_out.iter().map(|rule| rule.id).collect();
        let _ = writeln!(text, "\nno server was asked; not run: {}", names.join(", "));
    }
    let counts = report.counts();
    // Writing into a string does not fail.
    let _ = writeln!(
        text,
        "\n{} high, {} medium, {} low, {} unknown, {} accepted, {} as it should be",
        counts.high, counts.medium, counts.low, counts.unknown, counts.accepted, counts.passed
    );
    text
}

fn to_do(text: &mut String, report: &Report) {
    let mut table = Table::new(["rule", "to do", "touches"], "");
    let mut said = Vec::new();
    for (check, ..) in report.findings() {
        if said.contains(&check.rule.id) {
            continue;
        }
        said.push(check.rule.id);
        let clauses: Vec<String> = check.rule.clauses.iter().map(ToString::to_string).collect();
        table.row([
            check.rule.id.to_owned(),
            check.rule.recommendation.to_owned(),
            clauses.join("; "),
        ]);
    }
    if !said.is_empty() {
        let _ = write!(text, "\n{table}");
    }
}

fn unknown(text: &mut String, report: &Report) {
    let reasons = report.unknown_reasons();
    if reasons.is_empty() {
        return;
    }
    let mut table = Table::new(["unknown, because", "rules", "times"], "");
    for (why, (rules, count)) in reasons {
        table.row([why.to_owned(), rules.join(", "), count.to_string()]);
    }
    let _ = write!(text, "\n{table}");
}

fn accepted(text: &mut String, report: &Report) {
    if report.accepted().next().is_none() {
        return;
    }
    let mut table = Table::new(["accepted", "of", "by", "until", "because"], "");
    for (check, one) in report.accepted() {
        table.row([
            check.rule.id.to_owned(),
            check.subject.clone(),
            one.owner.clone(),
            one.until.clone(),
            one.reason.clone(),
        ]);
    }
    let _ = write!(text, "\n{table}");
}
