//! What a ceremony would sign, worked out before anything is signed: the same for the person who
//! looks and for the key that signs.

use std::collections::BTreeMap;
use std::time::Duration;

use skink_model::{AuthorityId, IssuerName, Time};
use skink_signer::sealed::OpeningKey;
use skink_x509::crl::Reason;
use skink_x509::{Certificate, Fingerprint, KeyDigest, Name, PublicKey};

use super::ROOT;
use super::document::digest_text;
use super::request::{Certify, Request, Revoke};
use super::root::RootConfig;
use super::state::State;
use crate::hierarchy::{AuthorityKind, HierarchyError, subject_of};
use crate::list::ListPlan;
use crate::locations::Locations;

mod lists;
mod shown;

/// For slow clocks.
const BACKDATE: Duration = Duration::from_mins(5);

/// Everything that a ceremony would sign.
#[derive(Clone, Debug)]
pub struct CeremonyPlan {
    /// Its number.
    pub number: u64,
    /// When.
    pub at: Time,
    /// The trust domain.
    pub domain: String,
    /// The request, by id.
    pub request: String,
    /// The request, by digest.
    pub request_digest: Fingerprint,
    /// Who signed the request.
    pub requester: KeyDigest,
    /// Whether the last request was signed by the same key.
    pub requester_known: bool,
    /// The head of the server's journal.
    pub journal_head: Option<String>,
    /// The certificates.
    pub certificates: Vec<PlannedCertificate>,
    /// The lists: the root's own, then one partition for each authority.
    pub partitions: Vec<Partition>,
    /// The authorities that are revoked from now on.
    pub revoke: Vec<Revoke>,
}

/// A certificate that would be signed.
#[derive(Clone, Debug)]
pub struct PlannedCertificate {
    /// What was asked for.
    pub certify: Certify,
    /// The key, whose possession is proven.
    pub public_key: PublicKey,
    /// The subject.
    pub subject: Name,
    /// First instant of validity.
    pub not_before: Time,
    /// Last second of validity.
    pub not_after: Time,
}

/// The lists of one scope that would be signed.
#[derive(Clone, Debug)]
pub struct Partition {
    /// An authority's id, or `root`.
    pub scope: String,
    /// The authority, but for the root's own scope.
    pub authority: Option<AuthorityId>,
    /// The list to publish.
    pub routine: ListPlan,
    /// The list to seal; none for the root and for authorities that are revoked already.
    pub escrow: Option<ListPlan>,
    /// Why the routine list revokes the authority, if it does.
    pub revoked: Option<Revoke>,
    /// The standby whose credential goes into the kit.
    pub standby: Option<AuthorityId>,
}

