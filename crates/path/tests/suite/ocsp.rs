//! Revocation by OCSP responses.

use std::time::Duration;

use skink_path::{Code, Options, Purpose, Rejection, Revocation, VerifiedPath, validate};
use skink_testkit::{DAY, NOW, Shape, TestAuthority, TestKey, TestPki};
use skink_x509::ocsp::{
    CertId, CertStatus, HashAlgorithm, OcspResponse, OcspResponseSpec, SingleResponse,
};
use skink_x509::{Certificate, KeyAlgorithm, Time, oid};

use crate::shape::{first, key};

const GOOD: CertStatus = CertStatus::Good;
const REVOKED: CertStatus = CertStatus::Revoked { at: NOW, reason: None };

fn answer(
    pki: &TestPki,
    status: CertStatus,
    signer: &TestKey,
    certificates: &[Certificate],
    until: Time,
) -> OcspResponse {
    let id = CertId::of(HashAlgorithm::Sha1, &pki.leaf, &pki.issuer.certificate).unwrap();
    let spec = OcspResponseSpec {
        responder: signer.public().clone(),
        signature_algorithm: signer.signature_algorithm(),
        produced_at: NOW.minus(Duration::from_mins(1)),
        responses: vec![SingleResponse {
            cert_id: id,
            status,
            this_update: NOW.minus(Duration::from_mins(1)),
            next_update: Some(until),
        }],
        nonce: None,
        certificates: certificates.to_vec(),
    };
    let tbs = spec.tbs_der().unwrap();
    OcspResponse::from_der(&spec.assemble(&tbs, &signer.sign(&tbs)).unwrap()).unwrap()
}

fn judge(pki: &TestPki, ocsp: &[OcspResponse]) -> Result<VerifiedPath, Rejection> {
    let options = Options { ocsp, ..Options::new(NOW, Purpose::Server).checking(Revocation::Leaf) };
    let bundle = [pki.issuer.certificate.clone()];
    validate(&pki.leaf, &bundle, std::slice::from_ref(&pki.root.certificate), &[], &options)
}

fn responder(issuer: &TestAuthority, purpose: oid::ObjectIdentifier) -> (TestKey, Certificate) {
    let responder = key();
    let certificate = issuer.issue(&responder, &Shape::named("ocsp").purposes(&[purpose]));
    (responder, certificate)
}

#[test]
fn the_issuer_answers_for_its_certificates() {
    let pki = TestPki::new();
    let tomorrow = NOW.plus(DAY);
    let good = answer(&pki, GOOD, &pki.issuer.key, &[], tomorrow);
    assert!(judge(&pki, std::slice::from_ref(&good)).is_ok());
    let revoked = answer(&pki, REVOKED, &pki.issuer.key, &[], tomorrow);
    assert_eq!(first(judge(&pki, &[good, revoked])), Code::Revoked);
    let unknown = answer(&pki, CertStatus::Unknown, &pki.issuer.key, &[], tomorrow);
    let rejection = judge(&pki, &[unknown]).unwrap_err();
    assert_eq!(rejection.findings()[0].code, Code::NoCrl);
    assert!(rejection.has(Code::OcspUnusable));
}

#[test]
fn an_answer_ages_unless_it_says_revoked() {
    let pki = TestPki::new();
    let old = NOW.minus(Duration::from_secs(1));
    let good = answer(&pki, GOOD, &pki.issuer.key, &[], old);
    assert!(judge(&pki, &[good]).unwrap_err().has(Code::OcspUnusable));
    let revoked = answer(&pki, REVOKED, &pki.issuer.key, &[], old);
    assert_eq!(first(judge(&pki, &[revoked])), Code::Revoked);
}

#[test]
fn only_the_issuer_and_its_delegate_are_believed() {
    let pki = TestPki::new();
    let tomorrow = NOW.plus(DAY);
    let (delegate, certificate) = responder(&pki.issuer, oid::OCSP_SIGNING);
    let good = answer(&pki, GOOD, &delegate, &[certificate], tomorrow);
    assert!(judge(&pki, &[good]).is_ok());
    let stranger = TestAuthority::root("workloads-g1", KeyAlgorithm::EcP256, NOW);
    for (key, certificate) in [
        responder(&pki.issuer, oid::SERVER_AUTH),
        responder(&pki.root, oid::OCSP_SIGNING),
        responder(&stranger, oid::OCSP_SIGNING),
    ] {
        for status in [GOOD, REVOKED] {
            let response = answer(&pki, status, &key, std::slice::from_ref(&certificate), tomorrow);
            let rejection = judge(&pki, &[response]).unwrap_err();
            assert_eq!(rejection.findings()[0].code, Code::NoCrl, "{rejection}");
            assert!(rejection.has(Code::OcspUnusable));
        }
    }
}

#[test]
fn a_denied_responder_is_not_believed() {
    let pki = TestPki::new();
    let (delegate, certificate) = responder(&pki.issuer, oid::OCSP_SIGNING);
    let denied = std::collections::HashSet::from([certificate.public_key().digest()]);
    let ocsp = [answer(&pki, GOOD, &delegate, &[certificate], NOW.plus(DAY))];
    let options = Options {
        ocsp: &ocsp,
        ..Options::new(NOW, Purpose::Server).checking(Revocation::Leaf).denying(&denied)
    };
    let bundle = [pki.issuer.certificate.clone()];
    let anchors = [pki.root.certificate.clone()];
    let result = validate(&pki.leaf, &bundle, &anchors, &[], &options);
    assert_eq!(first(result), Code::NoCrl);
}

#[test]
fn a_revoked_responder_is_not_believed() {
    let pki = TestPki::new();
    let (delegate, certificate) = responder(&pki.issuer, oid::OCSP_SIGNING);
    let entry = pki.issuer.revoked(&certificate);
    let ocsp = [answer(&pki, GOOD, &delegate, &[certificate], NOW.plus(DAY))];
    let options =
        Options { ocsp: &ocsp, ..Options::new(NOW, Purpose::Server).checking(Revocation::Leaf) };
    let bundle = [pki.issuer.certificate.clone()];
    let anchors = [pki.root.certificate.clone()];
    let judge = |entries| {
        let list = pki.issuer.crl(1, None, entries);
        validate(&pki.leaf, &bundle, &anchors, &[list], &options)
    };
    let unused = |note: &skink_path::Finding| note.code == Code::OcspUnusable;
    let path = judge(vec![]).unwrap();
    assert!(!path.notes().iter().any(unused));
    // The leaf is good by the list; the responder's word no longer counts.
    let path = judge(vec![entry]).unwrap();
    assert!(path.notes().iter().any(unused));
}
