//! Revocation by CRLs.

use std::time::Duration;

use skink_path::{Code, Options, Purpose, Rejection, Revocation, VerifiedPath, validate};
use skink_testkit::{DAY, NOW, TestAuthority, TestPki};
use skink_x509::crl::{Crl, CrlNumber, CrlSpec, IssuingDistributionPoint, encode_tbs};
use skink_x509::{KeyAlgorithm, Time};

use crate::shape::{cross, first, leaf};

const PARTITION: &str = "http://pki.test/crl/root/workloads-g1.crl";
const OWN: &str = "http://pki.test/crl/workloads-g1/p0.crl";

fn judge(pki: &TestPki, crls: &[Crl], revocation: Revocation) -> Result<VerifiedPath, Rejection> {
    let options = Options::new(NOW, Purpose::Server).checking(revocation);
    let bundle = [pki.issuer.certificate.clone()];
    let anchors = [pki.root.certificate.clone()];
    validate(&pki.leaf, &bundle, &anchors, crls, &options)
}

fn at(authority: &TestAuthority, number: u64, from: Time, until: Time, revoked: bool) -> Crl {
    let spec = CrlSpec {
        issuer: authority.certificate.subject().clone(),
        signature_algorithm: authority.key.signature_algorithm(),
        this_update: from,
        next_update: until,
        number: CrlNumber::from_u64(number),
        authority_key_id: authority.key.public().key_id().to_vec(),
        issuing_distribution_point: Some(IssuingDistributionPoint::at(OWN)),
    };
    let entries = revoked.then(|| authority.revoked(&authority.certificate));
    Crl::from_der(&authority.key.finish(&encode_tbs(&spec, entries).unwrap())).unwrap()
}

#[test]
fn a_partition_and_an_issuers_own_crl_decide() {
    let pki = TestPki::new();
    let good = [pki.root.crl(1, Some(PARTITION), vec![]), pki.issuer.crl(1, Some(OWN), vec![])];
    assert!(judge(&pki, &good, Revocation::Chain).is_ok());
    assert!(judge(&pki, &good[1..], Revocation::Leaf).is_ok());
    assert!(judge(&pki, &[], Revocation::Off).is_ok());
    assert_eq!(first(judge(&pki, &good[1..], Revocation::Chain)), Code::NoCrl);
    assert_eq!(first(judge(&pki, &[], Revocation::Leaf)), Code::NoCrl);
    let authority = pki.root.revoked(&pki.issuer.certificate);
    let revoked = [pki.root.crl(2, Some(PARTITION), vec![authority]), good[1].clone()];
    let rejection = judge(&pki, &revoked, Revocation::Chain).unwrap_err();
    assert_eq!(rejection.findings()[0].code, Code::Revoked);
    let issuer = pki.issuer.certificate.fingerprint();
    assert_eq!(rejection.findings()[0].certificate, Some(issuer));
    let leaf = [good[0].clone(), pki.issuer.crl(2, None, vec![pki.issuer.revoked(&pki.leaf)])];
    assert_eq!(first(judge(&pki, &leaf, Revocation::Chain)), Code::Revoked);
}

#[test]
fn nobody_is_asked_about_an_end_entity_without_revocation() {
    let mut pki = TestPki::new();
    let no_rev_avail = "2.5.29.56".parse().unwrap();
    pki.leaf = leaf(&pki.issuer, |spec| {
        spec.extensions = spec.extensions.clone().raw(no_rev_avail, false, vec![5, 0]);
    });
    assert!(judge(&pki, &[], Revocation::Leaf).is_ok());
    assert_eq!(first(judge(&pki, &[], Revocation::Chain)), Code::NoCrl);
}

#[test]
fn another_authoritys_partition_says_nothing() {
    let pki = TestPki::new();
    let crls = [
        pki.root.crl(1, Some("http://pki.test/crl/root/workloads-g2.crl"), vec![]),
        pki.issuer.crl(1, Some(OWN), vec![]),
    ];
    assert_eq!(first(judge(&pki, &crls, Revocation::Chain)), Code::CrlScope);
}

#[test]
fn a_crl_of_another_key_says_nothing() {
    let pki = TestPki::new();
    let namesake = pki.root.subordinate("workloads-g1", KeyAlgorithm::EcP256);
    let crl = namesake.crl(9, Some(OWN), vec![namesake.revoked(&pki.leaf)]);
    assert_eq!(first(judge(&pki, std::slice::from_ref(&crl), Revocation::Leaf)), Code::CrlWrongKey);
    let both = [crl, pki.issuer.crl(1, Some(OWN), vec![])];
    assert!(judge(&pki, &both, Revocation::Leaf).is_ok());
}

#[test]
fn the_highest_number_counts_and_a_disagreement_is_noted() {
    let pki = TestPki::new();
    let hour = Duration::from_hours(1);
    let early = at(&pki.issuer, 7, NOW.minus(2 * hour), NOW.plus(DAY), false);
    let late = pki.issuer.crl(6, Some(OWN), vec![pki.issuer.revoked(&pki.leaf)]);
    let path = judge(&pki, &[late.clone(), early.clone()], Revocation::Leaf).unwrap();
    assert!(path.notes().iter().any(|note| note.code == Code::CrlDisagreement));
    let newest = pki.issuer.crl(8, Some(OWN), vec![pki.issuer.revoked(&pki.leaf)]);
    assert_eq!(first(judge(&pki, &[late, early, newest], Revocation::Leaf)), Code::Revoked);
}

#[test]
fn a_crl_out_of_date_is_no_answer() {
    let pki = TestPki::new();
    let judge =
        |from, until| judge(&pki, &[at(&pki.issuer, 1, from, until, false)], Revocation::Leaf);
    assert!(judge(NOW, NOW.plus(DAY)).is_ok());
    assert_eq!(first(judge(NOW.minus(2 * DAY), NOW.minus(DAY))), Code::StaleCrl);
    assert_eq!(first(judge(NOW.plus(DAY), NOW.plus(2 * DAY))), Code::StaleCrl);
}

#[test]
fn a_revoked_authority_is_revoked_on_the_path_that_its_parent_speaks_about() {
    // The other parent's certificate for the same key is not in that CRL: the reason why keys are
    // denied as well.
    let pki = TestPki::new();
    let second = TestAuthority::root("second", KeyAlgorithm::EcP256, NOW);
    let crossed = cross(&second, &pki.issuer);
    let crls = [
        pki.root.crl(1, Some(PARTITION), vec![pki.root.revoked(&pki.issuer.certificate)]),
        second.crl(1, None, vec![]),
        pki.issuer.crl(1, Some(OWN), vec![]),
    ];
    let bundle = [pki.issuer.certificate.clone(), crossed];
    let anchors = [pki.root.certificate.clone(), second.certificate.clone()];
    let options = Options::new(NOW, Purpose::Server).checking(Revocation::Chain);
    let path = validate(&pki.leaf, &bundle, &anchors, &crls, &options).unwrap();
    assert_eq!(path.certificates()[2], second.certificate);
}
