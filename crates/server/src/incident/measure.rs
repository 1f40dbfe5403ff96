//! Gates, measured: from rows of the database to a measurement, without a side effect.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use skink_incident::Measurement;
use skink_model::{
    Ack, AuthorityId, BarrierProof, CrlRead, DistrustProof, Endpoint, EndpointName, PackageVersion,
    Time,
};
use skink_store::missing::Missing;
use skink_x509::Fingerprint;

/// How long the control may lie from the refusal that it goes with.
const SAME_SECOND: Duration = Duration::from_secs(1);

/// Collects what is seen of each subject.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    met: u64,
    samples: u64,
    pending: BTreeSet<String>,
    lines: Vec<String>,
}

impl Tally {
    /// A subject that meets the gate, with how many samples say so and a line of evidence.
    pub(crate) fn met(&mut self, subject: &(impl ToString + ?Sized), samples: u64, line: &str) {
        self.met += 1;
        self.samples += samples;
        self.lines.push(format!("{} {line}", subject.to_string()));
    }

    /// A subject that does not.
    pub(crate) fn pending(&mut self, subject: &(impl ToString + ?Sized), why: &str) {
        let subject = subject.to_string();
        self.lines.push(format!("{subject} - {why}"));
        self.pending.insert(subject);
    }

    /// Both as one: met with evidence, or pending with a reason.
    pub(crate) fn judge(
        &mut self,
        subject: &(impl ToString + ?Sized),
        seen: Result<(u64, String), &str>,
    ) {
        match seen {
            Ok((samples, line)) => self.met(subject, samples, &line),
            Err(why) => self.pending(subject, why),
        }
    }

    /// The measurement, complete at `at`.
    pub(crate) fn measurement(mut self, at: Time) -> Measurement {
        self.lines.sort_unstable();
        let missing = u64::try_from(self.pending.len()).unwrap_or(u64::MAX);
        let target = self.met.saturating_add(missing);
        Measurement {
            at,
            target,
            met: self.met,
            samples: self.samples,
            evidence: Fingerprint::of(self.lines.join("\n").as_bytes()).to_string(),
            note: format!("{} of {target}, {} samples", self.met, self.samples),
            pending: self.pending,
        }
    }
}

/// What a count says of a gate that is shut: how far it is, and of nobody the name. It is no evidence,
/// and opens nothing.
pub(crate) fn counted(at: Time, Missing { target, missing }: Missing) -> Measurement {
    let met = target.saturating_sub(missing);
    Measurement {
        at,
        target,
        met,
        pending: BTreeSet::new(),
        samples: 0,
        evidence: String::new(),
        note: format!("{met} of {target}, counted"),
    }
}

/// What an endpoint's barrier proof must show.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Barrier<'a> {
    pub(crate) successor: &'a AuthorityId,
    /// Package N+1.
    pub(crate) package: PackageVersion,
    pub(crate) handshakes: u32,
    pub(crate) settle: Duration,
    pub(crate) clock_offset_ms: u64,
}

impl Barrier<'_> {
    /// Whether one endpoint is past N.
    fn judge(
        &self,
        proof: Option<&BarrierProof>,
        acks: &Acks<'_>,
    ) -> Result<(u64, String), &'static str> {
        let proof = proof.ok_or("no proof yet")?;
        if proof.package < self.package {
            return Err("proven under an older package");
        }
        if !acks.run(&proof.endpoint, proof.package, &proof.digest) {
            return Err("has not acknowledged the package it was proven under");
        }
        if proof.handshakes < self.handshakes {
            return Err("too few handshakes in a row");
        }
        if proof.last.since(proof.first) < self.settle {
            return Err("handshakes within the settle time");
        }
        if proof.clock_offset_ms.unsigned_abs() > self.clock_offset_ms {
            return Err("its clock is off");
        }
        let line = format!(
            "{} {} {} {} {}",
            proof.authority,
            proof.digest,
            proof.handshakes,
            proof.first.as_millis(),
            proof.last.as_millis()
        );
        Ok((u64::from(proof.handshakes), line))
    }

    /// The barrier over `fleet`.
    pub(crate) fn measure(
        &self,
        now: Time,
        fleet: &[Endpoint],
        proofs: &[BarrierProof],
        acks: &[Ack],
    ) -> Measurement {
        let ours = proofs.iter().filter(|proof| proof.authority == *self.successor);
        let proofs: BTreeMap<&EndpointName, &BarrierProof> =
            ours.map(|proof| (&proof.endpoint, proof)).collect();
        let acks = Acks::new(acks);
        let mut tally = Tally::default();
        for endpoint in fleet {
            let proof = proofs.get(&endpoint.name).copied();
            tally.judge(&endpoint.name, self.judge(proof, &acks));
        }
        tally.measurement(now)
    }
}

/// What has been acknowledged.
struct Acks<'a>(BTreeSet<(&'a EndpointName, PackageVersion, &'a Fingerprint)>);

impl<'a> Acks<'a> {
    fn new(acks: &'a [Ack]) -> Self {
        Self(acks.iter().map(|ack| (&ack.endpoint, version(ack), &ack.digest)).collect())
    }

    fn run(&self, endpoint: &EndpointName, version: PackageVersion, digest: &Fingerprint) -> bool {
        self.0.contains(&(endpoint, version, digest))
    }
}

fn version(ack: &Ack) -> PackageVersion {
    PackageVersion { epoch: ack.epoch, version: ack.version }
}

