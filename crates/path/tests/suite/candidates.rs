//! Several candidates, loops and dead ends.

use skink_path::{Code, validate};
use skink_testkit::{DAY, NOW, TestAuthority, TestPki};
use skink_x509::KeyAlgorithm;

use crate::shape::{authority, cross, leaf, server};

#[test]
fn the_missing_intermediate_is_named() {
    let pki = TestPki::new();
    let anchors = [pki.root.certificate.clone()];
    let rejection = validate(&pki.leaf, &[], &anchors, &[], &server()).unwrap_err();
    assert_eq!(rejection.findings()[0].code, Code::IssuerNotFound);
    assert!(rejection.to_string().contains("CN=workloads-g1"), "{rejection}");
    assert_eq!(rejection.candidates(), 0);
}

#[test]
fn one_good_candidate_among_many_is_found_in_any_order() {
    let root = TestAuthority::root("root", KeyAlgorithm::EcP256, NOW);
    let issuer = root.subordinate("g1", KeyAlgorithm::EcP256);
    let namesake = root.subordinate("g1", KeyAlgorithm::EcP256);
    let mut spec = root.spec("g1", &issuer.key, 60 * DAY);
    spec.not_after = NOW.minus(DAY);
    spec.not_before = NOW.minus(2 * DAY);
    spec.extensions = authority(issuer.key.public(), root.key.public(), Some(0));
    let expired = root.certify(&spec);
    let stranger = TestAuthority::root("stranger", KeyAlgorithm::EcP256, NOW);
    let crossed = cross(&stranger, &issuer);
    let good = issuer.certificate.clone();
    let leaf = leaf(&issuer, |_| {});
    let mut bundle =
        vec![namesake.certificate, expired, crossed, good.clone(), leaf.clone(), good.clone()];
    for _ in 0..bundle.len() {
        bundle.rotate_left(1);
        let path =
            validate(&leaf, &bundle, std::slice::from_ref(&root.certificate), &[], &server());
        assert_eq!(path.unwrap().certificates()[1], good);
    }
}

#[test]
fn what_is_told_is_what_came_closest() {
    let root = TestAuthority::root("root", KeyAlgorithm::EcP256, NOW);
    let issuer = root.subordinate("g1", KeyAlgorithm::EcP256);
    let stranger = TestAuthority::root("stranger", KeyAlgorithm::EcP256, NOW);
    let crossed = cross(&stranger, &issuer);
    let expired = leaf(&issuer, |spec| {
        spec.not_before = NOW.minus(10 * DAY);
        spec.not_after = NOW.minus(DAY);
    });
    for bundle in [
        [crossed.clone(), issuer.certificate.clone()],
        [issuer.certificate.clone(), crossed.clone()],
    ] {
        let anchors = [root.certificate.clone()];
        let rejection = validate(&expired, &bundle, &anchors, &[], &server()).unwrap_err();
        assert_eq!(rejection.findings()[0].code, Code::Expired);
    }
}

#[test]
fn two_authorities_that_certify_each_other_end() {
    let one = TestAuthority::root("one", KeyAlgorithm::EcP256, NOW);
    let two = TestAuthority::root("two", KeyAlgorithm::EcP256, NOW);
    let bundle = [cross(&one, &two), cross(&two, &one)];
    let leaf = leaf(&one, |_| {});
    let rejection = validate(&leaf, &bundle, &[], &[], &server()).unwrap_err();
    assert!(rejection.has(Code::IssuerNotFound) && !rejection.has(Code::BudgetSpent));
}

#[test]
fn a_self_signed_certificate_is_no_anchor_by_itself() {
    let root = TestAuthority::root("root", KeyAlgorithm::EcP256, NOW);
    let other = TestAuthority::root("other", KeyAlgorithm::EcP256, NOW);
    let bundle = [root.certificate.clone()];
    let anchors = [other.certificate];
    let result = validate(&leaf(&root, |_| {}), &bundle, &anchors, &[], &server());
    assert!(result.unwrap_err().has(Code::IssuerNotFound));
}

#[test]
fn more_intermediates_than_allowed_are_refused() {
    let root = TestAuthority::root("root", KeyAlgorithm::EcP256, NOW);
    let mut chain: Vec<TestAuthority> = Vec::new();
    for at in 0..4 {
        let parent = chain.last().unwrap_or(&root);
        let next = crate::shape::below(parent, &format!("g{at}"), |key, parent| {
            authority(key, parent, None)
        });
        chain.push(next);
    }
    let leaf = leaf(chain.last().unwrap(), |_| {});
    let bundle: Vec<_> = chain.iter().map(|a| a.certificate.clone()).collect();
    let anchors = [root.certificate.clone()];
    let at_most = |max_intermediates| {
        let options = skink_path::Options { max_intermediates, ..server() };
        validate(&leaf, &bundle, &anchors, &[], &options)
    };
    assert!(at_most(4).is_ok());
    assert!(at_most(3).unwrap_err().has(Code::TooLong));
}
