//! What was found, ranked by how much it says.

use std::fmt;

use serde::Serialize;
use skink_x509::{Certificate, Fingerprint};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// A SHOULD that is broken.
    Warning,
    /// The path is refused.
    Error,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $rank:literal, $section:literal, $fix:literal;)+) => {
        /// What kind of finding it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
        #[non_exhaustive]
        pub enum Code { $($(#[$doc])* #[serde(rename = $text)] $name),+ }

        impl Code {
            /// The code in machine-readable output.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }

            /// How much it explains: of two rejections the one with the higher rank is told.
            pub(crate) const fn rank(self) -> u8 {
                match self { $(Self::$name => $rank),+ }
            }

            /// Where the rule stands.
            pub const fn section(self) -> &'static str {
                match self { $(Self::$name => $section),+ }
            }

            /// What to do about it.
            pub const fn fix(self) -> &'static str {
                match self { $(Self::$name => $fix),+ }
            }
        }
    };
}

codes! {
    /// No certificate at hand issued this one.
    IssuerNotFound = "issuer-not-found", 10, "RFC 5280 §6.1", "add the missing intermediate, or trust its root";
    /// The work budget was spent before every path was tried.
    BudgetSpent = "budget-spent", 5, "RFC 5280 §6.1", "leave out certificates that do not belong to the chain";
    /// More intermediates than are allowed.
    TooLong = "path-too-long", 20, "RFC 5280 §6.1", "shorten the chain";
    /// The signature does not verify with the issuer's key.
    BadSignature = "bad-signature", 30, "RFC 5280 §6.1.3 (a)(1)", "replace the certificate, or its issuer of the same name";
    /// A signature or a key of an algorithm that cannot be judged here.
    UnsupportedAlgorithm = "unsupported-algorithm", 31, "RFC 5280 §4.1.1.2", "have the certificate issued with ECDSA, RSA, Ed25519 or ML-DSA";
    /// The signature's algorithm is not accepted.
    WeakSignature = "weak-signature-algorithm", 32, "RFC 5280 §4.1.1.2", "have the certificate issued with SHA-256 or better";
    /// An authority's certificate is not one.
    NotAnAuthority = "not-an-authority", 40, "RFC 5280 §6.1.4 (k)", "an end entity cannot issue: have the certificate issued by an authority";
    /// There are more authorities below than basicConstraints allow.
    PathLength = "path-length-exceeded", 42, "RFC 5280 §6.1.4 (m)", "an authority with path length 0 issues to end entities only";
    /// keyUsage forbids what the key does here.
    KeyUsage = "key-usage", 44, "RFC 5280 §4.2.1.3", "have the certificate issued with the key usage that is needed";
    /// A critical extension is not understood.
    UnknownCritical = "unknown-critical-extension", 46, "RFC 5280 §4.2", "have the certificate issued without it, or use software that knows it";
    /// A name lies outside the name constraints of an authority above.
    NameConstraint = "name-constraint", 48, "RFC 5280 §4.2.1.10", "have the certificate issued by an authority that may give this name";
    /// Name constraints are in a form that cannot be judged.
    UnreadableConstraint = "unreadable-name-constraint", 47, "RFC 5280 §4.2.1.10", "use constraints on DNS names, addresses, mailboxes, URIs or directory names";
    /// A rule about a field or an extension is broken.
    Malformed = "malformed", 36, "RFC 5280 §4", "have the certificate issued anew by software that keeps to the profile";
    /// The bytes are not in the encoding of a certificate.
    MalformedEncoding = "malformed-encoding", 39, "RFC 5280 §4.1", "have the certificate issued anew by software that keeps to DER";
    /// An extension is critical that must not be, or not critical that must be.
    Criticality = "wrong-criticality", 36, "RFC 5280 §4.2", "have the certificate issued anew with the criticality that the profile asks for";
    /// A name is malformed, or empty where one must stand.
    MalformedName = "malformed-name", 36, "RFC 5280 §4.2.1.6", "have the certificate issued with names in the right form";
    /// The serial number is none that may be.
    SerialNumber = "bad-serial-number", 36, "RFC 5280 §4.1.2.2", "have the certificate issued with a positive serial number of at most 20 octets";
    /// An extension stands twice.
    DuplicateExtension = "duplicate-extension", 36, "RFC 5280 §4.2", "have the certificate issued anew with each extension once";
    /// Two algorithms are named for the one signature.
    AlgorithmMismatch = "signature-algorithm-mismatch", 36, "RFC 5280 §4.1.1.2", "have the certificate issued anew by software that signs what it says that it signs";
    /// A server's common name is none of its alternative names.
    CommonName = "common-name", 36, "CA/Browser Forum BR §7.1.4.3", "have the certificate issued with a common name that repeats one of its alternative names, or without one";
    /// The extended key usage has a purpose that does not go with the others.
    ForbiddenPurpose = "forbidden-purpose", 37, "CA/Browser Forum BR §7.1.2.7.10", "have certificates issued for one purpose each";
    /// There are no alternative names, where the names of peers stand.
    NoAltNames = "no-subject-alt-name", 65, "RFC 5280 §4.2.1.6", "have the certificate issued with its names as subject alternative names";
    /// A key identifier is missing, or another than it must be.
    KeyIdentifier = "key-identifier", 35, "RFC 5280 §4.2.1.1", "have the certificate issued with its key identifiers";
    /// An extension cannot be read.
    Unreadable = "unreadable-extension", 38, "RFC 5280 §4.2", "have the certificate issued anew without the broken extension";
    /// No acceptable policy holds along the path.
    Policy = "no-acceptable-policy", 50, "RFC 5280 §6.1.5", "have the certificate issued under a policy that is accepted";
    /// The extensions about policies cannot be read, or contradict themselves.
    UnreadablePolicy = "unreadable-policy", 49, "RFC 5280 §4.2.1.4", "have the authority's certificate issued anew without the mistake";
    /// An authority's certificate is used as a peer's.
    AuthorityAsPeer = "authority-as-end-entity", 41, "RFC 5280 §4.2.1.9", "use a certificate of its own for the service";
    /// The certificate lives longer than is good.
    LongLife = "long-life", 2, "CA/Browser Forum BR §6.3.2", "have certificates issued for less than 398 days";
    /// The certificate is not valid yet.
    NotYetValid = "not-yet-valid", 60, "RFC 5280 §6.1.3 (a)(2)", "check the clock; wait, or have it issued with an earlier begin";
    /// The certificate has expired.
    Expired = "expired", 62, "RFC 5280 §6.1.3 (a)(2)", "renew the certificate";
    /// The extended key usage does not allow the purpose.
    Purpose = "purpose", 64, "RFC 5280 §4.2.1.12", "use a certificate that was issued for this purpose";
    /// No name of the certificate is the one that was asked for.
    NameMismatch = "name-mismatch", 66, "RFC 9525 §6", "connect by a name in the certificate, or have one issued with this name";
    /// The key is none.
    InvalidKey = "invalid-key", 69, "RFC 5280 §4.1.2.7", "have the certificate issued for a key of its algorithm";
    /// The key is too weak.
    WeakKey = "weak-key", 68, "NIST SP 800-131A", "make a stronger key";
    /// There is no CRL that speaks about the certificate.
    NoCrl = "no-crl", 70, "RFC 5280 §6.3.3", "fetch the CRL named in the certificate's distribution point";
    /// An OCSP response does not decide.
    OcspUnusable = "ocsp-unusable", 3, "RFC 6960 §3.2", "fetch the response anew from the responder named in the certificate";
    /// The CRLs of the issuer speak about other certificates.
    CrlScope = "crl-out-of-scope", 71, "RFC 5280 §6.3.3 (b)", "fetch the CRL named in the certificate's distribution point";
    /// What a CRL speaks about cannot be read.
    CrlUnreadable = "unreadable-crl", 72, "RFC 5280 §5.2.5", "have the CRL issued anew without the broken extension";
    /// A critical extension of a CRL or of an entry is not understood.
    CrlUnknownCritical = "crl-unknown-critical-extension", 73, "RFC 5280 §5.2", "have the CRL issued without it, or use software that knows it";
    /// Who signed the CRL leads to no anchor of the certificate's path.
    CrlSigner = "crl-signer-not-accepted", 74, "RFC 5280 §6.3.3 (f)", "fetch a CRL that is signed by the certificate's issuer, or give the CRL signer's chain";
    /// The CRL's signer may not sign CRLs.
    CrlSign = "crl-signer-lacks-crl-sign", 75, "RFC 5280 §6.3.3 (f)", "have the issuer's certificate issued anew with cRLSign in its keyUsage";
    /// Another key than the issuer's signed the CRL.
    CrlWrongKey = "crl-wrong-key", 76, "RFC 5280 §6.3.3 (g)", "fetch the CRL that this issuer's key signed; an authority with several keys has one for each";
    /// The CRL's signature does not verify.
    CrlSignature = "crl-bad-signature", 77, "RFC 5280 §6.3.3 (g)", "fetch the CRL anew: it was altered on its way, or is somebody else's";
    /// CRLs are there, and not for every reason of revocation.
    SomeReasons = "crl-lacks-reasons", 78, "RFC 5280 §6.3.3", "fetch the CRLs for the other reasons, too";
    /// The CRL is out of date.
    StaleCrl = "stale-crl", 79, "RFC 5280 §6.3.3 (a)", "fetch the CRL anew; if the published one is old, its authority has stopped";
    /// A CRL has no number, or one in a critical extension.
    CrlNumber = "crl-number", 33, "RFC 5280 §5.2.3", "have the issuer number its CRLs, in an extension that is not critical";
    /// A CRL lists a serial twice.
    CrlDuplicate = "crl-duplicate-serial", 33, "RFC 5280 §5.1.2.6", "have the issuer list each certificate once";
    /// Two CRLs of one scope disagree about which is newer.
    CrlDisagreement = "crl-number-and-date-disagree", 1, "RFC 5280 §5.2.3", "the issuer of these CRLs publishes out of order: find out why";
    /// The certificate is revoked.
    Revoked = "revoked", 90, "RFC 5280 §6.3.3", "replace the certificate: it stays revoked";
    /// The key is denied.
    DeniedKey = "denied-key", 100, "trust package", "replace everything that was issued with this key: it is in other hands";
}

