//! Attacks with trust packages, each offered to every agent while it runs.
//!
//! The thief took the trust key off the same disk as the issuing key: whatever an honest server
//! could sign, he can.

use std::time::Duration;

use skink_agent::{AgentHandle, OfferError};

use skink_trust::{
    Digest, Edition, Envelope, Held, HeldAuthority, Limits, Manifest, Overruled, Parts, Refusal,
    Status,
};
use skink_x509::{Certificate, Time};

use super::scoreboard::{Attempt, Phase};
use crate::DrillError;
use crate::agents::Agents;
use crate::battlefield::Battlefield;
use crate::clock::now;
use crate::headquarters::{Headquarters, ISSUER, STOLEN};
use crate::options::DrillOptions;
use crate::outcome::Outcome;
use crate::thief::forge::Thief;
use crate::thief::key::{StolenKey, thwarted};

pub(crate) const REPLAYED: &str = "trust-package-replayed";
pub(crate) const ALTERED: &str = "trust-package-altered";
pub(crate) const EXPIRED: &str = "trust-package-expired";
pub(crate) const WRONG_KEY: &str = "trust-package-signed-by-the-wrong-key";
pub(crate) const OTHER_DOMAIN: &str = "trust-package-of-another-domain";
pub(crate) const FAST_FORWARD: &str = "trust-package-fast-forwarded-by-the-issuing-key";
pub(crate) const FORGETFUL: &str = "trust-package-that-forgets-the-denial";

/// Signed with the stolen trust key itself: hosts must take it, and the root must get them back.
pub(crate) const HIJACKED: &str = "trust-package-fast-forwarded-by-the-trust-key";

/// The attacks that an honest server's next package ends, if anything.
pub(crate) const ALL: &[&str] =
    &[REPLAYED, ALTERED, EXPIRED, WRONG_KEY, OTHER_DOMAIN, FAST_FORWARD, FORGETFUL];

const PACE: Duration = Duration::from_millis(50);
const CURRENT_LIMIT: Duration = Duration::from_secs(20);
const AGES: Duration = Duration::from_hours(1);
const FAR: u64 = 1 << 63;

/// What the thief kept of the time before the incident.
pub(crate) struct Loot {
    trust_key: StolenKey,
    trust_certificate: Certificate,
    envelope: Vec<u8>,
    status: Status,
    lists: Vec<Vec<u8>>,
    /// Version 2^63, signed by the issuing key.
    fast_forward: Vec<u8>,
}

impl Loot {
    /// Takes the trust key and a copy of the package that is out.
    pub(crate) async fn take(
        headquarters: &Headquarters,
        agents: &Agents,
        field: &Battlefield,
    ) -> Result<Self, DrillError> {
        let dir = headquarters.server_dir();
        let key = dir.join("keys").join("trust-g1.key.pem");
        let trust_key = StolenKey::take(&key, &dir.join("credentials").join("software.key"))?;
        let envelope = headquarters.published("/trust/package").await?;
        let parsed = read(&envelope)?;
        let party = field.fleet.parties().first();
        let party = party.ok_or_else(|| thwarted("copying the package", &"nobody has one"))?;
        let held = agents.of(party)?.held();
        let status = held
            .part(parsed.manifest().status)
            .ok_or_else(|| thwarted("copying the package", &"its status is not held"))?;
        let status =
            Status::parse(&status).map_err(|error| thwarted("reading the package", &error))?;
        let trust_certificate = parsed.certificate().clone();
        let lists = held.crls().iter().map(|crl| crl.crl.der().to_vec()).collect();
        let fast_forward = Vec::new();
        let mut loot = Self { trust_key, trust_certificate, envelope, status, lists, fast_forward };
        loot.fast_forward = loot.signed_by_the_issuer(&field.thief, &held)?;
        Ok(loot)
    }

