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

/// Runs of each in a batch, short enough to fit between two turns of a scheduler.
const BATCH: u32 = 10;
const BATCHES: u32 = 400;

/// The best batches of two things that run in turn: what the machine does meanwhile only adds, and
/// adds to both.
fn best_of(one: impl Fn(), other: impl Fn()) -> (Duration, Duration) {
    let batch = |run: &dyn Fn()| {
        let started = Instant::now();
        (0..BATCH).for_each(|_| run());
        started.elapsed() / BATCH
    };
    let both: Vec<_> = (0..BATCHES).map(|_| (batch(&one), batch(&other))).collect();
    let least = |of: fn(&(Duration, Duration)) -> Duration| both.iter().map(of).min().unwrap();
    (least(|both| both.0), least(|both| both.1))
}

fn ours(pki: &TestPki) -> impl Fn() {
    let (leaf, issuer) = (pki.leaf.der().to_vec(), pki.issuer.certificate.der().to_vec());
    let anchors = [pki.root.certificate.clone()];
    move || {
        let leaf = Certificate::from_der(black_box(&leaf)).unwrap();
        let bundle = [Certificate::from_der(black_box(&issuer)).unwrap()];
        let options =
            Options::new(NOW, Purpose::Server).named(PeerName::Dns("web-1.test".to_owned()));
        validate(&leaf, &bundle, &anchors, &[], &options).unwrap();
    }
}

fn theirs(pki: &TestPki) -> impl Fn() {
    let der = |c: &Certificate| CertificateDer::from(c.der().to_vec());
    let (leaf, root) = (der(&pki.leaf), der(&pki.root.certificate));
    let bundle = [der(&pki.issuer.certificate)];
    let anchors = [webpki::anchor_from_trusted_cert(&root).unwrap().to_owned()];
    let now = Duration::from_secs(NOW.as_secs().try_into().unwrap());
    let name = ServerName::try_from("web-1.test").unwrap();
    move || {
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
    }
}

/// A certificate for `child` by `parent`.
fn cross(parent: &TestAuthority, child: &TestAuthority) -> Certificate {
    let name = child.certificate.subject().common_name().unwrap();
    let mut spec = parent.spec(&name, &child.key, skink_testkit::DAY);
    spec.extensions = skink_x509::Extensions::new()
        .ca(None)
        .subject_key_id(&child.key.public().key_id())
        .authority_key_id(&parent.key.public().key_id());
    parent.certify(&spec)
}

fn authorities(count: usize, name: impl Fn(usize) -> String) -> Vec<TestAuthority> {
    (0..count).map(|at| TestAuthority::root(&name(at), KeyAlgorithm::EcP256, NOW)).collect()
}

/// 100 authorities that certify each other, without an anchor; all of one name, or each of its own.
fn web(one_name: bool) -> (Certificate, Vec<Certificate>) {
    let web = authorities(100, |at| if one_name { "ca".to_owned() } else { format!("ca-{at}") });
    let pairs = web.iter().flat_map(|parent| web.iter().map(move |child| (parent, child)));
    let bundle = pairs.map(|(parent, child)| cross(parent, child)).collect();
    let shape = skink_testkit::Shape::named("web-1").dns("web-1.test");
    (web[0].issue(&web[1].key, &shape), bundle)
}

/// 10,000 certificates of one name and one key.
fn namesakes() -> (Certificate, Vec<Certificate>) {
    let [parent, issuer] = &authorities(2, |at| format!("ca-{at}"))[..] else { unreachable!() };
    let bundle = (0..10_000).map(|_| cross(parent, issuer)).collect();
    let shape = skink_testkit::Shape::named("web-1").dns("web-1.test");
    (issuer.issue(&parent.key, &shape), bundle)
}

/// Reads a hostile bundle and judges it.
fn hostile(what: &str, (leaf, bundle): (Certificate, Vec<Certificate>)) {
    let anchor = TestAuthority::root("anchor", KeyAlgorithm::EcP256, NOW).certificate;
    let ders: Vec<_> = bundle.iter().map(Certificate::der).collect();
    let started = Instant::now();
    let bundle: Vec<_> = ders.iter().map(|der| Certificate::from_der(der).unwrap()).collect();
    let read = started.elapsed();
    let started = Instant::now();
    let rejection =
        validate(&leaf, &bundle, &[anchor], &[], &Options::new(NOW, Purpose::Server)).unwrap_err();
    let judged = started.elapsed();
    assert!(rejection.is_undecided() && rejection.has(Code::BudgetSpent));
    let signatures = rejection.signatures();
    println!(
        "{} hostile certificates, {what}: read in {read:?}, undecided in {judged:?} after \
         {signatures} signatures",
        bundle.len()
    );
}

fn main() {
    let pki = TestPki::new();
    let (ours, theirs) = best_of(ours(&pki), theirs(&pki));
    let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
    println!("three certificates: {ours:?}, rustls-webpki {theirs:?}, ratio {ratio:.2}");
    hostile("each by each", web(false));
    hostile("each by each, all of one name", web(true));
    hostile("all of one name and key", namesakes());
}
