//! CRLs that do not decide, each with its own reason, and CRLs that break the rules for lists.

use der::{Decode as _, Encode as _};
use skink_path::{
    Code, Finding, Formalities, Options, Profile, Purpose, Revocation, Severity, validate,
};
use skink_testkit::{DAY, NOW, TestAuthority, TestPki};
use skink_x509::crl::{Crl, CrlNumber, CrlSpec, RevokedEntry, encode_tbs};
use skink_x509::{Extensions, KeyAlgorithm, KeyUsage, ObjectIdentifier, oid};
use x509_cert::crl::TbsCertList;
use x509_cert::ext::Extension;

use crate::shape::below;

fn extension(oid: ObjectIdentifier, critical: bool, value: &[u8]) -> Extension {
    let extn_value = der::asn1::OctetString::new(value).unwrap();
    Extension { extn_id: oid, critical, extn_value }
}

/// A CRL of `issuer` after `bend`.
fn crl(issuer: &TestAuthority, bend: impl FnOnce(&mut TbsCertList)) -> Crl {
    let spec = CrlSpec {
        issuer: issuer.certificate.subject().clone(),
        signature_algorithm: issuer.key.signature_algorithm(),
        this_update: NOW,
        next_update: NOW.plus(DAY),
        number: CrlNumber::from_u64(7),
        authority_key_id: issuer.key.public().key_id().to_vec(),
        issuing_distribution_point: None,
    };
    let stranger = RevokedEntry {
        serial: skink_x509::Serial::from_random([7; 16]),
        revoked_at: NOW,
        reason: None,
        invalidity_date: None,
    };
    let tbs = encode_tbs(&spec, [stranger]).unwrap();
    let mut tbs = TbsCertList::from_der(&tbs).unwrap();
    bend(&mut tbs);
    Crl::from_der(&issuer.key.finish(&tbs.to_der().unwrap())).unwrap()
}

