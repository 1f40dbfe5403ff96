//! What the Baseline Requirements ask of a server's certificate, under the strict profile alone.

use skink_path::{Code, Formalities, Options, Profile, Severity};
use skink_testkit::{NOW, TestAuthority};
use skink_x509::{
    Certificate, CertificateSpec, Extensions, GeneralName, KeyAlgorithm, KeyUsage, Name, oid,
};

use crate::shape::{below, check, dns, end_entity, leaf, server};

fn root() -> TestAuthority {
    TestAuthority::root("root", KeyAlgorithm::EcP256, NOW)
}

/// The findings on a leaf after `bend`: refused under `webpki` for this alone, accepted under `rfc5280`
/// without a word, and with a warning in a handshake.
fn is_for_servers(code: Code, section: &str, what: &str, bend: impl Fn(&mut CertificateSpec)) {
    let root = root();
    let leaf = leaf(&root, bend);
    let rejection = check(&leaf, &[], &root, &server()).unwrap_err();
    let [only] = rejection.findings() else { panic!("{what}: {rejection}") };
    assert_eq!((only.code, only.severity), (code, Severity::Error), "{what}");
    assert_eq!(only.section(), section, "{what}");
    let rfc = Options { profile: Profile::Rfc5280, ..server() };
    let path = check(&leaf, &[], &root, &rfc).unwrap();
    assert!(path.notes().iter().all(|note| note.code != code || code == Code::Criticality));
    let handshake = Options { formalities: Formalities::Warn, ..server() };
    let path = check(&leaf, &[], &root, &handshake).unwrap();
    assert_eq!(path.notes()[0].severity, Severity::Warning, "{what}");
}

fn purposes(critical: bool, others: &[skink_x509::ObjectIdentifier]) -> Extensions {
    let all = [&[oid::SERVER_AUTH], others].concat();
    let value = der::Encode::to_der(&all).unwrap();
    Extensions::new()
        .end_entity()
        .key_usage(KeyUsage::DIGITAL_SIGNATURE)
        .raw(oid::EXTENDED_KEY_USAGE, critical, value)
        .subject_alt_names(&[dns("web-1.test")])
}

#[test]
fn a_server_is_a_server_and_at_most_a_client() {
    for (other, name) in [
        (oid::ANY_EXTENDED_KEY_USAGE, "any"),
        (oid::CODE_SIGNING, "code signing"),
        (oid::EMAIL_PROTECTION, "mail"),
        (oid::TIME_STAMPING, "time stamping"),
        (oid::OCSP_SIGNING, "OCSP"),
        (oid::PRECERTIFICATE_SIGNING, "precertificates"),
    ] {
        let section = "CA/Browser Forum BR §7.1.2.7.10";
        is_for_servers(Code::ForbiddenPurpose, section, name, |spec| {
            spec.extensions = purposes(false, &[other]);
        });
    }
    let section = "CA/Browser Forum BR §7.1.2.7.6";
    is_for_servers(Code::Criticality, section, "critical purposes", |spec| {
        spec.extensions = purposes(true, &[]);
    });
    let root = root();
    let both = leaf(&root, |spec| spec.extensions = purposes(false, &[oid::CLIENT_AUTH]));
    assert_eq!(check(&both, &[], &root, &server()).unwrap().notes(), []);
}

#[test]
fn a_common_name_is_a_copy_of_an_alternative_name() {
    let ip = |text: &str| GeneralName::Ip(text.parse().unwrap());
    for (common_name, name, good) in [
        ("web-1.test", dns("web-1.test"), true),
        ("*.web.test", dns("*.web.test"), true),
        ("192.0.2.1", ip("192.0.2.1"), true),
        ("2001:db8::1", ip("2001:db8::1"), true),
        ("WEB-1.test", dns("web-1.test"), false),
        ("other.test", dns("web-1.test"), false),
        ("bücher.test", dns("xn--bcher-kva.test"), false),
        ("xn--bcher-kva.test", dns("web-1.test"), false),
        ("0xc0000201", ip("192.0.2.1"), false),
        ("192.000.002.001", ip("192.0.2.1"), false),
        ("2001:DB8::1", ip("2001:db8::1"), false),
        ("2001:db8:0:0:0:0:0:1", ip("2001:db8::1"), false),
        ("2001:0db8::1", ip("2001:db8::1"), false),
    ] {
        let bend = |spec: &mut CertificateSpec| {
            spec.subject = Name::from_common_name(common_name).unwrap();
            spec.extensions = end_entity(std::slice::from_ref(&name));
        };
        let root = root();
        let path = check(&leaf(&root, bend), &[], &root, &server()).unwrap();
        let told: Vec<_> = path.notes().iter().map(|note| (note.code, note.severity)).collect();
        let warned = [(Code::CommonName, Severity::Warning)];
        assert_eq!(told, if good { &warned[..0] } else { &warned[..] }, "{common_name}");
    }
}

