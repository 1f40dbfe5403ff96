//! One question about one leaf, and the answer to it.

use serde::Serialize;
use skink_path::{
    Code, Formalities, Options, PeerName, Profile, Purpose, Revocation, Severity, Verdict, decide,
};
use skink_x509::{Certificate, Fingerprint, ObjectIdentifier, Time};

use crate::bag::{Bag, Read};
use crate::finding::Finding;

/// Beyond any use; the budget of signatures ends a search long before.
const ANY_DEPTH: usize = 1_000;

/// What a chain is to be good for.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The instant at which everything must be valid.
    pub time: Time,
    /// What the end entity's key is used for.
    pub purpose: Purpose,
    /// The name that it must have.
    pub name: PeerName,
    /// How strict to be.
    pub profile: Profile,
    /// Whose revocation is looked at.
    pub revocation: Revocation,
    /// The most intermediates that are not self-issued; none for any number.
    pub max_depth: Option<usize>,
    /// Policies one of which must be valid where one is required; none stand for any.
    pub policies: Vec<ObjectIdentifier>,
    /// Whether a valid policy is required from the anchor on.
    pub explicit_policy: bool,
    /// Whether policy mappings count for nothing.
    pub inhibit_mapping: bool,
    /// Whether anyPolicy counts for nothing.
    pub inhibit_any: bool,
}

impl Settings {
    /// For a TLS server as browsers see it: profile `webpki`, no name, no revocation.
    pub const fn at(time: Time) -> Self {
        Self {
            time,
            purpose: Purpose::Server,
            name: PeerName::None,
            profile: Profile::Webpki,
            revocation: Revocation::Off,
            max_depth: None,
            policies: Vec::new(),
            explicit_policy: false,
            inhibit_mapping: false,
            inhibit_any: false,
        }
    }

    /// The engine's options, with every MUST of RFC 5280 §4 enforced.
    pub fn options<'a>(&self, bag: &'a Bag) -> Options<'a> {
        Options {
            name: self.name.clone(),
            profile: self.profile,
            formalities: Formalities::Refuse,
            revocation: self.revocation,
            ocsp: &bag.ocsp,
            policies: self.policies.clone(),
            explicit_policy: self.explicit_policy,
            inhibit_mapping: self.inhibit_mapping,
            inhibit_any_policy: self.inhibit_any,
            max_intermediates: self.max_depth.unwrap_or(ANY_DEPTH).min(ANY_DEPTH),
            ..Options::new(self.time, self.purpose)
        }
    }
}

/// A question with everything that the verdict depends on.
#[derive(Clone, Debug)]
pub struct Question {
    /// The end entity's certificate.
    pub leaf: Read,
    /// Certificates that may stand between, CRLs and OCSP responses.
    pub bag: Bag,
    /// Certificates that are trusted.
    pub anchors: Vec<Read>,
    /// What the path is to be good for.
    pub settings: Settings,
}

/// The three ways in which a question can end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Word {
    /// A path passes every check.
    Accept,
    /// Every path is refused.
    Reject,
    /// It cannot be told; never to be taken for an acceptance.
    Undecided,
}

/// The answer of the machine interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// How it ended.
    pub verdict: Word,
    /// SHA-256 of each certificate's DER, leaf first: the accepted path, or the one that came
    /// closest.
    pub path: Vec<String>,
    /// Everything that was found on that path, the weightiest first.
    pub findings: Vec<Finding>,
}

/// An answer with the certificates and the paths that it speaks about.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// How it ended.
    pub word: Word,
    /// The accepted path, or the one that came closest; leaf first.
    pub path: Vec<Certificate>,
    /// Whether that path ends at an anchor.
    pub reached_anchor: bool,
    /// Everything that was found on it, the weightiest first.
    pub findings: Vec<Finding>,
    /// Other paths that were tried, and what speaks against each.
    pub others: Vec<Other>,
}

/// A path that was tried besides the one that is told.
#[derive(Clone, Debug, Serialize)]
pub struct Other {
    /// SHA-256 of each certificate's DER, leaf first.
    pub path: Vec<String>,
    /// What speaks against it.
    pub findings: Vec<Finding>,
}

/// The most other paths that are told.
const MOST_OTHERS: usize = 16;

impl Question {
    /// Finds the answer.
    pub fn judge(&self) -> Judgement {
        // Certificates that break rules of encoding explain; they never help to accept.
        let sound = self.decide(&Bag::sound(&self.bag.certificates), &Bag::sound(&self.anchors));
        let all_sound =
            self.bag.certificates.iter().chain(&self.anchors).all(|it| it.broken.is_empty());
        let leaf_is_sound = self.leaf.broken.is_empty();
        let is_open = matches!(sound, Verdict::Undecided(_));
        if all_sound || is_open || (leaf_is_sound && sound.is_accepted()) {
            return self.told(&sound);
        }
        let anchors: Vec<_> = self.anchors.iter().map(|it| it.certificate.clone()).collect();
        match self.decide(&self.bag.plain_certificates(), &anchors) {
            // Without them it is decided; that looking at them, too, takes too long changes nothing.
            Verdict::Undecided(_) => self.told(&sound),
            explained => self.told(&explained),
        }
    }

