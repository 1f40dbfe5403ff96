//! The acceptance rules.

use std::collections::BTreeSet;
use std::sync::Arc;

use skink_x509::{Certificate, KeyDigest, Time};

use crate::held::Package;
use crate::{
    Anchors, AnchorsPart, AuthorityEntry, AuthorityKind, AuthorityState, Envelope, Held,
    HeldAuthority, HeldCrl, Limits, Manifest, Parts, Refusal, Status, signer,
};

mod crls;

/// An accepted package.
#[derive(Clone, Debug)]
pub struct Acceptance {
    /// What is believed from now on.
    pub held: Held,
    /// What the package said that does not count here. Not an error, and never silent: an honest
    /// server forgets nothing.
    pub overruled: Vec<Overruled>,
}

/// A word of a package that does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overruled {
    /// It calls an authority better than it is.
    State {
        /// The authority.
        authority: String,
        /// The state in the package.
        offered: AuthorityState,
        /// The state that counts.
        kept: AuthorityState,
    },
    /// It leaves out a denied key.
    Denial(KeyDigest),
    /// It carries a root CRL with a lower number, or another one with the same number, or none.
    Crl {
        /// The scope.
        scope: String,
    },
}

impl Held {
    /// Judges a package against what is held; `self` is unchanged either way.
    pub fn accept(
        &self,
        envelope: &[u8],
        parts: &Parts,
        now: Time,
        limits: &Limits,
    ) -> Result<Acceptance, Refusal> {
        let bytes = envelope;
        let envelope = Envelope::parse(bytes, limits)?;
        let manifest = envelope.manifest();
        envelope.verify_signature()?;
        self.check_address(manifest)?;
        self.check_order(&envelope)?;
        if manifest.not_after() <= now {
            return Err(Refusal::Expired { not_after: manifest.not_after() });
        }
        check_total(parts, limits)?;
        let anchors = self.anchors(manifest, parts, limits)?;
        signer::check(envelope.certificate(), manifest.edition, &anchors.roots, now)?;
        if envelope.certificate().not_after() < manifest.not_after() {
            return Err(Refusal::WrongKey { reason: "ends before the package does" });
        }
        let status_part = self.find("status part", manifest.status, parts)?;
        check_size("status part", status_part.len(), limits.part)?;
        let status = Status::parse(&status_part)?;
        check_counts(&status, limits)?;
        let mut judged = Judged::new(self, &anchors, &status);
        judged.authorities(&status, &anchors.roots)?;
        judged.crls(
            &status,
            manifest,
            &anchors.roots,
            |crl| self.find("CRL", crl.digest, parts),
            limits,
        )?;
        signer::check_revocation(envelope.certificate(), &judged.crls)?;
        judged.settle_states();
        judged.note_forgotten_denials(&status);
        judged.check_trust(&status, &anchors.roots, now)?;
        let package = Package {
            digest: envelope.digest(),
            envelope: Some(bytes.into()),
            not_after: manifest.not_after(),
            ceremony: anchors.content.ceremony,
            successors: anchors.content.successors,
            journal_head: status.journal_head.clone(),
            anchors_part: anchors.part,
            status_part,
        };
        Ok(judged.into_acceptance(self, manifest, package, anchors.roots, &status))
    }

    fn check_address(&self, manifest: &Manifest) -> Result<(), Refusal> {
        if manifest.domain == self.domain && manifest.stream == self.stream {
            return Ok(());
        }
        Err(Refusal::OtherDomain {
            offered: format!("{}/{}", manifest.domain, manifest.stream),
            held: format!("{}/{}", self.domain, self.stream),
        })
    }

    fn check_order(&self, envelope: &Envelope) -> Result<(), Refusal> {
        let (offered, held) = (envelope.manifest().edition, self.edition);
        match self.digest() {
            _ if offered < held => Err(Refusal::Older { offered, held }),
            Some(digest) if offered == held && digest == envelope.digest() => {
                Err(Refusal::Replayed(offered))
            }
            Some(_) if offered == held => Err(Refusal::Equivocation(offered)),
            _ => Ok(()),
        }
    }

