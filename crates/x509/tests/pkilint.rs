//! Everything that is emitted, through pkilint: no finding of a warning or worse.
//!
//! `cargo xtask test` installs pkilint and puts its programs on the path. Where they are missing the
//! tests are skipped, and say so; under `CI=true` they fail.

#![expect(clippy::unwrap_used, reason = "a test panics")]
#![expect(clippy::print_stdout, reason = "a skipped test says so")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use skink_testkit::{DAY, NOW, Shape, TestAuthority, TestKey, TestPki};
use skink_x509::crl::{Contains, Crl, Reason, RevokedEntry};
use skink_x509::crl::{CrlNumber, CrlSpec, IssuingDistributionPoint, encode_tbs};
use skink_x509::ocsp::{
    CertId, CertStatus, HashAlgorithm, OcspResponseSpec, ResponseStatus, SingleResponse,
    error_response,
};
use skink_x509::{Certificate, Extensions, GeneralName, KeyAlgorithm, KeyUsage, Name, Time, oid};

fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

struct Linter(tempfile::TempDir);

impl Linter {
    fn new() -> Option<Self> {
        if program("lint_pkix_cert").is_some() {
            return Some(Self(tempfile::tempdir().unwrap()));
        }
        assert!(std::env::var("CI").is_err(), "pkilint is not installed, and CI wants it");
        println!("skipped: pkilint is not installed (pip install pkilint==0.13.3)");
        None
    }

    fn lint(&self, tool: &str, kind: &[&str], what: &str, der: &[u8]) -> String {
        let file = self.0.path().join(format!("{what}.der").replace(' ', "-"));
        std::fs::write(&file, der).unwrap();
        run(&program(tool).unwrap(), kind, &file)
    }

    fn certificate(&self, what: &str, certificate: &Certificate) {
        let said = self.lint("lint_pkix_cert", &[], what, certificate.der());
        assert_eq!(said, "", "{what}");
    }

    fn crl(&self, what: &str, kind: &str, crl: &Crl) {
        let said = self.lint("lint_crl", &["-t", kind, "-p", "PKIX"], what, crl.der());
        assert_eq!(said, "", "{what}");
    }

    fn ocsp(&self, what: &str, der: &[u8]) {
        let said = self.lint("lint_ocsp_response", &[], what, der);
        assert_eq!(said, "", "{what}");
    }
}

fn run(program: &Path, kind: &[&str], file: &Path) -> String {
    let output = Command::new(program)
        .arg("lint")
        .args(kind)
        .args(["-s", "WARNING", "--document-format", "DER"])
        .arg(file)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).trim().to_owned();
    assert_eq!(output.status.success(), said.is_empty(), "{said}");
    said
}

/// The certificates of a whole installation.
fn installation() -> Vec<(&'static str, Certificate)> {
    let pki = TestPki::new();
    let (root, issuer) = (&pki.root, &pki.issuer);
    let key = TestKey::generate(KeyAlgorithm::EcP256);
    let shape = Shape::named("web-1").dns("web-1.test");
    let mut every_name = issuer.spec("x", &key, 30 * DAY);
    every_name.subject = Name::empty();
    every_name.extensions = Extensions::new()
        .end_entity()
        .key_usage(KeyUsage::DIGITAL_SIGNATURE)
        .extended_key_usages(&[oid::SERVER_AUTH, oid::CLIENT_AUTH])
        .subject_alt_names(&[
            // No wildcard, no SPIFFE id: RFC 5280 allows them, and pkilint knows neither.
            GeneralName::Dns("web.test".into()),
            GeneralName::Ip("2001:db8::1".parse().unwrap()),
            GeneralName::Uri("https://pki.test/web-1".into()),
            GeneralName::Email("ops@web.test".into()),
        ])
        .subject_key_id(&key.public().key_id())
        .authority_key_id(&issuer.key.public().key_id())
        .crl_distribution_points(&["http://pki.test/crl/workloads-g1/p0.crl"])
        .authority_info_access(
            Some("http://pki.test/ocsp/workloads-g1"),
            Some("http://pki.test/aia/workloads-g1.cer"),
        );
    vec![
        ("root", root.certificate.clone()),
        ("issuer", issuer.certificate.clone()),
        ("leaf", pki.leaf.clone()),
        ("client", issuer.issue(&key, &shape.clone().purposes(&[oid::CLIENT_AUTH]))),
        ("every name and no subject", issuer.certify(&every_name)),
        ("responder", responder(issuer, &key)),
        ("trust key", trust_key(root, &key)),
        ("rsa root", rsa_root().certificate),
    ]
}

fn rsa_root() -> TestAuthority {
    TestAuthority::root("RSA Root", KeyAlgorithm::Rsa3072, NOW)
}

fn responder(issuer: &TestAuthority, key: &TestKey) -> Certificate {
    let mut spec = issuer.spec("workloads-g1 OCSP", key, 30 * DAY);
    spec.extensions = Extensions::new()
        .end_entity()
        .key_usage(KeyUsage::DIGITAL_SIGNATURE)
        .extended_key_usages(&[oid::OCSP_SIGNING])
        .ocsp_nocheck()
        .subject_key_id(&key.public().key_id())
        .authority_key_id(&issuer.key.public().key_id());
    issuer.certify(&spec)
}

