use super::*;
use crate::credential::Credential;
use crate::ledger::MemoryLedger;
use crate::ledger::tests::request;
use crate::provider::{KeyPage, KeyState, PageToken, ProviderSignature};
use crate::software::SoftwareProvider;
use async_trait::async_trait;
use skink_x509::{KeyAlgorithm, PublicKey};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A provider over a real one that misbehaves on demand and counts its calls.
struct Faulty {
    real: SoftwareProvider,
    fault: Mutex<Option<Fault>>,
    calls: AtomicUsize,
}

#[derive(Clone, Copy)]
enum Fault {
    Garbage,
    Silent,
}

#[async_trait]
impl KeyProvider for Faulty {
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
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        let fault = *self.fault.lock().unwrap();
        match fault {
            Some(Fault::Garbage) => {
                self.real.sign(key, algorithm, ToSign::Message(b"something else")).await
            }
            Some(Fault::Silent) => Err(ProviderError::Interrupted),
            None => {
                let made = self.real.sign(key, algorithm, to_sign).await?;
                let request_id = RequestId::new(&format!("call-{call}"));
                Ok(ProviderSignature { request_id, ..made })
            }
        }
    }
    async fn state(&self, key: &KeyUri) -> Result<KeyState, ProviderError> {
        self.real.state(key).await
    }
    async fn disable(&self, key: &KeyUri) -> Result<(), ProviderError> {
        self.real.disable(key).await
    }
    async fn destroy(&self, key: &KeyUri) -> Result<(), ProviderError> {
        self.real.destroy(key).await
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
    provider: Arc<Faulty>,
    ledger: Arc<MemoryLedger>,
    signer: Signer,
}

async fn bench() -> Bench {
    let dir = tempfile::tempdir().unwrap();
    let credential = Credential::generate().unwrap();
    let (real, _) = SoftwareProvider::init(&dir.path().join("keys"), credential).unwrap();
    real.create("workloads-g1", KeyAlgorithm::EcP256).await.unwrap();
    let provider = Arc::new(Faulty { real, fault: Mutex::new(None), calls: AtomicUsize::new(0) });
    let ledger = Arc::new(MemoryLedger::default());
    let shared: Arc<dyn KeyProvider> = provider.clone();
    let signer = Signer::new(ledger.clone(), Providers::new([shared]));
    Bench { _dir: dir, provider, ledger, signer }
}

impl Bench {
    fn outcomes(&self) -> Vec<Option<Outcome>> {
        self.ledger.attempts().into_iter().map(|(_, outcome)| outcome).collect()
    }
}

#[tokio::test]
async fn a_ticket_becomes_one_verified_settled_signature() {
    let bench = bench().await;
    let ticket = bench.signer.ask(request("c1")).await.unwrap();
    let signed = bench.signer.sign(ticket, ToSign::Message(b"tbs")).await.unwrap();
    let key = "software:workloads-g1".parse().unwrap();
    let public = bench.provider.public_key(&key).await.unwrap();
    public.verify(SignatureAlgorithm::EcdsaSha256, b"tbs", &signed.signature).unwrap();
    assert_eq!(signed.key_digest, public.digest());
    assert_eq!(bench.outcomes(), [Some(Outcome::Signed)]);
    let request_id = signed.request_id.unwrap();
    assert_eq!(request_id.as_str(), "call-0");
    assert!(bench.ledger.request_ids().contains(&request_id), "the ledger has the service's id");
}

#[tokio::test]
async fn a_signature_that_does_not_verify_is_not_handed_out() {
    let bench = bench().await;
    *bench.provider.fault.lock().unwrap() = Some(Fault::Garbage);
    let refused = bench.signer.ask_and_sign(request("c1"), ToSign::Message(b"tbs")).await;
    assert!(matches!(refused, Err(SignError::DoesNotVerify { .. })));
    let code = "software:DoesNotVerify".to_owned();
    assert_eq!(bench.outcomes(), [Some(Outcome::Unknown { code })]);
}

#[tokio::test]
async fn a_provider_that_never_answered_leaves_an_unknown_and_is_not_asked_again() {
    let bench = bench().await;
    *bench.provider.fault.lock().unwrap() = Some(Fault::Silent);
    let refused = bench.signer.ask_and_sign(request("c1"), ToSign::Message(b"tbs")).await;
    assert_eq!(refused.unwrap_err().code(), Some("software:Interrupted"));
    assert_eq!(bench.provider.calls.load(Ordering::SeqCst), 1);
    let code = "software:Interrupted".to_owned();
    assert_eq!(bench.outcomes(), [Some(Outcome::Unknown { code })]);
}

#[tokio::test]
async fn a_tainted_authority_gets_no_ticket_and_the_provider_is_not_called() {
    let bench = bench().await;
    bench.ledger.taint("workloads-g1".parse().unwrap());
    let refused = bench.signer.ask_and_sign(request("c1"), ToSign::Message(b"tbs")).await;
    assert!(matches!(refused, Err(SignError::Refused(AskError::Tainted { .. }))));
    assert_eq!(bench.provider.calls.load(Ordering::SeqCst), 0);
    assert!(bench.outcomes().is_empty());
}

#[tokio::test]
async fn a_disabled_key_fails_the_attempt_with_the_providers_code() {
    let bench = bench().await;
    let key = "software:workloads-g1".parse().unwrap();
    bench.provider.disable(&key).await.unwrap();
    let refused = bench.signer.ask_and_sign(request("c1"), ToSign::Message(b"tbs")).await;
    assert_eq!(refused.unwrap_err().code(), Some("software:KeyDisabled"));
    let code = "software:KeyDisabled".to_owned();
    assert_eq!(bench.outcomes(), [Some(Outcome::Failed { code })]);
}

#[tokio::test]
async fn batches_are_answered_in_order_and_abandoned_tickets_are_settled() {
    let bench = bench().await;
    let requests = (0..5).map(|n| request(&format!("c{n}"))).collect();
    let mut tickets: Vec<Ticket> =
        bench.signer.ask_all(requests).await.unwrap().into_iter().map(Result::unwrap).collect();
    let spare = tickets.pop().unwrap();
    let batch = tickets.into_iter().map(|t| (t, b"m".to_vec())).collect();
    let signed = bench.signer.sign_messages(batch).await;
    assert!(signed.iter().all(Result::is_ok));
    assert_eq!(signed.len(), 4);
    bench.signer.abandon(spare).await.unwrap();
    assert!(bench.outcomes().iter().all(Option::is_some));
}

#[tokio::test]
async fn signing_goes_on_to_its_end_when_the_caller_leaves() {
    let bench = bench().await;
    let ticket = bench.signer.ask(request("c1")).await.unwrap();
    let signer = bench.signer.clone();
    {
        let signing = signer.sign(ticket, ToSign::Message(b"tbs"));
        let mut signing = std::pin::pin!(signing);
        // Begun, then dropped at its first wait.
        let once = std::future::poll_fn(|cx| {
            let _ = std::future::Future::poll(signing.as_mut(), cx);
            std::task::Poll::Ready(())
        });
        once.await;
    }
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while bench.outcomes() != [Some(Outcome::Signed)] {
        assert!(std::time::Instant::now() < deadline, "{:?}", bench.outcomes());
        tokio::task::yield_now().await;
    }
}