    /// Made at once: who has the use of the issuing key only will lose it.
    fn signed_by_the_issuer(&self, thief: &Thief, held: &Held) -> Result<Vec<u8>, DrillError> {
        let far = Edition::new(held.edition().epoch, FAR);
        let body = self.manifest(held, far, now().plus(AGES), held.domain())?;
        let signature = thief.stolen.sign(&Manifest::signing_input(&body))?;
        Envelope::assemble(body, &thief.authority, &signature)
            .map_err(|error| thwarted("forging a package", &error))
    }

    /// Offers every package to every agent's state. Beside each, the agent judges an honest one of
    /// the next version: that it would take, without a word against it.
    pub(crate) async fn offer_all(
        &self,
        headquarters: &Headquarters,
        agents: &Agents,
        field: &Battlefield,
    ) -> Result<(), DrillError> {
        for party in field.fleet.parties() {
            let agent = agents.of(party)?;
            let current = current(headquarters, agent).await?;
            for name in ALL {
                let held = agent.held();
                let control = self.honest_is_taken(&held, &current)?;
                let (envelope, parts) = self.forge(name, &held)?;
                let outcome = offer(name, agent, &envelope, &parts);
                let (target, mechanism) = (party.name.clone(), None);
                let attempt = Attempt { target, mechanism, outcome, control };
                field.scoreboard.record(name, Phase::After, attempt);
            }
        }
        Ok(())
    }

    /// Whether the agent would take what the server says now, under the next version. The trust key
    /// is the server's own: a copy signs as well.
    fn honest_is_taken(&self, held: &Held, current: &Envelope) -> Result<bool, DrillError> {
        let edition = Edition::new(held.edition().epoch, held.edition().version + 1);
        let manifest = Manifest { edition, ..current.manifest().clone() };
        let body = manifest.to_body().map_err(|error| thwarted("repeating a package", &error))?;
        let signature = self.trust_key.sign(&Manifest::signing_input(&body))?;
        let envelope = Envelope::assemble(body, current.certificate(), &signature)
            .map_err(|error| thwarted("repeating a package", &error))?;
        let judged = held.accept(&envelope, &Parts::new(), now(), &Limits::default());
        Ok(judged.is_ok_and(|judged| {
            judged.overruled.is_empty()
                && judged.held.active(ISSUER).is_some_and(|active| active.id != STOLEN)
        }))
    }

    /// Pushes every agent to version 2^63 with the stolen trust key. They take it, for it is the
    /// key that they believe; but it gives nothing back, and the root's next epoch gets them out, with
    /// what a host held before.
    pub(crate) async fn hijack(
        &self,
        headquarters: &Headquarters,
        options: &DrillOptions,
        agents: &Agents,
        field: &Battlefield,
    ) -> Result<(), DrillError> {
        let mut hijacked = Vec::new();
        for party in field.fleet.parties() {
            let (agent, held) = (agents.of(party)?, agents.of(party)?.held());
            let far = Edition::new(held.edition().epoch, FAR);
            let until = now().plus(AGES);
            let (envelope, parts) = self.sign(&held, far, until, held.domain(), &self.trust_key)?;
            hijacked.push((party, agent, offer(HIJACKED, agent, &envelope, &parts)));
        }
        let (envelope, parts) = headquarters.root_package(&options.skink).await?;
        for (party, agent, outcome) in hijacked {
            let pushed = agent.held().edition().version == FAR;
            let healed = agent.offer(&envelope, &parts).is_ok();
            let held = agent.held();
            let control = pushed
                && healed
                && held.active(ISSUER).is_some_and(|active| active.id != STOLEN)
                && !held.authority(STOLEN).is_some_and(HeldAuthority::is_trusted);
            let (target, mechanism) = (party.name.clone(), None);
            let attempt = Attempt { target, mechanism, outcome, control };
            field.scoreboard.record(HIJACKED, Phase::After, attempt);
        }
        Ok(())
    }

