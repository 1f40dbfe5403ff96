//! The search for paths: depth first, the likeliest issuer first, under a budget.

use skink_x509::{Certificate, KeyUsage};

use crate::distinguished::is_self_issued;
use crate::finding::{Attempt, Code, Finding, Rejection, Severity};
use crate::judge::{Role, judge};
use crate::work::{FOLLOW, Spent, Work};
use crate::world::{Candidate, World};
use crate::{Profile, VerifiedPath};

/// How many refused candidates are told beside the closest.
const TOLD: usize = 8;

/// One search for a path.
pub(crate) struct Search<'w, 'a> {
    world: &'w World<'a>,
    work: &'w mut Work,
    role: Role<'w>,
    candidates: usize,
    attempts: Vec<Attempt>,
}

impl<'w, 'a> Search<'w, 'a> {
    pub(crate) fn new(world: &'w World<'a>, work: &'w mut Work, role: Role<'w>) -> Self {
        Self { world, work, role, candidates: 0, attempts: Vec::new() }
    }

    /// The first path that is accepted, or why none was.
    pub(crate) fn run(mut self, leaf: &Certificate) -> Result<VerifiedPath, Rejection> {
        match self.extend(std::slice::from_ref(leaf)) {
            Ok(Some(path)) => Ok(path),
            Ok(None) if self.is_pinned(leaf) => self.pinned(leaf),
            Ok(None) => Err(Rejection::new(self.attempts, self.candidates, None)),
            Err(Spent) => Err(self.spent()),
        }
    }

    /// Whether the end entity itself is trusted, as somebody does who pins a self-signed server.
    fn is_pinned(&self, leaf: &Certificate) -> bool {
        self.world.options.profile == Profile::Rfc5280
            && self
                .world
                .with_subject(leaf.subject())
                .iter()
                .any(|candidate| candidate.is_anchor && candidate.certificate == leaf)
    }

    fn pinned(mut self, leaf: &Certificate) -> Result<VerifiedPath, Rejection> {
        match self.consider(vec![leaf.clone()]) {
            Ok(Some(path)) => Ok(path),
            Ok(None) => Err(Rejection::new(self.attempts, self.candidates, None)),
            Err(Spent) => Err(self.spent()),
        }
    }

    fn spent(self) -> Rejection {
        let message = format!("gave up after {} signatures", self.world.options.budget);
        let spent = Finding::of_path(Code::BudgetSpent, message);
        Rejection::new(self.attempts, self.candidates, Some(spent))
    }

    /// Tries every issuer of the path's last certificate.
    fn extend(&mut self, path: &[Certificate]) -> Result<Option<VerifiedPath>, Spent> {
        let Some(last) = path.last() else { return Ok(None) };
        let mut broken = Vec::new();
        let mut found = false;
        for issuer in self.issuers(path, last)? {
            self.work.steps(FOLLOW)?;
            found = true;
            if !self.signs(last, issuer.certificate, &mut broken)? {
                continue;
            }
            let longer = [path, std::slice::from_ref(issuer.certificate)].concat();
            let verified = if issuer.is_anchor {
                self.consider(longer)?
            } else if self.has_room(&longer) {
                self.extend(&longer)?
            } else {
                self.too_long(longer);
                None
            };
            if verified.is_some() {
                return Ok(verified);
            }
        }
        if !broken.is_empty() {
            self.reject(path.to_vec(), false, broken);
        } else if !found {
            let message = format!("no certificate at hand has the subject {}", last.issuer());
            let finding = Finding::error(Code::IssuerNotFound, last, message);
            self.reject(path.to_vec(), false, vec![finding]);
        }
        Ok(None)
    }

    /// The certificates that may have issued `last`, the likeliest first.
    fn issuers(
        &mut self,
        path: &[Certificate],
        last: &Certificate,
    ) -> Result<Vec<&'w Candidate<'a>>, Spent> {
        let all = self.world.with_subject(last.issuer());
        self.work.steps(all.len())?;
        let mut issuers: Vec<_> = all
            .iter()
            .filter(|issuer| issuer.is_anchor || !repeats(path, issuer.certificate))
            .filter(|issuer| self.role.may_issue(issuer.certificate))
            .collect();
        let time = self.world.options.time;
        issuers.sort_by_cached_key(|issuer| {
            let certificate = issuer.certificate;
            (
                !issuer.is_anchor,
                contradicts(last, certificate),
                !certificate.is_valid_at(time),
                !may_issue(certificate),
                std::cmp::Reverse(certificate.not_after()),
            )
        });
        Ok(issuers)
    }

    fn signs(
        &mut self,
        last: &Certificate,
        issuer: &Certificate,
        broken: &mut Vec<Finding>,
    ) -> Result<bool, Spent> {
        if last.signature_algorithm().is_none() {
            let message = "its signature algorithm is not accepted".to_owned();
            broken.push(Finding::error(Code::WeakSignature, last, message));
            return Ok(false);
        }
        let signs = self.work.signed(last, issuer.public_key())?;
        if !signs {
            let subject = issuer.subject();
            let message = format!("its signature does not verify with the key of {subject}");
            broken.push(Finding::error(Code::BadSignature, last, message));
        }
        Ok(signs)
    }

    /// Whether there may be an anchor above: self-issued authorities do not count.
    fn has_room(&self, path: &[Certificate]) -> bool {
        let counted = path[1..].iter().filter(|certificate| !is_self_issued(certificate)).count();
        // Self-issued ones have a limit, too, well beyond any use.
        counted <= self.world.options.max_intermediates
            && path.len() <= 2 * self.world.options.max_intermediates + 2
    }

    fn too_long(&mut self, path: Vec<Certificate>) {
        let most = self.world.options.max_intermediates;
        let message = format!("more than {most} intermediate certificates");
        let finding = Finding::of_path(Code::TooLong, message);
        self.reject(path, false, vec![finding]);
    }

    /// Judges a path whose signatures are good.
    fn consider(&mut self, path: Vec<Certificate>) -> Result<Option<VerifiedPath>, Spent> {
        self.candidates += 1;
        let findings = judge(&path, &self.role, self.world, self.work)?;
        if findings.iter().any(|finding| finding.severity == Severity::Error) {
            self.reject(path, true, findings);
            return Ok(None);
        }
        Ok(Some(VerifiedPath { certificates: path, notes: findings }))
    }

    /// Keeps the attempts that explain most.
    fn reject(&mut self, path: Vec<Certificate>, reached_anchor: bool, findings: Vec<Finding>) {
        self.attempts.push(Attempt::new(path, reached_anchor, findings));
        if self.attempts.len() > 2 * TOLD {
            self.attempts.sort_by_cached_key(Attempt::distance);
            self.attempts.truncate(TOLD);
        }
    }
}

/// A path does not come back to a name and key that it has been at.
fn repeats(path: &[Certificate], issuer: &Certificate) -> bool {
    path.iter().any(|on_path| {
        on_path.public_key().digest() == issuer.public_key().digest()
            && on_path.subject() == issuer.subject()
    })
}

/// Both name a key, and not the same.
fn contradicts(certificate: &Certificate, issuer: &Certificate) -> bool {
    match (certificate.authority_key_id(), issuer.subject_key_id()) {
        (Some(named), Some(own)) => named != own,
        _ => false,
    }
}

fn may_issue(certificate: &Certificate) -> bool {
    let usage = certificate.key_usage();
    certificate.is_ca() && usage.is_none_or(|usage| usage.contains(KeyUsage::KEY_CERT_SIGN))
}
