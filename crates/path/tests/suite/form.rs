//! Formalities: warnings in a handshake, errors to who examines a certificate.

use skink_path::{Code, Formalities, Options, Severity};
use skink_testkit::{DAY, NOW, TestAuthority};
use skink_x509::{CertificateSpec, Extensions, GeneralName, KeyAlgorithm, KeyUsage, Name, oid};

use crate::shape::{below, check, dns, end_entity, leaf, server};

fn root() -> TestAuthority {
    TestAuthority::root("root", KeyAlgorithm::EcP256, NOW)
}

/// The leaf is refused where formalities count, and accepted with a warning where they do not.
fn is_a_formality(code: Code, what: &str, bend: impl FnOnce(&mut CertificateSpec)) {
    let root = root();
    let leaf = leaf(&root, bend);
    let rejection = check(&leaf, &[], &root, &server()).unwrap_err();
    assert_eq!(rejection.findings()[0].code, code, "{what}: {rejection}");
    assert_eq!(rejection.findings().len(), 1, "{what}: {rejection}");
    let lenient = Options { formalities: Formalities::Warn, ..server() };
    let path = check(&leaf, &[], &root, &lenient).unwrap();
    assert_eq!(path.notes().len(), 1, "{what}");
    assert_eq!(path.notes()[0].code, code, "{what}");
    assert_eq!(path.notes()[0].severity, Severity::Warning, "{what}");
}

#[test]
fn each_broken_must_is_told() {
    let server = || end_entity(&[dns("web-1.test")]);
    is_a_formality(Code::Criticality, "a subject key identifier that is critical", |spec| {
        spec.extensions = server().raw(oid::SUBJECT_KEY_IDENTIFIER, true, vec![4, 1, 1]);
    });
    is_a_formality(Code::Malformed, "keyCertSign without authority", |spec| {
        spec.extensions = Extensions::new()
            .end_entity()
            .key_usage(KeyUsage::DIGITAL_SIGNATURE | KeyUsage::KEY_CERT_SIGN)
            .extended_key_usages(&[oid::SERVER_AUTH])
            .subject_alt_names(&[dns("a.test")]);
    });
    is_a_formality(Code::MalformedName, "a malformed host", |spec| {
        spec.extensions = end_entity(&[dns("a..test")]);
    });
    is_a_formality(Code::MalformedName, "a wildcard within", |spec| {
        spec.extensions = end_entity(&[dns("a.*.test")]);
    });
    is_a_formality(Code::MalformedName, "a mailbox without host", |spec| {
        spec.extensions = end_entity(&[dns("a.test"), GeneralName::Email("root".into())]);
    });
    for mailbox in
        ["a@b@c.test", "invalid@address@example.com", ".a@c.test", "a@*.c.test", "a b@c.test"]
    {
        is_a_formality(Code::MalformedName, mailbox, |spec| {
            spec.extensions = end_entity(&[dns("a.test"), GeneralName::Email(mailbox.into())]);
        });
    }
    is_a_formality(Code::Criticality, "policy constraints that are not critical", |spec| {
        spec.extensions = server().raw(oid::POLICY_CONSTRAINTS, false, vec![0x30, 3, 0x80, 1, 9]);
    });
    is_a_formality(Code::Malformed, "name constraints of an end entity", |spec| {
        let value = vec![0x30, 7, 0xa0, 5, 0x30, 3, 0x82, 1, b'a'];
        spec.extensions = server().raw(oid::NAME_CONSTRAINTS, true, value);
    });
    is_a_formality(Code::MalformedName, "a URI without scheme", |spec| {
        spec.extensions = end_entity(&[dns("a.test"), GeneralName::Uri("/relative".into())]);
    });
    is_a_formality(Code::Malformed, "policy constraints that constrain nothing", |spec| {
        spec.extensions = server().raw(oid::POLICY_CONSTRAINTS, true, vec![0x30, 0]);
    });
    is_a_formality(Code::Criticality, "a critical noRevAvail", |spec| {
        spec.extensions = server().raw(oid::NO_REV_AVAIL, true, vec![5, 0]);
    });
    is_a_formality(Code::Malformed, "noRevAvail beside a distribution point", |spec| {
        let lists = ["http://pki.test/a.crl"];
        spec.extensions =
            server().raw(oid::NO_REV_AVAIL, false, vec![5, 0]).crl_distribution_points(&lists);
    });
    is_a_formality(Code::SerialNumber, "a serial of zero", |spec| {
        spec.serial = skink_x509::Serial::from_be_bytes(&[0]).unwrap();
    });
}

#[test]
fn a_missing_authority_key_identifier_is_told() {
    let root = root();
    let mut spec = root.spec("web-1.test", &crate::shape::key(), 30 * DAY);
    spec.extensions = end_entity(&[dns("web-1.test")]);
    let rejection = check(&root.certify(&spec), &[], &root, &server()).unwrap_err();
    assert_eq!(rejection.findings()[0].code, Code::KeyIdentifier);
}