/// A wave: every endpoint of it serves a proven certificate of the successor.
pub(crate) fn wave(now: Time, members: &[Endpoint], successor: &AuthorityId) -> Measurement {
    let mut tally = Tally::default();
    for endpoint in members {
        let seen = match &endpoint.installed {
            Some(installed) if installed.rolled_back => Err("went back to its last good pair"),
            Some(installed) if installed.authority.as_ref() == Some(successor) => {
                let at = installed.proven_at.as_millis();
                Ok((1, format!("{successor} {} {at}", installed.fingerprint)))
            }
            Some(_) => Err("still on another authority"),
            None => Err("nothing proven yet"),
        };
        tally.judge(&endpoint.name, seen);
    }
    tally.measurement(now)
}

/// What one endpoint says about its peers.
#[derive(Clone, Debug)]
pub(crate) struct PeersOf {
    pub(crate) endpoint: EndpointName,
    /// When it last said which peers it sees, whatever they were.
    pub(crate) measured_at: Option<Time>,
    /// When it last saw a legitimate peer with a certificate of the old authority.
    pub(crate) old_peer: Option<Time>,
}

/// The quiet gate: every endpoint has looked, and seen no legitimate old certificate, for the
/// quiet period, which begins at `since` at the earliest.
pub(crate) fn quiet(now: Time, since: Time, quiet: Duration, peers: &[PeersOf]) -> Measurement {
    let mut tally = Tally::default();
    for peer in peers {
        let begin = peer.old_peer.map_or(since, |seen| seen.max(since));
        let seen = match peer.measured_at {
            None => Err("has not said which peers it sees"),
            Some(at) if at < begin.plus(quiet) => Err("not quiet for long enough"),
            Some(at) => Ok((1, format!("{} {}", begin.as_millis(), at.as_millis()))),
        };
        tally.judge(&peer.endpoint, seen);
    }
    tally.measurement(now)
}

/// What an endpoint's distrust proof must show.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Distrust<'a> {
    pub(crate) authority: &'a AuthorityId,
    pub(crate) successor: &'a AuthorityId,
    /// Package N+2.
    pub(crate) package: PackageVersion,
    /// After a rotation nobody is locked out: running package N+2 is enough.
    pub(crate) attack: bool,
}

impl Distrust<'_> {
    fn judge(
        &self,
        proof: Option<&DistrustProof>,
        acks: &Acks<'_>,
    ) -> Result<(u64, String), &'static str> {
        let proof = proof.ok_or("no proof yet")?;
        if proof.package < self.package {
            return Err("proven under an older package");
        }
        if !acks.run(&proof.endpoint, proof.package, &proof.digest) {
            return Err("has not acknowledged the package it was proven under");
        }
        if proof.refusal.is_empty() {
            return Err("refused without a reason");
        }
        if proof.control_authority != *self.successor {
            return Err("the control was not of the successor");
        }
        let apart =
            proof.control_at.since(proof.refused_at).max(proof.refused_at.since(proof.control_at));
        if apart > SAME_SECOND {
            return Err("the control was not in the same second");
        }
        let line = format!(
            "{} {} {} {}",
            proof.digest,
            proof.refusal.replace('\n', " "),
            proof.refused_at.as_millis(),
            proof.control_at.as_millis()
        );
        Ok((2, line))
    }

    /// The proof over `fleet`.
    pub(crate) fn measure(
        &self,
        now: Time,
        fleet: &[Endpoint],
        proofs: &[DistrustProof],
        acks: &[Ack],
    ) -> Measurement {
        let ours = proofs.iter().filter(|proof| proof.authority == *self.authority);
        let proofs: BTreeMap<&EndpointName, &DistrustProof> =
            ours.map(|proof| (&proof.endpoint, proof)).collect();
        let known = Acks::new(acks);
        let mut tally = Tally::default();
        for endpoint in fleet {
            let seen = if self.attack {
                self.judge(proofs.get(&endpoint.name).copied(), &known)
            } else {
                self.runs(&endpoint.name, acks)
            };
            tally.judge(&endpoint.name, seen);
        }
        tally.measurement(now)
    }

    fn runs(&self, endpoint: &EndpointName, acks: &[Ack]) -> Result<(u64, String), &'static str> {
        let newest = acks.iter().filter(|ack| ack.endpoint == *endpoint).map(version).max();
        match newest {
            Some(version) if version >= self.package => {
                Ok((1, format!("{}.{}", version.epoch, version.version)))
            }
            _ => Err("has not acknowledged the package"),
        }
    }
}

/// A list that was published and must be what readers get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) scope: String,
    pub(crate) number: u64,
    pub(crate) digest: Fingerprint,
    /// Bytes of DER.
    pub(crate) size: usize,
}

/// Read back from distribution points (`fetched`: scope and digest, or why it was not good), and
/// from `agents` different agents for each list.
pub(crate) fn read_back(
    now: Time,
    expected: &[Expected],
    fetched: &BTreeMap<String, Result<Fingerprint, String>>,
    reads: &[CrlRead],
    agents: usize,
) -> Measurement {
    let mut tally = Tally::default();
    for list in expected {
        let line = format!("{} {}", list.number, list.digest);
        match fetched.get(&list.scope) {
            Some(Ok(digest)) if *digest == list.digest => tally.met(&list.scope, 1, &line),
            Some(Ok(_)) => tally.pending(&list.scope, "another list is published"),
            Some(Err(why)) => tally.pending(&list.scope, why),
            None => {}
        }
        if agents > 0 {
            let readers: BTreeSet<_> = reads
                .iter()
                .filter(|read| read.scope == list.scope && read.digest == list.digest)
                .map(|read| &read.agent)
                .collect();
            let subject = format!("{}@agents", list.scope);
            let count = u64::try_from(readers.len()).unwrap_or(0);
            if readers.len() >= agents {
                tally.met(&subject, count, &line);
            } else {
                tally.pending(&subject, "too few agents have read it");
            }
        }
    }
    tally.measurement(now)
}

#[cfg(test)]
mod tests;