    fn forge(&self, name: &str, held: &Held) -> Result<(Vec<u8>, Parts), DrillError> {
        let next = Edition::new(held.edition().epoch, held.edition().version + 1);
        let until = now().plus(AGES);
        match name {
            REPLAYED => Ok((self.envelope.clone(), self.parts(held))),
            ALTERED => {
                let text = String::from_utf8_lossy(&self.envelope);
                let at = format!("\\\"version\\\":{}", self.edition()?.version);
                let raised = format!("\\\"version\\\":{}", next.version);
                Ok((text.replace(&at, &raised).into_bytes(), self.parts(held)))
            }
            EXPIRED => self.sign(held, next, now().minus(AGES), held.domain(), &self.trust_key),
            OTHER_DOMAIN => self.sign(held, next, until, "elsewhere.example", &self.trust_key),
            WRONG_KEY => self.sign(held, next, until, held.domain(), &StolenKey::generate()?),
            FAST_FORWARD => Ok((self.fast_forward.clone(), self.parts(held))),
            _ => self.sign(held, next, until, held.domain(), &self.trust_key),
        }
    }

    fn edition(&self) -> Result<Edition, DrillError> {
        read(&self.envelope).map(|envelope| envelope.manifest().edition)
    }

    /// The status from before the incident: nothing tainted, nothing denied, the old lists.
    fn parts(&self, held: &Held) -> Parts {
        let mut parts = Parts::new();
        // Of an authority that is gone, hosts hold no list any more: he brings the one he kept.
        for list in &self.lists {
            parts.insert(list.clone());
        }
        for crl in held.crls() {
            parts.insert(crl.crl.der().to_vec());
        }
        if let Ok(status) = self.forgetful(held).to_part() {
            parts.insert(status);
        }
        parts
    }

    /// The old status with the lists that agents hold now: only what he wants forgotten differs.
    fn forgetful(&self, held: &Held) -> Status {
        let mut status = self.status.clone();
        for entry in &mut status.crls {
            if let Some(now) = held.crl(&entry.scope) {
                entry.digest = now.digest;
            }
        }
        status
    }

    fn manifest(
        &self,
        held: &Held,
        edition: Edition,
        until: Time,
        domain: &str,
    ) -> Result<String, DrillError> {
        let forged = |error: &dyn std::fmt::Display| thwarted("forging a package", error);
        let original =
            Envelope::parse(&self.envelope, &Limits::default()).map_err(|error| forged(&error))?;
        let status = self.forgetful(held).to_part().map_err(|error| forged(&error))?;
        let manifest = Manifest {
            domain: domain.to_owned(),
            edition,
            not_after_ms: until.as_millis(),
            status: Digest::of(&status),
            ..original.manifest().clone()
        };
        manifest.to_body().map_err(|error| forged(&error))
    }

    fn sign(
        &self,
        held: &Held,
        edition: Edition,
        until: Time,
        domain: &str,
        key: &StolenKey,
    ) -> Result<(Vec<u8>, Parts), DrillError> {
        let body = self.manifest(held, edition, until, domain)?;
        let signature = key.sign(&Manifest::signing_input(&body))?;
        let envelope = Envelope::assemble(body, &self.trust_certificate, &signature)
            .map_err(|error| thwarted("forging a package", &error))?;
        Ok((envelope, self.parts(held)))
    }
}

fn read(envelope: &[u8]) -> Result<Envelope, DrillError> {
    Envelope::parse(envelope, &Limits::default())
        .map_err(|error| thwarted("reading the package", &error))
}

/// The server's package, as soon as the agent holds the very same.
async fn current(headquarters: &Headquarters, agent: &AgentHandle) -> Result<Envelope, DrillError> {
    let deadline = tokio::time::Instant::now() + CURRENT_LIMIT;
    loop {
        let current = read(&headquarters.published("/trust/package").await?)?;
        if agent.held().digest() == Some(current.digest()) {
            return Ok(current);
        }
        if tokio::time::Instant::now() >= deadline {
            let what = "an agent's taking the server's package".to_owned();
            return Err(DrillError::Late { what, limit_s: CURRENT_LIMIT.as_secs() });
        }
        tokio::time::sleep(PACE).await;
    }
}