#[test]
fn a_server_without_alternative_names_is_told_that() {
    let root = root();
    let bare = leaf(&root, |spec| {
        spec.extensions = Extensions::new()
            .end_entity()
            .key_usage(KeyUsage::DIGITAL_SIGNATURE)
            .extended_key_usages(&[oid::SERVER_AUTH]);
    });
    let named = |profile| Options {
        name: skink_path::PeerName::Dns("web-1.test".to_owned()),
        profile,
        ..server()
    };
    for (profile, severity) in
        [(Profile::Webpki, Severity::Error), (Profile::Rfc5280, Severity::Warning)]
    {
        let rejection = check(&bare, &[], &root, &named(profile)).unwrap_err();
        assert_eq!(rejection.findings()[0].code, Code::NameMismatch);
        let missing = rejection.findings().iter().find(|it| it.code == Code::NoAltNames).unwrap();
        assert_eq!(missing.severity, severity, "{profile:?}");
    }
}

/// An authorityKeyIdentifier that names by issuer, by serial, or by both.
fn key_identifier(id: &[u8], issuer: bool, serial: bool) -> Vec<u8> {
    let mut content = [&[0x80, u8::try_from(id.len()).unwrap()], id].concat();
    if issuer {
        // A directory name with the common name x.
        let name = [0xa4, 14, 0x30, 12, 0x31, 10, 0x30, 8, 6, 3, 0x55, 4, 3, 0x0c, 1, b'x'];
        content.extend([&[0xa1, 16][..], &name].concat());
    }
    if serial {
        content.extend([0x82, 1, 5]);
    }
    [&[0x30, u8::try_from(content.len()).unwrap()], &content[..]].concat()
}

#[test]
fn key_identifiers_hold_nothing_else() {
    const ROOT: &str = "CA/Browser Forum BR §7.1.2.1.3";
    const OTHER: &str = "CA/Browser Forum BR §7.1.2.11.1";
    for (issuer, serial, by_rfc) in [(true, false, false), (false, true, false), (true, true, true)]
    {
        let with = |parent: &TestAuthority, own: bool| {
            below(parent, if own { "root" } else { "g1" }, |key, parent| {
                let id = if own { key.key_id() } else { parent.key_id() };
                let value = key_identifier(&id, issuer, serial);
                Extensions::new()
                    .ca(None)
                    .key_usage(KeyUsage::KEY_CERT_SIGN | KeyUsage::CRL_SIGN)
                    .subject_key_id(&key.key_id())
                    .raw(oid::AUTHORITY_KEY_IDENTIFIER, false, value)
            })
        };
        let parent = root();
        for (anchor, section) in [(with(&parent, true), ROOT), (with(&parent, false), OTHER)] {
            let leaf = leaf(&anchor, |_| {});
            let sections = |profile| {
                let result = check(&leaf, &[], &anchor, &Options { profile, ..server() });
                let errors = |it: &&skink_path::Finding| it.severity == Severity::Error;
                let rejection = result.err();
                let findings =
                    rejection.iter().flat_map(skink_path::Rejection::findings).filter(errors);
                findings.map(|it| (it.code, it.section().to_owned())).collect::<Vec<_>>()
            };
            let strict = sections(Profile::Webpki);
            assert!(strict.contains(&(Code::KeyIdentifier, section.to_owned())), "{strict:?}");
            let rfc = sections(Profile::Rfc5280);
            let half = (Code::KeyIdentifier, "RFC 5280 §4.2.1.1".to_owned());
            assert_eq!(rfc, if by_rfc { vec![] } else { vec![half] });
        }
    }
}

#[test]
fn critical_alternative_names_beside_a_subject_are_an_error_to_the_strict() {
    // The builder chooses the flag itself: another extension stands in for the names, and becomes them
    // before the certificate is signed.
    let (stand_in, names) = ([6, 3, 0x55, 0x1d, 99], [6, 3, 0x55, 0x1d, 17]);
    let root = root();
    let mut spec = root.spec("web-1.test", &crate::shape::key(), skink_testkit::DAY);
    let value = [&[0x30, 12, 0x82, 10][..], b"web-1.test"].concat();
    spec.extensions = Extensions::new()
        .end_entity()
        .key_usage(KeyUsage::DIGITAL_SIGNATURE)
        .extended_key_usages(&[oid::SERVER_AUTH])
        .raw("2.5.29.99".parse().unwrap(), true, value)
        .authority_key_id(&root.key.public().key_id());
    let mut tbs = spec.tbs_der().unwrap();
    let at = tbs.windows(5).position(|five| five == stand_in).unwrap();
    tbs[at..at + 5].copy_from_slice(&names);
    let leaf = Certificate::from_der(&root.key.finish(&tbs)).unwrap();
    for (profile, severity, section) in [
        (Profile::Webpki, Severity::Error, "CA/Browser Forum BR §7.1.2.7.12"),
        (Profile::Rfc5280, Severity::Warning, "RFC 5280 §4.2.1.6"),
    ] {
        let result = check(&leaf, &[], &root, &Options { profile, ..server() });
        let findings = match &result {
            Ok(path) => path.notes(),
            Err(rejection) => rejection.findings(),
        };
        let [only] = findings else { panic!("{findings:?}") };
        assert_eq!((only.code, only.severity), (Code::Criticality, severity));
        assert_eq!(only.section(), section);
    }
}
