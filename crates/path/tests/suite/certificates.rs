//! One rule broken at a time.

use der::asn1::AnyRef;
use der::{Encode, Tag};
use skink_path::{Code, Options, Profile, Purpose, Severity, validate};
use skink_testkit::{DAY, NOW, Shape, TestAuthority, TestKey, TestPki};
use skink_x509::{Certificate, Extensions, KeyAlgorithm, KeyUsage, PublicKey, oid};

use crate::shape::{authority, below, check, dns, end_entity, first, key, leaf, server};

#[test]
fn a_good_chain_is_a_path() {
    let pki = TestPki::new();
    for purpose in [Purpose::Server, Purpose::Client, Purpose::Any] {
        let options = Options::new(NOW, purpose);
        let path = check(&pki.leaf, &[&pki.issuer], &pki.root, &options).unwrap();
        let expected =
            [pki.leaf.clone(), pki.issuer.certificate.clone(), pki.root.certificate.clone()];
        assert_eq!(path.certificates(), expected);
        assert_eq!(path.leaf(), &pki.leaf);
        assert_eq!(path.notes(), []);
    }
    // An intermediate can be an anchor as it stands.
    assert!(check(&pki.leaf, &[], &pki.issuer, &server()).is_ok());
}

#[test]
fn every_signature_algorithm_is_verified() {
    use KeyAlgorithm::{EcP256, EcP384, Ed25519, Rsa2048};
    for algorithm in [EcP256, EcP384, Ed25519, Rsa2048] {
        let root = TestAuthority::root("root", algorithm, NOW);
        let issuer = root.subordinate("g1", algorithm);
        let leaf = issuer.issue(&key(), &Shape::named("web-1.test").dns("web-1.test"));
        assert!(check(&leaf, &[&issuer], &root, &server()).is_ok(), "{algorithm}");
        let other = TestAuthority::root("root", algorithm, NOW);
        let rejection = check(&leaf, &[&issuer], &other, &server()).unwrap_err();
        assert_eq!(rejection.findings()[0].code, Code::BadSignature, "{algorithm}");
    }
}

#[test]
fn validity_is_judged_to_the_second_on_every_certificate() {
    let pki = TestPki::new();
    let at =
        |time| check(&pki.leaf, &[&pki.issuer], &pki.root, &Options::new(time, Purpose::Server));
    let (from, until) = (pki.leaf.not_before(), pki.leaf.not_after());
    let second = std::time::Duration::from_secs(1);
    assert!(at(from).is_ok() && at(until).is_ok());
    assert!(at(until.plus(second / 2)).is_ok(), "the last second is whole");
    assert_eq!(first(at(until.plus(second))), Code::Expired);
    let rejection = at(from.minus(second)).unwrap_err();
    let early = rejection.findings().iter().filter(|f| f.code == Code::NotYetValid);
    assert_eq!(early.count(), 3, "the three certificates begin together: {rejection}");
    let rejection = at(pki.issuer.certificate.not_after().plus(second)).unwrap_err();
    let expired: Vec<_> = rejection.findings().iter().map(|f| f.certificate).collect();
    assert!(expired.contains(&Some(pki.leaf.fingerprint())));
    assert!(expired.contains(&Some(pki.issuer.certificate.fingerprint())));
}

#[test]
fn findings_are_complete_and_ranked_and_say_what_to_do() {
    let pki = TestPki::new();
    let options = Options::new(NOW.plus(60 * DAY), Purpose::OcspSigning)
        .named(skink_path::PeerName::Dns("other.test".into()));
    let rejection = check(&pki.leaf, &[&pki.issuer], &pki.root, &options).unwrap_err();
    let codes: Vec<_> = rejection.findings().iter().map(|finding| finding.code).collect();
    assert_eq!(codes, [Code::NameMismatch, Code::Purpose, Code::Expired]);
    for finding in rejection.findings() {
        assert_eq!(finding.severity, Severity::Error);
        assert_eq!(finding.certificate, Some(pki.leaf.fingerprint()));
        assert!(!finding.fix().is_empty() && finding.section().contains("RFC"));
    }
    assert!(rejection.to_string().contains("other.test"), "{rejection}");
    assert_eq!(rejection.candidates(), 1);
}

#[test]
fn purposes_count_along_the_path() {
    let root = TestAuthority::root("root", KeyAlgorithm::EcP256, NOW);
    let clients = below(&root, "clients", |key, parent| {
        authority(key, parent, Some(0)).extended_key_usages(&[oid::CLIENT_AUTH])
    });
    let leaf = leaf(&clients, |_| {});
    let client = Options::new(NOW, Purpose::Client);
    assert!(check(&leaf, &[&clients], &root, &client).is_ok());
    assert_eq!(first(check(&leaf, &[&clients], &root, &server())), Code::Purpose);
}

