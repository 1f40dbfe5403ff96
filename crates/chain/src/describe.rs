//! What a piece is, told in full.

use serde::Serialize;
use skink_x509::crl::Crl;
use skink_x509::lint::{self, LintContext, lint_certificate, lint_crl};
use skink_x509::ocsp::{CertStatus, OcspResponse, ResponderId};
use skink_x509::{
    Certificate, Csr, GeneralName, Hex, ParseError, Plain, PublicKey, SignatureAlgorithm, Time,
    oid, weak,
};

use crate::input::{Item, Piece, PrivateKey};
use crate::purposes;

/// A piece in facts; what does not apply is absent.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Description {
    /// What it is: `certificate`, `private-key` and so on.
    pub kind: &'static str,
    /// What it stood in.
    pub container: String,
    /// The line on which its block begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The name that its container gives it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// Its role in a sentence, or why it cannot be read.
    pub summary: String,
    /// The facts in order: what, and how it is.
    pub facts: Vec<Fact>,
    /// SHA-256 of its DER, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// The digest of its public key, the same for a certificate, a request and a private key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_sha256: Option<String>,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
    /// Whether it could be read.
    pub readable: bool,
}

/// One fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// Of what.
    pub name: &'static str,
    /// How it is.
    pub value: String,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// `error`, `warning` or `note`.
    pub severity: &'static str,
    /// The rule's name.
    pub rule: &'static str,
    /// Where the rule stands.
    pub section: &'static str,
    /// What is wrong.
    pub message: String,
}

/// Tells everything about a piece as it is at `now`.
pub fn describe(piece: &Piece, now: Time) -> Description {
    let mut told = Told::default();
    match &piece.item {
        Item::Certificate(it, broken) => told.certificate(it, broken, now),
        Item::Request(it) => told.request(it),
        Item::Crl(it) => told.crl(it, now),
        Item::Ocsp(it) => told.ocsp(it, now),
        Item::PrivateKey(it) => told.private_key(it),
        Item::PublicKey(it) => {
            "a public key".clone_into(&mut told.0.summary);
            told.key(it);
        }
        Item::Locked(kind, lock) => told.0.summary = format!("{kind}: {lock}"),
        Item::Unreadable(kind, why) => told.0.summary = format!("{kind}: {why}"),
    }
    for remark in &piece.remarks {
        told.problem("note", "unusual_form", "-", remark.to_string());
    }
    told.0.summary = Plain::of(told.0.summary);
    Description {
        kind: piece.item.kind().as_str(),
        container: piece.container.to_string(),
        line: piece.line,
        alias: piece.alias.as_ref().map(|it| Plain(it).to_string()),
        readable: !matches!(piece.item, Item::Locked(..) | Item::Unreadable(..)),
        ..told.0
    }
}

#[derive(Default)]
struct Told(Description);

impl Told {
    fn fact(&mut self, name: &'static str, value: impl std::fmt::Display) {
        let value = Plain::of(value.to_string());
        if !value.is_empty() {
            self.0.facts.push(Fact { name, value });
        }
    }

    fn problem(
        &mut self,
        severity: &'static str,
        rule: &'static str,
        section: &'static str,
        message: String,
    ) {
        let message = Plain::of(message);
        self.0.problems.push(Problem { severity, rule, section, message });
    }

    fn lints(&mut self, findings: Vec<lint::Finding>) {
        for lint::Finding { rule, severity, section, message } in findings {
            let severity = match severity {
                lint::Severity::Error => "error",
                lint::Severity::Warning => "warning",
                lint::Severity::Notice => "note",
            };
            self.problem(severity, rule, section, message);
        }
    }

    fn certificate(&mut self, it: &Certificate, broken: &[ParseError], now: Time) {
        self.0.summary = role(it);
        self.fact("subject", it.subject());
        self.fact("issuer", it.issuer());
        self.fact("serial", it.serial());
        self.fact("names", names(it.subject_alt_names()));
        self.fact("valid", format!("{} to {}", it.not_before(), it.not_after()));
        self.fact("validity", validity(it, now));
        self.key(it.public_key());
        self.fact(
            "signed with",
            signature(it.signature_algorithm().map(SignatureAlgorithm::as_str)),
        );
        self.fact("key usage", it.key_usage().map(|it| it.to_string()).unwrap_or_default());
        let purposes: Vec<_> =
            it.extended_key_usages().iter().map(|it| purposes::name(*it)).collect();
        self.fact("purposes", purposes.join(", "));
        if it.is_ca() {
            let below = it.path_len().map(|it| format!("at most {it} authorities below"));
            self.fact("path length", below.unwrap_or_default());
        }
        self.fact("key identifier", it.subject_key_id().map(hex).unwrap_or_default());
        self.fact("issuer's key identifier", it.authority_key_id().map(hex).unwrap_or_default());
        self.fact("CRL", it.crl_distribution_points().join(" "));
        self.fact("OCSP", it.ocsp_uris().join(" "));
        self.fact("issuer's certificate", it.ca_issuers_uris().join(" "));
        self.fact("SHA-256", it.fingerprint());
        self.fact("SHA-1", hex(&it.thumbprint()));
        self.0.sha256 = Some(it.fingerprint().to_string());
        for error in broken {
            let finding = crate::Finding::broken(it, error);
            self.problem("error", "encoding", finding.section, finding.message);
        }
        if now > it.not_after() {
            self.problem("error", "expired", "RFC 5280 §4.1.2.5", validity(it, now));
        }
        if broken.is_empty() {
            self.lints(lint_certificate(it.der(), &LintContext::default()));
        }
    }

