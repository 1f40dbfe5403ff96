//! Findings and paths for people.

use std::collections::HashMap;
use std::fmt::Write as _;

use skink_chain::{Finding, draw};
use skink_path::Severity;
use skink_x509::{Certificate, Fingerprint};

/// What the certificates at hand are called.
#[derive(Default)]
pub(crate) struct Labels(HashMap<Fingerprint, String>);

impl Labels {
    pub(crate) fn of<'a>(certificates: impl IntoIterator<Item = &'a Certificate>) -> Self {
        let label = |it: &Certificate| (it.fingerprint(), draw::label(it));
        Self(certificates.into_iter().map(label).collect())
    }
}

/// A line for each finding, and a line with what to do.
pub(crate) fn findings(findings: &[Finding], labels: &Labels) -> String {
    told(findings, labels, true)
}

/// A line for each finding.
pub(crate) fn plain_findings(findings: &[Finding], labels: &Labels) -> String {
    told(findings, labels, false)
}

fn told(findings: &[Finding], labels: &Labels, with_fix: bool) -> String {
    let mut text = String::new();
    for finding in findings {
        let severity = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        };
        let whose = finding.certificate.map(|it| {
            let label = labels.0.get(&it).cloned();
            format!("{}: ", label.unwrap_or_else(|| it.to_string()[..16].to_owned()))
        });
        // Writing into a string does not fail.
        let _ = writeln!(text, "{severity}: {}{finding}", whose.unwrap_or_default());
        if with_fix && finding.severity == Severity::Error {
            let _ = writeln!(text, "  fix: {}", finding.fix);
        }
    }
    text
}
