//! What the CRLs at hand say about one certificate.

use std::cmp::Reverse;

use skink_x509::crl::{Crl, Reason, RevokedEntry};
use skink_x509::{Certificate, KeyUsage, oid};

use super::Question;
use super::miss::Miss;
use super::point::Point;
use super::scope::{Reasons, Scope};
use crate::candidates::{Search, working_key};
use crate::distinguished::Canonical;
use crate::finding::{Code, Finding, Severity};
use crate::judge::Role;
use crate::work::{ENTRIES, Spent, Work};
use crate::world::{List, World};
use crate::{Formalities, Profile};

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
    pub(super) missing: Option<Miss>,
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
        return Ok(Answer { revoked: None, missing: Some(Miss::unreadable_points()) });
    };
    let mut ask = Ask { question, world, issuer, covered: Reasons::NONE, misses: Vec::new() };
    for point in &points {
        if let Some(message) = ask.at(point, work, findings)? {
            let missing = ask.missing().filter(|it| it.code == Code::StaleCrl);
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
    misses: Vec<Miss>,
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
            self.form(complete, scope, work, findings)?;
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
            } else if let Some(miss) = self.unsigned(list, work)? {
                self.misses.push(miss);
            } else {
                return Ok(Some(list));
            }
        }
        Ok(None)
    }

    /// What a list that counts breaks of the rules for lists: a formality, but a serial that stands
    /// there twice is only bad style where nothing but RFC 5280 counts, which does not forbid it.
    fn form(
        &self,
        list: &List<'_>,
        scope: &Scope,
        work: &mut Work,
        findings: &mut Vec<Finding>,
    ) -> Result<(), Spent> {
        let certificate = self.question.certificate;
        let options = self.world.options;
        let must = match options.formalities {
            Formalities::Refuse => Severity::Error,
            Formalities::Warn => Severity::Warning,
        };
        let numbers = list.crl.extensions().iter().find(|it| it.oid == oid::CRL_NUMBER);
        let numbering = match numbers {
            None => Some(("its CRL has no number", "none")),
            Some(number) if number.critical => {
                Some(("the number of its CRL stands in a critical extension", "a critical one"))
            }
            Some(_) => None,
        };
        if let Some((message, found)) = numbering {
            let finding =
                Finding::new(Code::CrlNumber, must, Some(certificate), message.to_owned());
            findings.push(finding.with("a cRLNumber that is not critical", found));
        }
        if scope.indirect {
            return Ok(());
        }
        work.steps(list.crl.len().div_ceil(ENTRIES))?;
        if let Some(serial) = list.duplicate_serial() {
            let severity =
                if options.profile == Profile::Webpki { must } else { Severity::Warning };
            let message = format!("its CRL lists the serial {serial} twice");
            let finding = Finding::new(Code::CrlDuplicate, severity, Some(certificate), message);
            findings.push(finding.with("each serial once", serial));
        }
        Ok(())
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
            if applies && self.is_fresh(list.crl) && self.unsigned(list, work)?.is_none() {
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

    /// Why the list is not signed by who may, if it is not: the certificate's issuer, or, outside the
    /// strict profile, whoever has the list's name, may sign CRLs and leads to the same anchor
    /// (§6.3.3 (f) and (g)).
    fn unsigned(&self, list: &List<'_>, work: &mut Work) -> Result<Option<Miss>, Spent> {
        let Question { issuer, above, .. } = self.question;
        let strict = self.world.options.profile == Profile::Webpki;
        if strict && let Some(weak) = list.crl.signature_algorithm().filter(|it| it.is_weak()) {
            return Ok(Some(Miss::weak(list.crl, weak)));
        }
        let own = list.issuer == self.issuer;
        if own {
            let key = working_key(issuer, above.get(1..).unwrap_or_default());
            if may_sign(issuer) && work.signed_crl(list.crl, list.fingerprint, &key)? {
                return Ok(None);
            }
        }
        let others = if strict || self.question.within.len() >= DEEPEST {
            Some(Miss::no_signer(list.crl))
        } else {
            self.signed_by_others(list, work)?
        };
        let Some(miss) = others else { return Ok(None) };
        let own_miss = if !own {
            miss
        } else if !may_sign(issuer) {
            Miss::may_not_sign(list.crl, issuer)
        } else if miss.code == Code::CrlSigner && miss.is_about_somebody() {
            miss
        } else if list
            .crl
            .authority_key_id()
            .zip(issuer.subject_key_id())
            .is_some_and(|(a, b)| a != b)
        {
            Miss::wrong_key(list.crl, issuer)
        } else {
            Miss::bad_signature(list.crl, issuer)
        };
        Ok(Some(own_miss))
    }

    /// Why nobody else with the list's name signed it, if nobody did.
    fn signed_by_others(&self, list: &List<'_>, work: &mut Work) -> Result<Option<Miss>, Spent> {
        let Question { above, anchor, within, judged, .. } = self.question;
        let mut miss = Miss::no_signer(list.crl);
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
            if !may_sign(signer) || !vouches {
                continue;
            }
            if !work.signed_crl(list.crl, list.fingerprint, signer.public_key())? {
                continue;
            }
            if known || above.contains(signer) {
                return Ok(None);
            }
            let within = [*within, &[own]].concat();
            let role = Role::CrlSigner { anchor: anchor.fingerprint(), within: &within, judged };
            match Search::new(self.world, work, role).run(signer) {
                Ok(_) => return Ok(None),
                Err(rejection) if rejection.is_spent() => return Err(Spent),
                Err(rejection) => miss = Miss::refused_signer(list.crl, signer, &rejection),
            }
        }
        Ok(Some(miss))
    }

    fn now(&self) -> skink_x509::Time {
        self.world.options.time.truncated_to_secs()
    }

    fn is_fresh(&self, crl: &Crl) -> bool {
        let now = self.now();
        crl.this_update() <= now && crl.next_update().is_some_and(|until| now <= until)
    }

    fn outdated(&mut self, crl: &Crl) {
        self.misses.push(Miss::outdated(crl, self.now()));
    }

    /// Why the CRLs at hand do not clear the certificate: what says most, and all the rest in its
    /// message.
    fn missing(&self) -> Option<Miss> {
        if Reasons::ALL.is_within(self.covered) {
            return None;
        }
        if self.covered != Reasons::NONE {
            return Some(Miss::some_reasons());
        }
        let certificate = self.question.certificate;
        let of_issuer = || self.world.lists.iter().filter(|list| list.issuer == self.issuer);
        let strange = of_issuer()
            .filter_map(|list| list.scope.as_ref().err().map(|why| Miss::strange(list.crl, *why)));
        let mut misses: Vec<Miss> = self.misses.iter().cloned().chain(strange).collect();
        if misses.is_empty() {
            let complete = |list: &&List<'_>| {
                list.scope.as_ref().ok().filter(|scope| scope.delta_base.is_none()).cloned()
            };
            misses.extend(of_issuer().filter_map(|list| {
                complete(&list).map(|scope| Miss::out_of_scope(list.crl, &scope, certificate))
            }));
        }
        misses.sort_by_key(|miss| Reverse(miss.code.rank()));
        let mut message = format!("no CRL of {} decides", certificate.issuer());
        for miss in misses.iter().take(TOLD) {
            message = message + "; " + &miss.message;
        }
        let first = misses.into_iter().next().unwrap_or_else(Miss::none);
        Some(Miss { message, ..first })
    }
}

fn may_sign(signer: &Certificate) -> bool {
    signer.key_usage().is_none_or(|usage| usage.contains(KeyUsage::CRL_SIGN))
}
