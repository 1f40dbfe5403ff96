//! A real `OpenBao`.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use skink_signer::conformance::{self, Call, Destroyed, Subject};
use skink_signer::vault::{
    PolicyCustody, SoftDeleteCustody, VaultAdministrator, VaultProvider, VaultSettings,
};
use skink_signer::{
    Credential, Custody, KeyProvider, KeyState, KeyUri, ProviderError, ToSign, record,
};
use skink_x509::{KeyAlgorithm, SignatureAlgorithm};

use skink_testkit::OpenBao;

const HOW: SignatureAlgorithm = SignatureAlgorithm::EcdsaSha256;
const MESSAGE: ToSign<'static> = ToSign::Message(b"m");

/// A server with an engine, and a credential for each part.
pub(crate) struct Bao {
    pub(crate) server: OpenBao,
    pub(crate) root: VaultSettings,
    pub(crate) signing: VaultSettings,
    custody: VaultSettings,
    by_policy: bool,
}

impl Bao {
    pub(crate) async fn start() -> Option<Self> {
        let server = OpenBao::start()?;
        let root = VaultSettings::new(&server.url(), Credential::from_text(OpenBao::TOKEN));
        let administrator = VaultAdministrator::new(&root).unwrap();
        administrator.mount_engine().await.unwrap();
        let signing = administrator.mint_signing("skink-sign", &[]).await.unwrap();
        let custody = administrator.mint_custody("skink-custody", "skink-sign").await.unwrap();
        let (signing, custody) = (root.with_token(signing), root.with_token(custody));
        Some(Self { server, root, signing, custody, by_policy: false })
    }

    pub(crate) fn provider(&self) -> VaultProvider {
        VaultProvider::new(&self.signing).unwrap()
    }

    pub(crate) async fn key(&self, name: &str) -> KeyUri {
        self.administer().create(name, KeyAlgorithm::EcP256).await.unwrap()
    }

    fn audit_log(&self) -> String {
        std::fs::read_to_string(self.server.audit_log()).unwrap()
    }
}

#[async_trait]
impl Subject for Bao {
    fn open(&self) -> Arc<dyn KeyProvider> {
        Arc::new(self.provider())
    }
    fn administer(&self) -> Arc<dyn KeyProvider> {
        Arc::new(VaultProvider::new(&self.root).unwrap())
    }
    fn custody(&self) -> Arc<dyn Custody> {
        if self.by_policy {
            return Arc::new(PolicyCustody::new(&self.custody, "skink-sign").unwrap());
        }
        Arc::new(SoftDeleteCustody::new(&self.custody).unwrap())
    }
    fn algorithms(&self) -> Vec<KeyAlgorithm> {
        KeyAlgorithm::GENERATED.into_iter().chain([KeyAlgorithm::EcP521]).collect()
    }
    fn lacks(&self) -> &'static [Call] {
        &[Call::ScheduleDestruction]
    }
    fn destroyed(&self) -> Destroyed {
        Destroyed::Forgotten
    }
    async fn enable_with_signing_credential(&self, key: &KeyUri) -> Result<(), ProviderError> {
        if self.by_policy {
            return PolicyCustody::new(&self.signing, "skink-sign")?.enable(key).await;
        }
        SoftDeleteCustody::new(&self.signing)?.enable(key).await
    }
}

#[tokio::test]
async fn openbao_conforms() {
    let Some(bao) = Bao::start().await else { return };
    if let Err(departure) = conformance::check(&bao).await {
        panic!("{}", conformance::explain(&departure));
    }
}

/// The way of a Vault that has no soft deletion, on the same server.
#[tokio::test]
async fn a_policy_disables_as_well() {
    let Some(mut bao) = Bao::start().await else { return };
    bao.by_policy = true;
    if let Err(departure) = conformance::check(&bao).await {
        panic!("{}", conformance::explain(&departure));
    }
}

