//! What is wrong with what a server has or sends, in the order in which an experienced engineer
//! would look, and what mends it.

mod remedy;

use serde::Serialize;
use skink_path::{PeerName, Revocation, Severity};
use skink_x509::{Certificate, PublicKey, Time};

use crate::bag::{Bag, Read};
use crate::draw::label;
use crate::finding::Finding;
use crate::question::{self, Judgement, Question, Settings, Word};
use crate::repair::{self, RepairError};
use crate::structure::{self, Disorder, is_self_signed};

pub use remedy::Remedy;

/// Everything that a diagnosis is made from.
#[derive(Clone, Debug)]
pub struct Symptoms {
    /// The certificates as the server has or sends them, in its order.
    pub presented: Vec<Certificate>,
    /// All that is at hand: the presented, further certificates, CRLs, OCSP responses, keys.
    pub bag: Bag,
    /// Certificates that are trusted.
    pub anchors: Vec<Read>,
    /// What the chain is to be good for.
    pub settings: Settings,
    /// Where all this is from: `files` on the command line, or a host and port.
    pub place: Place,
    /// Further files that were given, as they are written on a command line.
    pub beside: Vec<String>,
    /// The options that the person gave and that a command to mend needs, too.
    pub options: Vec<String>,
}

/// Where what is diagnosed is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// These files, as they are written on a command line.
    Files(Vec<String>),
    /// A server.
    Server(String),
}

/// The steps, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Everything is there and can be read.
    Readable,
    /// Nothing is expired or not valid yet.
    Validity,
    /// No intermediate is missing.
    Completeness,
    /// The leaf first, each followed by its issuer.
    Order,
    /// The private key is the leaf's.
    Key,
    /// The name that is connected to is in the leaf.
    Name,
    /// The root is trusted.
    Trust,
    /// Nothing is revoked.
    Revocation,
    /// Keys and signatures are strong.
    Strength,
    /// Everything is used for what it was issued for.
    Usage,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Nothing is wrong.
    Good,
    /// Something is.
    Wrong,
    /// It was not looked at.
    Unknown,
}

/// A step with what was found at it.
#[derive(Clone, Debug, Serialize)]
pub struct Stage {
    /// Which step.
    pub step: Step,
    /// How it ended.
    pub state: State,
    /// What was looked at and how it is, in a sentence.
    pub summary: String,
    /// What was found, the weightiest first.
    pub findings: Vec<Finding>,
}

/// What was found, and what to do.
#[derive(Clone, Debug)]
pub struct Diagnosis {
    /// How it stands for a peer that trusts the anchors: what the engine says.
    pub judgement: Judgement,
    /// The steps in their order.
    pub stages: Vec<Stage>,
    /// What mends it, the most pressing first.
    pub remedies: Vec<Remedy>,
    /// The leaf that was diagnosed.
    pub leaf: Certificate,
    /// When it was judged.
    pub time: Time,
}

/// Walks the steps.
pub fn diagnose(symptoms: &Symptoms) -> Result<Diagnosis, RepairError> {
    let leaf = match repair::find_leaf(&symptoms.bag, &symptoms.settings) {
        Ok(leaf) => leaf,
        // A server says by the order which one it means.
        Err(RepairError::WhichLeaf(several)) => {
            let first = symptoms.presented.first().filter(|it| several.contains(it));
            let read = |first: &Certificate| {
                symptoms.bag.certificates.iter().find(|it| it.certificate == *first).cloned()
            };
            first.and_then(read).ok_or(RepairError::WhichLeaf(several))?
        }
        Err(other) => return Err(other),
    };
    let examined = Examined::new(symptoms, leaf);
    let mut stages = vec![
        examined.readable(),
        examined.validity(),
        examined.completeness(),
        examined.order(),
        examined.key(),
        examined.name(),
        examined.trust(),
        examined.revocation(),
        examined.strength(),
    ];
    let usage = examined.usage(&stages);
    stages.push(usage);
    let remedies = remedy::remedies(&examined, &stages);
    let Examined { judgement, leaf, .. } = examined;
    let time = symptoms.settings.time;
    Ok(Diagnosis { judgement, stages, remedies, leaf: leaf.certificate, time })
}

impl Diagnosis {
    /// Whether nothing is wrong.
    pub fn is_good(&self) -> bool {
        self.judgement.is_accepted() && self.stages.iter().all(|it| it.state != State::Wrong)
    }

    /// How it stands in one of three words; a chain in disorder is rejected, too.
    pub fn word(&self) -> Word {
        match self.judgement.word {
            Word::Undecided => Word::Undecided,
            _ if self.is_good() => Word::Accept,
            _ => Word::Reject,
        }
    }
}