/// Refused by its own rule, or accepted without its words: both lock the thief out. Refused by
/// another rule it proves nothing.
fn offer(name: &str, agent: &AgentHandle, envelope: &[u8], parts: &Parts) -> Outcome {
    let answer = agent.offer(envelope, parts);
    let trusted = agent.held().authority(STOLEN).is_some_and(HeldAuthority::is_trusted);
    verdict(name, answer, trusted)
}

fn verdict(name: &str, answer: Result<Vec<Overruled>, OfferError>, trusted: bool) -> Outcome {
    match answer {
        Ok(_) if trusted => Outcome::Accepted { resumed: false },
        Ok(overruled) if is_own_overruling(name, &overruled) => {
            Outcome::CertificateRefused("its words do not count".to_owned())
        }
        Ok(_) => Outcome::Failed("taken, and nothing in it overruled".to_owned()),
        Err(OfferError::Refused(refusal)) if is_own_refusal(name, &refusal) => {
            Outcome::CertificateRefused(refusal.to_string())
        }
        Err(OfferError::Refused(refusal)) => {
            Outcome::Failed(format!("refused by another rule: {refusal}"))
        }
        Err(other) => Outcome::Failed(other.to_string()),
    }
}

/// Whether this is the rule that the attack is made against.
fn is_own_refusal(name: &str, refusal: &Refusal) -> bool {
    match name {
        REPLAYED => matches!(refusal, Refusal::Older { .. }),
        // A key that nobody certified cannot but borrow the certificate of one that is.
        ALTERED | WRONG_KEY => matches!(refusal, Refusal::NotSigned),
        EXPIRED => matches!(refusal, Refusal::Expired { .. }),
        OTHER_DOMAIN => matches!(refusal, Refusal::OtherDomain { .. }),
        FAST_FORWARD => matches!(refusal, Refusal::WrongKey { .. }),
        _ => false,
    }
}

/// Whether what the attack wants forgotten was kept.
fn is_own_overruling(name: &str, overruled: &[Overruled]) -> bool {
    let state =
        |one: &Overruled| matches!(one, Overruled::State { authority, .. } if authority == STOLEN);
    matches!(name, FORGETFUL | HIJACKED) && overruled.iter().any(state)
}

#[cfg(test)]
mod tests {
    use skink_trust::AuthorityState;

    use super::*;

    fn refusals() -> Vec<Refusal> {
        let edition = Edition::new(1, 1);
        let text = String::new;
        vec![
            Refusal::Older { offered: edition, held: edition },
            Refusal::NotSigned,
            Refusal::Expired { not_after: now() },
            Refusal::OtherDomain { offered: text(), held: text() },
            Refusal::WrongKey { reason: "is another's" },
            Refusal::Replayed(edition),
            Refusal::AnchorsNotSigned,
            Refusal::PartMissing { what: "status part", digest: Digest::of(b"") },
            Refusal::NothingTrusted("issuing authority"),
        ]
    }

    #[test]
    fn each_package_is_refused_by_its_own_rule_or_not_at_all() {
        for name in ALL {
            let own = |refusal: Refusal| {
                verdict(name, Err(OfferError::Refused(refusal)), false).refused()
            };
            let owned = refusals().into_iter().map(own).filter(|own| *own).count();
            assert_eq!(owned, usize::from(*name != FORGETFUL), "{name}");
        }
    }

    #[test]
    fn a_package_that_is_taken_must_be_overruled_where_it_matters() {
        let kept = |authority: &str| Overruled::State {
            authority: authority.to_owned(),
            offered: AuthorityState::Active,
            kept: AuthorityState::Revoked,
        };
        for name in [FORGETFUL, HIJACKED] {
            assert!(verdict(name, Ok(vec![kept(STOLEN)]), false).refused());
            assert!(!verdict(name, Ok(vec![kept("workloads-g2")]), false).refused());
            assert!(!verdict(name, Ok(Vec::new()), false).refused());
            assert!(verdict(name, Ok(vec![kept(STOLEN)]), true).accepted());
        }
        assert!(!verdict(EXPIRED, Ok(vec![kept(STOLEN)]), false).refused());
    }
}