fn trust_key(root: &TestAuthority, key: &TestKey) -> Certificate {
    let mut spec = root.spec("trust-g1", key, 365 * DAY);
    spec.extensions = Extensions::new()
        .end_entity()
        .key_usage(KeyUsage::DIGITAL_SIGNATURE)
        .extended_key_usages(&[oid::SKINK_TRUST])
        .raw(oid::SKINK_EPOCH, false, vec![2, 1, 1])
        .subject_key_id(&key.public().key_id())
        .authority_key_id(&root.key.public().key_id())
        .crl_distribution_points(&["http://pki.test/crl/root/trust-g1.crl"]);
    root.certify(&spec)
}

#[test]
fn a_fault_is_found() {
    let Some(linter) = Linter::new() else { return };
    let root = TestAuthority::root("Root", KeyAlgorithm::EcP256, NOW);
    let mut spec = root.spec("x", &root.key, DAY);
    spec.extensions = Extensions::new().key_usage(KeyUsage::DIGITAL_SIGNATURE);
    let said = linter.lint("lint_pkix_cert", &[], "bad", root.certify(&spec).der());
    assert!(said.contains("authority_key_identifier"), "{said}");
}

#[test]
fn certificates_have_no_finding() {
    let Some(linter) = Linter::new() else { return };
    for (what, certificate) in installation() {
        linter.certificate(what, &certificate);
    }
}

#[test]
fn crls_have_no_finding() {
    let Some(linter) = Linter::new() else { return };
    let pki = TestPki::new();
    linter.crl("empty", "CRL", &pki.issuer.crl(1, None, Vec::new()));
    let revoked = |reason, invalidity_date| RevokedEntry {
        reason,
        invalidity_date,
        ..pki.issuer.revoked(&pki.leaf)
    };
    let earlier = Some(NOW.minus(Duration::from_hours(5)));
    let uri = Some("http://pki.test/crl/workloads-g1/p0.crl");
    let full = revoked(Some(Reason::KeyCompromise), earlier);
    linter.crl("revoked", "CRL", &pki.issuer.crl(2, uri, vec![full]));
    let unspecified = revoked(Some(Reason::Unspecified), None);
    linter.crl("unspecified", "CRL", &pki.issuer.crl(3, uri, vec![unspecified]));

    let uri = pki.issuer.certificate.crl_distribution_points()[0].clone();
    let compromised = RevokedEntry {
        reason: Some(Reason::CaCompromise),
        invalidity_date: earlier,
        ..pki.root.revoked(&pki.issuer.certificate)
    };
    let spec = CrlSpec {
        issuer: pki.root.certificate.subject().clone(),
        signature_algorithm: pki.root.key.signature_algorithm(),
        this_update: NOW,
        // Beyond 2050: the other encoding of times.
        next_update: Time::from_secs(2_600_000_000),
        number: CrlNumber::from_be_bytes(&[0x7f; 20]).unwrap(),
        authority_key_id: pki.root.key.public().key_id().to_vec(),
        issuing_distribution_point: Some(
            IssuingDistributionPoint::at(&uri).containing(Contains::AuthorityCertificates),
        ),
    };
    let der = pki.root.key.finish(&encode_tbs(&spec, [compromised]).unwrap());
    linter.crl("partition", "ARL", &Crl::from_der(&der).unwrap());
}

#[test]
fn ocsp_responses_have_no_finding() {
    let Some(linter) = Linter::new() else { return };
    let pki = TestPki::new();
    let key = TestKey::generate(KeyAlgorithm::EcP256);
    let certificate = responder(&pki.issuer, &key);
    let revoked = CertStatus::Revoked { at: NOW, reason: Some(Reason::Superseded) };
    for (what, status, hash) in [
        ("good", CertStatus::Good, HashAlgorithm::Sha1),
        ("revoked", revoked, HashAlgorithm::Sha256),
        ("never issued", CertStatus::NEVER_ISSUED, HashAlgorithm::Sha1),
        ("unknown", CertStatus::Unknown, HashAlgorithm::Sha1),
    ] {
        let spec = OcspResponseSpec {
            responder: key.public().clone(),
            signature_algorithm: key.signature_algorithm(),
            produced_at: NOW,
            responses: vec![SingleResponse {
                cert_id: CertId::of(hash, &pki.leaf, &pki.issuer.certificate).unwrap(),
                status,
                this_update: NOW,
                next_update: Some(NOW.plus(Duration::from_hours(1))),
            }],
            nonce: Some(vec![5; 32]),
            certificates: vec![certificate.clone()],
        };
        let tbs = spec.tbs_der().unwrap();
        linter.ocsp(what, &spec.assemble(&tbs, &key.sign(&tbs)).unwrap());
    }
    linter.ocsp("try later", &error_response(ResponseStatus::TryLater));
}
