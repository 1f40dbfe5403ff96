//! Everything that one call has at hand.

use std::collections::{HashMap, HashSet};

use skink_x509::crl::Crl;
use skink_x509::{Certificate, Fingerprint, Name};

use crate::Options;
use crate::distinguished::Canonical;
use crate::revocation::Scope;

/// A certificate that may be an issuer.
#[derive(Debug)]
pub(crate) struct Candidate<'a> {
    pub(crate) certificate: &'a Certificate,
    pub(crate) is_anchor: bool,
}

/// A CRL with what is asked of it again and again.
#[derive(Debug)]
pub(crate) struct List<'a> {
    pub(crate) crl: &'a Crl,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) issuer: Canonical,
    /// What it speaks about, or why it decides nothing.
    pub(crate) scope: Result<Scope, &'static str>,
}

/// Certificates by subject, CRLs, and the question.
#[derive(Debug)]
pub(crate) struct World<'a> {
    by_subject: HashMap<Canonical, Vec<Candidate<'a>>>,
    pub(crate) lists: Vec<List<'a>>,
    pub(crate) options: &'a Options<'a>,
}

impl<'a> World<'a> {
    pub(crate) fn new(
        untrusted: &'a [Certificate],
        anchors: &'a [Certificate],
        crls: &'a [Crl],
        options: &'a Options<'a>,
    ) -> Self {
        let mut by_subject: HashMap<Canonical, Vec<Candidate<'a>>> = HashMap::new();
        let anchors = anchors.iter().map(|certificate| Candidate { certificate, is_anchor: true });
        let others =
            untrusted.iter().map(|certificate| Candidate { certificate, is_anchor: false });
        let mut seen = HashSet::new();
        for candidate in anchors.chain(others) {
            if !seen.insert(candidate.certificate.fingerprint()) {
                continue;
            }
            let subject = Canonical::of(candidate.certificate.subject());
            by_subject.entry(subject).or_default().push(candidate);
        }
        // Neither the order in which a peer sends nor what it sends twice may change a verdict.
        for candidates in by_subject.values_mut() {
            candidates.sort_by_key(|it| (!it.is_anchor, it.certificate.fingerprint()));
        }
        let list = |crl: &'a Crl| List {
            crl,
            fingerprint: crl.fingerprint(),
            issuer: Canonical::of(crl.issuer()),
            scope: Scope::of(crl),
        };
        Self { by_subject, lists: crls.iter().map(list).collect(), options }
    }

    /// Every certificate with this subject, anchors first.
    pub(crate) fn with_subject(&self, subject: &Name) -> &[Candidate<'a>] {
        self.with_canonical_subject(&Canonical::of(subject))
    }

    pub(crate) fn with_canonical_subject(&self, subject: &Canonical) -> &[Candidate<'a>] {
        self.by_subject.get(subject).map_or(&[], Vec::as_slice)
    }
}
