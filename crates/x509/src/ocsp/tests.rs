use std::process::Command;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::crl::Reason;
use crate::fixture::{self, Hierarchy, Key, NOW};
use crate::{Certificate, Extensions, KeyUsage, Serial, SignatureAlgorithm, Time, oid};

struct Responder {
    hierarchy: Hierarchy,
    key: Key,
    certificate: Certificate,
}

fn delegate(issuer: &Certificate, issuer_key: &Key, key: &Key) -> Certificate {
    let mut spec = fixture::spec("x", "workloads-g1 OCSP responder", &key.public, 30);
    spec.issuer = issuer.subject().clone();
    spec.extensions = Extensions::new()
        .end_entity()
        .key_usage(KeyUsage::DIGITAL_SIGNATURE)
        .extended_key_usages(&[oid::OCSP_SIGNING])
        .ocsp_nocheck()
        .subject_key_id(&key.public.key_id())
        .authority_key_id(&issuer.public_key().key_id());
    issuer_key.certify(&spec)
}

impl Responder {
    fn new() -> Self {
        let (hierarchy, key) = (Hierarchy::new(), Key::generate());
        let certificate = delegate(&hierarchy.issuer, &hierarchy.issuer_key, &key);
        Self { hierarchy, key, certificate }
    }

    fn ask(&self, hash: HashAlgorithm) -> CertId {
        CertId::of(hash, &self.hierarchy.leaf, &self.hierarchy.issuer).unwrap()
    }

    fn spec(&self, status: CertStatus) -> OcspResponseSpec {
        OcspResponseSpec {
            responder: self.key.public.clone(),
            signature_algorithm: SignatureAlgorithm::EcdsaSha256,
            produced_at: NOW,
            responses: vec![SingleResponse {
                cert_id: self.ask(HashAlgorithm::Sha1),
                status,
                this_update: NOW,
                next_update: Some(NOW.plus(Duration::from_hours(1))),
            }],
            nonce: Some(vec![7; 16]),
            certificates: vec![self.certificate.clone()],
        }
    }

    fn answer(&self, status: CertStatus) -> Vec<u8> {
        sign(&self.spec(status), &self.key)
    }
}

fn sign(spec: &OcspResponseSpec, key: &Key) -> Vec<u8> {
    let tbs = spec.tbs_der().unwrap();
    spec.assemble(&tbs, &key.sign(&tbs)).unwrap()
}

fn basic(der: &[u8]) -> BasicResponse {
    OcspResponse::from_der(der).unwrap().basic.unwrap()
}

fn later(hours: u64) -> Time {
    NOW.plus(Duration::from_hours(hours))
}

#[test]
fn questions_are_read_back() {
    let responder = Responder::new();
    for hash in [HashAlgorithm::Sha1, HashAlgorithm::Sha256] {
        let request = OcspRequest::new(vec![responder.ask(hash)], Some(vec![1; 32]));
        let read = OcspRequest::from_der(&request.to_der().unwrap()).unwrap();
        assert_eq!(read, request);
        let (id, issuer) = (&read.cert_ids()[0], &responder.hierarchy.issuer);
        assert_eq!(id.serial(), responder.hierarchy.leaf.serial());
        assert!(id.is_issued_by(issuer.subject(), issuer.public_key()));
        assert!(!id.is_issued_by(issuer.subject(), &responder.key.public));
    }
    assert!(OcspRequest::from_der(&OcspRequest::new(vec![], None).to_der().unwrap()).is_err());
    for length in [0, MAX_NONCE + 1] {
        assert!(OcspRequest::new(vec![], Some(vec![0; length])).to_der().is_err());
    }
}

#[test]
fn every_status_is_read_back_and_verifies() {
    let responder = Responder::new();
    let Hierarchy { issuer, leaf, .. } = &responder.hierarchy;
    let statuses = [
        CertStatus::Good,
        CertStatus::Unknown,
        CertStatus::Revoked { at: NOW, reason: None },
        CertStatus::Revoked { at: NOW, reason: Some(Reason::KeyCompromise) },
        CertStatus::NEVER_ISSUED,
    ];
    for status in statuses {
        let basic = basic(&responder.answer(status));
        basic.verify(issuer, later(0)).unwrap();
        let answer = basic.find_certificate(leaf, issuer).unwrap();
        assert_eq!(answer.status, status);
        assert_eq!(basic.find(&responder.ask(HashAlgorithm::Sha1)), Some(answer));
        assert_eq!(basic.find(&responder.ask(HashAlgorithm::Sha256)), None);
        assert_eq!(basic.nonce(), Some(&[7; 16][..]));
        assert_eq!(basic.has_extended_revoke(), status == CertStatus::NEVER_ISSUED);
        assert!(answer.is_current(later(0)) && !answer.is_current(later(1)));
        assert!(!answer.is_current(Time::EPOCH));
    }
}