/// One thing that was found about one certificate, or about the path as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What kind it is.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// Whose it is; none for the path as a whole.
    pub certificate: Option<Fingerprint>,
    /// What is wrong, in a sentence.
    pub message: String,
    /// What the sentence rests on, where there are two things to hold beside each other.
    pub evidence: Option<Evidence>,
    /// Where the rule stands.
    section: &'static str,
}

/// What was expected and what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// What would have been good.
    pub expected: String,
    /// What is there.
    pub found: String,
}

impl Finding {
    pub(crate) fn new(
        code: Code,
        severity: Severity,
        certificate: Option<&Certificate>,
        message: String,
    ) -> Self {
        let certificate = certificate.map(Certificate::fingerprint);
        Self { code, severity, certificate, message, evidence: None, section: code.section() }
    }

    pub(crate) fn error(code: Code, certificate: &Certificate, message: String) -> Self {
        Self::new(code, Severity::Error, Some(certificate), message)
    }

    pub(crate) fn warning(code: Code, certificate: &Certificate, message: String) -> Self {
        Self::new(code, Severity::Warning, Some(certificate), message)
    }

    pub(crate) fn note(code: Code, certificate: &Certificate, message: String) -> Self {
        Self::new(code, Severity::Note, Some(certificate), message)
    }

