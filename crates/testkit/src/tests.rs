use skink_x509::lint::{LintContext, lint_certificate, lint_crl};

use super::*;

#[test]
fn the_hierarchy_is_sound_and_lints_clean() {
    let pki = TestPki::new();
    let (root, issuer) = (&pki.root.certificate, &pki.issuer.certificate);
    issuer.verify_signed_by(root.public_key()).unwrap();
    pki.leaf.verify_signed_by(issuer.public_key()).unwrap();
    assert_eq!(lint_certificate(root.der(), &LintContext::issued_by(root)), []);
    assert_eq!(lint_certificate(issuer.der(), &LintContext::issued_by(root)), []);
    assert_eq!(lint_certificate(pki.leaf.der(), &LintContext::issued_by(issuer)), []);
    assert_eq!(pki.leaf.public_key(), pki.leaf_key.public());
    let crl = pki.issuer.crl(1, None, vec![pki.issuer.revoked(&pki.leaf)]);
    assert!(crl.find(pki.leaf.serial()).is_some());
    assert_eq!(lint_crl(crl.der(), &LintContext::issued_by(issuer)), []);
}

#[test]
fn every_algorithm_signs_what_verifies() {
    for algorithm in [KeyAlgorithm::EcP384, KeyAlgorithm::Ed25519, KeyAlgorithm::Rsa2048] {
        let root = TestAuthority::root("Test Root", algorithm, NOW);
        root.certificate.verify_signed_by(root.key.public()).unwrap();
        root.key.request("x", &[]).verify().unwrap();
        assert!(root.certificate.is_valid_at(NOW));
    }
}
