//! The search for paths: depth first, anchors before intermediates, under a budget.

use skink_x509::Certificate;
use skink_x509::crl::Crl;

use crate::finding::{Code, Finding, Rejection};
use crate::judge::judge;
use crate::{Options, VerifiedPath};

/// One call's search.
pub(crate) struct Search<'a> {
    untrusted: &'a [Certificate],
    anchors: &'a [Certificate],
    crls: &'a [Crl],
    options: &'a Options<'a>,
    budget: u32,
    candidates: usize,
    closest: Option<Closest>,
}

/// The rejected path that explains most.
struct Closest {
    reached_anchor: bool,
    rank: u8,
    errors: usize,
    findings: Vec<Finding>,
}

/// The budget is spent.
pub(crate) struct Spent;

impl<'a> Search<'a> {
    pub(crate) fn new(
        untrusted: &'a [Certificate],
        anchors: &'a [Certificate],
        crls: &'a [Crl],
        options: &'a Options<'a>,
    ) -> Self {
        let budget = options.budget;
        Self { untrusted, anchors, crls, options, budget, candidates: 0, closest: None }
    }

    pub(crate) fn run(mut self, leaf: &Certificate) -> Result<VerifiedPath, Rejection> {
        match self.extend(std::slice::from_ref(leaf)) {
            Ok(Some(path)) => Ok(path),
            Ok(None) => Err(self.rejection(false)),
            Err(Spent) => Err(self.rejection(true)),
        }
    }

    fn rejection(self, spent: bool) -> Rejection {
        let mut findings = self.closest.map(|closest| closest.findings).unwrap_or_default();
        if spent {
            let message = format!("gave up after {} steps", self.options.budget);
            findings.push(Finding::of_path(Code::BudgetSpent, message));
        }
        Rejection::new(findings, self.candidates)
    }

    /// Tries every issuer of the path's last certificate.
    fn extend(&mut self, path: &[Certificate]) -> Result<Option<VerifiedPath>, Spent> {
        let Some(last) = path.last() else { return Ok(None) };
        let mut broken = Vec::new();
        let mut found = false;
        let anchors = self.anchors.iter().map(|anchor| (anchor, true));
        let untrusted = self.untrusted.iter().map(|certificate| (certificate, false));
        let mut issuers: Vec<_> = anchors
            .chain(untrusted)
            .filter(|(issuer, _)| issuer.subject() == last.issuer())
            .filter(|(issuer, is_anchor)| *is_anchor || !repeats(path, issuer))
            .collect();
        // Anchors first; among the others the one that the authority key identifier names.
        issuers.sort_by_key(|(issuer, is_anchor)| (!is_anchor, !is_named(last, issuer)));
        for (issuer, is_anchor) in issuers {
            self.spend()?;
            found = true;
            match check_signature(last, issuer) {
                Err(finding) => broken.push(finding),
                Ok(()) if is_anchor => {
                    if let Some(verified) =
                        self.consider([path, std::slice::from_ref(issuer)].concat())?
                    {
                        return Ok(Some(verified));
                    }
                }
                Ok(()) if path.len() > self.options.max_intermediates => {
                    let most = self.options.max_intermediates;
                    let message = format!("more than {most} intermediate certificates");
                    self.reject(false, vec![Finding::error(Code::TooLong, last, message)]);
                }
                Ok(()) => {
                    if let Some(verified) =
                        self.extend(&[path, std::slice::from_ref(issuer)].concat())?
                    {
                        return Ok(Some(verified));
                    }
                }
            }
        }
        if !broken.is_empty() {
            self.reject(false, broken);
        } else if !found {
            let message = format!("no certificate at hand has the subject {}", last.issuer());
            self.reject(false, vec![Finding::error(Code::IssuerNotFound, last, message)]);
        }
        Ok(None)
    }

    /// Judges a path whose signatures are good.
    fn consider(&mut self, path: Vec<Certificate>) -> Result<Option<VerifiedPath>, Spent> {
        self.candidates += 1;
        let (crls, options) = (self.crls, self.options);
        let findings = judge(&path, crls, options, &mut || self.spend())?;
        if findings.iter().any(|finding| finding.severity == crate::Severity::Error) {
            self.reject(true, findings);
            return Ok(None);
        }
        Ok(Some(VerifiedPath { certificates: path, notes: findings }))
    }

    fn spend(&mut self) -> Result<(), Spent> {
        self.budget = self.budget.checked_sub(1).ok_or(Spent)?;
        Ok(())
    }

    /// Keeps the findings if they explain more than what was kept before: a path that reached an
    /// anchor over one that did not, then the one with fewer errors, then the weightier reason.
    fn reject(&mut self, reached_anchor: bool, findings: Vec<Finding>) {
        let rank = findings.iter().map(|finding| finding.code.rank()).max().unwrap_or(0);
        let new = Closest { reached_anchor, rank, errors: findings.len(), findings };
        let better = |old: &Closest| {
            let key = |closest: &Closest| {
                (closest.reached_anchor, std::cmp::Reverse(closest.errors), closest.rank)
            };
            key(&new) > key(old)
        };
        if self.closest.as_ref().is_none_or(better) {
            self.closest = Some(new);
        }
    }
}

fn repeats(path: &[Certificate], issuer: &Certificate) -> bool {
    path.iter().any(|on_path| {
        on_path.subject() == issuer.subject()
            && on_path.public_key().digest() == issuer.public_key().digest()
    })
}

fn is_named(certificate: &Certificate, issuer: &Certificate) -> bool {
    certificate.authority_key_id().is_some()
        && certificate.authority_key_id() == issuer.subject_key_id()
}

fn check_signature(certificate: &Certificate, issuer: &Certificate) -> Result<(), Finding> {
    if certificate.signature_algorithm().is_none() {
        let message = "its signature algorithm is not accepted".to_owned();
        return Err(Finding::error(Code::WeakSignature, certificate, message));
    }
    certificate.verify_signed_by(issuer.public_key()).map_err(|_| {
        let message = format!("its signature does not verify with the key of {}", issuer.subject());
        Finding::error(Code::BadSignature, certificate, message)
    })
}
