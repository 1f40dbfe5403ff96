//! What the CRLs at hand say about one certificate.

use std::cmp::Reverse;

use skink_x509::crl::{Crl, Reason, RevokedEntry};
use skink_x509::{KeyUsage, SignatureAlgorithm};

use super::Question;
use super::point::Point;
use super::scope::{Reasons, Scope};
use crate::Profile;
use crate::candidates::{Search, working_key};
use crate::distinguished::Canonical;
use crate::finding::{Code, Finding};
use crate::judge::Role;
use crate::work::{ENTRIES, Spent, Work};
use crate::world::{List, World};

/// How deep CRL signers may be judged by CRLs of yet other signers.
const DEEPEST: usize = 3;
/// How many CRLs that do not decide are told.
const TOLD: usize = 4;

/// The answer.
#[derive(Default)]
pub(super) struct Answer {
    /// When and why it was revoked, if it was.
    pub(super) revoked: Option<String>,
    /// Why the CRLs do not say that it was not, if they do not.
    pub(super) missing: Option<(Code, String)>,
}

/// Goes through the certificate's distribution points until every reason is covered (§6.3.3).
pub(super) fn ask(
    question: &Question<'_>,
    world: &World<'_>,
    work: &mut Work,
    findings: &mut Vec<Finding>,
) -> Result<Answer, Spent> {
    let certificate = question.certificate;
    let issuer = Canonical::of(certificate.issuer());
    let Some(points) = Point::all(certificate, &issuer) else {
        let message = "its distribution points cannot be read".to_owned();
        return Ok(Answer { revoked: None, missing: Some((Code::Unreadable, message)) });
    };
    let mut ask =
        Ask { question, world, issuer, covered: Reasons::NONE, stale: false, misses: Vec::new() };
    for point in &points {
        if let Some(message) = ask.at(point, work, findings)? {
            let missing = ask.missing().filter(|_| ask.stale);
            return Ok(Answer { revoked: Some(message), missing });
        }
    }
    Ok(Answer { revoked: None, missing: ask.missing() })
}

struct Ask<'q> {
    question: &'q Question<'q>,
    world: &'q World<'q>,
    issuer: Canonical,
    covered: Reasons,
    stale: bool,
    misses: Vec<String>,
}

impl<'q> Ask<'q> {
    /// When and why the certificate was revoked, if a list of this point says so.
    fn at(
        &mut self,
        point: &Point,
        work: &mut Work,
        findings: &mut Vec<Finding>,
    ) -> Result<Option<String>, Spent> {
        work.steps(self.world.lists.len())?;
        let certificate = self.question.certificate;
        let serve: Vec<&List<'_>> = self
            .world
            .lists
            .iter()
            .filter(|list| point.is_served_by(list, certificate, &self.issuer))
            .collect();
        let mut scopes: Vec<(&Canonical, &Scope)> = Vec::new();
        for list in &serve {
            let Ok(scope) = &list.scope else { continue };
            let reasons = scope.reasons.and(point.reasons);
            let known =
                scopes.iter().any(|(issuer, it)| **issuer == list.issuer && it.is_same(scope));
            if known || scope.delta_base.is_some() || reasons.is_within(self.covered) {
                continue;
            }
            scopes.push((&list.issuer, scope));
            let Some(complete) = self.current(&serve, &list.issuer, scope, work, findings)? else {
                continue;
            };
            let delta = self.delta(&serve, complete, work)?;
            if let Some(algorithm) = complete.crl.signature_algorithm().filter(|it| it.is_weak()) {
                let message = format!("the signature of its CRL is by {algorithm}, which is weak");
                let certificate = self.question.certificate;
                findings.push(Finding::warning(Code::WeakSignature, certificate, message));
            }
            if let Some(entry) = self.entry(complete, delta, scope, work)? {
                let reason = entry.reason.map_or("unspecified", Reason::as_str);
                return Ok(Some(format!("revoked at {} ({reason})", entry.revoked_at)));
            }
            if self.is_fresh(complete.crl) || delta.is_some() {
                self.covered = self.covered.or(reasons);
            } else {
                self.outdated(complete.crl);
            }
        }
        Ok(None)
    }

