use std::process::Command;

use proptest::prelude::*;

use super::*;
use crate::fixture::{self, Hierarchy, Key, NOW};
use crate::{Extensions, oid};

#[test]
fn what_was_specified_is_read_back() {
    let hierarchy = Hierarchy::new();
    let Hierarchy { root, issuer, leaf, .. } = &hierarchy;
    assert!(root.is_ca() && root.is_self_issued() && root.path_len().is_none());
    assert_eq!((issuer.is_ca(), issuer.path_len()), (true, Some(0)));
    assert_eq!(issuer.issuer(), root.subject());
    assert!(!leaf.is_ca());
    assert_eq!(leaf.key_usage(), Some(KeyUsage::DIGITAL_SIGNATURE));
    assert_eq!(leaf.extended_key_usages(), [oid::SERVER_AUTH, oid::CLIENT_AUTH]);
    assert_eq!(leaf.dns_names().collect::<Vec<_>>(), ["web-1.example"]);
    assert_eq!(leaf.subject_alt_names().len(), 4);
    assert_eq!(leaf.authority_key_id(), issuer.subject_key_id());
    assert_eq!(leaf.subject_key_id(), Some(&leaf.public_key().key_id()[..]));
    assert_eq!(leaf.crl_distribution_points(), ["http://pki.example/crl/workloads-g1/p0.crl"]);
    assert_eq!(leaf.ocsp_uris(), ["http://pki.example/ocsp/workloads-g1"]);
    assert_eq!(leaf.ca_issuers_uris(), ["http://pki.example/aia/workloads-g1.cer"]);
    assert_eq!((leaf.version(), leaf.not_before()), (3, NOW));
    assert!(
        leaf.is_valid_at(leaf.not_after())
            && !leaf.is_valid_at(NOW.minus(std::time::Duration::from_secs(1)))
    );
    leaf.verify_signed_by(issuer.public_key()).unwrap();
    issuer.verify_signed_by(root.public_key()).unwrap();
    root.verify_signed_by(root.public_key()).unwrap();
    assert_eq!(leaf.verify_signed_by(root.public_key()), Err(BadSignature));
}

#[test]
fn pem_goes_both_ways_and_passes_other_blocks_over() {
    let Hierarchy { root, issuer, .. } = Hierarchy::new();
    let other = "-----BEGIN OTHER-----\nAAAA\n-----END OTHER-----\n";
    let text = format!("# root\n{}{other}text\n{}", root.to_pem(), issuer.to_pem());
    assert_eq!(Certificate::all_from_pem(&text).unwrap(), [root.clone(), issuer]);
    assert_eq!(Certificate::from_pem(&text).unwrap(), root);
    assert!(Certificate::from_pem(other).is_err());
    assert!(Certificate::from_pem(&text.replace("-----END CERTIFICATE-----", "")).is_err());
}