    fn anchors(
        &self,
        manifest: &Manifest,
        parts: &Parts,
        limits: &Limits,
    ) -> Result<BelievedAnchors, Refusal> {
        let part = self.find("anchors part", manifest.anchors, parts)?;
        check_size("anchors part", part.len(), limits.part)?;
        let parsed = AnchorsPart::parse(&part)?;
        let named = parsed.danger_unverified()?;
        let successors = self.package.as_ref().map_or(&[][..], |package| &package.successors);
        let mut signers = self.roots.clone();
        signers.extend(
            named
                .root_certificates()?
                .into_iter()
                .filter(|root| successors.contains(&root.fingerprint())),
        );
        let content = parsed.verified_by(&signers)?;
        if content.domain != self.domain {
            return Err(Refusal::OtherDomain {
                offered: content.domain,
                held: self.domain.clone(),
            });
        }
        let held = self.package.as_ref().map_or(0, |package| package.ceremony);
        if content.ceremony < held {
            return Err(Refusal::AnchorsOlder { offered: content.ceremony, held });
        }
        let newer = content.ceremony > held && self.package.is_some();
        Ok(BelievedAnchors { roots: content.root_certificates()?, content, part, newer })
    }
}

/// Anchors that a root trusted here signed.
struct BelievedAnchors {
    content: Anchors,
    roots: Vec<Certificate>,
    part: Arc<[u8]>,
    /// Of a later ceremony than what is held: only then does it end a taint.
    newer: bool,
}

/// A package being judged: what it says, laid over what is known.
struct Judged {
    tainted: BTreeSet<KeyDigest>,
    denied: BTreeSet<KeyDigest>,
    authorities: Vec<HeldAuthority>,
    crls: Vec<HeldCrl>,
    held_crls: Vec<HeldCrl>,
    overruled: Vec<Overruled>,
}

impl Judged {
    fn new(held: &Held, anchors: &BelievedAnchors, status: &Status) -> Self {
        let reinstated = if anchors.newer { &anchors.content.reinstated[..] } else { &[] };
        let keep = |key: &&KeyDigest| !reinstated.contains(key);
        let tainted = held.tainted.iter().filter(keep).copied().collect();
        let mut denied: BTreeSet<_> = held.denied.iter().filter(keep).copied().collect();
        denied.extend(status.denied_keys.iter().copied());
        Self {
            tainted,
            denied,
            authorities: Vec::new(),
            crls: Vec::new(),
            held_crls: held.crls.clone(),
            overruled: Vec::new(),
        }
    }

    fn authorities(&mut self, status: &Status, roots: &[Certificate]) -> Result<(), Refusal> {
        for entry in &status.authorities {
            if self.authorities.iter().any(|known| known.id == entry.id) {
                return Err(Refusal::Twice(entry.id.clone()));
            }
            self.authorities.push(read_authority(entry, roots)?);
        }
        Ok(())
    }

    /// Lays taints, denials and the root's CRLs over the states that the package gives.
    fn settle_states(&mut self) {
        for authority in &mut self.authorities {
            let key = authority.certificate.public_key().digest();
            let offered = authority.state;
            let mut by_root = self.crls.iter().filter(|crl| crl.by_root);
            if by_root.any(|crl| crl.revokes(&authority.certificate)) {
                authority.state = authority.state.max(AuthorityState::Revoked);
            }
            if authority.state >= AuthorityState::Revoked {
                self.denied.insert(key);
            }
            authority.denied = self.denied.contains(&key);
            if authority.state.is_scar() || authority.denied {
                self.tainted.insert(key);
            }
            // A retired generation is trusted less than a tainted one.
            if self.tainted.contains(&key) && authority.state != AuthorityState::Retired {
                authority.state = authority.state.max(AuthorityState::Tainted);
            }
            if authority.state != offered && !offered.is_scar() {
                self.overruled.push(Overruled::State {
                    authority: authority.id.clone(),
                    offered,
                    kept: authority.state,
                });
            }
        }
    }