    /// Of the complete lists of one issuer and scope that the right key signed: the one with the
    /// highest number, then the newest. A disagreement of the two is told.
    fn current(
        &mut self,
        serve: &[&'q List<'q>],
        issuer: &Canonical,
        scope: &Scope,
        work: &mut Work,
        findings: &mut Vec<Finding>,
    ) -> Result<Option<&'q List<'q>>, Spent> {
        let same = |list: &&&'q List<'q>| {
            list.issuer == *issuer && list.scope.as_ref().is_ok_and(|it| it.is_same(scope))
        };
        let mut lists: Vec<&'q List<'q>> = serve.iter().filter(same).copied().collect();
        lists.sort_by_key(|list| Reverse((list.crl.number(), list.crl.this_update())));
        let Some(best) = self.first_signed(&lists, work)? else { return Ok(None) };
        lists.sort_by_key(|list| Reverse((list.crl.this_update(), list.crl.number())));
        let newer = |list: &&'q List<'q>| list.crl.this_update() > best.crl.this_update();
        lists.retain(newer);
        if self.first_signed(&lists, work)?.is_some() {
            let message = "the CRL with the highest number is not the newest".to_owned();
            let finding = Finding::note(Code::CrlDisagreement, self.question.certificate, message);
            findings.push(finding);
        }
        Ok(Some(best))
    }

    fn first_signed(
        &mut self,
        lists: &[&'q List<'q>],
        work: &mut Work,
    ) -> Result<Option<&'q List<'q>>, Spent> {
        for list in lists {
            if list.crl.this_update() > self.now() {
                self.outdated(list.crl);
            } else if self.is_signed(list, work)? {
                return Ok(Some(list));
            } else {
                let number = number(list.crl);
                self.misses.push(format!("CRL {number} is not signed by who may sign it"));
            }
        }
        Ok(None)
    }

    /// The newest delta that brings `complete` up to date (§5.2.4 and §6.3.3 (c)).
    fn delta(
        &mut self,
        serve: &[&'q List<'q>],
        complete: &List<'_>,
        work: &mut Work,
    ) -> Result<Option<&'q List<'q>>, Spent> {
        let Ok(scope) = &complete.scope else { return Ok(None) };
        let mut deltas: Vec<&'q List<'q>> = Vec::new();
        for list in serve {
            let Ok(delta) = &list.scope else { continue };
            let base = delta.delta_base.as_ref();
            let applies = base.is_some_and(|base| complete.crl.number() >= Some(base))
                && list.crl.number() > complete.crl.number()
                && list.issuer == complete.issuer
                && scope.is_changed_by(delta);
            if applies && self.is_fresh(list.crl) && self.is_signed(list, work)? {
                deltas.push(list);
            }
        }
        Ok(deltas.into_iter().max_by_key(|list| (list.crl.number(), list.crl.this_update())))
    }

    /// What the delta, and where it is silent the complete list, says about the certificate.
    fn entry(
        &self,
        complete: &List<'_>,
        delta: Option<&List<'_>>,
        scope: &Scope,
        work: &mut Work,
    ) -> Result<Option<RevokedEntry>, Spent> {
        if let Some(entry) = delta.map(|delta| self.find(delta, scope, work)).transpose()?.flatten()
        {
            let removed = entry.reason == Some(Reason::RemoveFromCrl);
            return Ok((!removed).then_some(entry));
        }
        self.find(complete, scope, work)
    }

    fn find(
        &self,
        list: &List<'_>,
        scope: &Scope,
        work: &mut Work,
    ) -> Result<Option<RevokedEntry>, Spent> {
        let serial = self.question.certificate.serial();
        work.steps(list.crl.len().div_ceil(ENTRIES))?;
        if !scope.indirect {
            return Ok(list.crl.find(serial));
        }
        // Here every entry may name an issuer.
        work.steps(list.crl.len())?;
        Ok(list.crl.find_of(serial, &mut |name| Canonical::of(name) == self.issuer))
    }