#[test]
fn a_missing_purpose_is_refused_by_the_strict_profile_only() {
    let root = TestAuthority::root("root", KeyAlgorithm::EcP256, NOW);
    let leaf = leaf(&root, |spec| {
        spec.extensions = Extensions::new().subject_alt_names(&[dns("web-1.test")]);
    });
    assert_eq!(first(check(&leaf, &[], &root, &server())), Code::Purpose);
    let lax = Options { profile: Profile::Rfc5280, ..server() };
    assert!(check(&leaf, &[], &root, &lax).is_ok());
}

#[test]
fn only_authorities_issue() {
    let mut pki = TestPki::new();
    let mut thief = pki.issuer.subordinate("unused", KeyAlgorithm::EcP256);
    std::mem::swap(&mut thief.key, &mut pki.leaf_key);
    thief.certificate = pki.leaf;
    let rogue = leaf(&thief, |_| {});
    let rejection = validate(
        &rogue,
        &[thief.certificate.clone(), pki.issuer.certificate.clone()],
        std::slice::from_ref(&pki.root.certificate),
        &[],
        &server(),
    )
    .unwrap_err();
    assert!(rejection.has(Code::NotAnAuthority) && rejection.has(Code::KeyUsage), "{rejection}");
    assert!(rejection.has(Code::PathLength), "{rejection}");
}

#[test]
fn the_path_length_holds() {
    let root = TestAuthority::root("root", KeyAlgorithm::EcP256, NOW);
    let issuer = root.subordinate("g1", KeyAlgorithm::EcP256);
    let sub = issuer.subordinate("sub", KeyAlgorithm::EcP256);
    let rogue = leaf(&sub, |_| {});
    let rejection = check(&rogue, &[&sub, &issuer], &root, &server()).unwrap_err();
    assert_eq!(rejection.findings().len(), 1);
    assert_eq!(rejection.findings()[0].code, Code::PathLength);
    assert_eq!(rejection.findings()[0].certificate, Some(issuer.certificate.fingerprint()));
    // Of an anchor too (RFC 5937).
    assert_eq!(first(check(&rogue, &[&sub], &issuer, &server())), Code::PathLength);
}

#[test]
fn self_issued_authorities_do_not_count_for_the_path_length() {
    let root = TestAuthority::root("root", KeyAlgorithm::EcP256, NOW);
    let old = root.subordinate("g1", KeyAlgorithm::EcP256);
    let new = below(&old, "g1", |key, parent| authority(key, parent, Some(0)));
    assert!(new.certificate.is_self_issued());
    let leaf = leaf(&new, |_| {});
    assert!(check(&leaf, &[&new, &old], &root, &server()).is_ok());
}

#[test]
fn an_authority_needs_the_usage_to_sign_certificates() {
    let root = TestAuthority::root("root", KeyAlgorithm::EcP256, NOW);
    let issuer = below(&root, "g1", |key, parent| {
        Extensions::new()
            .ca(Some(0))
            .key_usage(KeyUsage::CRL_SIGN)
            .subject_key_id(&key.key_id())
            .authority_key_id(&parent.key_id())
    });
    let rejection = check(&leaf(&issuer, |_| {}), &[&issuer], &root, &server());
    assert_eq!(first(rejection), Code::KeyUsage);
}

#[test]
fn an_unknown_extension_refuses_where_it_is_critical() {
    let root = TestAuthority::root("root", KeyAlgorithm::EcP256, NOW);
    let with = |critical| {
        leaf(&root, |spec| {
            let private = oid::SKINK_EPOCH;
            spec.extensions = end_entity(&[dns("a.test")]).raw(private, critical, vec![2, 1, 1]);
        })
    };
    assert!(check(&with(false), &[], &root, &server()).is_ok());
    assert_eq!(first(check(&with(true), &[], &root, &server())), Code::UnknownCritical);
}