/// Why a ceremony does not take place.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CeremonyRefused {
    /// Another trust domain's request.
    #[error("the request is for the trust domain {request:?}, this root is of {root:?}")]
    OtherDomain {
        /// The request's domain.
        request: String,
        /// The root's.
        root: String,
    },
    /// Another root's request.
    #[error("the request is for the root {request}, not for this one")]
    OtherRoot {
        /// The root asked.
        request: String,
    },
    /// The request was answered before.
    #[error("request {request} was answered before; its response is in {ROOT}'s folder responses")]
    Replayed {
        /// The request.
        request: String,
    },
    /// The server has not taken in the last ceremony's response.
    #[error(
        "the request follows ceremony {server}, the last one was {root}: import that response and make a new request"
    )]
    Stale {
        /// The last ceremony that the server knows.
        server: u64,
        /// The last one that was held.
        root: u64,
    },
    /// The root's directory is an older copy of itself, or another root's.
    #[error(
        "the server has seen what this root does not remember ({what}): its directory is an older copy"
    )]
    RolledBack {
        /// What it does not remember.
        what: String,
    },
    /// A list that was seen outranks what would be signed.
    #[error("a list of scope {scope} of {seen} outranks what would be signed for {own}")]
    NotOutranking {
        /// The scope.
        scope: String,
        /// The time of the list that was seen.
        seen: Time,
        /// The time of the one that would be signed.
        own: Time,
    },
    /// An escrow was released, and the request does not revoke its authority.
    #[error(
        "list {number} of scope {scope} is an escrow that was released: the request has to revoke {scope}, or it would come back"
    )]
    UnRevokes {
        /// The scope.
        scope: String,
        /// The escrow's number.
        number: u64,
    },
    /// The clock is behind lists that were signed.
    #[error("the newest list is of {newest}, the clock says {now}: set the clock")]
    ClockBehind {
        /// The newest list's time.
        newest: Time,
        /// The present instant.
        now: Time,
    },
    /// The request is from the future.
    #[error("the request was made at {made}, the clock says {now}: set the clocks")]
    FromTheFuture {
        /// When it was made.
        made: Time,
        /// The present instant.
        now: Time,
    },
    /// The request is by a key that the person has not confirmed.
    #[error(
        "the request is signed by the key {requester}, which has not asked here before: compare it with the server's and confirm it"
    )]
    UnknownRequester {
        /// The key.
        requester: KeyDigest,
    },
    /// One certificate that is asked for cannot be.
    #[error("{authority} cannot be certified: {reason}")]
    Certify {
        /// The authority.
        authority: AuthorityId,
        /// Why.
        reason: &'static str,
    },
    /// One certificate that is asked for does not fit the hierarchy.
    #[error("{authority} does not fit the hierarchy")]
    Hierarchy {
        /// The authority.
        authority: AuthorityId,
        /// Why.
        #[source]
        source: HierarchyError,
    },
    /// One revocation that is asked for cannot be.
    #[error("{authority} cannot be revoked: {reason}")]
    Revoke {
        /// The authority.
        authority: AuthorityId,
        /// Why.
        reason: &'static str,
    },
}

/// What a plan is made from.
pub(super) struct Planning<'a> {
    pub(super) config: &'a RootConfig,
    pub(super) locations: &'a Locations,
    pub(super) root: &'a Certificate,
    pub(super) opening: &'a OpeningKey,
    pub(super) state: &'a State,
    pub(super) now: Time,
}

