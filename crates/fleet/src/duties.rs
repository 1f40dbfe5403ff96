//! What an agent does for its endpoint: certificates, installation, proofs.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use skink_agent::protocol::{LocalKey, Pair};
use skink_api::agent::{
    Ack, BarrierProof, CertificateRequest, DistrustProof, EndpointReport, Installed, PackageRef,
    Purpose, RenewNow,
};
use skink_path::{Options, PeerName, Verdict};
use skink_trust::{AuthorityKind, Digest, Held, HeldAuthority};
use skink_x509::Time;

use crate::agent::{Agent, Trouble};
use crate::ambient::{SystemRng, now};
use crate::gauge::Gauge;
use crate::probe;

/// Handshakes that prove that a generation is accepted.
pub(crate) const HANDSHAKES: u32 = 3;
/// Over how long they are spread, in milliseconds.
pub(crate) const SPREAD_MS: i64 = 60;
/// What stands for a reason where a refusal is asserted.
const ASSERTED: &str = "asserted by the fleet simulator";

/// What is done, and what of it is to be told.
#[derive(Debug, Default)]
pub(crate) struct Duties {
    leaf: Option<Pair>,
    canaries: Vec<Pair>,
    runs: Option<Digest>,
    order_met: Option<(u64, i64)>,
    barrier: BTreeSet<(Digest, String)>,
    distrust: BTreeSet<(Digest, String)>,
    news: News,
}

/// What the server has not been told.
#[derive(Clone, Debug, Default)]
struct News {
    runs: Option<PackageRef>,
    installed: Option<Installed>,
    barrier: Vec<BarrierProof>,
    distrust: Vec<DistrustProof>,
}

impl Duties {
    pub(crate) const fn has_certificate(&self) -> bool {
        self.leaf.is_some()
    }

    pub(crate) const fn has_news(&self) -> bool {
        self.news.runs.is_some()
            || self.news.installed.is_some()
            || !self.news.barrier.is_empty()
            || !self.news.distrust.is_empty()
    }

    /// The server knows all of it.
    pub(crate) fn reported(&mut self) {
        self.news = News::default();
    }

    fn canary(&self, authority: &str) -> Option<&Pair> {
        self.canaries.iter().find(|canary| canary.authority() == authority)
    }
}

impl Agent {
    /// Brings the endpoint to what is held and ordered, as far as it goes now.
    pub(crate) async fn perform(&mut self) -> Result<(), Trouble> {
        let held = std::sync::Arc::clone(&self.held);
        let Some(digest) = held.digest() else { return Ok(()) };
        if self.duties.runs != Some(digest)
            && let Some(leaf) = self.duties.leaf.clone()
        {
            self.install(&held, &leaf).await?;
        }
        if self.must_renew(&held) {
            let order = self.renew.clone();
            self.canary_of_active(&held).await?;
            let leaf = self.ask(Purpose::Leaf).await?;
            self.verify_chain(&held, &leaf)?;
            self.install(&held, &leaf).await?;
            self.duties.leaf = Some(leaf);
            self.duties.order_met = order.map(|order| id_of(&order));
        }
        self.prove_barrier(&held, digest).await?;
        self.prove_distrust(&held, digest).await
    }

    fn must_renew(&self, held: &Held) -> bool {
        let Some(leaf) = &self.duties.leaf else { return true };
        let trusted = held.authority(leaf.authority()).is_some_and(HeldAuthority::is_trusted);
        let ordered = self.renew.as_ref().is_some_and(|order| {
            let met = self.duties.order_met == Some(id_of(order));
            !met && (order.anew || order.authority != leaf.authority())
        });
        // An authority that is tainted is trusted still, and one that is denied has a successor.
        ordered || !trusted
    }