#[test]
fn a_certificate_without_subject_lives_by_its_alternative_names() {
    let root = root();
    // The builder makes the alternative names critical here.
    let named = leaf(&root, |spec| spec.subject = Name::empty());
    assert!(check(&named, &[], &root, &server()).is_ok());
}

#[test]
fn an_intermediate_says_what_its_key_is_for_and_a_root_may_be_silent() {
    let root = root();
    let silent = |parent: &TestAuthority, name: &str| {
        below(parent, name, |key, parent| {
            Extensions::new()
                .ca(None)
                .subject_key_id(&key.key_id())
                .authority_key_id(&parent.key_id())
        })
    };
    let issuer = silent(&root, "g1");
    let rejection = check(&leaf(&issuer, |_| {}), &[&issuer], &root, &server()).unwrap_err();
    assert_eq!(rejection.findings()[0].section(), "RFC 5280 §4.2.1.3");
    let path = check(&leaf(&issuer, |_| {}), &[], &issuer, &server()).unwrap();
    assert_eq!(path.notes()[0].severity, Severity::Warning);
}

/// Each extension of RFC 5280 §4.2 with a rule about its flag, where the flag is the wrong one: what must
/// be is an error, what should be a warning.
#[test]
fn flags_are_as_each_section_has_them() {
    const MUST: Severity = Severity::Error;
    const SHOULD: Severity = Severity::Warning;
    let id = vec![0x04, 1, 1];
    for (oid, critical, value, severity, section) in [
        (oid::SUBJECT_KEY_IDENTIFIER, true, id, MUST, "RFC 5280 §4.2.1.2"),
        (oid::POLICY_CONSTRAINTS, false, vec![0x30, 3, 0x80, 1, 9], MUST, "RFC 5280 §4.2.1.11"),
        (oid::INHIBIT_ANY_POLICY, false, vec![2, 1, 9], MUST, "RFC 5280 §4.2.1.14"),
        (oid::SUBJECT_DIRECTORY_ATTRIBUTES, true, vec![0x30, 0], MUST, "RFC 5280 §4.2.1.8"),
        (oid::FRESHEST_CRL, true, vec![0x30, 0], MUST, "RFC 5280 §4.2.1.15"),
        (oid::AUTHORITY_INFO_ACCESS, true, vec![0x30, 0], MUST, "RFC 5280 §4.2.2.1"),
        (oid::SUBJECT_INFO_ACCESS, true, vec![0x30, 0], MUST, "RFC 5280 §4.2.2.2"),
        (oid::CRL_DISTRIBUTION_POINTS, true, vec![0x30, 0], SHOULD, "RFC 5280 §4.2.1.13"),
        (oid::POLICY_MAPPINGS, false, vec![0x30, 0], SHOULD, "RFC 5280 §4.2.1.5"),
    ] {
        let root = root();
        let leaf = leaf(&root, |spec| {
            spec.extensions = end_entity(&[dns("web-1.test")]).raw(oid, critical, value.clone());
        });
        let result = check(&leaf, &[], &root, &server());
        let findings = match &result {
            Ok(path) => path.notes(),
            Err(rejection) => rejection.findings(),
        };
        let told = findings.iter().find(|it| it.code == Code::Criticality);
        let told = told.unwrap_or_else(|| panic!("{section}: {findings:?}"));
        assert_eq!((told.severity, told.section()), (severity, section));
    }
}

/// §6 does not look at the keyUsage of the last certificate, and keyCertSign is what an authority has.
#[test]
fn an_authority_may_be_the_end_of_a_path_under_rfc_5280() {
    use skink_path::{Profile, Purpose};
    let root = root();
    let plain = root.subordinate("g1", KeyAlgorithm::EcP256);
    for purpose in [Purpose::Server, Purpose::Client, Purpose::EmailProtection] {
        let options = Options { profile: Profile::Rfc5280, purpose, ..server() };
        let path = check(&plain.certificate, &[], &root, &options).unwrap();
        assert_eq!(path.notes()[0].code, Code::KeyUsage, "{purpose:?}");
        assert_eq!(path.notes()[0].severity, Severity::Warning, "{purpose:?}");
        let strict = Options { profile: Profile::Webpki, ..options };
        assert!(check(&plain.certificate, &[], &root, &strict).is_err(), "{purpose:?}");
    }
    // With an extKeyUsage the two must go together (§4.2.1.12).
    let limited = below(&root, "g2", |key, parent| {
        crate::shape::authority(key, parent, None).extended_key_usages(&[oid::SERVER_AUTH])
    });
    let options = Options { profile: Profile::Rfc5280, ..server() };
    let rejection = check(&limited.certificate, &[], &root, &options).unwrap_err();
    assert_eq!(rejection.findings()[0].code, Code::KeyUsage);
}