#[tokio::test]
async fn every_signature_has_the_id_that_the_audit_log_has() {
    let Some(bao) = Bao::start().await else { return };
    let key = bao.key("audited").await;
    let made = bao.provider().sign(&key, HOW, MESSAGE).await.unwrap();
    let id = made.request_id.unwrap();
    let log = bao.audit_log();
    let paired: Vec<&str> =
        log.lines().filter(|line| line.contains(&format!("\"id\":\"{id}\""))).collect();
    assert!(!paired.is_empty(), "no line of the audit log has {id}");
    assert!(paired.iter().all(|line| line.contains("transit/sign/audited")), "{paired:?}");
}

#[tokio::test]
async fn what_is_signed_together_shares_calls_and_is_told_apart() {
    const WANTED: usize = 200;
    let Some(bao) = Bao::start().await else { return };
    let (key, provider) = (bao.key("together").await, bao.provider());
    // Looks the key up, once and for all.
    let first = provider.sign(&key, HOW, MESSAGE).await.unwrap();
    let messages: Vec<String> = (0..WANTED).map(|number| format!("message {number}")).collect();
    let signing =
        messages.iter().map(|text| provider.sign(&key, HOW, ToSign::Message(text.as_bytes())));
    let signed = futures_util::future::try_join_all(signing).await.unwrap();
    let mut calls: BTreeMap<String, u64> = BTreeMap::new();
    calls.insert(first.request_id.unwrap().to_string(), 1);
    for (text, made) in messages.iter().zip(&signed) {
        let message = ToSign::Message(text.as_bytes());
        assert!(provider.verify(&key, HOW, message, &made.bytes).await.unwrap(), "{text}");
        *calls.entry(made.request_id.as_ref().unwrap().to_string()).or_default() += 1;
    }
    assert!(calls.len() <= WANTED / 2, "{} calls", calls.len());
    let log = bao.audit_log();
    let uses = record::vault::uses(log.as_bytes()).map(Result::unwrap);
    assert_eq!(
        uses.map(|made| (made.request_id, made.signatures)).collect::<BTreeMap<_, _>>(),
        calls
    );

    // Where a list is refused, its call has no error, and is none that signed.
    bao.custody().disable(&key).await.unwrap();
    let signing =
        messages.iter().map(|text| provider.sign(&key, HOW, ToSign::Message(text.as_bytes())));
    for refused in futures_util::future::join_all(signing).await {
        let error = refused.unwrap_err();
        assert_eq!(error.code("vault"), "vault:soft-deleted");
        assert!(!error.may_have_signed());
    }
    let log = bao.audit_log();
    assert_eq!(record::vault::uses(log.as_bytes()).count(), calls.len());
}

#[tokio::test]
async fn the_signing_token_signs_and_does_nothing_else() {
    let Some(bao) = Bao::start().await else { return };
    let key = bao.key("only-signs").await;
    let provider = bao.provider();
    provider.sign(&key, HOW, MESSAGE).await.unwrap();
    let refusals = [
        provider.create("another", KeyAlgorithm::EcP256).await.err(),
        provider.disable(&key).await.err(),
        provider.rotate(&key).await.err(),
        provider.destroy(&key).await.err(),
    ];
    for refused in refusals {
        assert!(matches!(refused, Some(ProviderError::CredentialRefused { .. })), "{refused:?}");
    }
    let custody = bao.custody();
    let stolen = VaultProvider::new(&bao.custody).unwrap();
    let refused = stolen.sign(&key, HOW, MESSAGE).await;
    assert!(refused.is_err(), "the custody's token signs");
    custody.disable(&key).await.unwrap();
    assert_eq!(provider.state(&key).await.unwrap(), KeyState::Disabled);
}