#[test]
fn openssl_verifies_the_chain() {
    let Hierarchy { root, issuer, leaf, .. } = Hierarchy::new();
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, certificate: &Certificate| {
        std::fs::write(dir.path().join(name), certificate.to_pem()).unwrap();
    };
    write("root.pem", &root);
    write("issuer.pem", &issuer);
    write("leaf.pem", &leaf);
    let at = (NOW.as_secs() + 60).to_string();
    let output = Command::new("openssl")
        .args(["verify", "-x509_strict", "-attime", &at, "-purpose", "sslserver"])
        .args(["-verify_hostname", "web-1.example", "-CAfile", "root.pem"])
        .args(["-untrusted", "issuer.pem", "leaf.pem"])
        .current_dir(dir.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn webpki_verifies_the_chain() {
    let Hierarchy { root, issuer, leaf, .. } = Hierarchy::new();
    let der = |c: &Certificate| rustls_pki_types::CertificateDer::from(c.der().to_vec());
    let (root, issuer, leaf) = (der(&root), der(&issuer), der(&leaf));
    let anchor = webpki::anchor_from_trusted_cert(&root).unwrap();
    let leaf = webpki::EndEntityCert::try_from(&leaf).unwrap();
    let now = std::time::Duration::from_secs(NOW.as_secs().try_into().unwrap());
    leaf.verify_for_usage(
        webpki::ALL_VERIFICATION_ALGS,
        &[anchor],
        &[issuer],
        rustls_pki_types::UnixTime::since_unix_epoch(now),
        webpki::KeyUsage::server_auth(),
        None,
        None,
    )
    .unwrap();
    let name = rustls_pki_types::ServerName::try_from("web-1.example").unwrap();
    leaf.verify_is_valid_for_subject_name(&name).unwrap();
}

#[test]
fn a_second_parser_reads_the_same() {
    let Hierarchy { leaf, .. } = Hierarchy::new();
    let (rest, other) = x509_parser::parse_x509_certificate(leaf.der()).unwrap();
    assert!(rest.is_empty());
    assert_eq!(other.subject().to_string(), "CN=web-1");
    assert_eq!(other.raw_serial(), leaf.serial().as_be_bytes());
    assert_eq!(other.tbs_certificate.as_ref(), leaf.tbs_der());
    assert_eq!(other.validity().not_after.timestamp(), leaf.not_after().as_secs());
}

#[test]
fn times_switch_encoding_in_2050() {
    let key = Key::generate();
    let mut spec = fixture::leaf_spec(&key.public, &key.public);
    spec.not_before = Time::from_secs(2_524_607_999);
    spec.not_after = Time::from_secs(2_524_608_000);
    let tbs = spec.tbs_der().unwrap();
    let find = |text: &[u8]| tbs.windows(text.len()).any(|window| window == text);
    assert!(find(b"\x17\x0d491231235959Z\x18\x0f20500101000000Z"));
    spec.not_before = Time::from_secs(-1);
    assert!(matches!(spec.tbs_der(), Err(crate::EncodeError::TimeOutOfRange(_))));
}

#[test]
fn the_alternative_names_become_critical_without_a_subject() {
    let key = Key::generate();
    let mut spec = fixture::leaf_spec(&key.public, &key.public);
    assert!(!key.certify(&spec).extension(oid::SUBJECT_ALT_NAME).unwrap().critical);
    spec.subject = Name::empty();
    assert!(key.certify(&spec).extension(oid::SUBJECT_ALT_NAME).unwrap().critical);
}

#[test]
fn broken_rules_refuse_and_are_named_by_the_lenient_reader() {
    let key = Key::generate();
    let refused = |spec: &crate::CertificateSpec, edit: &dyn Fn(Vec<u8>) -> Vec<u8>| {
        let der = key.finish(&edit(spec.tbs_der().unwrap()));
        assert!(Certificate::from_der(&der).is_err());
        let (certificate, broken) = Certificate::from_der_lenient(&der).unwrap();
        assert_eq!(certificate.der(), der);
        assert!(!broken.is_empty());
    };
    let mut spec = fixture::leaf_spec(&key.public, &key.public);
    // The serial starts behind the headers and the version: 30 82 xx xx a0 03 02 01 02 02 11 …
    refused(&spec, &|mut tbs| {
        assert_eq!(tbs[9..11], [2, 17]);
        tbs[11] = 0;
        tbs[12] = 0;
        tbs
    });
    spec.extensions = Extensions::new().raw(oid::KEY_USAGE, true, vec![4, 0]);
    refused(&spec, &|tbs| tbs);
}

#[test]
fn an_extension_given_twice_is_refused_when_written() {
    let key = Key::generate();
    let mut spec = fixture::leaf_spec(&key.public, &key.public);
    spec.extensions = spec.extensions.end_entity();
    let twice = crate::EncodeError::DuplicateExtension(oid::BASIC_CONSTRAINTS);
    assert_eq!(spec.tbs_der(), Err(twice));
}

#[test]
fn a_flipped_bit_never_verifies() {
    let Hierarchy { issuer, leaf, .. } = Hierarchy::new();
    for at in (0..leaf.der().len()).step_by(7) {
        let mut der = leaf.der().to_vec();
        der[at] ^= 1;
        if let Ok(changed) = Certificate::from_der(&der) {
            let untouched =
                changed.tbs_der() == leaf.tbs_der() && changed.signature() == leaf.signature();
            assert!(
                untouched || changed.verify_signed_by(issuer.public_key()).is_err(),
                "byte {at}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn bytes_from_anywhere_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Certificate::from_der(&bytes);
        let _ = Certificate::from_pem(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn mutations_never_panic(
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        static LEAF: std::sync::LazyLock<Certificate> = std::sync::LazyLock::new(|| Hierarchy::new().leaf);
        let mut der = LEAF.der().to_vec();
        for (at, byte) in edits {
            let at = at.index(der.len());
            der[at] = byte;
        }
        if let Some(cut) = cut {
            der.truncate(cut.index(der.len()));
        }
        if let Ok((certificate, _)) = Certificate::from_der_lenient(&der) {
            let _ = (certificate.tbs_der(), certificate.signature(), certificate.subject().to_string());
        }
        let _ = Certificate::from_der(&der);
    }
}
