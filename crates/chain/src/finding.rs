//! What was found, in the words of the machine interface.

use std::borrow::Cow;
use std::error::Error as _;
use std::fmt;

use serde::{Serialize, Serializer};
use skink_path::{Code, Severity, section_of_extension};
use skink_x509::{Certificate, Fingerprint, ParseError, Plain, oid};

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
            message: Plain::of(message),
            fix: Cow::Borrowed("give it in PEM or DER, unlocked or with its passphrase"),
        }
    }

    /// About a certificate whose encoding breaks a rule.
    pub fn broken(certificate: &Certificate, error: &ParseError) -> Self {
        let (code, section) = match error {
            ParseError::DuplicateExtension { .. } => (Code::DuplicateExtension, None),
            ParseError::AlgorithmMismatch { .. } => (Code::AlgorithmMismatch, None),
            ParseError::Serial { .. } => (Code::SerialNumber, None),
            ParseError::Version { .. } => (Code::Malformed, Some("RFC 5280 §4.1.2.1")),
            ParseError::Extension { oid: oid::SUBJECT_ALT_NAME, .. } => (Code::MalformedName, None),
            ParseError::Extension { oid, .. } => {
                (Code::Unreadable, Some(section_of_extension(*oid)))
            }
            _ => (Code::MalformedEncoding, None),
        };
        let mut message = error.to_string();
        let mut next = error.source();
        while let Some(why) = next {
            message = format!("{message}: {why}");
            next = why.source();
        }
        Self { section: section.unwrap_or(code.section()), ..Self::of(code, certificate, message) }
    }

    /// An error of a kind that the engine knows, where the engine was not asked.
    pub(crate) fn of(code: Code, certificate: &Certificate, message: String) -> Self {
        Self {
            code: code.as_str(),
            severity: Severity::Error,
            certificate: Some(certificate.fingerprint()),
            section: code.section(),
            message: Plain::of(message),
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
        let message = Plain::of(message);
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
            message: Plain::of(with_evidence(finding)),
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

#[cfg(test)]
mod tests {
    use skink_testkit::{DAY, TestKey, TestPki};
    use skink_x509::{Extensions, KeyAlgorithm, ObjectIdentifier};

    use super::*;

    type Bend<'b> = &'b dyn Fn(Vec<u8>) -> Vec<u8>;

    /// A certificate whose signed bytes `bend` changes before they are signed, and what is said of it.
    fn told(extensions: Extensions, bend: impl FnOnce(Vec<u8>) -> Vec<u8>) -> Vec<Finding> {
        let pki = TestPki::new();
        let key = TestKey::generate(KeyAlgorithm::EcP256);
        let mut spec = pki.issuer.spec("x.test", &key, DAY);
        spec.extensions = extensions;
        let der = pki.issuer.key.finish(&bend(spec.tbs_der().unwrap()));
        let (certificate, errors) = Certificate::from_der_lenient(&der).unwrap();
        errors.iter().map(|error| Finding::broken(&certificate, error)).collect()
    }

    fn replaced(mut bytes: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
        let at = bytes.windows(from.len()).position(|it| it == from).unwrap();
        bytes[at..at + to.len()].copy_from_slice(to);
        bytes
    }

    #[test]
    fn what_cannot_be_read_has_its_own_code_and_section() {
        let raw =
            |oid: ObjectIdentifier, value: &[u8]| Extensions::new().raw(oid, false, value.to_vec());
        let stand_in: ObjectIdentifier = "2.5.29.99".parse().unwrap();
        let twice = raw(oid::KEY_USAGE, &[3, 2, 7, 0x80]).raw(stand_in, false, vec![3, 2, 7, 0x80]);
        let again = |tbs| replaced(tbs, &[0x55, 0x1d, 99], &[0x55, 0x1d, 15]);
        // ecdsa-with-SHA256, and inside the one with SHA-384.
        let sha_256 = [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
        let sha_384 = [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3];
        let other = |tbs| replaced(tbs, &sha_256, &sha_384);
        let none = Extensions::new;
        let cases: [(Extensions, Bend<'_>, &str, &str); 7] = [
            (twice, &again, "duplicate-extension", "§4.2"),
            (none(), &other, "signature-algorithm-mismatch", "§4.1.1.2"),
            (raw(oid::SUBJECT_ALT_NAME, &[0x30, 0]), &|it| it, "malformed-name", "§4.2.1.6"),
            (raw(oid::SUBJECT_ALT_NAME, &[1, 1, 0]), &|it| it, "malformed-name", "§4.2.1.6"),
            (raw(oid::BASIC_CONSTRAINTS, &[5, 0]), &|it| it, "unreadable-extension", "§4.2.1.9"),
            (raw(oid::KEY_USAGE, &[5, 0]), &|it| it, "unreadable-extension", "§4.2.1.3"),
            (raw(oid::EXTENDED_KEY_USAGE, &[5, 0]), &|it| it, "unreadable-extension", "§4.2.1.12"),
        ];
        for (extensions, bend, code, section) in cases {
            let findings = told(extensions, bend);
            let [only] = &findings[..] else { panic!("{code}: {findings:?}") };
            assert_eq!(only.code, code, "{only}");
            assert_eq!(only.section, format!("RFC 5280 {section}"), "{only}");
            assert!(only.is_error() && !only.fix.is_empty());
        }
    }

    #[test]
    fn a_serial_that_is_too_long_is_told_as_such() {
        let pki = TestPki::new();
        let key = TestKey::generate(KeyAlgorithm::EcP256);
        let spec = pki.issuer.spec("x.test", &key, DAY);
        let tbs = spec.tbs_der().unwrap();
        // Four octets more than the 17 of ours; the length of the whole is in one byte.
        let at = tbs.windows(2).position(|it| it == [2, 17]).unwrap();
        let mut tbs = [&tbs[..at], &[2, 21, 1, 2, 3, 4], &tbs[at + 2..]].concat();
        assert_eq!(tbs[1], 0x81);
        tbs[2] += 4;
        let der = pki.issuer.key.finish(&tbs);
        let (certificate, errors) = Certificate::from_der_lenient(&der).unwrap();
        let finding = Finding::broken(&certificate, &errors[0]);
        assert_eq!((finding.code, finding.section), ("bad-serial-number", "RFC 5280 §4.1.2.2"));
    }

    #[test]
    fn an_empty_issuer_is_told_though_nobody_is_found_of_that_name() {
        let pki = TestPki::new();
        let key = TestKey::generate(KeyAlgorithm::EcP256);
        let mut spec = pki.issuer.spec("x.test", &key, DAY);
        spec.issuer = skink_x509::Name::empty();
        let certificate = pki.issuer.certify(&spec);
        let question = crate::Question {
            leaf: crate::Read { certificate, broken: Vec::new() },
            bag: crate::Bag::default(),
            anchors: Vec::new(),
            settings: crate::Settings::at(skink_testkit::NOW),
        };
        let findings = question.judge().findings;
        let empty = |it: &Finding| it.code == "malformed-name" && it.section.ends_with("§4.1.2.4");
        assert!(findings.iter().any(empty), "{findings:?}");
    }
}
