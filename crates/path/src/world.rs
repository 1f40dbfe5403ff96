//! Everything that one call has at hand.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};

use skink_x509::crl::Crl;
use skink_x509::{Certificate, Fingerprint, Name, Serial};

use crate::Options;
use crate::distinguished::Canonical;
use crate::revocation::{Scope, Strange};

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
    pub(crate) scope: Result<Scope, Strange>,
    twice: OnceCell<Option<Serial>>,
}

impl List<'_> {
    /// A serial that it lists twice; looked for once.
    pub(crate) fn duplicate_serial(&self) -> Option<&Serial> {
        self.twice.get_or_init(|| self.crl.duplicate_serial()).as_ref()
    }
}

/// Certificates by subject, CRLs, and the question.
#[derive(Debug)]
pub(crate) struct World<'a> {
    by_subject: HashMap<Canonical, Vec<Candidate<'a>>>,
    pub(crate) lists: Vec<List<'a>>,
    pub(crate) options: &'a Options<'a>,
    distances: OnceCell<HashMap<Fingerprint, u32>>,
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
        let mut names = Names::default();
        for candidate in anchors.chain(others) {
            if !seen.insert(candidate.certificate.fingerprint()) {
                continue;
            }
            let subject = names.canonical(candidate.certificate.subject());
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
            twice: OnceCell::new(),
        };
        Self {
            by_subject,
            lists: crls.iter().map(list).collect(),
            options,
            distances: OnceCell::new(),
        }
    }

    /// Every certificate with this subject, anchors first.
    pub(crate) fn with_subject(&self, subject: &Name) -> &[Candidate<'a>] {
        self.with_canonical_subject(&Canonical::of(subject))
    }

    pub(crate) fn with_canonical_subject(&self, subject: &Canonical) -> &[Candidate<'a>] {
        self.by_subject.get(subject).map_or(&[], Vec::as_slice)
    }

    /// How many certificates lie between each and an anchor, by names and key identifiers alone: what
    /// is not there leads to none. Worked out when it is first asked for, each certificate once.
    pub(crate) fn distances(&self) -> &HashMap<Fingerprint, u32> {
        self.distances.get_or_init(|| {
            let mut issued: HashMap<Canonical, ByKey<'_>> = HashMap::new();
            let mut names = Names::default();
            let all = || self.by_subject.values().flatten();
            for candidate in all().filter(|candidate| !candidate.is_anchor) {
                let certificate = candidate.certificate;
                let by_key = issued.entry(names.canonical(certificate.issuer())).or_default();
                by_key.entry(certificate.authority_key_id()).or_default().push(certificate);
            }
            let mut distances = HashMap::new();
            let anchors = all().filter(|candidate| candidate.is_anchor);
            let mut level: Vec<&Certificate> = anchors.map(|it| it.certificate).collect();
            for distance in 0.. {
                let mut next = Vec::new();
                for issuer in level {
                    if let Some(by_key) = issued.get_mut(&names.canonical(issuer.subject())) {
                        next.extend(take_below(by_key, issuer.subject_key_id()));
                    }
                }
                level = next;
                if level.is_empty() {
                    break;
                }
                distances.extend(level.iter().map(|it| (it.fingerprint(), distance)));
            }
            distances
        })
    }
}

/// Names that were met, each made canonical once: a bundle of many certificates has few.
#[derive(Default)]
struct Names<'a>(HashMap<&'a [u8], Canonical>);

impl<'a> Names<'a> {
    fn canonical(&mut self, name: &'a Name) -> Canonical {
        self.0.entry(name.to_der()).or_insert_with(|| Canonical::of(name)).clone()
    }
}

/// Certificates by the key that they name as their issuer's.
type ByKey<'a> = HashMap<Option<&'a [u8]>, Vec<&'a Certificate>>;

/// Takes out whatever an issuer with this key identifier may have issued: nothing is met twice.
fn take_below<'a>(by_key: &mut ByKey<'a>, own: Option<&'a [u8]>) -> Vec<&'a Certificate> {
    if own.is_none() {
        return by_key.drain().flat_map(|(_, certificates)| certificates).collect();
    }
    let named = by_key.remove(&own).unwrap_or_default();
    let silent = by_key.remove(&None).unwrap_or_default();
    [named, silent].concat()
}

/// Both name a key, and not the same.
pub(crate) fn contradicts(certificate: &Certificate, issuer: &Certificate) -> bool {
    match (certificate.authority_key_id(), issuer.subject_key_id()) {
        (Some(named), Some(own)) => named != own,
        _ => false,
    }
}