    /// A certificate for a key of its own.
    async fn ask(&mut self, purpose: Purpose) -> Result<Pair, Trouble> {
        let key = LocalKey::generate().map_err(Trouble::Key)?;
        let (endpoint, issuer, names) = match purpose {
            Purpose::Leaf => (Some(self.spec.name.clone()), None, &self.spec.names[..]),
            _ => (None, Some(self.spec.issuer.clone()), &[][..]),
        };
        let csr_pem = key.csr_pem(names).map_err(Trouble::Key)?;
        let request = CertificateRequest { purpose, endpoint, issuer, csr_pem };
        let channel = self.channel().await?;
        let answer = channel.certificate(&request).await;
        let answer = self.answered(answer)?;
        Pair::new(answer, key.pem(), &SystemRng).map_err(Trouble::Pair)
    }

    /// The canary of the generation that is active, asked for once.
    async fn canary_of_active(&mut self, held: &Held) -> Result<Pair, Trouble> {
        let active = held.active(&self.spec.issuer).map(|active| active.id.clone());
        if let Some(known) = active.as_deref().and_then(|id| self.duties.canary(id)) {
            return Ok(known.clone());
        }
        let canary = self.ask(Purpose::Canary).await?;
        self.duties.canaries.retain(|other| other.authority() != canary.authority());
        self.duties.canaries.push(canary.clone());
        Ok(canary)
    }

    /// A canary that the endpoint must accept: of the active generation, or of any that is trusted.
    fn trusted_canary(&self, held: &Held) -> Option<Pair> {
        let active = held.active(&self.spec.issuer).and_then(|one| self.duties.canary(&one.id));
        let any = || {
            held.issuing_anchors()
                .filter(|authority| authority.issuer == self.spec.issuer)
                .find_map(|authority| self.duties.canary(&authority.id))
        };
        active.or_else(any).cloned()
    }

    /// The chain leads from the certificate to the root in what is held.
    fn verify_chain(&self, held: &Held, leaf: &Pair) -> Result<(), Trouble> {
        let chain = leaf.chain().map_err(Trouble::Pair)?;
        let (leaf, above) = chain.split_first().ok_or(Trouble::NoCanary)?;
        let name = self.spec.names.first().cloned().unwrap_or_default();
        let options = Options::new(now(), skink_path::Purpose::Server).named(PeerName::Dns(name));
        let question = skink_path::Question {
            leaf,
            untrusted: above,
            anchors: held.roots(),
            crls: &[],
            options,
        };
        match skink_path::decide(&question) {
            Verdict::Accepted(_) => {
                Gauge::count(&self.fleet.gauge.chains_verified);
                Ok(())
            }
            Verdict::Rejected(why) | Verdict::Undecided(why) => {
                Err(Trouble::Chain(format!("{why:?}").chars().take(200).collect()))
            }
        }
    }

    /// The certificate and the package run, as a handshake shows.
    async fn install(&mut self, held: &Held, leaf: &Pair) -> Result<(), Trouble> {
        let canary = match self.canary_of_active(held).await {
            Ok(canary) => canary,
            Err(error) => self.trusted_canary(held).ok_or(error)?,
        };
        if self.probes {
            probe::installed(&self.spec, held, leaf, &canary).await?;
        }
        self.count_proof();
        let fingerprint = leaf.fingerprint().map_err(Trouble::Pair)?;
        self.duties.news.installed = Some(Installed {
            fingerprint: fingerprint.to_string(),
            authority: leaf.authority().to_owned(),
            proven_at_ms: now().as_millis(),
            rolled_back: false,
        });
        if self.duties.runs != held.digest() {
            self.duties.runs = held.digest();
            self.duties.news.runs = held.digest().map(|digest| reference(held, digest));
        }
        Ok(())
    }