/// What the steps look at.
struct Examined<'s> {
    symptoms: &'s Symptoms,
    leaf: Read,
    judgement: Judgement,
    /// The chain by its signatures alone, with everything at hand.
    chain: Vec<Certificate>,
    disorder: Disorder,
    /// The presented certificates alone, by their signatures.
    presented_chain: Vec<Certificate>,
}

/// Codes of the engine for each step; what is in none of them is about usage.
const UNREADABLE: [&str; 5] = [
    "unreadable-input",
    "malformed-encoding",
    "duplicate-extension",
    "signature-algorithm-mismatch",
    "unreadable-extension",
];
const NAMES: [&str; 3] = ["name-mismatch", "no-subject-alt-name", "common-name"];
const VALIDITY: [&str; 2] = ["expired", "not-yet-valid"];
const REVOCATION: [&str; 15] = [
    "revoked",
    "no-crl",
    "stale-crl",
    "crl-lacks-reasons",
    "crl-out-of-scope",
    "unreadable-crl",
    "crl-unknown-critical-extension",
    "crl-signer-not-accepted",
    "crl-signer-lacks-crl-sign",
    "crl-wrong-key",
    "crl-bad-signature",
    "crl-number",
    "crl-duplicate-serial",
    "ocsp-unusable",
    "crl-number-and-date-disagree",
];
const STRENGTH: [&str; 2] = ["weak-key", "weak-signature-algorithm"];

impl<'s> Examined<'s> {
    fn new(symptoms: &'s Symptoms, leaf: Read) -> Self {
        let Symptoms { presented, bag, anchors, settings, .. } = symptoms;
        let question = Question {
            leaf: leaf.clone(),
            bag: bag.clone(),
            anchors: anchors.clone(),
            settings: settings.clone(),
        };
        let judgement = question.judge();
        let all: Vec<_> =
            bag.certificates.iter().chain(anchors).map(|it| it.certificate.clone()).collect();
        // A path that the engine found is the chain, whatever is wrong with it; otherwise what hangs
        // together by good signatures.
        let (chain, presented_chain) = if judgement.reached_anchor {
            let is_sent = |it: &&Certificate| presented.contains(it);
            let sent = judgement.path.iter().take_while(is_sent).cloned().collect();
            (judgement.path.clone(), sent)
        } else {
            let sent = structure::chain(&leaf.certificate, presented);
            (structure::chain(&leaf.certificate, &all), sent)
        };
        let disorder = Disorder::of(presented, &chain);
        Self { symptoms, leaf, judgement, chain, disorder, presented_chain }
    }

    fn stage(step: Step, wrong: bool, summary: String, findings: Vec<Finding>) -> Stage {
        let wrong = wrong || findings.iter().any(Finding::is_error);
        let state = if wrong { State::Wrong } else { State::Good };
        Stage { step, state, summary, findings }
    }

    fn unknown(step: Step, summary: &str) -> Stage {
        Stage { step, state: State::Unknown, summary: summary.to_owned(), findings: Vec::new() }
    }

    /// The engine's findings of these kinds.
    fn with_codes(&self, codes: &[&str]) -> Vec<Finding> {
        let found = self.judgement.findings.iter().filter(|it| codes.contains(&it.code));
        found.cloned().collect()
    }

    fn readable(&self) -> Stage {
        let findings = self.with_codes(&UNREADABLE);
        let (wrong, summary) = match findings.len() {
            0 => (false, "everything that was given can be read".to_owned()),
            count => (true, format!("{count} things cannot be read as they should")),
        };
        Self::stage(Step::Readable, wrong, summary, findings)
    }

    fn validity(&self) -> Stage {
        let mut findings = self.with_codes(&VALIDITY);
        let time = self.symptoms.settings.time;
        // Presented certificates off the path may confuse peers, too.
        for certificate in &self.chain {
            let told = findings.iter().any(|it| it.certificate == Some(certificate.fingerprint()));
            if !told && !certificate.is_valid_at(time) {
                findings.extend(question::outside(certificate, time));
            }
        }
        let soonest = self.chain.iter().min_by_key(|it| it.not_after());
        let summary = match (findings.is_empty(), soonest) {
            (true, Some(it)) => {
                let left = crate::describe::validity(it, time);
                format!("all are valid; the first to end is {}: {left}", label(it))
            }
            (true, None) => String::new(),
            (false, _) => format!("not everything is valid at {time}"),
        };
        Self::stage(Step::Validity, false, summary, findings)
    }

