//! What was found, in the words of the machine interface.

use std::borrow::Cow;
use std::error::Error as _;
use std::fmt;

use serde::{Serialize, Serializer};
use skink_path::{Code, Severity};
use skink_x509::{Certificate, Fingerprint, ParseError};

/// One thing that was found: the engine's findings, and those about reading and about files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What kind it is; stable.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// Whose it is; none for the chain as a whole.
    #[serde(serialize_with = "hexadecimal")]
    pub certificate: Option<Fingerprint>,
    /// Where the rule stands.
    pub section: &'static str,
    /// What was expected and what was found.
    pub message: String,
    /// What to do about it.
    pub fix: Cow<'static, str>,
}

#[expect(clippy::ref_option, reason = "serde hands fields over like this")]
fn hexadecimal<S: Serializer>(value: &Option<Fingerprint>, to: S) -> Result<S::Ok, S::Error> {
    value.map(|it| it.to_string()).serialize(to)
}

impl Finding {
    /// About a file or a part of one that could not be read.
    pub fn unread(message: String) -> Self {
        Self {
            code: "unreadable-input",
            severity: Severity::Warning,
            certificate: None,
            section: "-",
            message,
            fix: Cow::Borrowed("give it in PEM or DER, unlocked or with its passphrase"),
        }
    }

    /// About a certificate whose encoding breaks a rule.
    pub fn broken(certificate: &Certificate, error: &ParseError) -> Self {
        let message =
            error.source().map_or_else(|| error.to_string(), |why| format!("{error}: {why}"));
        Self {
            code: "malformed-encoding",
            severity: Severity::Error,
            certificate: Some(certificate.fingerprint()),
            section: Code::Malformed.section(),
            message,
            fix: Cow::Borrowed(Code::Malformed.fix()),
        }
    }

    /// An error of a kind that the engine knows, where the engine was not asked.
    pub(crate) fn of(code: Code, certificate: &Certificate, message: String) -> Self {
        Self {
            code: code.as_str(),
            severity: Severity::Error,
            certificate: Some(certificate.fingerprint()),
            section: code.section(),
            message,
            fix: Cow::Borrowed(code.fix()),
        }
    }

    /// About the chain or the question as a whole.
    pub(crate) fn whole(
        code: &'static str,
        severity: Severity,
        message: String,
        fix: &'static str,
    ) -> Self {
        let (section, fix) = ("-", Cow::Borrowed(fix));
        Self { code, severity, certificate: None, section, message, fix }
    }

    /// With somebody it is about.
    pub(crate) fn about(self, certificate: &Certificate) -> Self {
        Self { certificate: Some(certificate.fingerprint()), ..self }
    }

    /// Whether it alone refuses.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl From<&skink_path::Finding> for Finding {
    fn from(finding: &skink_path::Finding) -> Self {
        Self {
            code: finding.code.as_str(),
            severity: finding.severity,
            certificate: finding.certificate,
            section: finding.section(),
            message: with_evidence(finding),
            fix: Cow::Borrowed(finding.fix()),
        }
    }
}

/// The sentence, and what it rests on where that does not stand in it already.
fn with_evidence(finding: &skink_path::Finding) -> String {
    match &finding.evidence {
        Some(it) if !finding.message.contains(&it.found) => {
            format!("{}: expected {}, found {}", finding.message, it.expected, it.found)
        }
        _ => finding.message.clone(),
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}", self.message, self.code)?;
        if self.section != "-" {
            write!(f, ", {}", self.section)?;
        }
        f.write_str(")")
    }
}
