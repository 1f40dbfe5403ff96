//! What a relying party believes.

use std::collections::BTreeSet;
use std::sync::Arc;

use skink_x509::crl::Crl;
use skink_x509::{Certificate, Fingerprint, KeyDigest, Time};

use crate::{AuthorityKind, AuthorityState, Digest, Edition, Envelope, Parts, Refusal, Status};

/// What a relying party believes: the pinned root to begin with, then the last package accepted,
/// and everything that was ever taken away.
#[derive(Clone, Debug)]
pub struct Held {
    pub(crate) domain: String,
    pub(crate) stream: String,
    /// The last package; the least edition of a first one before there is any.
    pub(crate) edition: Edition,
    pub(crate) package: Option<Package>,
    pub(crate) roots: Vec<Certificate>,
    pub(crate) authorities: Vec<HeldAuthority>,
    pub(crate) crls: Vec<HeldCrl>,
    pub(crate) server_keys: BTreeSet<KeyDigest>,
    /// Insert-only but for a root's word.
    pub(crate) tainted: BTreeSet<KeyDigest>,
    /// Insert-only but for a root's word.
    pub(crate) denied: BTreeSet<KeyDigest>,
}

/// The package that was accepted last, as it came.
#[derive(Clone, Debug)]
pub(crate) struct Package {
    pub(crate) digest: Digest,
    /// Absent in a record of a program that did not keep it.
    pub(crate) envelope: Option<Arc<[u8]>>,
    pub(crate) not_after: Time,
    pub(crate) ceremony: u64,
    pub(crate) successors: Vec<Fingerprint>,
    pub(crate) journal_head: String,
    pub(crate) anchors_part: Arc<[u8]>,
    pub(crate) status_part: Arc<[u8]>,
}

/// An authority with the state that counts here, which a package can only make worse.
#[derive(Clone, Debug)]
pub struct HeldAuthority {
    /// `workloads-g1`.
    pub id: String,
    /// `workloads`.
    pub issuer: String,
    /// From 1.
    pub generation: u32,
    /// Who depends on it.
    pub kind: AuthorityKind,
    /// The state that counts.
    pub state: AuthorityState,
    /// Its certificate.
    pub certificate: Certificate,
    /// Whether its key is among the denied.
    pub denied: bool,
}

impl HeldAuthority {
    /// Whether what it signed is accepted.
    pub const fn is_trusted(&self) -> bool {
        self.state.is_trusted() && !self.denied
    }
}

/// The CRL of one scope.
#[derive(Clone, Debug)]
pub struct HeldCrl {
    /// The path of its distribution point.
    pub scope: String,
    /// SHA-256 of its DER.
    pub digest: Digest,
    /// The list.
    pub crl: Crl,
    /// Whether a root signed it: then its number is a floor.
    pub by_root: bool,
}

impl HeldCrl {
    /// Whether this list revokes that certificate of its own issuer.
    pub fn revokes(&self, certificate: &Certificate) -> bool {
        self.crl.issuer() == certificate.issuer() && self.crl.find(certificate.serial()).is_some()
    }
}

impl Held {
    /// Nothing but a root, known by the fingerprint in an enrolment token, and the least edition
    /// that the first package may have.
    pub fn pinned(domain: &str, stream: &str, root: Certificate, least: Edition) -> Self {
        Self {
            domain: domain.to_owned(),
            stream: stream.to_owned(),
            edition: least,
            package: None,
            roots: vec![root],
            authorities: Vec::new(),
            crls: Vec::new(),
            server_keys: BTreeSet::new(),
            tainted: BTreeSet::new(),
            denied: BTreeSet::new(),
        }
    }

    /// The trust domain.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The stream within it.
    pub fn stream(&self) -> &str {
        &self.stream
    }

    /// The anchors part of the last package, as the root signed it.
    pub fn anchors_part(&self) -> Option<&[u8]> {
        self.package.as_ref().map(|package| &*package.anchors_part)
    }

    /// The edition of the last package; before there is one, the least that a first one may have.
    pub const fn edition(&self) -> Edition {
        self.edition
    }

    /// The digest of the last package.
    pub fn digest(&self) -> Option<Digest> {
        self.package.as_ref().map(|package| package.digest)
    }

    /// The last package's envelope, as the trust key signed it: what shows a server that has
    /// forgotten it that it is out.
    pub fn envelope(&self) -> Option<&[u8]> {
        self.package.as_ref()?.envelope.as_deref()
    }

