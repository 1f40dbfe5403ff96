//! A small hierarchy for this crate's own tests.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};

use crate::{
    Certificate, CertificateSpec, Extensions, GeneralName, KeyUsage, Name, PublicKey, Serial,
    SignatureAlgorithm, Time, assemble, oid,
};

pub(crate) const NOW: Time = Time::from_secs(1_790_000_000);
pub(crate) const DAY: i64 = 86_400;

pub(crate) struct Key {
    pair: EcdsaKeyPair,
    pub(crate) public: PublicKey,
}

impl Key {
    pub(crate) fn generate() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let der = pair.public_key().as_der().unwrap();
        Self { public: PublicKey::from_spki_der(der.as_ref()).unwrap(), pair }
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()
    }

    pub(crate) fn finish(&self, tbs: &[u8]) -> Vec<u8> {
        assemble(tbs, SignatureAlgorithm::EcdsaSha256, &self.sign(tbs)).unwrap()
    }

    pub(crate) fn certify(&self, spec: &CertificateSpec) -> Certificate {
        Certificate::from_der(&self.finish(&spec.tbs_der().unwrap())).unwrap()
    }
}

pub(crate) struct Hierarchy {
    pub(crate) root_key: Key,
    pub(crate) issuer_key: Key,
    pub(crate) root: Certificate,
    pub(crate) issuer: Certificate,
    pub(crate) leaf: Certificate,
}

impl Hierarchy {
    pub(crate) fn new() -> Self {
        let (root_key, issuer_key, leaf_key) = (Key::generate(), Key::generate(), Key::generate());
        let root = root_key.certify(&root_spec(&root_key.public));
        let issuer = root_key.certify(&issuer_spec(&root_key.public, &issuer_key.public));
        let leaf = issuer_key.certify(&leaf_spec(&issuer_key.public, &leaf_key.public));
        Self { root_key, issuer_key, root, issuer, leaf }
    }
}

pub(crate) fn spec(issuer: &str, subject: &str, key: &PublicKey, days: i64) -> CertificateSpec {
    let mut random = [0; 16];
    aws_lc_rs::rand::fill(&mut random).unwrap();
    CertificateSpec {
        serial: Serial::from_random(random),
        issuer: Name::from_common_name(issuer).unwrap(),
        subject: Name::from_common_name(subject).unwrap(),
        not_before: NOW,
        not_after: Time::from_secs(NOW.as_secs() + days * DAY - 1),
        public_key: key.clone(),
        signature_algorithm: SignatureAlgorithm::EcdsaSha256,
        extensions: Extensions::new(),
    }
}

pub(crate) fn root_spec(key: &PublicKey) -> CertificateSpec {
    let mut spec = spec("Skink Test Root", "Skink Test Root", key, 20 * 365);
    spec.extensions = Extensions::new()
        .ca(None)
        .key_usage(KeyUsage::KEY_CERT_SIGN | KeyUsage::CRL_SIGN)
        .subject_key_id(&key.key_id())
        .crl_distribution_points(&["http://pki.example/crl/root/root.crl"]);
    spec
}

pub(crate) fn issuer_spec(root: &PublicKey, key: &PublicKey) -> CertificateSpec {
    let mut spec = spec("Skink Test Root", "workloads-g1", key, 5 * 365);
    spec.extensions = Extensions::new()
        .ca(Some(0))
        .key_usage(KeyUsage::KEY_CERT_SIGN | KeyUsage::CRL_SIGN)
        .extended_key_usages(&[oid::SERVER_AUTH, oid::CLIENT_AUTH])
        .subject_key_id(&key.key_id())
        .authority_key_id(&root.key_id())
        .crl_distribution_points(&["http://pki.example/crl/root/workloads-g1.crl"])
        .authority_info_access(None, Some("http://pki.example/aia/root.cer"));
    spec
}

pub(crate) fn leaf_spec(issuer: &PublicKey, key: &PublicKey) -> CertificateSpec {
    let mut spec = spec("workloads-g1", "web-1", key, 30);
    spec.extensions = Extensions::new()
        .end_entity()
        .key_usage(KeyUsage::DIGITAL_SIGNATURE)
        .extended_key_usages(&[oid::SERVER_AUTH, oid::CLIENT_AUTH])
        .subject_alt_names(&[
            GeneralName::Dns("web-1.example".into()),
            GeneralName::Ip("127.0.0.1".parse().unwrap()),
            GeneralName::Uri("spiffe://example/web-1".into()),
            GeneralName::Email("ops@example.org".into()),
        ])
        .subject_key_id(&key.key_id())
        .authority_key_id(&issuer.key_id())
        .crl_distribution_points(&["http://pki.example/crl/workloads-g1/p0.crl"])
        .authority_info_access(
            Some("http://pki.example/ocsp/workloads-g1"),
            Some("http://pki.example/aia/workloads-g1.cer"),
        );
    spec
}
