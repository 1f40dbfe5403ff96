//! One question, one verdict.

use skink_x509::Certificate;
use skink_x509::crl::Crl;

use crate::{Finding, Options, Rejection, VerifiedPath, validate};

/// Everything that a verdict depends on: the same question always gets the same verdict.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// The end entity's certificate.
    pub leaf: &'a Certificate,
    /// Certificates that may stand between it and an anchor, in any order.
    pub untrusted: &'a [Certificate],
    /// Certificates that are trusted. They need not be self-signed; their validity, extensions and
    /// constraints are judged like any other's (RFC 5937).
    pub anchors: &'a [Certificate],
    /// CRLs at hand; OCSP responses stand in the options.
    pub crls: &'a [Crl],
    /// What the path is to be good for.
    pub options: Options<'a>,
}

/// What can be said about a question.
///
/// Revocation whose state nobody says is no open question: where the options ask for it, a
/// certificate without a current CRL or OCSP response is rejected (RFC 5280 §6.3.3, as PKITS wants).
#[derive(Clone, Debug)]
#[must_use = "a verdict that nobody looks at protects nobody"]
pub enum Verdict {
    /// A path was found that passes every check.
    Accepted(VerifiedPath),
    /// Every path was tried, and each of them is refused.
    Rejected(Rejection),
    /// No path was found good, and the reason is ours: the work budget was spent before every path
    /// was tried, or all that speaks against one is a signature of an algorithm that is not
    /// supported. Never to be taken for an acceptance.
    Undecided(Rejection),
}

/// Answers a question: the one entry point for whoever reports a verdict.
pub fn decide(question: &Question<'_>) -> Verdict {
    let Question { leaf, untrusted, anchors, crls, options } = question;
    match validate(leaf, untrusted, anchors, crls, options) {
        Ok(path) => Verdict::Accepted(path),
        Err(rejection) if rejection.is_undecided() => Verdict::Undecided(rejection),
        Err(rejection) => Verdict::Rejected(rejection),
    }
}

impl Verdict {
    /// The verdict in machine-readable output: `accept`, `reject` or `undecided`.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Accepted(_) => "accept",
            Self::Rejected(_) => "reject",
            Self::Undecided(_) => "undecided",
        }
    }

    /// Whether a path was accepted.
    pub const fn is_accepted(&self) -> bool {
        matches!(self, Self::Accepted(_))
    }

    /// How many signatures were verified; slow ones count several times.
    pub const fn signatures(&self) -> u32 {
        match self {
            Self::Accepted(path) => path.signatures(),
            Self::Rejected(rejection) | Self::Undecided(rejection) => rejection.signatures(),
        }
    }

    /// The accepted path, or the one that came closest; end entity first.
    pub fn path(&self) -> &[Certificate] {
        match self {
            Self::Accepted(path) => path.certificates(),
            Self::Rejected(rejection) | Self::Undecided(rejection) => {
                rejection.attempts().first().map_or(&[], crate::Attempt::path)
            }
        }
    }

    /// Everything that was found on that path, the weightiest first.
    pub fn findings(&self) -> &[Finding] {
        match self {
            Self::Accepted(path) => path.notes(),
            Self::Rejected(rejection) | Self::Undecided(rejection) => rejection.findings(),
        }
    }
}