    pub(crate) fn of_path(code: Code, message: String) -> Self {
        Self::new(code, Severity::Error, None, message)
    }

    /// By a rule that stands elsewhere than most of its code.
    pub(crate) fn by(self, section: &'static str) -> Self {
        Self { section, ..self }
    }

    /// With what was expected and what was found.
    pub(crate) fn with(self, expected: impl fmt::Display, found: impl fmt::Display) -> Self {
        let evidence = Evidence { expected: expected.to_string(), found: found.to_string() };
        Self { evidence: Some(evidence), ..self }
    }

    /// Where the rule stands.
    pub const fn section(&self) -> &'static str {
        self.section
    }

    /// What to do about it.
    pub const fn fix(&self) -> &'static str {
        self.code.fix()
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, {})", self.message, self.code.as_str(), self.section())
    }
}

/// The weightiest first.
pub(crate) fn rank(findings: &mut [Finding]) {
    findings.sort_by_key(|finding| std::cmp::Reverse((finding.severity, finding.code.rank())));
}

/// A candidate path that was refused, or a beginning of one that led nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    path: Vec<Certificate>,
    reached_anchor: bool,
    findings: Vec<Finding>,
}

impl Attempt {
    pub(crate) fn new(
        path: Vec<Certificate>,
        reached_anchor: bool,
        mut findings: Vec<Finding>,
    ) -> Self {
        rank(&mut findings);
        Self { path, reached_anchor, findings }
    }