#[tokio::test]
async fn a_name_without_a_version_is_found_and_does_not_sign() {
    let Some(bao) = Bao::start().await else { return };
    let first = bao.key("turning").await;
    let newest: KeyUri = "vault:transit/turning".parse().unwrap();
    let (provider, administrator) = (bao.provider(), bao.administer());
    assert_eq!(provider.find(&newest).await.unwrap(), first);
    let second = administrator.rotate(&first).await.unwrap();
    assert_eq!(provider.find(&newest).await.unwrap(), second);
    assert_eq!(provider.find(&first).await.unwrap(), first);
    let refused = provider.sign(&newest, HOW, MESSAGE).await;
    assert!(matches!(refused, Err(ProviderError::BadUri { .. })), "{refused:?}");
    let third: KeyUri = "vault:transit/turning?version=3".parse().unwrap();
    let unknown = provider.sign(&third, HOW, MESSAGE).await;
    assert!(matches!(unknown, Err(ProviderError::UnknownKey { .. })), "{unknown:?}");
    let unknown = provider.state(&third).await;
    assert!(matches!(unknown, Err(ProviderError::UnknownKey { .. })), "{unknown:?}");
    let unknown = bao.custody().disable(&third).await;
    assert!(matches!(unknown, Err(ProviderError::UnknownKey { .. })), "{unknown:?}");
}

#[tokio::test]
async fn two_keys_disabled_by_policy_at_once_are_both_disabled() {
    let Some(bao) = Bao::start().await else { return };
    let keys = [bao.key("one").await, bao.key("two").await];
    let custody = PolicyCustody::new(&bao.custody, "skink-sign").unwrap();
    for _ in 0..10 {
        let (one, two) = tokio::join!(custody.disable(&keys[0]), custody.disable(&keys[1]));
        one.unwrap();
        two.unwrap();
        for key in &keys {
            assert_eq!(bao.provider().state(key).await.unwrap(), KeyState::Disabled);
        }
        for key in &keys {
            custody.enable(key).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_disabling_token_disables_its_key_and_nothing_else() {
    let Some(bao) = Bao::start().await else { return };
    let (own, other) = (bao.key("own").await, bao.key("other").await);
    let administrator = VaultAdministrator::new(&bao.root).unwrap();
    let token = administrator.mint_disabling("skink-disable-own", &own).await.unwrap();
    let disabling = SoftDeleteCustody::new(&bao.root.with_token(token)).unwrap();
    assert!(disabling.disable(&other).await.is_err());
    disabling.disable(&own).await.unwrap();
    assert!(disabling.enable(&own).await.is_err());
    assert_eq!(bao.provider().state(&own).await.unwrap(), KeyState::Disabled);
    assert_eq!(bao.provider().state(&other).await.unwrap(), KeyState::Enabled);
}

#[tokio::test]
async fn a_token_that_is_gone_is_told_from_one_that_may_not() {
    let Some(bao) = Bao::start().await else { return };
    let key = bao.key("tokens").await;
    let gone = bao.root.with_token(Credential::from_text("s.nobody"));
    let refused = VaultProvider::new(&gone).unwrap().public_key(&key).await;
    assert!(matches!(refused, Err(ProviderError::CredentialExpired { .. })), "{refused:?}");
    let provider = bao.provider();
    provider.sign(&key, HOW, MESSAGE).await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_down_certainly_did_not_sign() {
    let Some(mut bao) = Bao::start().await else { return };
    let key = bao.key("down").await;
    let provider = bao.provider();
    provider.sign(&key, HOW, MESSAGE).await.unwrap();
    bao.server.service.kill();
    let refused = provider.sign(&key, HOW, MESSAGE).await.unwrap_err();
    // The kept connection may have carried the call before it was found dead.
    assert!(matches!(refused, ProviderError::Unreachable(_) | ProviderError::Interrupted));
    let refused = bao.provider().state(&key).await.unwrap_err();
    assert!(matches!(refused, ProviderError::Unreachable(_)), "{refused:?}");
    assert!(!refused.may_have_signed());
}
