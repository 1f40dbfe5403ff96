//! Certificates and options that the tests bend.

use skink_path::{Code, Options, Purpose, Rejection, VerifiedPath, validate};
use skink_testkit::{DAY, NOW, TestAuthority, TestKey};
use skink_x509::{
    Certificate, CertificateSpec, Extensions, GeneralName, KeyAlgorithm, KeyUsage, Name, PublicKey,
    oid,
};

/// A new P-256 key.
pub(crate) fn key() -> TestKey {
    TestKey::generate(KeyAlgorithm::EcP256)
}

/// A server at [`NOW`] under the strict profile.
pub(crate) fn server<'a>() -> Options<'a> {
    Options::new(NOW, Purpose::Server).formal()
}

/// The extensions of an authority.
pub(crate) fn authority(key: &PublicKey, issuer: &PublicKey, path_len: Option<u8>) -> Extensions {
    Extensions::new()
        .ca(path_len)
        .key_usage(KeyUsage::KEY_CERT_SIGN | KeyUsage::CRL_SIGN)
        .subject_key_id(&key.key_id())
        .authority_key_id(&issuer.key_id())
}

/// The extensions of a server.
pub(crate) fn end_entity(names: &[GeneralName]) -> Extensions {
    Extensions::new()
        .end_entity()
        .key_usage(KeyUsage::DIGITAL_SIGNATURE)
        .extended_key_usages(&[oid::SERVER_AUTH, oid::CLIENT_AUTH])
        .subject_alt_names(names)
}

pub(crate) fn dns(name: &str) -> GeneralName {
    GeneralName::Dns(name.to_owned())
}

/// An authority below `parent` with these extensions.
pub(crate) fn below(
    parent: &TestAuthority,
    name: &str,
    extensions: impl FnOnce(&PublicKey, &PublicKey) -> Extensions,
) -> TestAuthority {
    let mut below = parent.subordinate(name, KeyAlgorithm::EcP256);
    let mut spec = parent.spec(name, &below.key, 365 * DAY);
    spec.extensions = extensions(below.key.public(), parent.key.public());
    below.certificate = parent.certify(&spec);
    below
}

/// A certificate of `issuer` for `web-1.test` after `bend`; it names the issuer's key. Its subject has no
/// common name, which would have to follow the alternative names.
pub(crate) fn leaf(issuer: &TestAuthority, bend: impl FnOnce(&mut CertificateSpec)) -> Certificate {
    let mut spec = issuer.spec("web-1", &key(), 30 * DAY);
    spec.subject = Name::builder().organization("web-1").build().unwrap();
    spec.extensions = end_entity(&[dns("web-1.test")]);
    bend(&mut spec);
    spec.extensions = spec.extensions.authority_key_id(&issuer.key.public().key_id());
    issuer.certify(&spec)
}

/// Another certificate for the key and name of `authority`, made by `parent`.
pub(crate) fn cross(parent: &TestAuthority, authority: &TestAuthority) -> Certificate {
    let name = authority.certificate.subject().common_name().unwrap();
    let mut spec = parent.spec(&name, &authority.key, 365 * DAY);
    spec.extensions = self::authority(authority.key.public(), parent.key.public(), Some(0));
    parent.certify(&spec)
}

/// Validates without CRLs.
pub(crate) fn check(
    leaf: &Certificate,
    untrusted: &[&TestAuthority],
    anchor: &TestAuthority,
    options: &Options<'_>,
) -> Result<VerifiedPath, Rejection> {
    let untrusted: Vec<_> = untrusted.iter().map(|a| a.certificate.clone()).collect();
    validate(leaf, &untrusted, std::slice::from_ref(&anchor.certificate), &[], options)
}

/// The weightiest finding's kind.
pub(crate) fn first(result: Result<VerifiedPath, Rejection>) -> Code {
    result.unwrap_err().findings()[0].code
}
