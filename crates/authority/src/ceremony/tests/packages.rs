//! The server is lost; the root signs a package by itself.

use super::*;
use skink_x509::oid;

#[tokio::test]
async fn a_new_package_key_outranks_every_earlier_one() {
    let (offline, mut server, _, accepted) = begun().await;
    let mut root = offline.open().await;
    let key = root.new_package_key(6).await.unwrap();
    assert_eq!(key.epoch(), 7);
    let certificate = key.certificate();
    certificate.verify_signed_by(server.root.public_key()).unwrap();
    assert_eq!(certificate.extended_key_usages(), [oid::SKINK_TRUST]);
    let epoch = certificate.extension(oid::SKINK_EPOCH).unwrap();
    assert_eq!(epoch.value, [2, 1, 7]);
    let signature = root.sign_package(&key, "{}").await.unwrap();
    let message = [PACKAGE_CONTEXT, b"{}"].concat();
    let how = SignatureAlgorithm::EcdsaSha256;
    certificate.public_key().verify(how, &message, &signature).unwrap();
    let list = Crl::from_der(&key.list().der().unwrap()).unwrap();
    list.verify_signed_by(server.root.public_key()).unwrap();
    assert!(list.this_update() > super::list(&accepted, "root").this_update());
    assert_eq!(root.new_package_key(0).await.unwrap().epoch(), 8);
    drop(root);

    // The next ceremony knows them, and certifies no key of an epoch that is used.
    let (ceremony, accepted) = later(&offline, &mut server, |_| {}).await;
    assert_eq!(super::list(&accepted, "trust-g2").number().unwrap().to_u64(), Some(3));
    assert!(ceremony.kits.iter().any(|kit| kit.facts().authority.as_str() == "trust-g3"));
    let certify =
        Certify { epoch: Some(8), ..server.certify("trust", 4, AuthorityKind::Trust).await };
    let body = server.body(vec![certify.clone()]);
    let refused = offline.refusal(&server.request(&body).await, &server).await;
    assert!(matches!(refused, CeremonyRefused::Certify { .. }), "{refused}");
    let body = server.body(vec![Certify { epoch: Some(9), ..certify }]);
    offline.sign(&server.request(&body).await, &server).await.unwrap();
}
