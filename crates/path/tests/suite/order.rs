//! The order of what a peer sends, and what it sends twice, change nothing.

use std::sync::LazyLock;

use proptest::prelude::*;
use skink_path::{Code, Options, Profile, Purpose, Rejection, Revocation, validate};
use skink_testkit::{DAY, NOW, TestAuthority};
use skink_x509::crl::Crl;
use skink_x509::{Certificate, Fingerprint, KeyAlgorithm};

use crate::shape::{authority, below, cross, leaf};

/// Authorities of few names who certify each other, some of them out of date.
struct World {
    anchors: Vec<Certificate>,
    bundle: Vec<Certificate>,
    leaves: Vec<Certificate>,
    crls: Vec<Crl>,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let new = |name: &str| TestAuthority::root(name, KeyAlgorithm::EcP256, NOW);
    let (root, second, stranger) = (new("root"), new("root"), new("stranger"));
    let some: Vec<_> = (0..6)
        .map(|at| {
            let name = format!("g{}", at % 3);
            below(&root, &name, |key, parent| authority(key, parent, None))
        })
        .collect();
    let mut bundle: Vec<_> = some.iter().map(|one| one.certificate.clone()).collect();
    for parent in some.iter().chain([&second, &stranger]) {
        bundle.extend(some.iter().map(|one| cross(parent, one)));
    }
    let mut old = root.spec("g1", &some[1].key, DAY);
    (old.not_before, old.not_after) = (NOW.minus(DAY), NOW.minus(DAY / 2));
    old.extensions = authority(some[1].key.public(), root.key.public(), None);
    bundle.push(root.certify(&old));
    let revoked = some.iter().take(2).map(|one| root.revoked(&one.certificate)).collect();
    let mut crls = vec![root.crl(1, None, revoked), root.crl(2, None, vec![])];
    crls.extend(some.iter().map(|one| one.crl(1, None, vec![])));
    World {
        anchors: vec![root.certificate.clone(), second.certificate.clone()],
        bundle,
        leaves: some.iter().map(|one| leaf(one, |_| {})).collect(),
        crls,
    }
});

/// What is said, without the words.
fn told(rejection: &Rejection) -> Vec<(Code, Option<Fingerprint>)> {
    rejection.findings().iter().map(|finding| (finding.code, finding.certificate)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn order_and_repetition_change_nothing(
        picks in proptest::collection::vec(any::<prop::sample::Index>(), 0..14),
        seed in any::<prop::sample::Index>(),
        shuffled in Just((0..14usize).collect::<Vec<_>>()).prop_shuffle(),
        revocation in prop::sample::select(vec![Revocation::Off, Revocation::Leaf, Revocation::Chain]),
        profile in prop::sample::select(vec![Profile::Webpki, Profile::Rfc5280]),
        budget in prop::sample::select(vec![0, 3, 20, 256]),
    ) {
        let world = &*WORLD;
        let leaf = seed.get(&world.leaves);
        let bundle: Vec<_> = picks.iter().map(|pick| pick.get(&world.bundle).clone()).collect();
        let mut other: Vec<_> = shuffled.iter().filter_map(|at| bundle.get(*at)).cloned().collect();
        other.extend(bundle.iter().take(3).cloned());
        let anchors: Vec<_> = world.anchors.iter().rev().cloned().collect();
        let options = Options { profile, budget, ..Options::new(NOW, Purpose::Server) };
        let options = options.checking(revocation);
        let one = validate(leaf, &bundle, &world.anchors, &world.crls, &options);
        let two = validate(leaf, &other, &anchors, &world.crls, &options);
        match (one, two) {
            (Ok(one), Ok(two)) => prop_assert_eq!(one.certificates(), two.certificates()),
            (Err(one), Err(two)) => prop_assert_eq!(told(&one), told(&two)),
            (one, two) => prop_assert!(false, "{:?} {:?}", one.err(), two.err()),
        }
    }
}