#[test]
fn only_the_issuer_and_its_delegate_are_believed() {
    let responder = Responder::new();
    let Hierarchy { root, root_key, issuer, issuer_key, .. } = &responder.hierarchy;
    let good = responder.spec(CertStatus::Good);
    let mut own = good.clone();
    (own.responder, own.certificates) = (issuer_key.public.clone(), Vec::new());
    basic(&sign(&own, issuer_key)).verify(issuer, NOW).unwrap();

    let forged = basic(&sign(&good, &Key::generate()));
    assert!(matches!(forged.verify(issuer, NOW), Err(OcspRefusal::BadSignature(_))));
    // A responder certified by the root does not speak for the issuer (RFC 6960 §4.2.2.2).
    let mut of_root = good.clone();
    of_root.certificates = vec![delegate(root, root_key, &responder.key)];
    let refused = |spec: &OcspResponseSpec, time| {
        let verdict = basic(&sign(spec, &responder.key)).verify(issuer, time);
        assert_eq!(verdict, Err(OcspRefusal::NotAuthorised));
    };
    refused(&of_root, NOW);
    // Neither does an outlived one, a leaf without the purpose, or none.
    refused(&good, later(24 * 31));
    let leaf = issuer_key.certify(&fixture::leaf_spec(&issuer_key.public, &responder.key.public));
    let mut without = good.clone();
    without.certificates = vec![leaf];
    refused(&without, NOW);
    without.certificates = Vec::new();
    refused(&without, NOW);
}

#[test]
fn error_responses_carry_a_status_only() {
    for status in [ResponseStatus::MalformedRequest, ResponseStatus::Unauthorized] {
        let read = OcspResponse::from_der(&error_response(status)).unwrap();
        assert_eq!(read.status, status);
        assert!(read.basic.is_none());
    }
    assert!(OcspResponse::from_der(&error_response(ResponseStatus::Successful)).is_err());
}

#[test]
fn openssl_asks_and_believes() {
    let responder = Responder::new();
    let Hierarchy { root, issuer, leaf, .. } = &responder.hierarchy;
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(dir.path().join(name), bytes).unwrap();
    write("root.pem", root.to_pem().as_bytes());
    write("issuer.pem", issuer.to_pem().as_bytes());
    write("leaf.pem", leaf.to_pem().as_bytes());
    let openssl = |arguments: &[&str]| {
        let output =
            Command::new("openssl").args(arguments).current_dir(dir.path()).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.success(), text + &String::from_utf8_lossy(&output.stdout))
    };
    let ask = ["ocsp", "-issuer", "issuer.pem", "-cert", "leaf.pem", "-reqout", "request.der"];
    let (asked, said) = openssl(&ask);
    assert!(asked, "{said}");
    let request = std::fs::read(dir.path().join("request.der")).unwrap();
    let request = OcspRequest::from_der(&request).unwrap();
    assert_eq!(request.cert_ids(), [responder.ask(HashAlgorithm::Sha1)]);

    let at = NOW.as_secs().to_string();
    for (status, expected) in [
        (CertStatus::Good, "leaf.pem: good"),
        (CertStatus::Revoked { at: NOW, reason: Some(Reason::Superseded) }, "leaf.pem: revoked"),
        (CertStatus::NEVER_ISSUED, "leaf.pem: revoked"),
    ] {
        let mut spec = responder.spec(status);
        spec.nonce = request.nonce().map(<[u8]>::to_vec);
        write("response.der", &sign(&spec, &responder.key));
        let (believed, said) = openssl(&[
            "ocsp",
            "-no_nonce",
            "-respin",
            "response.der",
            "-issuer",
            "issuer.pem",
            "-cert",
            "leaf.pem",
            "-CAfile",
            "root.pem",
            "-verify_other",
            "issuer.pem",
            "-attime",
            &at,
            "-validity_period",
            "99999999",
        ]);
        assert!(believed && said.contains("Response verify OK"), "{said}");
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn serials_that_are_none_are_refused() {
    let responder = Responder::new();
    let request = OcspRequest::new(vec![responder.ask(HashAlgorithm::Sha256)], None);
    let mut der = request.to_der().unwrap();
    let serial = Serial::from_random([0; 16]).der_content().len();
    let at = der.len() - serial;
    der[at] = 0x80;
    assert!(OcspRequest::from_der(&der).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn mutations_never_panic_nor_verify(
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        static SAMPLE: std::sync::LazyLock<(Responder, Vec<u8>, Vec<u8>)> =
            std::sync::LazyLock::new(|| {
                let responder = Responder::new();
                let response = responder.answer(CertStatus::NEVER_ISSUED);
                let ask = vec![responder.ask(HashAlgorithm::Sha1)];
                let request = OcspRequest::new(ask, Some(vec![3; 8])).to_der().unwrap();
                (responder, request, response)
            });
        let mutate = |bytes: &[u8]| {
            let mut der = bytes.to_vec();
            for (at, byte) in &edits {
                let at = at.index(der.len());
                der[at] = *byte;
            }
            if let Some(cut) = cut {
                der.truncate(cut.index(der.len()));
            }
            der
        };
        let (responder, request, response) = &*SAMPLE;
        let _ = OcspRequest::from_der(&mutate(request));
        let sample = basic(response);
        if let Ok(OcspResponse { basic: Some(basic), .. }) = OcspResponse::from_der(&mutate(response)) {
            let same = basic.responses() == sample.responses();
            prop_assert!(same || basic.verify(&responder.hierarchy.issuer, NOW).is_err());
        }
    }
}
