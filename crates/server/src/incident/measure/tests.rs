use skink_model::{Criticality, EndpointRole, Installed, Mechanism};

use super::*;

const NOW: Time = Time::from_secs(5_000);
const N1: PackageVersion = PackageVersion { epoch: 1, version: 7 };

fn digest(text: &str) -> Fingerprint {
    Fingerprint::of(text.as_bytes())
}

fn id(text: &str) -> AuthorityId {
    text.parse().unwrap()
}

fn endpoint(name: &str) -> Endpoint {
    Endpoint {
        name: name.parse().unwrap(),
        role: EndpointRole::Server,
        mechanism: Mechanism::Anchor,
        service: "shop".into(),
        issuer: "w".parse().unwrap(),
        profile: "server".parse().unwrap(),
        names: vec![],
        address: None,
        owner: "ada".into(),
        criticality: Criticality::Normal,
        agent: Some(name.parse().unwrap()),
        installed: None,
        error: None,
    }
}

fn ack(name: &str, version: u64) -> Ack {
    Ack {
        endpoint: name.parse().unwrap(),
        epoch: 1,
        version,
        digest: digest(&format!("package {version}")),
        agent: name.parse().unwrap(),
        nonce: "n".into(),
        signature: vec![1],
        at: NOW,
    }
}

fn proof(name: &str) -> BarrierProof {
    BarrierProof {
        endpoint: name.parse().unwrap(),
        authority: id("w-g2"),
        package: N1,
        digest: digest("package 7"),
        handshakes: 3,
        first: Time::from_secs(4_000),
        last: Time::from_secs(4_001),
        clock_offset_ms: -20,
        at: NOW,
    }
}

fn barrier(proofs: &[BarrierProof], acks: &[Ack]) -> Measurement {
    let successor = id("w-g2");
    let gate = Barrier {
        successor: &successor,
        package: N1,
        handshakes: 3,
        settle: Duration::from_millis(500),
        clock_offset_ms: 100,
    };
    gate.measure(NOW, &[endpoint("a"), endpoint("b")], proofs, acks)
}

fn opens(measurement: &Measurement) -> bool {
    measurement.opens(&BTreeSet::new())
}

#[test]
fn a_count_opens_nothing_whatever_is_waived() {
    let none_missing = counted(NOW, Missing { target: 3, missing: 0 });
    assert!(!opens(&none_missing));
    let shut = counted(NOW, Missing { target: 3, missing: 2 });
    assert_eq!((shut.met, shut.target), (1, 3));
    assert!(!shut.opens(&["a".to_owned(), "b".to_owned()].into()));
}

#[test]
fn the_barrier_takes_whole_proofs_only() {
    let acks = [ack("a", 7), ack("b", 7)];
    let whole = [proof("a"), proof("b")];
    let measured = barrier(&whole, &acks);
    assert!(opens(&measured));
    assert_eq!((measured.target, measured.met, measured.samples), (2, 2, 6));

    let broken: [fn(&mut BarrierProof); 6] = [
        |proof| proof.handshakes = 2,
        |proof| proof.last = proof.first,
        |proof| proof.clock_offset_ms = 3_600_000,
        |proof| proof.package.version = 6,
        |proof| proof.authority = id("w-g1"),
        |proof| proof.digest = digest("another package"),
    ];
    for spoil in broken {
        let mut proofs = whole.clone();
        spoil(&mut proofs[1]);
        let measured = barrier(&proofs, &acks);
        assert!(!opens(&measured));
        assert_eq!(measured.pending, ["b".to_owned()].into());
    }
    assert!(!opens(&barrier(&whole, &acks[..1])), "proven, and never acknowledged");
    assert!(!opens(&barrier(&whole[..1], &acks)), "acknowledged, and never proven");
}

