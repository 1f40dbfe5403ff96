//! An accepted chain of three P-256 certificates, from the same DER in memory, here and in
//! rustls-webpki; and a hostile bundle of 10,000 certificates.
//!
//! `cargo bench -p skink-path` prints the times and their ratio; the aims are a ratio of at most 1.3
//! and 250 ms.
#![expect(clippy::unwrap_used, reason = "panicking is how a benchmark reports")]
#![expect(clippy::print_stdout, reason = "a benchmark prints")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use skink_path::{Code, Options, PeerName, Purpose, validate};
use skink_testkit::{NOW, TestAuthority, TestPki};
use skink_x509::{Certificate, KeyAlgorithm};

const ROUNDS: u32 = 2_000;

/// The best of several runs: what the machine does meanwhile only adds.
fn best_of(run: impl Fn()) -> Duration {
    let once = || {
        let started = Instant::now();
        (0..ROUNDS / 10).for_each(|_| run());
        started.elapsed() / (ROUNDS / 10)
    };
    (0..10).map(|_| once()).min().unwrap()
}

fn ours(pki: &TestPki) -> Duration {
    let (leaf, issuer) = (pki.leaf.der().to_vec(), pki.issuer.certificate.der().to_vec());
    let anchors = [pki.root.certificate.clone()];
    best_of(|| {
        let leaf = Certificate::from_der(black_box(&leaf)).unwrap();
        let bundle = [Certificate::from_der(black_box(&issuer)).unwrap()];
        let options =
            Options::new(NOW, Purpose::Server).named(PeerName::Dns("web-1.test".to_owned()));
        validate(&leaf, &bundle, &anchors, &[], &options).unwrap();
    })
}

fn theirs(pki: &TestPki) -> Duration {
    let der = |c: &Certificate| CertificateDer::from(c.der().to_vec());
    let (leaf, root) = (der(&pki.leaf), der(&pki.root.certificate));
    let bundle = [der(&pki.issuer.certificate)];
    let anchors = [webpki::anchor_from_trusted_cert(&root).unwrap()];
    let now = Duration::from_secs(NOW.as_secs().try_into().unwrap());
    let name = ServerName::try_from("web-1.test").unwrap();
    best_of(|| {
        let leaf = webpki::EndEntityCert::try_from(black_box(&leaf)).unwrap();
        leaf.verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &anchors,
            black_box(&bundle),
            UnixTime::since_unix_epoch(now),
            webpki::KeyUsage::server_auth(),
            None,
            None,
        )
        .unwrap();
        leaf.verify_is_valid_for_subject_name(&name).unwrap();
    })
}

/// 100 authorities that certify each other, without an anchor.
fn hostile() -> Duration {
    let web: Vec<_> = (0..100)
        .map(|at| TestAuthority::root(&format!("ca-{at}"), KeyAlgorithm::EcP256, NOW))
        .collect();
    let mut bundle: Vec<Certificate> = Vec::new();
    for parent in &web {
        for child in &web {
            let name = child.certificate.subject().common_name().unwrap();
            let mut spec = parent.spec(&name, &child.key, skink_testkit::DAY);
            spec.extensions = skink_x509::Extensions::new()
                .ca(None)
                .subject_key_id(&child.key.public().key_id())
                .authority_key_id(&parent.key.public().key_id());
            bundle.push(parent.certify(&spec));
        }
    }
    let leaf = web[0].issue(&web[1].key, &skink_testkit::Shape::named("web-1").dns("web-1.test"));
    let anchor = TestAuthority::root("anchor", KeyAlgorithm::EcP256, NOW).certificate;
    let started = Instant::now();
    let options = Options::new(NOW, Purpose::Server);
    let rejection = validate(&leaf, &bundle, &[anchor], &[], &options).unwrap_err();
    assert!(rejection.is_undecided() && rejection.has(Code::BudgetSpent));
    started.elapsed()
}

fn main() {
    let pki = TestPki::new();
    let (ours, theirs) = (ours(&pki), theirs(&pki));
    let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
    println!("three certificates: {ours:?}, rustls-webpki {theirs:?}, ratio {ratio:.2}");
    println!("10,000 hostile certificates: {:?}", hostile());
}