#[test]
fn a_weak_key_is_refused_by_the_strict_profile_anywhere_on_the_path() {
    let rsa = TestKey::generate(KeyAlgorithm::Rsa2048);
    // The same modulus under the exponent 3: 02 03 01 00 01 becomes 02 01 03.
    let spki = rsa.public().spki_der();
    let (modulus, exponent) = rsa.public().raw()[4..].split_at(rsa.public().raw().len() - 9);
    assert_eq!(exponent, [2, 3, 1, 0, 1]);
    let numbers = wrap(Tag::Sequence, &[modulus, &[2, 1, 3]].concat());
    let bits = wrap(Tag::BitString, &[&[0][..], &numbers].concat());
    let weak = PublicKey::from_spki_der(&wrap(Tag::Sequence, &[&spki[4..19], &bits].concat()));
    let weak = weak.unwrap();
    let root = TestAuthority::root("root", KeyAlgorithm::EcP256, NOW);
    let leaf = leaf(&root, |spec| spec.public_key = weak);
    assert_eq!(first(check(&leaf, &[], &root, &server())), Code::WeakKey);
    let lax = Options { profile: Profile::Rfc5280, ..server() };
    assert!(check(&leaf, &[], &root, &lax).is_ok());
}

fn wrap(tag: Tag, content: &[u8]) -> Vec<u8> {
    AnyRef::new(tag, content).unwrap().to_der().unwrap()
}

/// A leaf whose signature names another algorithm than the one it was made with.
fn relabelled(root: &TestAuthority, last: u8) -> Certificate {
    let mut der = leaf(root, |_| {}).der().to_vec();
    let sha256 = oid::SHA256_WITH_RSA.to_der().unwrap();
    let places: Vec<_> = (0..der.len()).filter(|at| der[*at..].starts_with(&sha256)).collect();
    assert_eq!(places.len(), 2, "inside and outside");
    for at in places {
        der[at + sha256.len() - 1] = last;
    }
    Certificate::from_der(&der).unwrap()
}

#[test]
fn broken_and_unknown_algorithms_are_named_as_such_and_never_accepted() {
    let root = TestAuthority::root("root", KeyAlgorithm::Rsa2048, NOW);
    let lax = Options { profile: Profile::Rfc5280, ..server() };
    let sha1 = relabelled(&root, 5);
    assert_eq!(first(check(&sha1, &[], &root, &server())), Code::BadSignature);
    let md5 = relabelled(&root, 4);
    for options in [server(), lax.clone()] {
        let rejection = check(&md5, &[], &root, &options).unwrap_err();
        assert_eq!(rejection.findings()[0].code, Code::WeakSignature);
        assert!(!rejection.is_undecided());
    }
    // sha224WithRSAEncryption: sound, and not supported.
    let sha224 = relabelled(&root, 14);
    let rejection = check(&sha224, &[], &root, &server()).unwrap_err();
    assert_eq!(rejection.findings()[0].code, Code::UnsupportedAlgorithm);
    assert!(!rejection.is_undecided(), "the strict profile has a list of what is allowed");
    let rejection = check(&sha224, &[], &root, &lax).unwrap_err();
    assert_eq!(rejection.findings()[0].code, Code::UnsupportedAlgorithm);
    assert!(rejection.is_undecided() && !rejection.is_spent());
    // Whatever else speaks against it decides.
    let late = Options { time: NOW.plus(10_000 * DAY), ..lax };
    let rejection = check(&sha224, &[], &root, &late).unwrap_err();
    assert!(rejection.has(Code::Expired) && !rejection.is_undecided());
}

#[test]
fn codes_have_names_that_scripts_read() {
    assert_eq!(Code::DeniedKey.as_str(), "denied-key");
    assert_eq!(serde_json::to_string(&Code::NoCrl).unwrap(), "\"no-crl\"");
}

#[test]
fn a_pinned_end_entity_is_a_path_by_itself_outside_the_strict_profile() {
    let root = TestAuthority::root("root", KeyAlgorithm::EcP256, NOW);
    let pinned = leaf(&root, |_| {});
    let judge = |time, profile| {
        let options = Options { profile, ..Options::new(time, Purpose::Server) };
        validate(&pinned, &[], std::slice::from_ref(&pinned), &[], &options)
    };
    let path = judge(NOW, Profile::Rfc5280).unwrap();
    assert_eq!(path.certificates(), std::slice::from_ref(&pinned));
    assert_eq!(first(judge(NOW.plus(60 * DAY), Profile::Rfc5280)), Code::Expired);
    assert_eq!(first(judge(NOW, Profile::Webpki)), Code::IssuerNotFound);
    let options = Options { profile: Profile::Rfc5280, ..Options::new(NOW, Purpose::Any) };
    let own = std::slice::from_ref(&root.certificate);
    assert_eq!(validate(&root.certificate, own, own, &[], &options).unwrap().certificates(), own);
}
