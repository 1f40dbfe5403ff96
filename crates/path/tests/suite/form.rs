//! Formalities: warnings in a handshake, errors to who examines a certificate.

use skink_path::{Code, Formalities, Options, Severity};
use skink_testkit::{DAY, NOW, TestAuthority};
use skink_x509::{CertificateSpec, Extensions, GeneralName, KeyAlgorithm, KeyUsage, Name, oid};

use crate::shape::{check, dns, end_entity, leaf, server};

fn root() -> TestAuthority {
    TestAuthority::root("root", KeyAlgorithm::EcP256, NOW)
}

/// The leaf is refused where formalities count, and accepted with a warning where they do not.
fn is_a_formality(what: &str, bend: impl FnOnce(&mut CertificateSpec)) {
    let root = root();
    let leaf = leaf(&root, bend);
    let rejection = check(&leaf, &[], &root, &server()).unwrap_err();
    assert_eq!(rejection.findings()[0].code, Code::Malformed, "{what}: {rejection}");
    assert_eq!(rejection.findings().len(), 1, "{what}: {rejection}");
    let lenient = Options { formalities: Formalities::Warn, ..server() };
    let path = check(&leaf, &[], &root, &lenient).unwrap();
    assert_eq!(path.notes().len(), 1, "{what}");
    assert_eq!(path.notes()[0].code, Code::Malformed, "{what}");
    assert_eq!(path.notes()[0].severity, Severity::Warning, "{what}");
}

#[test]
fn each_broken_must_is_told() {
    let server = || end_entity(&[dns("web-1.test")]);
    is_a_formality("a subject key identifier that is critical", |spec| {
        spec.extensions = server().raw(oid::SUBJECT_KEY_IDENTIFIER, true, vec![4, 1, 1]);
    });
    is_a_formality("keyCertSign without authority", |spec| {
        spec.extensions = Extensions::new()
            .end_entity()
            .key_usage(KeyUsage::DIGITAL_SIGNATURE | KeyUsage::KEY_CERT_SIGN)
            .extended_key_usages(&[oid::SERVER_AUTH])
            .subject_alt_names(&[dns("a.test")]);
    });
    is_a_formality("a malformed host", |spec| spec.extensions = end_entity(&[dns("a..test")]));
    is_a_formality("a wildcard within", |spec| spec.extensions = end_entity(&[dns("a.*.test")]));
    is_a_formality("a mailbox without host", |spec| {
        spec.extensions = end_entity(&[dns("a.test"), GeneralName::Email("root".into())]);
    });
    is_a_formality("name constraints of an end entity", |spec| {
        let value = vec![0x30, 7, 0xa0, 5, 0x30, 3, 0x82, 1, b'a'];
        spec.extensions = server().raw(oid::NAME_CONSTRAINTS, true, value);
    });
    is_a_formality("a serial of zero", |spec| {
        spec.serial = skink_x509::Serial::from_be_bytes(&[0]).unwrap();
    });
}

#[test]
fn a_missing_authority_key_identifier_is_told() {
    let root = root();
    let mut spec = root.spec("web-1", &crate::shape::key(), 30 * DAY);
    spec.extensions = end_entity(&[dns("web-1.test")]);
    let rejection = check(&root.certify(&spec), &[], &root, &server()).unwrap_err();
    assert_eq!(rejection.findings()[0].code, Code::Malformed);
}

#[test]
fn a_certificate_without_subject_lives_by_its_alternative_names() {
    let root = root();
    // The builder makes the alternative names critical here.
    let named = leaf(&root, |spec| spec.subject = Name::empty());
    assert!(check(&named, &[], &root, &server()).is_ok());
}
