//! The search for paths: depth first, anchors before intermediates, under a budget.

use skink_x509::crl::Crl;
use skink_x509::{Certificate, Fingerprint};

use crate::budget::{Budget, Spent};
use crate::distinguished::Distinguished;
use crate::finding::{Code, Finding, Rejection};
use crate::judge::judge;
use crate::{Options, Severity, VerifiedPath};

/// Everything at hand, each certificate once and in an order of its own: neither the order nor the
/// number of times in which a certificate is given changes what is found.
pub(crate) struct Material<'a> {
    candidates: Vec<Candidate<'a>>,
    /// CRLs with their issuers' names.
    pub(crate) crls: Vec<(Distinguished, &'a Crl)>,
}

/// A certificate that may have issued another.
pub(crate) struct Candidate<'a> {
    pub(crate) certificate: &'a Certificate,
    pub(crate) subject: Distinguished,
    pub(crate) is_anchor: bool,
}

impl<'a> Material<'a> {
    pub(crate) fn new(
        untrusted: &'a [Certificate],
        anchors: &'a [Certificate],
        crls: &'a [Crl],
    ) -> Self {
        let given = |certificates: &'a [Certificate], is_anchor| {
            certificates.iter().map(move |certificate| Candidate {
                certificate,
                subject: Distinguished::of(certificate.subject()),
                is_anchor,
            })
        };
        let mut candidates: Vec<_> = given(anchors, true).chain(given(untrusted, false)).collect();
        candidates.sort_by_key(|one| (one.certificate.fingerprint(), !one.is_anchor));
        candidates.dedup_by_key(|one| one.certificate.fingerprint());
        let crls = crls.iter().map(|crl| (Distinguished::of(crl.issuer()), crl)).collect();
        Self { candidates, crls }
    }

    /// Every certificate with that subject.
    pub(crate) fn named<'s>(
        &'s self,
        subject: &'s Distinguished,
    ) -> impl Iterator<Item = &'s Candidate<'a>> {
        self.candidates.iter().filter(move |candidate| candidate.subject == *subject)
    }
}

/// What a path is looked for with.
#[derive(Clone, Copy)]
pub(crate) struct Context<'c> {
    pub(crate) material: &'c Material<'c>,
    pub(crate) options: &'c Options<'c>,
    /// The one anchor that counts: a CRL's signer must end where the certificate ends.
    pub(crate) anchor: Option<&'c Certificate>,
    /// Certificates whose revocation is being judged: nothing that they issued can clear them.
    pub(crate) judged: &'c [Fingerprint],
    /// Signers of CRLs whose own paths are being judged: they are not judged again below.
    pub(crate) signers: &'c [Fingerprint],
}

/// One search.
pub(crate) struct Search<'c> {
    context: Context<'c>,
    budget: &'c mut Budget,
    tried: usize,
    closest: Option<Closest>,
}

/// The rejected path that explains most.
struct Closest {
    reached_anchor: bool,
    rank: u8,
    errors: u32,
    findings: Vec<Finding>,
}

impl<'c> Search<'c> {
    pub(crate) const fn new(context: Context<'c>, budget: &'c mut Budget) -> Self {
        Self { context, budget, tried: 0, closest: None }
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
            let message = format!("gave up after {} steps", self.context.options.budget);
            findings.push(Finding::of_path(Code::BudgetSpent, message));
        }
        Rejection::new(findings, self.tried)
    }

    /// Tries every issuer of the path's last certificate.
    fn extend(&mut self, path: &[Certificate]) -> Result<Option<VerifiedPath>, Spent> {
        let Some(last) = path.last() else { return Ok(None) };
        let mut broken = Vec::new();
        let issuers = self.issuers(path, last);
        if issuers.is_empty() {
            let message = format!("no certificate at hand has the subject {}", last.issuer());
            self.reject(false, vec![Finding::error(Code::IssuerNotFound, last, message)]);
        }
        for (issuer, is_anchor) in issuers {
            self.budget.step()?;
            match check_signature(last, issuer) {
                Err(finding) => broken.push(finding),
                Ok(()) if is_anchor => {
                    if let Some(verified) =
                        self.consider([path, std::slice::from_ref(issuer)].concat())?
                    {
                        return Ok(Some(verified));
                    }
                }
                Ok(()) if path.len() > self.context.options.max_intermediates => {
                    let most = self.context.options.max_intermediates;
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
        }
        Ok(None)
    }

    /// Who may have issued `last`, the likeliest first: anchors, then who has the key identifier
    /// that it names, then who could have issued anything at the time in question.
    fn issuers(&self, path: &[Certificate], last: &Certificate) -> Vec<(&'c Certificate, bool)> {
        let Context { material, options, anchor, judged, .. } = self.context;
        let name = Distinguished::of(last.issuer());
        let mut issuers: Vec<_> = material
            .named(&name)
            .map(|candidate| (candidate.certificate, candidate.is_anchor))
            .filter(|(issuer, is_anchor)| match is_anchor {
                true => anchor.is_none_or(|only| only == *issuer),
                false => !judged.contains(&issuer.fingerprint()) && !repeats(path, issuer),
            })
            .collect();
        issuers.sort_by_key(|(issuer, is_anchor)| {
            let usable = issuer.is_ca() && issuer.is_valid_at(options.time);
            (!is_anchor, !is_named(last, issuer), !usable)
        });
        issuers
    }

    /// Judges a path whose signatures are good.
    fn consider(&mut self, path: Vec<Certificate>) -> Result<Option<VerifiedPath>, Spent> {
        self.tried += 1;
        let findings = judge(&path, self.context, self.budget)?;
        if findings.iter().any(|finding| finding.severity == Severity::Error) {
            self.reject(true, findings);
            return Ok(None);
        }
        Ok(Some(VerifiedPath { certificates: path, notes: findings }))
    }

    /// Keeps the findings if they explain more than what was kept before: a path that reached an
    /// anchor over one that did not, then the one with fewer errors, then the weightier reason.
    fn reject(&mut self, reached_anchor: bool, findings: Vec<Finding>) {
        let errors = findings.iter().filter(|finding| finding.severity == Severity::Error);
        let (errors, rank) = errors
            .fold((0, 0), |(count, rank), finding| (count + 1, finding.code.rank().max(rank)));
        let new = Closest { reached_anchor, rank, errors, findings };
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

/// A path that comes back to a name and key that it has been at is a loop.
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