    /// The chain hangs together up to a self-signed certificate or an anchor, by what is presented.
    fn completeness(&self) -> Stage {
        let top = self.presented_chain.last().unwrap_or(&self.leaf.certificate);
        let is_anchor =
            |it: &Certificate| self.symptoms.anchors.iter().any(|a| a.certificate == *it);
        let sent = self.presented_chain.len();
        let issuer_is_anchor = if self.judgement.reached_anchor {
            sent > 0 && sent + 1 >= self.chain.len()
        } else {
            self.symptoms.anchors.iter().any(|anchor| {
                anchor.certificate.subject() == top.issuer()
                    && top.verify_signed_by(anchor.certificate.public_key()).is_ok()
            })
        };
        let root_alone_is_left =
            self.chain.get(sent).is_some_and(is_self_signed) || self.ends_below_a_root().is_some();
        if is_self_signed(top) || is_anchor(top) || issuer_is_anchor || root_alone_is_left {
            let summary =
                format!("the chain is complete, {} certificates", self.presented_chain.len());
            return Self::stage(Step::Completeness, false, summary, Vec::new());
        }
        let missing = top.issuer().to_string();
        let message = match top.ca_issuers_uris().first() {
            Some(uri) => {
                format!(
                    "the issuer of {}, {missing}, is not among them; it is at {uri}",
                    label(top)
                )
            }
            None => format!("the issuer of {}, {missing}, is neither sent nor trusted", label(top)),
        };
        let fix = "add the missing intermediate to what the server sends";
        let finding = Finding::whole("incomplete-chain", Severity::Error, message, fix);
        let finding = finding.about(top);
        let summary = format!("{missing} is missing");
        Self::stage(Step::Completeness, true, summary, vec![finding])
    }

    /// The intermediate at the end of what is sent, if its issuer is a root that nobody trusts. An
    /// authority that names no place to get its issuer from was issued by a root, as a rule.
    fn ends_below_a_root(&self) -> Option<&Certificate> {
        let end = self.presented_chain.last().filter(|it| it.is_ca() && !is_self_signed(it))?;
        let is_end = !self.judgement.reached_anchor && self.chain.last() == Some(end);
        let is_leaf = *end == self.leaf.certificate;
        (is_end && !is_leaf && end.ca_issuers_uris().is_empty()).then_some(end)
    }

    fn order(&self) -> Stage {
        let it = &self.disorder;
        let fix = "send the leaf first, then each issuer, and nothing else";
        let finding =
            |code, severity, message: String| Finding::whole(code, severity, message, fix);
        let mut findings = Vec::new();
        if it.leaf_not_first || it.wrong_order {
            let names: Vec<_> = self.symptoms.presented.iter().map(label).collect();
            let message = format!("they stand in the order {}", names.join(", "));
            findings.push(finding("wrong-order", Severity::Error, message));
        }
        for certificate in &it.duplicates {
            let message = format!("{} is there twice", label(certificate));
            findings.push(finding("duplicate", Severity::Warning, message).about(certificate));
        }
        // While a link is missing, what lies beyond it is no stranger.
        for certificate in &it.strangers {
            let message = format!("{} does not belong to the chain", label(certificate));
            findings.push(finding("stranger", Severity::Warning, message).about(certificate));
        }
        if let Some(root) = &it.root {
            let message = format!("the root {} is sent: nobody needs it", label(root));
            findings.push(finding("root-sent", Severity::Note, message).about(root));
        }
        let summary = if it.is_wrong() {
            "the chain is not sent as it should be"
        } else {
            "the leaf is first, each is followed by its issuer"
        };
        Self::stage(Step::Order, it.is_wrong(), summary.to_owned(), findings)
    }

    fn key(&self) -> Stage {
        let keys = &self.symptoms.bag.keys;
        if let Place::Server(_) = self.symptoms.place {
            let summary = "the handshake shows that the server has the key";
            return Self::stage(Step::Key, false, summary.to_owned(), Vec::new());
        }
        if keys.is_empty() {
            return Self::unknown(Step::Key, "no private key was given");
        }
        let of_leaf = |key: &PublicKey| key == self.leaf.certificate.public_key();
        if keys.iter().any(|it| of_leaf(it.public())) {
            let summary = format!("the private key belongs to {}", label(&self.leaf.certificate));
            return Self::stage(Step::Key, false, summary, Vec::new());
        }
        let owner = self
            .symptoms
            .bag
            .certificates
            .iter()
            .find(|it| keys.iter().any(|key| key.public() == it.certificate.public_key()));
        let own = self.leaf.certificate.public_key().digest();
        let given = keys[0].public().digest();
        let message = match owner {
            Some(owner) => format!("the key belongs to {}", label(&owner.certificate)),
            None => format!("the certificate has the key {own}, the private key is of {given}"),
        };
        let fix = "find the key that the certificate was requested with, or have it issued anew";
        let finding = Finding::whole("key-mismatch", Severity::Error, message, fix);
        let summary = format!("the key is not that of {}", label(&self.leaf.certificate));
        Self::stage(Step::Key, true, summary, vec![finding.about(&self.leaf.certificate)])
    }