    async fn prove_barrier(&mut self, held: &Held, digest: Digest) -> Result<(), Trouble> {
        let Some(active) = held.active(&self.spec.issuer).map(|active| active.id.clone()) else {
            return Ok(());
        };
        let done = (digest, active.clone());
        if self.duties.runs != Some(digest) || self.duties.barrier.contains(&done) {
            return Ok(());
        }
        let canary = self.canary_of_active(held).await?;
        if canary.authority() != active {
            return Err(Trouble::NoCanary);
        }
        let leaf = self.duties.leaf.clone().ok_or(Trouble::NoCanary)?;
        let (first, last) = if self.probes {
            probe::accepted(&self.spec, held, &leaf, &canary).await?
        } else {
            let last = now();
            (Time::from_millis(last.as_millis() - SPREAD_MS), last)
        };
        self.count_proof();
        let package = reference(held, digest);
        self.duties.news.barrier.push(BarrierProof {
            authority: active,
            epoch: package.epoch,
            version: package.version,
            digest: package.digest,
            handshakes: HANDSHAKES,
            first_ms: first.as_millis(),
            last_ms: last.as_millis(),
        });
        self.duties.barrier.insert(done);
        Ok(())
    }

    async fn prove_distrust(&mut self, held: &Held, digest: Digest) -> Result<(), Trouble> {
        if self.duties.runs != Some(digest) {
            return Ok(());
        }
        for rogue in self.rogues(held, digest) {
            let control = self.canary_of_active(held).await?;
            let leaf = self.duties.leaf.clone().ok_or(Trouble::NoCanary)?;
            let (refusal, refused_at, control_at) = if self.probes {
                probe::refused(&self.spec, held, &leaf, (&rogue, &control)).await?
            } else {
                (ASSERTED.to_owned(), now(), now())
            };
            self.count_proof();
            let package = reference(held, digest);
            self.duties.news.distrust.push(DistrustProof {
                authority: rogue.authority().to_owned(),
                epoch: package.epoch,
                version: package.version,
                digest: package.digest,
                refusal,
                refused_at_ms: refused_at.as_millis(),
                control_authority: control.authority().to_owned(),
                control_at_ms: control_at.as_millis(),
            });
            self.duties.distrust.insert((digest, rogue.authority().to_owned()));
        }
        Ok(())
    }

    /// Canaries of generations that are denied, for which nothing is proven under this package.
    fn rogues(&self, held: &Held, digest: Digest) -> Vec<Pair> {
        held.authorities()
            .iter()
            .filter(|authority| authority.kind == AuthorityKind::Issuing && authority.denied)
            .filter(|authority| !self.duties.distrust.contains(&(digest, authority.id.clone())))
            .filter_map(|authority| self.duties.canary(&authority.id).cloned())
            .collect()
    }

    fn count_proof(&self) {
        let gauge = &self.fleet.gauge;
        Gauge::count(if self.probes { &gauge.real_proofs } else { &gauge.asserted_proofs });
    }

    /// What there is to tell, the acknowledgement signed over a fresh nonce.
    pub(crate) async fn endpoint_report(&mut self) -> Result<EndpointReport, Trouble> {
        let news = self.duties.news.clone();
        let ack = match &news.runs {
            Some(package) => Some(self.acknowledgement(package).await?),
            None => None,
        };
        Ok(EndpointReport {
            endpoint: self.spec.name.clone(),
            ack,
            barrier: news.barrier,
            distrust: news.distrust,
            installed: news.installed,
            ..EndpointReport::default()
        })
    }

    async fn acknowledgement(&mut self, package: &PackageRef) -> Result<Ack, Trouble> {
        let nonce = self.fresh_nonce().await?;
        let input = Ack::signing_input(&self.name, &self.spec.name, package, &nonce);
        let key = LocalKey::from_pem(self.identity.key_pem()).map_err(Trouble::Key)?;
        let signature = key.sign(&input).map_err(Trouble::Key)?;
        Ok(Ack {
            epoch: package.epoch,
            version: package.version,
            digest: package.digest.clone(),
            nonce,
            signature: STANDARD.encode(signature),
        })
    }
}

fn id_of(order: &RenewNow) -> (u64, i64) {
    (order.number, order.at_ms)
}

fn reference(held: &Held, digest: Digest) -> PackageRef {
    let edition = held.edition();
    PackageRef { epoch: edition.epoch, version: edition.version, digest: digest.to_string() }
}