    /// The certificates, end entity first.
    pub fn path(&self) -> &[Certificate] {
        &self.path
    }

    /// Whether the last of them is an anchor.
    pub const fn reached_anchor(&self) -> bool {
        self.reached_anchor
    }

    /// What speaks against it, the weightiest first.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Whether all that speaks against it is that something is not supported.
    fn is_open(&self) -> bool {
        let mut errors = self.findings.iter().filter(|it| it.severity == Severity::Error);
        self.reached_anchor && errors.all(|it| it.code == Code::UnsupportedAlgorithm)
    }

    /// How far from acceptable it is: a path that reached an anchor is nearer than one that did not,
    /// then one with fewer errors, then one with a weightier reason, then a longer one.
    pub(crate) fn distance(&self) -> impl Ord + use<> {
        let errors = self.findings.iter().filter(|it| it.severity == Severity::Error).count();
        let rank = self.findings.iter().map(|it| it.code.rank()).max().unwrap_or(0);
        let reverse = std::cmp::Reverse((rank, self.path.len()));
        (!self.reached_anchor, errors, reverse)
    }
}

/// Why no path was accepted: all findings on the path that came closest, the weightiest first.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.summary())]
pub struct Rejection {
    findings: Vec<Finding>,
    attempts: Vec<Attempt>,
    candidates: usize,
    signatures: u32,
    undecided: Undecided,
}

/// Whether and why nothing is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Undecided {
    No,
    Spent,
    Open,
}

impl Rejection {
    pub(crate) fn new(
        mut attempts: Vec<Attempt>,
        candidates: usize,
        signatures: u32,
        spent: Option<Finding>,
        may_be_open: bool,
    ) -> Self {
        attempts.sort_by_cached_key(Attempt::distance);
        let closest = attempts.first().map(|closest| closest.findings.clone());
        let mut findings = closest.unwrap_or_default();
        let open = may_be_open && attempts.iter().any(Attempt::is_open);
        let undecided = match spent {
            Some(_) => Undecided::Spent,
            None if open => Undecided::Open,
            None => Undecided::No,
        };
        findings.extend(spent);
        Self { findings, attempts, candidates, signatures, undecided }
    }

    /// Every finding on the path that came closest, the weightiest first.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The candidates that were refused, the closest first; of very many, those that explain most.
    pub fn attempts(&self) -> &[Attempt] {
        &self.attempts
    }

    /// How many candidate paths reached an anchor and were judged.
    pub const fn candidates(&self) -> usize {
        self.candidates
    }

    /// How many signatures were verified; slow ones count several times.
    pub const fn signatures(&self) -> u32 {
        self.signatures
    }

    /// Whether nothing is decided: the budget was spent before every path was tried, or all that
    /// speaks against a path is an algorithm that is not supported.
    pub const fn is_undecided(&self) -> bool {
        !matches!(self.undecided, Undecided::No)
    }

    /// Whether the budget was spent before every path was tried.
    pub const fn is_spent(&self) -> bool {
        matches!(self.undecided, Undecided::Spent)
    }

    /// Whether a finding of this kind is among them.
    pub fn has(&self, code: Code) -> bool {
        self.findings.iter().any(|finding| finding.code == code)
    }

    fn summary(&self) -> String {
        let first = self.findings.first().map_or_else(String::new, ToString::to_string);
        match self.findings.len().saturating_sub(1) {
            0 => first,
            more => format!("{first} and {more} more"),
        }
    }
}