    fn key(&mut self, key: &PublicKey) {
        self.fact("key", format!("{}, {} bits", key.algorithm(), key.bits()));
        self.fact("key SHA-256", key.digest());
        self.0.key_sha256 = Some(key.digest().to_string());
        if let Err(reason) = weak::check_key(key) {
            self.problem("error", "weak_key", "NIST SP 800-131A", reason.to_string());
        }
    }

    fn request(&mut self, it: &Csr) {
        "a request for a certificate".clone_into(&mut self.0.summary);
        self.fact("subject", it.subject());
        self.fact("names", names(it.subject_alt_names()));
        self.key(it.public_key());
        if it.wants_ca() {
            self.fact("wants", "to be an authority");
        }
        match it.verify() {
            Ok(()) => self.fact("proof of possession", "good"),
            Err(error) => self.problem("error", "possession", "RFC 2986 §4.2", error.to_string()),
        }
        if it.subject_alt_names().is_empty() {
            let message = "it asks for no names; what only the subject says, browsers ignore";
            self.problem("note", "names", "RFC 9525 §2", message.to_owned());
        }
    }

    fn crl(&mut self, it: &Crl, now: Time) {
        let count = it.len();
        self.0.summary = format!("a revocation list with {count} certificates");
        self.fact("issuer", it.issuer());
        self.fact("number", it.number().map(ToString::to_string).unwrap_or_default());
        self.fact("this update", it.this_update());
        self.fact("next update", it.next_update().map(|it| it.to_string()).unwrap_or_default());
        let delta = it.extensions().iter().any(|it| it.oid == oid::DELTA_CRL_INDICATOR);
        self.fact("kind", if delta { "delta" } else { "complete" });
        if let Some(point) = it.issuing_distribution_point() {
            self.fact("scope", format!("{:?} {}", point.contains, point.uris.join(" ")));
        }
        self.fact(
            "signed with",
            signature(it.signature_algorithm().map(SignatureAlgorithm::as_str)),
        );
        self.fact("SHA-256", it.fingerprint());
        self.0.sha256 = Some(it.fingerprint().to_string());
        if it.next_update().is_some_and(|next| next < now) {
            let message = "it is out of date: a newer one should be there".to_owned();
            self.problem("warning", "stale", "RFC 5280 §5.1.2.5", message);
        }
        self.lints(lint_crl(it.der(), &LintContext::default()));
    }

    fn ocsp(&mut self, it: &OcspResponse, now: Time) {
        let Some(basic) = &it.basic else {
            self.0.summary = format!("an OCSP response without an answer: {:?}", it.status);
            return;
        };
        "an OCSP response".clone_into(&mut self.0.summary);
        let by = match basic.responder() {
            ResponderId::ByName(name) => name.to_string(),
            ResponderId::ByKey(key) => format!("key {}", hex(key)),
        };
        self.fact("responder", by);
        self.fact("made", basic.produced_at());
        for answer in basic.responses() {
            let status = match &answer.status {
                CertStatus::Good => "good".to_owned(),
                CertStatus::Unknown => "unknown".to_owned(),
                CertStatus::Revoked { at, reason } => {
                    let why = reason.map(|it| format!(", {it}")).unwrap_or_default();
                    format!("revoked since {at}{why}")
                }
                _ => "of a kind that is not known".to_owned(),
            };
            let until = answer.next_update.map(|it| format!(" to {it}")).unwrap_or_default();
            let serial = answer.cert_id.serial();
            self.fact("answer", format!("{serial}: {status}, from {}{until}", answer.this_update));
            if !answer.is_current(now) {
                let message = format!("the answer about {serial} is out of date");
                self.problem("warning", "stale", "RFC 6960 §3.2", message);
            }
        }
        self.fact("certificates with it", basic.certificates().len());
    }

    fn private_key(&mut self, it: &PrivateKey) {
        let lock = if it.was_locked() { "locked by a passphrase" } else { "not locked" };
        self.0.summary = format!("a private key, {lock}");
        self.fact("form", it.form().as_str());
        self.key(it.public());
        if !it.is_consistent() {
            let message = "the parts of the key do not fit each other".to_owned();
            self.problem("error", "inconsistent_key", "-", message);
        }
    }
}

/// What a certificate is in a chain.
fn role(it: &Certificate) -> String {
    let own = it.is_self_issued();
    match (it.is_ca(), own) {
        (true, true) if it.verify_signed_by(it.public_key()).is_ok() => "a root certificate",
        (true, true) => "an authority's certificate, issued by one of the same name",
        (true, false) => "an intermediate certificate",
        (false, true) => "a self-signed certificate of an end entity",
        (false, false) => "a certificate of an end entity",
    }
    .to_owned()
}

/// How the validity stands, in days.
pub fn validity(it: &Certificate, now: Time) -> String {
    const DAY: u64 = 86_400;
    let days = |from: Time, to: Time| to.since(from).as_secs() / DAY;
    if now < it.not_before() {
        format!("not valid yet: begins in {} days", days(now, it.not_before()))
    } else if now > it.not_after() {
        format!("expired {} days ago", days(it.not_after(), now))
    } else {
        format!("{} days left", days(now, it.not_after()))
    }
}

fn names(names: &[GeneralName]) -> String {
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn signature(algorithm: Option<&'static str>) -> &'static str {
    algorithm.unwrap_or("an algorithm that is not accepted")
}

fn hex(bytes: &[u8]) -> String {
    Hex(bytes).to_string()
}
