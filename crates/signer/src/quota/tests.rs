//! Time is tokio's, and runs by itself: the tests wait for nothing.

use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use skink_x509::{KeyAlgorithm, PublicKey, SignatureAlgorithm};

use super::*;
use crate::credential::Credential;
use crate::ledger::tests::request;
use crate::ledger::{MemoryLedger, Outcome};
use crate::provider::{
    Answer, KeyPage, KeyProvider, KeyState, PageToken, ProviderError, ProviderSignature, ToSign,
};
use crate::providers::Providers;
use crate::signer::Signer;
use crate::software::SoftwareProvider;

/// A service that refuses the call that would be one too many within a second.
struct Throttling {
    real: SoftwareProvider,
    per_second: usize,
    state: Mutex<Calls>,
}

#[derive(Default)]
struct Calls {
    taken: VecDeque<Instant>,
    throttled: usize,
    /// Refused whatever comes, as if somebody else used the quota.
    foreign: usize,
}

#[async_trait]
impl KeyProvider for Throttling {
    fn scheme(&self) -> &'static str {
        "software"
    }
    async fn create(&self, name: &str, algorithm: KeyAlgorithm) -> Result<KeyUri, ProviderError> {
        self.real.create(name, algorithm).await
    }
    async fn public_key(&self, key: &KeyUri) -> Result<PublicKey, ProviderError> {
        self.real.public_key(key).await
    }
    async fn sign_checked(
        &self,
        key: &KeyUri,
        algorithm: SignatureAlgorithm,
        to_sign: ToSign<'_>,
    ) -> Result<ProviderSignature, ProviderError> {
        {
            let mut calls = self.state.lock().unwrap();
            let now = Instant::now();
            while calls.taken.front().is_some_and(|at| now - *at >= Duration::from_secs(1)) {
                calls.taken.pop_front();
            }
            if calls.foreign > 0 || calls.taken.len() >= self.per_second {
                calls.foreign = calls.foreign.saturating_sub(1);
                calls.throttled += 1;
                let answer = Answer::of_code("software:429").into();
                return Err(ProviderError::Throttled { retry_after: None, answer });
            }
            calls.taken.push_back(now);
        }
        self.real.sign(key, algorithm, to_sign).await
    }
    async fn state(&self, key: &KeyUri) -> Result<KeyState, ProviderError> {
        self.real.state(key).await
    }
    async fn list_page(
        &self,
        after: Option<&PageToken>,
        limit: u16,
    ) -> Result<KeyPage, ProviderError> {
        self.real.list_page(after, limit).await
    }
}

struct Bench {
    _dir: tempfile::TempDir,
    service: Arc<Throttling>,
    ledger: Arc<MemoryLedger>,
    signer: Signer,
}

async fn bench(per_second: u32, foreign: usize) -> Bench {
    let dir = tempfile::tempdir().unwrap();
    let credential = Credential::generate().unwrap();
    let (real, _) = SoftwareProvider::init(dir.path(), credential).unwrap();
    real.create("workloads-g1", KeyAlgorithm::EcP256).await.unwrap();
    let state = Mutex::new(Calls { foreign, ..Calls::default() });
    let per = usize::try_from(per_second).unwrap();
    let service = Arc::new(Throttling { real, per_second: per, state });
    let ledger = Arc::new(MemoryLedger::default());
    let quotas = Quotas::new().of_provider("software", per_second);
    let shared: Arc<dyn KeyProvider> = Arc::<Throttling>::clone(&service);
    let providers = Providers::new([shared]);
    let signer = Signer::with_quotas(Arc::<MemoryLedger>::clone(&ledger), providers, quotas);
    tokio::time::pause();
    Bench { _dir: dir, service, ledger, signer }
}

async fn mass(bench: &Bench, total: usize) -> Duration {
    let began = Instant::now();
    let signing = (0..total).map(|n| {
        let signer = bench.signer.clone();
        tokio::spawn(async move {
            signer.ask_and_sign(request(&format!("c{n}")), ToSign::Message(b"tbs")).await
        })
    });
    for one in signing.collect::<Vec<_>>() {
        one.await.unwrap().unwrap();
    }
    began.elapsed()
}

#[tokio::test]
async fn a_mass_of_signatures_uses_nine_tenths_of_the_quota_and_is_never_throttled() {
    for (per_second, total) in [(1, 8), (5, 40), (50, 400)] {
        let bench = bench(per_second, 0).await;
        let took = mass(&bench, total).await;
        assert_eq!(bench.service.state.lock().unwrap().throttled, 0, "at {per_second} a second");
        let last_turn = f64::from(u32::try_from(total).unwrap() - 1);
        let rate = last_turn / took.as_secs_f64();
        let quota = f64::from(per_second);
        assert!(rate >= 0.9 * quota && rate <= quota, "{rate} of {quota} a second");
        tokio::time::resume();
    }
}

#[tokio::test]
async fn a_throttling_is_another_attempt_and_reaches_no_caller() {
    let bench = bench(50, 7).await;
    mass(&bench, 40).await;
    assert_eq!(bench.service.state.lock().unwrap().throttled, 7);
    let outcomes: Vec<_> = bench.ledger.attempts().into_iter().map(|(_, one)| one).collect();
    let throttled = Some(Outcome::Failed { code: "software:429".to_owned() });
    assert_eq!(outcomes.iter().filter(|one| **one == throttled).count(), 7);
    assert_eq!(outcomes.iter().filter(|one| **one == Some(Outcome::Signed)).count(), 40);
    assert_eq!(outcomes.len(), 47, "each try is an attempt of its own");
}