    fn name(&self) -> Stage {
        let Settings { name, profile, .. } = &self.symptoms.settings;
        if *name == PeerName::None {
            return Self::unknown(Step::Name, "no name was asked for (--host NAME)");
        }
        let mut findings = self.with_codes(&NAMES);
        if !findings.iter().any(|it| it.code == "name-mismatch") {
            findings.extend(question::misnamed(&self.leaf.certificate, name, *profile));
        }
        let lacks = findings.iter().any(|it| it.code == "name-mismatch");
        let summary = if lacks { "does not have" } else { "has" };
        let summary = format!("{} {summary} the name {name}", label(&self.leaf.certificate));
        Self::stage(Step::Name, false, summary, findings)
    }

    fn trust(&self) -> Stage {
        if self.judgement.reached_anchor {
            let root = self.judgement.path.last().map(label).unwrap_or_default();
            return Self::stage(Step::Trust, false, format!("{root} is trusted"), Vec::new());
        }
        let top = self.chain.last().unwrap_or(&self.leaf.certificate);
        let fix = "trust this root where clients run, if it is yours; else use another issuer";
        if let Some(end) = self.ends_below_a_root() {
            let (root, end_is) = (end.issuer(), label(end));
            let message = format!("the issuer of {end_is}, {root}, is neither sent nor trusted");
            let finding = Finding::whole("untrusted-root", Severity::Error, message, fix);
            let summary = format!("{root} is not trusted");
            return Self::stage(Step::Trust, true, summary, vec![finding.about(end)]);
        }
        if !is_self_signed(top) {
            return Self::unknown(Step::Trust, "the chain does not reach a root");
        }
        let (code, message) = if self.chain.len() == 1 {
            ("self-signed", "it is signed by itself, and not trusted".to_owned())
        } else {
            ("untrusted-root", format!("the chain ends at {}, which is not trusted", label(top)))
        };
        let finding = Finding::whole(code, Severity::Error, message, fix).about(top);
        Self::stage(Step::Trust, true, format!("{} is not trusted", label(top)), vec![finding])
    }

    fn revocation(&self) -> Stage {
        if self.symptoms.settings.revocation == Revocation::Off {
            let summary = "not looked at: no CRL and no OCSP response was given";
            return Self::unknown(Step::Revocation, summary);
        }
        let findings = self.with_codes(&REVOCATION);
        let summary = if findings.iter().any(|it| it.code == "revoked") {
            "something is revoked"
        } else if findings.iter().any(Finding::is_error) {
            "it cannot be shown that nothing is revoked"
        } else {
            "nothing is revoked"
        };
        Self::stage(Step::Revocation, false, summary.to_owned(), findings)
    }

    fn strength(&self) -> Stage {
        let findings = self.with_codes(&STRENGTH);
        let summary = if findings.iter().any(Finding::is_error) {
            "something is too weak"
        } else {
            "keys and signatures are strong"
        };
        Self::stage(Step::Strength, false, summary.to_owned(), findings)
    }

    /// Whatever no other step has told.
    fn usage(&self, told: &[Stage]) -> Stage {
        let is_told = |finding: &Finding| {
            told.iter().any(|stage| stage.findings.contains(finding))
                // Told as incomplete or as untrusted.
                || finding.code == "issuer-not-found"
                    && told.iter().any(|stage| {
                        matches!(stage.step, Step::Completeness | Step::Trust)
                            && stage.state == State::Wrong
                    })
        };
        let left = self.judgement.findings.iter().filter(|it| !is_told(it));
        let findings: Vec<_> = left.cloned().collect();
        let summary = if findings.iter().any(Finding::is_error) {
            "something is not what it is used for, or breaks a rule"
        } else {
            "everything is used for what it was issued for"
        };
        Self::stage(Step::Usage, false, summary.to_owned(), findings)
    }
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Readable => "readable",
            Self::Validity => "validity",
            Self::Completeness => "completeness",
            Self::Order => "order",
            Self::Key => "key",
            Self::Name => "name",
            Self::Trust => "trust",
            Self::Revocation => "revocation",
            Self::Strength => "strength",
            Self::Usage => "usage",
        })
    }
}

#[cfg(test)]
mod tests;