#[test]
fn a_wave_counts_proven_certificates_of_the_successor() {
    let installed = |authority: &str, rolled_back| Installed {
        fingerprint: digest("leaf"),
        certificate: None,
        authority: Some(id(authority)),
        proven_at: NOW,
        rolled_back,
    };
    let with = |one| Endpoint { installed: one, ..endpoint("a") };
    let successor = id("w-g2");
    assert!(opens(&wave(NOW, &[with(Some(installed("w-g2", false)))], &successor)));
    for bad in [None, Some(installed("w-g1", false)), Some(installed("w-g2", true))] {
        assert!(!opens(&wave(NOW, &[with(bad)], &successor)));
    }
}

#[test]
fn quiet_begins_with_the_last_old_peer_and_counts_only_what_was_looked_at() {
    let peers = |measured: Option<i64>, old: Option<i64>| PeersOf {
        endpoint: "a".parse().unwrap(),
        measured_at: measured.map(Time::from_secs),
        old_peer: old.map(Time::from_secs),
    };
    let open = |one| opens(&quiet(NOW, Time::from_secs(100), Duration::from_secs(10), &[one]));
    assert!(open(peers(Some(110), None)));
    assert!(!open(peers(Some(109), None)), "the period begins with the last wave");
    assert!(!open(peers(None, None)), "nobody has looked");
    assert!(open(peers(Some(120), Some(50))));
    assert!(!open(peers(Some(120), Some(111))), "an old peer was seen meanwhile");
    assert!(open(peers(Some(121), Some(111))));
}

#[test]
fn distrust_takes_a_refusal_with_its_control_in_the_same_second() {
    let (old, successor) = (id("w-g1"), id("w-g2"));
    let gate = Distrust { authority: &old, successor: &successor, package: N1, attack: true };
    let whole = DistrustProof {
        endpoint: "a".parse().unwrap(),
        authority: old.clone(),
        package: N1,
        digest: digest("package 7"),
        refusal: "alert: unknown_ca".into(),
        refused_at: Time::from_millis(9_000),
        control_authority: successor.clone(),
        control_at: Time::from_millis(9_300),
        at: NOW,
    };
    let measure = |proof: DistrustProof, acks: &[Ack]| {
        opens(&gate.measure(NOW, &[endpoint("a")], &[proof], acks))
    };
    assert!(measure(whole.clone(), &[ack("a", 7)]));
    assert!(!measure(whole.clone(), &[]));
    let broken: [fn(&mut DistrustProof); 4] = [
        |proof| proof.refusal.clear(),
        |proof| proof.control_at = Time::from_millis(10_001),
        |proof| proof.control_authority = "w-g1".parse().unwrap(),
        |proof| proof.package.version = 6,
    ];
    for spoil in broken {
        let mut proof = whole.clone();
        spoil(&mut proof);
        assert!(!measure(proof, &[ack("a", 7)]));
    }
    let rotation = Distrust { attack: false, ..gate };
    assert!(opens(&rotation.measure(NOW, &[endpoint("a")], &[], &[ack("a", 8)])));
    assert!(!opens(&rotation.measure(NOW, &[endpoint("a")], &[], &[ack("a", 6)])));
}

#[test]
fn lists_are_read_back_byte_by_byte_and_by_agents() {
    let list = Expected { scope: "root/w-g1".into(), number: 4, digest: digest("crl"), size: 1 };
    let fetched = |text: &str| [("root/w-g1".to_owned(), Ok(digest(text)))].into();
    let read = |agent: &str| CrlRead {
        agent: agent.parse().unwrap(),
        scope: "root/w-g1".into(),
        number: 4,
        digest: digest("crl"),
        at: NOW,
    };
    let lists = [list];
    assert!(opens(&read_back(NOW, &lists, &fetched("crl"), &[], 0)));
    assert!(!opens(&read_back(NOW, &lists, &fetched("older"), &[], 0)));
    let twice = [read("a"), read("a")];
    assert!(!opens(&read_back(NOW, &lists, &fetched("crl"), &twice, 2)));
    assert!(opens(&read_back(NOW, &lists, &fetched("crl"), &[read("a"), read("b")], 2)));
    let none = BTreeMap::new();
    assert!(!opens(&read_back(NOW, &[], &none, &[], 2)), "nothing published, nothing read");
}
