//! Bundles made to cost time.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use skink_path::{Code, Options, Purpose, Revocation, validate};
use skink_testkit::{NOW, TestAuthority, TestPki};
use skink_x509::{Certificate, KeyAlgorithm};

use crate::shape::{authority, below, cross, leaf, server};

#[test]
fn a_web_of_cross_certificates_costs_bounded_work() {
    let anchor = TestAuthority::root("anchor", KeyAlgorithm::EcP256, NOW);
    let web: Vec<_> = (0..12)
        .map(|at| TestAuthority::root(&format!("ca-{at}"), KeyAlgorithm::EcP256, NOW))
        .collect();
    let mut bundle: Vec<Certificate> = Vec::new();
    for one in &web {
        bundle.extend(web.iter().map(|other| cross(one, other)));
    }
    let leaf = leaf(&web[0], |_| {});
    let started = Instant::now();
    let anchors = [anchor.certificate];
    let rejection = validate(&leaf, &bundle, &anchors, &[], &server()).unwrap_err();
    assert!(rejection.has(Code::BudgetSpent) && rejection.signatures() <= 100);
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

#[test]
fn many_namesakes_with_the_same_key_identifier_cost_bounded_work() {
    let pki = TestPki::new();
    let other = TestAuthority::root("Test Root", KeyAlgorithm::EcP256, NOW);
    let one = cross(&other, &pki.issuer);
    // Distinct certificates of one name and key: the tail of the signature differs.
    let bundle: Vec<_> = (0..2000u32)
        .map(|at| {
            let mut der = one.der().to_vec();
            let end = der.len();
            der[end - 4..].copy_from_slice(&at.to_be_bytes());
            Certificate::from_der(&der).unwrap()
        })
        .collect();
    let anchors = [pki.root.certificate];
    let started = Instant::now();
    let rejection = validate(&pki.leaf, &bundle, &anchors, &[], &server()).unwrap_err();
    assert!(rejection.has(Code::BudgetSpent) && rejection.signatures() <= 100);
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

/// Certificates for the key and name of `child`, made by `parent`; no two of them are the same.
fn copies(parent: &TestAuthority, child: &TestAuthority, count: usize) -> Vec<Certificate> {
    (0..count).map(|_| cross(parent, child)).collect()
}

#[test]
fn ten_thousand_of_one_name_and_key_end_undecided() {
    let new = |name: &str| TestAuthority::root(name, KeyAlgorithm::EcP256, NOW);
    let (anchor, parent, issuer) = (new("anchor"), new("parent"), new("issuer"));
    let mut bundle = copies(&parent, &issuer, 5_000);
    bundle.extend(copies(&issuer, &parent, 5_000));
    let leaf = leaf(&issuer, |_| {});
    let anchors = [anchor.certificate];
    let rejection = validate(&leaf, &bundle, &anchors, &[], &server()).unwrap_err();
    assert!(rejection.is_spent() && rejection.signatures() <= 100, "{}", rejection.signatures());
}

#[test]
fn a_good_path_among_thousands_of_decoys_is_found_at_once() {
    let new = |name: &str| TestAuthority::root(name, KeyAlgorithm::EcP256, NOW);
    let (root, stranger, namesake) = (new("root"), new("stranger"), new("root"));
    let mut bundle = Vec::new();
    let free = below(&root, "middle", |key, parent| authority(key, parent, None));
    let last = below(&free, "issuer", |key, parent| authority(key, parent, None));
    bundle.extend(copies(&stranger, &last, 1_000));
    bundle.extend(copies(&last, &last, 100));
    bundle.extend(copies(&stranger, &free, 1_000));
    bundle.extend(copies(&namesake, &free, 1_000));
    bundle.extend([free.certificate.clone(), last.certificate.clone()]);
    let leaf = leaf(&last, |_| {});
    let anchors = [root.certificate];
    let path = validate(&leaf, &bundle, &anchors, &[], &server()).unwrap();
    assert_eq!(path.certificates()[1..3], [last.certificate, free.certificate]);
    assert_eq!(path.signatures(), 3);
}

#[test]
fn a_chain_deeper_than_the_budget_ends_undecided() {
    let root = TestAuthority::root("root", KeyAlgorithm::EcP256, NOW);
    let mut chain: Vec<TestAuthority> = Vec::new();
    for at in 0..130 {
        let parent = chain.last().unwrap_or(&root);
        let next = below(parent, &format!("g{at}"), |key, parent| authority(key, parent, None));
        chain.push(next);
    }
    let leaf = leaf(chain.last().unwrap(), |_| {});
    let bundle: Vec<_> = chain.iter().map(|a| a.certificate.clone()).collect();
    let anchors = [root.certificate];
    let options = Options { max_intermediates: 1_000, ..server() };
    let rejection = validate(&leaf, &bundle, &anchors, &[], &options).unwrap_err();
    assert!(rejection.is_spent() && rejection.signatures() == 100);
    let rejection = validate(&leaf, &bundle, &anchors, &[], &server()).unwrap_err();
    assert!(rejection.has(Code::TooLong) && !rejection.is_undecided());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever is in the bundle, and however certificates are mangled: no panic, and nothing is
    /// accepted that does not end in the anchor with the leaf in front.
    #[test]
    fn mangled_bundles_never_panic_or_trust_a_stranger(
        picks in proptest::collection::vec((0usize..4, any::<prop::sample::Index>(), any::<u8>()), 0..8),
        mangle_leaf in proptest::option::of((any::<prop::sample::Index>(), any::<u8>())),
        hours in -10_000i64..50_000,
    ) {
        static WORLD: std::sync::LazyLock<(TestPki, TestAuthority)> = std::sync::LazyLock::new(|| {
            (TestPki::new(), TestAuthority::root("Test Root", KeyAlgorithm::EcP256, NOW))
        });
        let (pki, stranger) = &*WORLD;
        let pool = [
            pki.leaf.clone(),
            pki.issuer.certificate.clone(),
            stranger.certificate.clone(),
            pki.root.certificate.clone(),
        ];
        let mangled = |certificate: &Certificate, at: prop::sample::Index, byte: u8| {
            let mut der = certificate.der().to_vec();
            let at = at.index(der.len());
            der[at] = byte;
            Certificate::from_der(&der).ok()
        };
        let bundle: Vec<_> =
            picks.iter().filter_map(|(pick, at, byte)| mangled(&pool[*pick], *at, *byte)).collect();
        let leaf = match mangle_leaf {
            Some((at, byte)) => mangled(&pki.leaf, at, byte).unwrap_or_else(|| pki.leaf.clone()),
            None => pki.leaf.clone(),
        };
        let time = NOW.plus(Duration::from_secs(3600 * hours.unsigned_abs()));
        let time = if hours < 0 { NOW.minus(time.since(NOW)) } else { time };
        let crls = [pki.issuer.crl(1, None, vec![])];
        let options = Options::new(time, Purpose::Server).checking(Revocation::Leaf);
        let anchors = [pki.root.certificate.clone()];
        if let Ok(path) = validate(&leaf, &bundle, &anchors, &crls, &options) {
            prop_assert_eq!(path.leaf(), &pki.leaf);
            prop_assert_eq!(path.certificates().last(), Some(&pki.root.certificate));
            prop_assert!(pki.leaf.is_valid_at(time));
        }
    }
}
