//! The search for paths: depth first, the likeliest issuer first, under a budget.

use skink_x509::{Certificate, KeyUsage, PublicKey, Verifiable, oid};

use crate::distinguished::is_self_issued;
use crate::finding::{Attempt, Code, Finding, Rejection, Severity};
use crate::judge::{Role, judge};
use crate::work::{FOLLOW, Spent, Work};
use crate::world::{Candidate, World, contradicts};
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
        match self.extend(std::slice::from_ref(leaf), &[]) {
            Ok(Some(path)) => Ok(path),
            Ok(None) if self.is_pinned(leaf) => self.pinned(leaf),
            Ok(None) => Err(self.refused()),
            Err(Spent) => Err(self.spent()),
        }
    }

    /// Every path was tried. Under the strict profile an algorithm that is not known is one that is
    /// not allowed; otherwise a path that it alone speaks against leaves the question open.
    fn refused(self) -> Rejection {
        let open = self.world.options.profile == Profile::Rfc5280;
        Rejection::new(self.attempts, self.candidates, self.work.signatures_spent(), None, open)
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
        match self.consider(vec![leaf.clone()], &[]) {
            Ok(Some(path)) => Ok(path),
            Ok(None) => Err(self.refused()),
            Err(Spent) => Err(self.spent()),
        }
    }

    fn spent(self) -> Rejection {
        let message = format!("gave up after {} signatures", self.world.options.budget);
        let spent = Finding::of_path(Code::BudgetSpent, message);
        let signatures = self.work.signatures_spent();
        Rejection::new(self.attempts, self.candidates, signatures, Some(spent), false)
    }

    /// Tries every issuer of the path's last certificate. A path with `doubts` about its signatures
    /// is followed to learn what else there is to say, and never accepted.
    fn extend(
        &mut self,
        path: &[Certificate],
        doubts: &[Finding],
    ) -> Result<Option<VerifiedPath>, Spent> {
        let Some(last) = path.last() else { return Ok(None) };
        let mut broken = Vec::new();
        let mut found = false;
        for issuer in self.issuers(path, last)? {
            self.work.steps(FOLLOW)?;
            found = true;
            let longer = [path, std::slice::from_ref(issuer.certificate)].concat();
            let more;
            let doubts = match self.signs(last, issuer.certificate)? {
                Signs::Yes => doubts,
                Signs::No(finding) => {
                    broken.push(finding);
                    continue;
                }
                Signs::Unknown(finding) => {
                    more = [doubts, &[finding]].concat();
                    &more
                }
            };
            let verified = if issuer.is_anchor {
                self.consider(longer, doubts)?
            } else if self.has_room(&longer) {
                self.extend(&longer, doubts)?
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
            let wanted = format_args!("a certificate with the subject {}", last.issuer());
            let finding = finding.with(wanted, "none of that name");
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
        // A certificate that is an anchor itself is a path by itself, not one of two.
        let pins = path.len() == 1 && self.world.options.profile == Profile::Rfc5280;
        let mut issuers: Vec<_> = all
            .iter()
            .filter(|issuer| issuer.is_anchor || !repeats(path, issuer.certificate))
            .filter(|issuer| self.role.may_issue(issuer.certificate))
            .filter(|issuer| !(pins && issuer.is_anchor && issuer.certificate == last))
            .collect();
        if issuers.len() < 2 {
            return Ok(issuers);
        }
        let time = self.world.options.time;
        let distances = self.world.distances();
        issuers.sort_by_cached_key(|issuer| {
            let certificate = issuer.certificate;
            let distance = distances.get(&certificate.fingerprint());
            (
                !issuer.is_anchor,
                !issuer.is_anchor && distance.is_none(),
                contradicts(last, certificate),
                !certificate.is_valid_at(time),
                !may_issue(certificate),
                distance,
                std::cmp::Reverse(certificate.not_after()),
            )
        });
        Ok(issuers)
    }

    fn signs(&mut self, last: &Certificate, issuer: &Certificate) -> Result<Signs, Spent> {
        let key = issuer.public_key();
        let Some(algorithm) = last.signature_algorithm() else {
            self.work.signature()?;
            return Ok(Signs::Unknown(unknown_algorithm(last)));
        };
        if key.inherits_parameters() {
            self.work.signature()?;
            // Verified when the certificate with the parameters is known.
            return Ok(Signs::Yes);
        }
        let subject = issuer.subject();
        match key.verifiable(algorithm) {
            Verifiable::Unsupported => {
                self.work.signature()?;
                let message =
                    format!("its signature is made with a key that is not supported, of {subject}");
                let finding = Finding::error(Code::UnsupportedAlgorithm, last, message);
                let found = format_args!(
                    "{algorithm} with a key of {} bits, {}",
                    key.bits(),
                    key.algorithm()
                );
                Ok(Signs::Unknown(
                    finding.with("an algorithm and a key size that are supported", found),
                ))
            }
            Verifiable::Never => {
                let message = format!(
                    "its signature is by {algorithm}, the key of {subject} is {}",
                    key.algorithm()
                );
                let finding = Finding::error(Code::BadSignature, last, message);
                Ok(Signs::No(
                    finding.with(
                        format_args!("a signature by a key of {}", key.algorithm()),
                        algorithm,
                    ),
                ))
            }
            _ if self.work.signed(last, key)? => Ok(Signs::Yes),
            _ => Ok(Signs::No(bad_signature(last, issuer))),
        }
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
        let finding = finding.with(format_args!("at most {most} intermediates"), "more");
        self.reject(path, false, vec![finding]);
    }

    /// Judges a path whose signatures are good.
    fn consider(
        &mut self,
        path: Vec<Certificate>,
        doubts: &[Finding],
    ) -> Result<Option<VerifiedPath>, Spent> {
        self.candidates += 1;
        let mut findings = doubts.to_vec();
        self.inherited(&path, &mut findings)?;
        judge(&path, &self.role, self.world, self.work, &mut findings)?;
        if findings.iter().any(|finding| finding.severity == Severity::Error) {
            self.reject(path, true, findings);
            return Ok(None);
        }
        let signatures = self.work.signatures_spent();
        Ok(Some(VerifiedPath { certificates: path, notes: findings, signatures }))
    }

    /// The signatures that needed the whole path: of DSA keys whose parameters stand further up.
    fn inherited(
        &mut self,
        path: &[Certificate],
        findings: &mut Vec<Finding>,
    ) -> Result<(), Spent> {
        for (at, certificate) in path.iter().enumerate() {
            let above = &path[at + 1..];
            let Some(issuer) = above.first() else { continue };
            if issuer.public_key().inherits_parameters()
                && !self.work.signed(certificate, &working_key(issuer, &above[1..]))?
            {
                findings.push(bad_signature(certificate, issuer));
            }
        }
        Ok(())
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

/// Whether a certificate is signed by a key.
enum Signs {
    Yes,
    No(Finding),
    /// Nobody here can tell.
    Unknown(Finding),
}

fn bad_signature(certificate: &Certificate, issuer: &Certificate) -> Finding {
    let subject = issuer.subject();
    let message = format!("its signature does not verify with the key of {subject}");
    let expected = format_args!("a signature by the key {}", issuer.public_key().digest());
    Finding::error(Code::BadSignature, certificate, message).with(expected, "another")
}

/// Algorithms that are broken are told as such.
fn unknown_algorithm(certificate: &Certificate) -> Finding {
    let found = certificate.signature_algorithm_oid();
    let (code, message) = match found {
        Some(oid::MD2_WITH_RSA | oid::MD5_WITH_RSA) => {
            (Code::WeakSignature, "its signature rests on a hash that anybody can forge")
        }
        _ => (Code::UnsupportedAlgorithm, "its signature's algorithm is not supported"),
    };
    let found = found.map_or_else(|| "one that cannot be read".to_owned(), |oid| oid.to_string());
    Finding::error(code, certificate, message.to_owned()).with("a supported algorithm", found)
}

/// The key of the first certificate, with the parameters that it inherits from those above it
/// (RFC 5280 §6.1.4 (e)).
pub(crate) fn working_key(certificate: &Certificate, above: &[Certificate]) -> PublicKey {
    let key = certificate.public_key();
    if !key.inherits_parameters() {
        return key.clone();
    }
    let source = above.iter().find(|issuer| !issuer.public_key().inherits_parameters());
    source
        .and_then(|source| key.with_parameters_of(source.public_key()))
        .unwrap_or_else(|| key.clone())
}

/// A path does not come back to a name and key that it has been at.
fn repeats(path: &[Certificate], issuer: &Certificate) -> bool {
    path.iter().any(|on_path| {
        on_path.public_key().digest() == issuer.public_key().digest()
            && on_path.subject() == issuer.subject()
    })
}

fn may_issue(certificate: &Certificate) -> bool {
    let usage = certificate.key_usage();
    certificate.is_ca() && usage.is_none_or(|usage| usage.contains(KeyUsage::KEY_CERT_SIGN))
}
