//! Denied keys.

use std::collections::HashSet;

use der::asn1::AnyRef;
use der::{Decode, Encode, Tag};
use skink_path::{Code, validate};
use skink_testkit::{NOW, TestAuthority, TestKey};
use skink_x509::{Certificate, CertificateSpec, KeyAlgorithm, PublicKey};

use crate::shape::{authority, cross, first, leaf, server};

fn denying(key: &PublicKey) -> HashSet<skink_x509::KeyDigest> {
    HashSet::from([key.digest()])
}

#[test]
fn a_denied_key_anywhere_on_the_path_refuses_it() {
    let root = TestAuthority::root("root", KeyAlgorithm::EcP256, NOW);
    let issuer = root.subordinate("g1", KeyAlgorithm::EcP256);
    let leaf = leaf(&issuer, |_| {});
    let bundle = [issuer.certificate.clone()];
    let anchors = [root.certificate.clone()];
    for certificate in [&leaf, &issuer.certificate, &root.certificate] {
        let denied = denying(certificate.public_key());
        let options = server().denying(&denied);
        let rejection = validate(&leaf, &bundle, &anchors, &[], &options).unwrap_err();
        assert_eq!(rejection.findings()[0].code, Code::DeniedKey);
        assert_eq!(rejection.findings()[0].certificate, Some(certificate.fingerprint()));
    }
    let stranger = denying(TestKey::generate(KeyAlgorithm::EcP256).public());
    assert!(validate(&leaf, &bundle, &anchors, &[], &server().denying(&stranger)).is_ok());
}

/// The DER of a TBS with the key as a compressed point.
fn with_compressed_point(spec: &CertificateSpec) -> Vec<u8> {
    let tbs = spec.tbs_der().unwrap();
    let spki = spec.public_key.spki_der();
    let point = spec.public_key.raw();
    let parity = 2 + point[64] % 2;
    let compressed = [&[parity][..], &point[1..33]].concat();
    // SEQUENCE { SEQUENCE { ecPublicKey, prime256v1 }, BIT STRING }
    let algorithm = &spki[2..2 + 21];
    let bits = [&[3, 34, 0][..], &compressed].concat();
    let short = [&[0x30, 57][..], algorithm, &bits].concat();
    let content = AnyRef::from_der(&tbs).unwrap().value();
    let at = content.windows(spki.len()).position(|window| window == spki).unwrap();
    let content = [&content[..at], &short, &content[at + spki.len()..]].concat();
    AnyRef::new(Tag::Sequence, &content).unwrap().to_der().unwrap()
}

#[test]
fn a_cross_certificate_with_a_compressed_point_does_not_evade_denial() {
    let root = TestAuthority::root("root", KeyAlgorithm::EcP256, NOW);
    let second = TestAuthority::root("second", KeyAlgorithm::EcP256, NOW);
    let stolen = root.subordinate("g1", KeyAlgorithm::EcP256);
    let mut spec = second.spec("g1", &stolen.key, skink_testkit::DAY);
    spec.extensions = authority(stolen.key.public(), second.key.public(), Some(0));
    let der = second.key.finish(&with_compressed_point(&spec));
    assert!(der.len() < second.certify(&spec).der().len(), "the point is compressed");
    let crossed = Certificate::from_der(&der).unwrap();
    let rogue = leaf(&stolen, |_| {});
    let anchors = [root.certificate.clone(), second.certificate.clone()];
    let bundle = [crossed];
    assert!(validate(&rogue, &bundle, &anchors, &[], &server()).is_ok(), "the attack works");
    let denied = denying(stolen.key.public());
    let options = server().denying(&denied);
    assert_eq!(first(validate(&rogue, &bundle, &anchors, &[], &options)), Code::DeniedKey);
}

#[test]
fn another_path_without_the_denied_key_is_still_good() {
    let first = TestAuthority::root("first", KeyAlgorithm::EcP256, NOW);
    let second = TestAuthority::root("second", KeyAlgorithm::EcP256, NOW);
    let issuer = first.subordinate("g1", KeyAlgorithm::EcP256);
    let bundle = [issuer.certificate.clone(), cross(&second, &issuer)];
    let anchors = [first.certificate.clone(), second.certificate.clone()];
    let denied = denying(first.key.public());
    let leaf = leaf(&issuer, |_| {});
    let path = validate(&leaf, &bundle, &anchors, &[], &server().denying(&denied)).unwrap();
    assert_eq!(path.certificates()[2], second.certificate);
}
