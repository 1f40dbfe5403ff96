//! What a key is for: keyUsage and extKeyUsage together.

use skink_path::{Code, Options, Profile, Purpose};
use skink_testkit::{NOW, TestAuthority};
use skink_x509::{Extensions, KeyAlgorithm, KeyUsage, ObjectIdentifier, oid};

use crate::shape::{check, dns, first, leaf};

/// The verdict on a leaf with that usage and that purpose, for that purpose.
fn verdict(profile: Profile, purpose: Purpose, usage: KeyUsage, given: Extensions) -> Option<Code> {
    let root = TestAuthority::root("root", KeyAlgorithm::EcP256, NOW);
    let leaf = leaf(&root, |spec| {
        spec.extensions = given.key_usage(usage).subject_alt_names(&[dns("web-1.test")]);
    });
    let options = Options { profile, ..Options::new(NOW, purpose).formal() };
    let result = check(&leaf, &[], &root, &options);
    result.is_err().then(|| first(result))
}

fn purposes(of: &[ObjectIdentifier]) -> Extensions {
    Extensions::new().end_entity().extended_key_usages(of)
}

#[test]
fn each_purpose_has_its_key_usages() {
    const SIGNS: KeyUsage = KeyUsage::DIGITAL_SIGNATURE;
    let (server, client) = (oid::SERVER_AUTH, oid::CLIENT_AUTH);
    let (mail, code, ocsp) = (oid::EMAIL_PROTECTION, oid::CODE_SIGNING, oid::OCSP_SIGNING);
    for (purpose, oid, usage, lax, strict) in [
        (Purpose::Server, server, SIGNS, true, true),
        (Purpose::Server, server, KeyUsage::KEY_ENCIPHERMENT, true, false),
        (Purpose::Server, server, KeyUsage::KEY_AGREEMENT, true, false),
        (Purpose::Server, server, KeyUsage::CRL_SIGN, false, false),
        (Purpose::Client, client, KeyUsage::KEY_ENCIPHERMENT, false, false),
        (Purpose::Client, client, KeyUsage::KEY_AGREEMENT, true, false),
        (Purpose::EmailProtection, mail, KeyUsage::NON_REPUDIATION, true, true),
        (Purpose::EmailProtection, mail, KeyUsage::KEY_ENCIPHERMENT, true, true),
        (Purpose::CodeSigning, code, KeyUsage::NON_REPUDIATION, false, false),
        (Purpose::OcspSigning, ocsp, KeyUsage::NON_REPUDIATION, true, true),
    ] {
        for (profile, good) in [(Profile::Rfc5280, lax), (Profile::Webpki, strict)] {
            let verdict = verdict(profile, purpose, usage, purposes(&[oid]));
            let wanted = (!good).then_some(Code::KeyUsage);
            assert_eq!(verdict, wanted, "{purpose:?} {usage} {profile:?}");
        }
    }
}

#[test]
fn a_time_stamper_does_nothing_else_and_says_so_critically() {
    const SIGNS: KeyUsage = KeyUsage::DIGITAL_SIGNATURE;
    let critical =
        |value: Vec<u8>| Extensions::new().end_entity().raw(oid::EXTENDED_KEY_USAGE, true, value);
    let alone = vec![0x30, 10, 6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 8];
    let with_server = [&[0x30, 20][..], &alone[2..], &[6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 1]].concat();
    for profile in [Profile::Rfc5280, Profile::Webpki] {
        let judge = |given| verdict(profile, Purpose::TimeStamping, SIGNS, given);
        assert_eq!(judge(critical(alone.clone())), None);
        assert_eq!(judge(critical(with_server.clone())), Some(Code::Purpose));
        assert_eq!(judge(purposes(&[oid::TIME_STAMPING])), Some(Code::Purpose));
    }
}
