//! Signatures by a key at OpenBao, as the server makes them: asked for in its ledger, durably, made
//! by one call, verified and settled; against a bare concurrent HTTP client that does nothing but
//! the call. Both in turn, in one run, on one machine.
//!
//! `cargo bench -p skink-server` prints both rates and their ratio; the aim is at least 0.7.
#![expect(clippy::unwrap_used, reason = "panicking is how a benchmark reports")]
#![expect(clippy::print_stdout, reason = "a benchmark prints")]

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use skink_server::{
    App, Config, Elsewhere, InitOptions, KeysElsewhere, Settings, SystemClock, SystemRng,
};
use skink_signer::sealed::Custodian;
use skink_signer::vault::{VaultAdministrator, VaultProvider, VaultSettings};
use skink_signer::{
    AttemptPurpose, Credential, KeyProvider as _, KeyUri, SignatureRequest, Signer, ToSign,
};
use skink_testkit::OpenBao;
use skink_x509::{KeyAlgorithm, SignatureAlgorithm};

/// Calls under way together.
const AT_ONCE: u32 = 128;
/// Signatures of each in a round.
const ROUND: u32 = 3_000;
const ROUNDS: u32 = 8;
/// Set for the process that measures: the server finds its key service by the environment.
const MEASURE: &str = "SKINK_BENCH_KEY";

#[tokio::main]
async fn main() {
    // Of two installations the first counts, and is this one.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    if let Ok(key) = std::env::var(MEASURE) {
        return measure(&key.parse().unwrap()).await;
    }
    let Some(bao) = OpenBao::start() else { return };
    let settings = VaultSettings::new(&bao.url(), Credential::from_text(OpenBao::TOKEN));
    VaultAdministrator::new(&settings).unwrap().mount_engine().await.unwrap();
    let provider = VaultProvider::new(&settings).unwrap();
    let key = provider.create("issuer-1", KeyAlgorithm::EcP256).await.unwrap();
    let mut again = Command::new(std::env::current_exe().unwrap());
    let done = bao.lead(&mut again, OpenBao::TOKEN).env(MEASURE, key.as_str()).status().unwrap();
    assert!(done.success(), "the measurement failed");
}

async fn measure(key: &KeyUri) {
    let dir = tempfile::tempdir().unwrap();
    let app = server(dir.path(), key).await;
    let (bare, signer) = (Bare::new(key), Ours::new(app.signer(), key));
    let (mut one, mut other) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let both = (rate(&bare).await, rate(&signer).await);
        // The first round opens connections.
        if round > 0 {
            one.push(both.0);
            other.push(both.1);
        }
    }
    let mut ratios: Vec<f64> = other.iter().zip(&one).map(|(ours, bare)| ours / bare).collect();
    let median = |numbers: &mut Vec<f64>| {
        numbers.sort_by(f64::total_cmp);
        numbers[numbers.len() / 2]
    };
    let ratio = median(&mut ratios);
    println!(
        "P-256 at OpenBao, {AT_ONCE} at once: bare client {:.0}/s, signer with ledger and \
         verification {:.0}/s; ratio {ratio:.2} (median of {ROUNDS} rounds, from {:.2} to {:.2}; \
         aim 0.7)",
        median(&mut one),
        median(&mut other),
        ratios[0],
        ratios[ratios.len() - 1],
    );
}

/// Something that signs, many times at once.
trait Signs: Clone + Send + Sync + 'static {
    fn sign(&self, number: u32) -> impl Future<Output = ()> + Send;
}

async fn rate(signs: &impl Signs) -> f64 {
    let (began, next) = (Instant::now(), Arc::new(AtomicU32::new(0)));
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..AT_ONCE {
        let (signs, next) = (signs.clone(), Arc::clone(&next));
        workers.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= ROUND {
                    return;
                }
                signs.sign(number).await;
            }
        });
    }
    while let Some(done) = workers.join_next().await {
        done.unwrap();
    }
    f64::from(ROUND) / began.elapsed().as_secs_f64()
}

/// Nothing but the call.
#[derive(Clone)]
struct Bare {
    http: reqwest::Client,
    url: String,
    token: String,
    body: serde_json::Value,
}

impl Bare {
    fn new(key: &KeyUri) -> Self {
        let path = key.name().split('?').next().unwrap().replace("transit/", "transit/sign/");
        Self {
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            url: format!("{}/v1/{path}", std::env::var("BAO_ADDR").unwrap()),
            token: std::env::var("BAO_TOKEN").unwrap(),
            body: serde_json::json!({
                "input": BASE64.encode([7; 32]), "prehashed": true, "hash_algorithm": "sha2-256",
                "marshaling_algorithm": "asn1", "key_version": 1,
            }),
        }
    }
}

impl Signs for Bare {
    async fn sign(&self, _: u32) {
        let call = self.http.post(&self.url).header("x-vault-token", &self.token).json(&self.body);
        let answer = call.send().await.unwrap();
        assert!(answer.status().is_success());
        let body = answer.bytes().await.unwrap();
        assert!(body.windows(9).any(|window| window == b"vault:v1:"));
    }
}

/// What the server does for every signature.
#[derive(Clone)]
struct Ours {
    signer: Signer,
    request: SignatureRequest,
}

impl Ours {
    fn new(signer: &Signer, key: &KeyUri) -> Self {
        let request = SignatureRequest {
            authority: "workloads-g1".parse().unwrap(),
            key: key.clone(),
            purpose: AttemptPurpose::Control,
            subject: "benchmark".to_owned(),
            algorithm: SignatureAlgorithm::EcdsaSha256,
            incident: None,
        };
        Self { signer: signer.clone(), request }
    }
}

impl Signs for Ours {
    async fn sign(&self, number: u32) {
        let message = [&[0; 600][..], &number.to_be_bytes()].concat();
        let signed = self.signer.ask_and_sign(self.request.clone(), ToSign::Message(&message));
        signed.await.unwrap();
    }
}

/// A server over a hierarchy whose issuer has its key at the service.
async fn server(dir: &Path, key: &KeyUri) -> App {
    let config: Config = toml::from_str(&format!(
        "domain = \"bench.internal\"\n\
         [public]\nbase_url = \"http://127.0.0.1:1\"\nhosts = [\"127.0.0.1\"]\n\
         [keys]\nplaces = [\"{key}\"]\n"
    ))
    .unwrap();
    let custodian = |name: &str| Custodian {
        name: name.to_owned(),
        passphrase: format!("a long passphrase of {name}").into(),
    };
    let issuer = Elsewhere { key: key.clone(), credential: None };
    let options = InitOptions {
        config: config.clone(),
        root_dir: dir.join("root"),
        root_credential: Credential::generate().unwrap(),
        custodians: vec![custodian("first"), custodian("second")],
        issuers: vec!["workloads".parse().unwrap()],
        key_algorithm: KeyAlgorithm::EcP256,
        operators: Vec::new(),
        elsewhere: KeysElsewhere { issuer: Some(issuer), ..KeysElsewhere::default() },
    };
    let (clock, rng) = (Arc::new(SystemClock), Arc::new(SystemRng));
    let home = dir.join("server");
    skink_server::init(
        &home,
        options,
        Arc::<SystemClock>::clone(&clock),
        Arc::<SystemRng>::clone(&rng),
    )
    .await
    .unwrap();
    let settings = Settings::new(&home, config).unwrap();
    App::open(settings, clock, rng, None, None).await.unwrap()
}