/// What is said about the leaf, and whether it is accepted.
fn judge(pki: &TestPki, crl: &Crl, bend: impl FnOnce(&mut Options<'_>)) -> (bool, Vec<Finding>) {
    let mut options = Options::new(NOW, Purpose::Server).checking(Revocation::Leaf).formal();
    options.profile = Profile::Rfc5280;
    bend(&mut options);
    let bundle = [pki.issuer.certificate.clone()];
    let anchors = [pki.root.certificate.clone()];
    match validate(&pki.leaf, &bundle, &anchors, std::slice::from_ref(crl), &options) {
        Ok(path) => (true, path.notes().to_vec()),
        Err(rejection) => (false, rejection.findings().to_vec()),
    }
}

fn extensions(tbs: &mut TbsCertList) -> &mut Vec<Extension> {
    tbs.crl_extensions.as_mut().unwrap()
}

#[test]
fn a_list_that_does_not_decide_says_why() {
    type Bend = fn(&mut TbsCertList);
    const POINT: ObjectIdentifier = oid::ISSUING_DISTRIBUTION_POINT;
    const STRANGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.3.4");
    let cases: [(Bend, Code, &str); 6] = [
        (
            |tbs| extensions(tbs).push(extension(STRANGE, true, &[5, 0])),
            Code::CrlUnknownCritical,
            "RFC 5280 §5.2",
        ),
        (
            |tbs| {
                let entry = &mut tbs.revoked_certificates.as_mut().unwrap()[0];
                entry.crl_entry_extensions = Some(vec![extension(STRANGE, true, &[5, 0])]);
            },
            Code::CrlUnknownCritical,
            "RFC 5280 §5.3",
        ),
        (
            |tbs| extensions(tbs).push(extension(POINT, true, &[0x30, 3, 0x82, 1, 0xff])),
            Code::CrlScope,
            "RFC 5280 §6.3.3 (b)(2)(iii)",
        ),
        (
            |tbs| extensions(tbs).push(extension(POINT, true, &[0x30, 3, 0x85, 1, 0xff])),
            Code::CrlScope,
            "RFC 5280 §6.3.3 (b)(2)(iv)",
        ),
        (
            |tbs| {
                let uri = [0x30, 9, 0xa0, 7, 0xa0, 5, 0x86, 3, b'x', b':', b'y'];
                extensions(tbs).push(extension(POINT, true, &uri));
            },
            Code::CrlScope,
            "RFC 5280 §6.3.3 (b)(2)(i)",
        ),
        (
            |tbs| extensions(tbs).push(extension(oid::DELTA_CRL_INDICATOR, true, &[5, 0])),
            Code::CrlUnreadable,
            "RFC 5280 §5.2.4",
        ),
    ];
    let pki = TestPki::new();
    for (bend, code, section) in cases {
        let (accepted, findings) = judge(&pki, &crl(&pki.issuer, bend), |_| {});
        assert!(!accepted && findings[0].code == code, "{findings:?}");
        assert_eq!(findings[0].section(), section);
        assert!(findings[0].evidence.is_some() && !findings[0].fix().is_empty());
    }
}

#[test]
fn a_list_about_end_entities_says_nothing_about_an_authority() {
    let pki = TestPki::new();
    let users = [0x30, 3, 0x81, 1, 0xff];
    let list = crl(&pki.root, |tbs| {
        extensions(tbs).push(extension(oid::ISSUING_DISTRIBUTION_POINT, true, &users));
    });
    let options = Options::new(NOW, Purpose::Any).checking(Revocation::Leaf).formal();
    let options = Options { profile: Profile::Rfc5280, ..options };
    let anchors = [pki.root.certificate.clone()];
    let of = &pki.issuer.certificate;
    let rejection = validate(of, &[], &anchors, &[list], &options).unwrap_err();
    assert_eq!(rejection.findings()[0].code, Code::CrlScope);
    assert_eq!(rejection.findings()[0].section(), "RFC 5280 §6.3.3 (b)(2)(ii)");
}

#[test]
fn signatures_fail_each_in_its_way() {
    let mut pki = TestPki::new();
    let first = |pki: &TestPki, crl: &Crl| {
        let (accepted, findings) = judge(pki, crl, |_| {});
        assert!(!accepted);
        (findings[0].code, findings[0].section())
    };
    let namesake = pki.root.subordinate("workloads-g1", KeyAlgorithm::EcP256);
    let of_another = crl(&namesake, |_| {});
    let signature = "RFC 5280 §6.3.3 (g)";
    assert_eq!(first(&pki, &of_another), (Code::CrlWrongKey, signature));
    // The last byte of the signature is another.
    let mut der = crl(&pki.issuer, |_| {}).der().to_vec();
    *der.last_mut().unwrap() ^= 1;
    let altered = Crl::from_der(&der).unwrap();
    assert_eq!(first(&pki, &altered), (Code::CrlSignature, signature));
    let silent = below(&pki.root, "g2", |key, parent| {
        Extensions::new()
            .ca(None)
            .key_usage(KeyUsage::KEY_CERT_SIGN)
            .subject_key_id(&key.key_id())
            .authority_key_id(&parent.key_id())
    });
    pki.leaf = crate::shape::leaf(&silent, |_| {});
    pki.issuer = silent;
    let unasked = crl(&pki.issuer, |_| {});
    assert_eq!(first(&pki, &unasked), (Code::CrlSign, "RFC 5280 §6.3.3 (f)"));
}

#[test]
fn numbers_are_there_and_not_critical() {
    let pki = TestPki::new();
    let without =
        |tbs: &mut TbsCertList| extensions(tbs).retain(|it| it.extn_id != oid::CRL_NUMBER);
    let critical = |tbs: &mut TbsCertList| {
        let number = extensions(tbs).iter_mut().find(|it| it.extn_id == oid::CRL_NUMBER);
        number.unwrap().critical = true;
    };
    for list in [crl(&pki.issuer, without), crl(&pki.issuer, critical)] {
        let (accepted, findings) = judge(&pki, &list, |_| {});
        assert!(!accepted && findings[0].code == Code::CrlNumber, "{findings:?}");
        assert_eq!(findings[0].section(), "RFC 5280 §5.2.3");
        // In a handshake that refuses nobody.
        let (accepted, findings) = judge(&pki, &list, |it| it.formalities = Formalities::Warn);
        let warns = |it: &Finding| (it.code, it.severity) == (Code::CrlNumber, Severity::Warning);
        assert!(accepted && findings.iter().any(warns), "{findings:?}");
    }
    assert!(judge(&pki, &crl(&pki.issuer, |_| {}), |_| {}).0);
}

#[test]
fn a_serial_listed_twice_is_an_error_to_the_strict_alone() {
    let pki = TestPki::new();
    let list = crl(&pki.issuer, |tbs| {
        let entries = tbs.revoked_certificates.as_mut().unwrap();
        entries.push(entries[0].clone());
    });
    for (profile, severity) in
        [(Profile::Rfc5280, Severity::Warning), (Profile::Webpki, Severity::Error)]
    {
        let (accepted, findings) = judge(&pki, &list, |it| it.profile = profile);
        let twice = findings.iter().find(|it| it.code == Code::CrlDuplicate).unwrap();
        assert_eq!((accepted, twice.severity), (profile == Profile::Rfc5280, severity));
    }
}