    /// When the last package expires. It goes on running after that, loudly.
    pub fn not_after(&self) -> Option<Time> {
        self.package.as_ref().map(|package| package.not_after)
    }

    /// Head of the server's journal as the last package witnessed it.
    pub fn journal_head(&self) -> Option<&str> {
        self.package.as_ref().map(|package| package.journal_head.as_str())
    }

    /// The roots.
    pub fn roots(&self) -> &[Certificate] {
        &self.roots
    }

    /// The authorities below, with the states that count.
    pub fn authorities(&self) -> &[HeldAuthority] {
        &self.authorities
    }

    /// The authority of that id.
    pub fn authority(&self, id: &str) -> Option<&HeldAuthority> {
        self.authorities.iter().find(|authority| authority.id == id)
    }

    /// The authority that issues for `issuer` now.
    pub fn active(&self, issuer: &str) -> Option<&HeldAuthority> {
        self.authorities.iter().find(|authority| {
            authority.issuer == issuer
                && authority.state == AuthorityState::Active
                && !authority.denied
        })
    }

    /// The authority that signed `certificate`, whatever its state.
    pub fn issuer_of(&self, certificate: &Certificate) -> Option<&HeldAuthority> {
        self.authorities
            .iter()
            .find(|authority| crate::signer::is_signed_by(certificate, &authority.certificate))
    }

    /// Issuing generations that are trusted: what the `anchor` mechanism takes as anchors.
    pub fn issuing_anchors(&self) -> impl Iterator<Item = &HeldAuthority> {
        self.authorities
            .iter()
            .filter(|authority| authority.kind == AuthorityKind::Issuing && authority.is_trusted())
    }

    /// One CRL for each scope.
    pub fn crls(&self) -> &[HeldCrl] {
        &self.crls
    }

    /// Keys that no path may contain.
    pub const fn denied_keys(&self) -> &BTreeSet<KeyDigest> {
        &self.denied
    }

    /// Keys that the server's control certificate may have.
    pub const fn server_keys(&self) -> &BTreeSet<KeyDigest> {
        &self.server_keys
    }

    /// Trusted issuing generations for which the root's partition is not held: software that
    /// checks whole chains would refuse what they sign.
    pub fn missing_partitions(&self) -> impl Iterator<Item = &HeldAuthority> {
        self.issuing_anchors().filter(|authority| {
            let points = authority.certificate.crl_distribution_points();
            !points.iter().filter_map(|uri| scope_of(uri)).any(|scope| self.crl(scope).is_some())
        })
    }

    /// The CRL of that scope.
    pub fn crl(&self, scope: &str) -> Option<&HeldCrl> {
        self.crls.iter().find(|crl| crl.scope == scope)
    }

    /// A part that is held already.
    pub fn part(&self, digest: Digest) -> Option<Arc<[u8]>> {
        let package = self.package.as_ref();
        let parts = package.into_iter().flat_map(|it| [&it.anchors_part, &it.status_part]);
        if let Some(part) = parts.into_iter().find(|part| Digest::of(part) == digest) {
            return Some(Arc::clone(part));
        }
        let crl = self.crls.iter().find(|crl| crl.digest == digest)?;
        Some(crl.crl.der().into())
    }

    /// The parts that have to be fetched next for `envelope`; none when all are here. Ask again
    /// after fetching: the status part names the CRLs.
    pub fn wanted(&self, envelope: &Envelope, parts: &Parts) -> Result<Vec<Digest>, Refusal> {
        let absent =
            |digest: &Digest| parts.find(*digest).is_none() && self.part(*digest).is_none();
        let manifest = envelope.manifest();
        let first: Vec<Digest> =
            [manifest.anchors, manifest.status].into_iter().filter(absent).collect();
        if !first.is_empty() {
            return Ok(first);
        }
        let status = Status::parse(&self.find("status part", manifest.status, parts)?)?;
        Ok(status.crls.iter().map(|crl| crl.digest).filter(absent).collect())
    }

    pub(crate) fn find(
        &self,
        what: &'static str,
        digest: Digest,
        parts: &Parts,
    ) -> Result<Arc<[u8]>, Refusal> {
        parts
            .find(digest)
            .cloned()
            .or_else(|| self.part(digest))
            .ok_or(Refusal::PartMissing { what, digest })
    }
}

/// The scope that a distribution point's URI names: its path.
pub(crate) fn scope_of(uri: &str) -> Option<&str> {
    let (_, rest) = uri.split_once("://")?;
    rest.find('/').map(|at| &rest[at..])
}