    /// A denied key that the package neither names nor gives a state that denies it.
    fn note_forgotten_denials(&mut self, status: &Status) {
        let said = |key: &KeyDigest| {
            let mut same = self
                .authorities
                .iter()
                .filter(|authority| authority.certificate.public_key().digest() == *key);
            status.denied_keys.contains(key)
                || same.any(|authority| authority.state >= AuthorityState::Revoked)
        };
        let forgotten: Vec<_> = self.denied.iter().filter(|key| !said(key)).copied().collect();
        self.overruled.extend(forgotten.into_iter().map(Overruled::Denial));
    }

    fn check_trust(
        &self,
        status: &Status,
        roots: &[Certificate],
        now: Time,
    ) -> Result<(), Refusal> {
        let keys = roots.iter().map(|root| root.public_key().digest());
        if let Some(key) = keys.into_iter().find(|key| self.denied.contains(key)) {
            return Err(Refusal::DeniesRoot(key));
        }
        if !roots.iter().any(|root| root.is_valid_at(now)) {
            return Err(Refusal::NothingTrusted("root that is valid"));
        }
        let issues = |authority: &&HeldAuthority| {
            authority.kind == AuthorityKind::Issuing
                && authority.is_trusted()
                && authority.certificate.is_valid_at(now)
        };
        if self.authorities.iter().find(issues).is_none() {
            return Err(Refusal::NothingTrusted("issuing authority"));
        }
        if status.server_keys.is_empty() {
            return Err(Refusal::NothingTrusted("key of the server"));
        }
        self.check_one_active()
    }

    fn check_one_active(&self) -> Result<(), Refusal> {
        let mut issuers = BTreeSet::new();
        let active = self.authorities.iter().filter(|it| it.state == AuthorityState::Active);
        for authority in active {
            if !issuers.insert(&authority.issuer) {
                return Err(Refusal::Twice(format!(
                    "the active authority of {}",
                    authority.issuer
                )));
            }
        }
        Ok(())
    }

    fn into_acceptance(
        self,
        held: &Held,
        manifest: &Manifest,
        package: Package,
        roots: Vec<Certificate>,
        status: &Status,
    ) -> Acceptance {
        let held = Held {
            domain: held.domain.clone(),
            stream: held.stream.clone(),
            edition: manifest.edition,
            package: Some(package),
            roots,
            authorities: self.authorities,
            crls: self.crls,
            server_keys: status.server_keys.iter().copied().collect(),
            tainted: self.tainted,
            denied: self.denied,
        };
        Acceptance { held, overruled: self.overruled }
    }
}

fn read_authority(entry: &AuthorityEntry, roots: &[Certificate]) -> Result<HeldAuthority, Refusal> {
    let certificate = Certificate::from_pem(&entry.certificate)
        .map_err(|source| Refusal::Certificate { subject: entry.id.clone(), source })?;
    let rooted = roots.iter().any(|root| signer::is_signed_by(&certificate, root));
    if !rooted || !certificate.is_ca() {
        return Err(Refusal::ForeignAuthority(entry.id.clone()));
    }
    Ok(HeldAuthority {
        id: entry.id.clone(),
        issuer: entry.issuer.clone(),
        generation: entry.generation,
        kind: entry.kind,
        state: entry.state,
        certificate,
        denied: false,
    })
}

fn check_size(what: &'static str, size: usize, limit: usize) -> Result<(), Refusal> {
    if size > limit { Err(Refusal::Oversize { what, limit }) } else { Ok(()) }
}

fn check_total(parts: &Parts, limits: &Limits) -> Result<(), Refusal> {
    check_size("package", parts.iter().map(|(_, bytes)| bytes.len()).sum(), limits.total)
}

fn check_counts(status: &Status, limits: &Limits) -> Result<(), Refusal> {
    check_size("list of authorities", status.authorities.len(), limits.authorities)?;
    check_size("list of CRLs", status.crls.len(), limits.crls)?;
    check_size("list of denied keys", status.denied_keys.len(), limits.denied_keys)?;
    check_size("list of server keys", status.server_keys.len(), limits.denied_keys)
}

#[cfg(test)]
mod tests;