impl Planning<'_> {
    pub(super) fn plan(&self, request: &Request) -> Result<CeremonyPlan, CeremonyRefused> {
        let body = request.body();
        self.check_addressee(request)?;
        self.check_memory(request)?;
        let this_update = self.this_update()?;
        let certificates = self.certificates(request, this_update)?;
        let revoke = self.revocations(request)?;
        self.check_released(request, &revoke)?;
        let partitions = self.partitions(&certificates, &revoke, this_update);
        for floor in &body.floors {
            let seen = Time::from_millis(floor.this_update_ms);
            if seen >= this_update {
                let scope = floor.scope.clone();
                return Err(CeremonyRefused::NotOutranking { scope, seen, own: this_update });
            }
        }
        let requester = request.requester();
        Ok(CeremonyPlan {
            number: self.state.last_reserved + 1,
            at: self.now,
            domain: body.domain.clone(),
            request: body.id.clone(),
            request_digest: request.digest(),
            requester,
            requester_known: self.state.requester.as_deref() == Some(&digest_text(&requester)),
            journal_head: body.journal_head.clone(),
            certificates,
            partitions,
            revoke,
        })
    }

    fn check_addressee(&self, request: &Request) -> Result<(), CeremonyRefused> {
        let body = request.body();
        if body.domain != self.config.domain {
            let (request, root) = (body.domain.clone(), self.config.domain.clone());
            return Err(CeremonyRefused::OtherDomain { request, root });
        }
        if body.root != self.root.fingerprint().to_string() {
            return Err(CeremonyRefused::OtherRoot { request: body.root.clone() });
        }
        let made = body.created_at();
        if made > self.now.plus(BACKDATE) {
            return Err(CeremonyRefused::FromTheFuture { made, now: self.now });
        }
        Ok(())
    }

    /// Replays and stale requests are refused; so is a request that shows that this directory is an
    /// older copy of itself.
    fn check_memory(&self, request: &Request) -> Result<(), CeremonyRefused> {
        let (body, state) = (request.body(), self.state);
        if state.answered.contains(&body.id) {
            return Err(CeremonyRefused::Replayed { request: body.id.clone() });
        }
        let rolled_back = |what: String| Err(CeremonyRefused::RolledBack { what });
        if body.ceremonies > state.last_held {
            return rolled_back(format!("ceremony {}", body.ceremonies));
        }
        if body.ceremonies < state.last_held {
            let (server, root) = (body.ceremonies, state.last_held);
            return Err(CeremonyRefused::Stale { server, root });
        }
        if body.root_head != state.head {
            return rolled_back(format!("its log at ceremony {}", body.ceremonies));
        }
        for floor in &body.floors {
            if floor.number >= state.next(&floor.scope) {
                return rolled_back(format!("list {} of scope {}", floor.number, floor.scope));
            }
        }
        Ok(())
    }

    /// Routine lists have odd numbers and escrows even ones: who has seen an even one has seen an
    /// escrow released. Signing a routine list without the revocation would take it back.
    fn check_released(&self, request: &Request, revoke: &[Revoke]) -> Result<(), CeremonyRefused> {
        for floor in &request.body().floors {
            let known = self.state.revoked.keys().chain(revoke.iter().map(|one| &one.authority));
            let revoked = known.map(AuthorityId::as_str).any(|id| id == floor.scope);
            if floor.scope != ROOT && floor.number.is_multiple_of(2) && !revoked {
                let (scope, number) = (floor.scope.clone(), floor.number);
                return Err(CeremonyRefused::UnRevokes { scope, number });
            }
        }
        Ok(())
    }

    /// Five minutes back where that is still after every list before.
    pub(super) fn this_update(&self) -> Result<Time, CeremonyRefused> {
        let second = Duration::from_secs(1);
        let now = self.now.truncated_to_secs();
        let after = self.state.newest.map_or(Time::EPOCH, |newest| newest.plus(second));
        let this_update = after.max(now.minus(BACKDATE));
        if this_update.plus(second) > now {
            let newest = self.state.newest.unwrap_or(Time::EPOCH);
            return Err(CeremonyRefused::ClockBehind { newest, now: self.now });
        }
        Ok(this_update)
    }

    /// The last second of a new certificate.
    pub(super) fn authority_until(&self) -> Time {
        let until = self.now.plus(self.config.authority_lifetime.duration());
        until.truncated_to_secs().min(self.root.not_after())
    }

    fn certificates(
        &self,
        request: &Request,
        not_before: Time,
    ) -> Result<Vec<PlannedCertificate>, CeremonyRefused> {
        let mut planned: Vec<PlannedCertificate> = Vec::new();
        for certify in &request.body().certify {
            let authority = &certify.authority;
            let refuse = |reason| CeremonyRefused::Certify { authority: authority.clone(), reason };
            let twice = planned.iter().any(|one| one.certify.authority == *authority);
            if twice || self.state.authorities.contains_key(authority) {
                return Err(refuse("there is one of that name already"));
            }
            self.check_name(certify).map_err(refuse)?;
            let key = certify
                .key()
                .ok_or_else(|| refuse("its request does not prove that the server has the key"))?;
            self.check_key(&key, &planned).map_err(refuse)?;
            self.check_epoch(certify).map_err(refuse)?;
            self.check_standby(certify, &planned).map_err(refuse)?;
            let subject = subject_of(&self.config.domain, authority).map_err(|source| {
                CeremonyRefused::Hierarchy { authority: authority.clone(), source }
            })?;
            planned.push(PlannedCertificate {
                certify: certify.clone(),
                public_key: key,
                subject,
                not_before: not_before.max(self.root.not_before()),
                not_after: self.authority_until(),
            });
        }
        Ok(planned)
    }

    fn check_name(&self, certify: &Certify) -> Result<(), &'static str> {
        let generation = certify.authority.as_str().strip_prefix(certify.issuer.as_str());
        let number = generation.and_then(|rest| rest.strip_prefix("-g"));
        let numbered =
            number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
        if !numbered || certify.authority.as_str() == ROOT {
            return Err("its name is not that of a generation of its issuer");
        }
        let others = self.state.authorities.values();
        let kind = others.filter(|one| one.issuer == certify.issuer).map(|one| one.kind);
        if kind.into_iter().any(|kind| kind != certify.kind) {
            return Err("earlier generations of its issuer are of another kind");
        }
        Ok(())
    }

    fn check_key(
        &self,
        key: &PublicKey,
        planned: &[PlannedCertificate],
    ) -> Result<(), &'static str> {
        let digest = key.digest();
        let used =
            planned.iter().any(|one| one.public_key.digest() == digest)
                || self.root.public_key().digest() == digest
                || self.state.authorities.values().any(|one| {
                    one.certificate().is_some_and(|c| c.public_key().digest() == digest)
                });
        if used {
            return Err("its key is another authority's; never the same key");
        }
        if crate::lint::weak_key(key).is_some() {
            return Err("its key is weak");
        }
        Ok(())
    }

    fn check_epoch(&self, certify: &Certify) -> Result<(), &'static str> {
        let highest = self.state.authorities.values().filter_map(|one| one.epoch).max();
        match (certify.kind, certify.epoch) {
            (AuthorityKind::Trust, Some(epoch)) if highest.is_some_and(|known| epoch <= known) => {
                Err("its epoch is not above every earlier trust key's")
            }
            (AuthorityKind::Trust, None) => Err("a trust key has an epoch"),
            (AuthorityKind::Control | AuthorityKind::Issuing, Some(_)) => {
                Err("only a trust key has an epoch")
            }
            _ => Ok(()),
        }
    }

    fn check_standby(
        &self,
        certify: &Certify,
        planned: &[PlannedCertificate],
    ) -> Result<(), &'static str> {
        let Some(standby) = &certify.standby else { return Ok(()) };
        let known = self.state.authorities.values().map(|one| (&one.authority, &one.issuer));
        let new = planned.iter().map(|one| (&one.certify.authority, &one.certify.issuer));
        let fits = |(id, issuer): (&AuthorityId, &IssuerName)| {
            *id == standby.replaces && *issuer == certify.issuer
        };
        if !known.chain(new).any(fits) {
            return Err("what it stands by for is no generation of the same issuer");
        }
        let Some(envelope) = &standby.credential else { return Ok(()) };
        match self.opening.open(envelope, certify.authority.as_str().as_bytes()) {
            Ok(_) => Ok(()),
            Err(_) => Err("its credential is not sealed for this root"),
        }
    }

    /// New revocations; what is revoked already stays as it was.
    fn revocations(&self, request: &Request) -> Result<Vec<Revoke>, CeremonyRefused> {
        let mut revoke: BTreeMap<AuthorityId, Revoke> = BTreeMap::new();
        for one in &request.body().revoke {
            let authority = one.authority.clone();
            if !self.state.authorities.contains_key(&authority) {
                let reason = "it is no authority of this root";
                return Err(CeremonyRefused::Revoke { authority, reason });
            }
            let reason: Result<Reason, _> = one.reason.parse();
            if !reason.is_ok_and(|reason| reason != Reason::RemoveFromCrl) {
                let reason = "RFC 5280 knows no such reason";
                return Err(CeremonyRefused::Revoke { authority, reason });
            }
            if !self.state.revoked.contains_key(&authority) {
                revoke.entry(authority).or_insert_with(|| one.clone());
            }
        }
        Ok(revoke.into_values().collect())
    }
}

#[cfg(test)]
mod tests;