    /// What else is wrong with a path that ends nowhere, were its last certificate trusted.
    fn wrong_besides(&self, path: &[Certificate]) -> Vec<Finding> {
        let Some(top) = path.last() else { return Vec::new() };
        if let [leaf] = path {
            let findings = skink_path::examine(leaf, &self.settings.options(&self.bag));
            return findings.iter().map(Finding::from).collect();
        }
        let verdict = self.decide(path, std::slice::from_ref(top));
        let weighty = verdict.findings().iter().filter(|it| it.severity != Severity::Note);
        weighty.map(Finding::from).collect()
    }

    fn decide(&self, untrusted: &[Certificate], anchors: &[Certificate]) -> Verdict {
        decide(&skink_path::Question {
            leaf: &self.leaf.certificate,
            untrusted,
            anchors,
            crls: &self.bag.crls,
            options: self.settings.options(&self.bag),
        })
    }

    fn told(&self, verdict: &Verdict) -> Judgement {
        let path = verdict.path().to_vec();
        let mut findings = self.broken_on(&path);
        let word = match verdict {
            Verdict::Accepted(_) if findings.is_empty() => Word::Accept,
            // A leaf or an issuer that breaks rules of encoding is refused whatever else holds.
            Verdict::Accepted(_) | Verdict::Rejected(_) => Word::Reject,
            Verdict::Undecided(_) => Word::Undecided,
        };
        findings.extend(verdict.findings().iter().map(Finding::from));
        let (reached_anchor, others) = match verdict {
            Verdict::Accepted(_) => (true, Vec::new()),
            Verdict::Rejected(rejection) | Verdict::Undecided(rejection) => {
                let mut attempts = rejection.attempts().iter();
                let reached = attempts.next().is_some_and(skink_path::Attempt::reached_anchor);
                (reached, attempts.take(MOST_OTHERS).map(Other::from).collect())
            }
        };
        if word == Word::Reject && !reached_anchor {
            for finding in self.wrong_besides(&path) {
                if !findings.contains(&finding) {
                    findings.push(finding);
                }
            }
        }
        findings.sort_by_key(|it| std::cmp::Reverse(it.severity));
        findings.extend(self.bag.unread.iter().cloned());
        Judgement { word, path, reached_anchor, findings, others }
    }

    fn broken_on(&self, path: &[Certificate]) -> Vec<Finding> {
        let on_path = |it: &&Read| path.contains(&it.certificate);
        let mut told: Vec<Fingerprint> = Vec::new();
        let mut findings = Vec::new();
        let everybody = [&self.leaf].into_iter().chain(&self.bag.certificates).chain(&self.anchors);
        for read in everybody.filter(|it| !it.broken.is_empty()).filter(on_path) {
            let fingerprint = read.certificate.fingerprint();
            if !told.contains(&fingerprint) {
                told.push(fingerprint);
                findings.extend(read.findings());
            }
        }
        findings
    }
}

impl Judgement {
    /// The answer of the machine interface.
    pub fn answer(&self) -> Answer {
        Answer {
            verdict: self.word,
            path: fingerprints(&self.path),
            findings: self.findings.clone(),
        }
    }

    /// Whether a path was accepted.
    pub fn is_accepted(&self) -> bool {
        self.word == Word::Accept
    }

    /// Whether something of this kind was found.
    pub fn has(&self, code: &str) -> bool {
        self.findings.iter().any(|it| it.code == code && it.severity == Severity::Error)
    }
}

impl Answer {
    /// Without a path: nothing could be judged.
    pub(crate) fn without_path(verdict: Word, finding: Finding) -> Self {
        Self { verdict, path: Vec::new(), findings: vec![finding] }
    }
}

impl From<&skink_path::Attempt> for Other {
    fn from(attempt: &skink_path::Attempt) -> Self {
        Self {
            path: fingerprints(attempt.path()),
            findings: attempt.findings().iter().map(Finding::from).collect(),
        }
    }
}

fn fingerprints(path: &[Certificate]) -> Vec<String> {
    path.iter().map(|it| it.fingerprint().to_string()).collect()
}

/// That a certificate has expired or is not valid yet.
pub(crate) fn outside(certificate: &Certificate, time: Time) -> Option<Finding> {
    let (code, message) = if time > certificate.not_after() {
        (Code::Expired, format!("expired at {}, it is {time}", certificate.not_after()))
    } else if time < certificate.not_before() {
        (Code::NotYetValid, format!("valid from {}, it is {time}", certificate.not_before()))
    } else {
        return None;
    };
    Some(Finding::of(code, certificate, message))
}

/// That a certificate does not have a name.
pub(crate) fn misnamed(
    certificate: &Certificate,
    name: &PeerName,
    profile: Profile,
) -> Option<Finding> {
    if skink_path::has_name(certificate, name, profile) {
        return None;
    }
    let names: Vec<_> = certificate.subject_alt_names().iter().map(ToString::to_string).collect();
    let names = if names.is_empty() { "no name".to_owned() } else { names.join(", ") };
    let message = format!("wanted {name}, the certificate has {names}");
    Some(Finding::of(Code::NameMismatch, certificate, message))
}