    /// Whether the list is signed by who may: the certificate's issuer, or, outside the strict
    /// profile, whoever has the list's name, may sign CRLs and leads to the same anchor (§6.3.3
    /// (f) and (g)).
    fn is_signed(&self, list: &List<'_>, work: &mut Work) -> Result<bool, Spent> {
        let Question { issuer, above, anchor, within, judged, .. } = self.question;
        let signs = |it: &skink_x509::Certificate| {
            it.key_usage().is_none_or(|usage| usage.contains(KeyUsage::CRL_SIGN))
        };
        let strict = self.world.options.profile == Profile::Webpki;
        if strict && list.crl.signature_algorithm().is_some_and(SignatureAlgorithm::is_weak) {
            return Ok(false);
        }
        let key = working_key(issuer, above.get(1..).unwrap_or_default());
        if signs(issuer)
            && list.issuer == self.issuer
            && work.signed_crl(list.crl, list.fingerprint, &key)?
        {
            return Ok(true);
        }
        if strict || within.len() >= DEEPEST {
            return Ok(false);
        }
        for candidate in self.world.with_canonical_subject(&list.issuer) {
            work.steps(1)?;
            let signer = candidate.certificate;
            let own = signer.fingerprint();
            let known = within.contains(&own);
            // A signer vouches for itself only where its certificate names it as the CRL's issuer
            // (PKITS 4.14.30); a namesake of the authority never does, and nobody vouches for the
            // authorities above himself: one of them may be the thief who made him.
            let vouches = if known {
                list.issuer != self.issuer && signer == self.question.certificate
            } else {
                !judged.contains(&own)
            };
            if !signs(signer) || !vouches {
                continue;
            }
            if !work.signed_crl(list.crl, list.fingerprint, signer.public_key())? {
                continue;
            }
            if known || above.contains(signer) {
                return Ok(true);
            }
            let within = [*within, &[own]].concat();
            let role = Role::CrlSigner { anchor: anchor.fingerprint(), within: &within, judged };
            match Search::new(self.world, work, role).run(signer) {
                Ok(_) => return Ok(true),
                Err(rejection) if rejection.is_spent() => return Err(Spent),
                Err(_) => {}
            }
        }
        Ok(false)
    }

    fn now(&self) -> skink_x509::Time {
        self.world.options.time.truncated_to_secs()
    }

    fn is_fresh(&self, crl: &Crl) -> bool {
        let now = self.now();
        crl.this_update() <= now && crl.next_update().is_some_and(|until| now <= until)
    }

    fn outdated(&mut self, crl: &Crl) {
        self.stale = true;
        let until = crl.next_update().map_or_else(|| "no date".to_owned(), |time| time.to_string());
        let from = crl.this_update();
        self.misses.push(format!("CRL {} is of {from} and good until {until}", number(crl)));
    }

    fn missing(&self) -> Option<(Code, String)> {
        if Reasons::ALL.is_within(self.covered) {
            return None;
        }
        if self.covered != Reasons::NONE {
            let message = "its CRLs do not speak about every reason of revocation".to_owned();
            return Some((Code::SomeReasons, message));
        }
        let mut message = format!("no CRL of {} decides", self.question.certificate.issuer());
        for miss in self.misses.iter().take(TOLD) {
            message = message + "; " + miss;
        }
        let strange = self.world.lists.iter().filter(|list| list.issuer == self.issuer);
        for why in strange.filter_map(|list| list.scope.as_ref().err()).take(TOLD) {
            message = message + "; one does not count: " + why;
        }
        let code = if self.stale { Code::StaleCrl } else { Code::NoCrl };
        Some((code, message))
    }
}

fn number(crl: &Crl) -> String {
    crl.number().map_or_else(|| "without number".to_owned(), ToString::to_string)
}
