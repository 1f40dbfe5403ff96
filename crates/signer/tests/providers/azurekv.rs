//! Azure Key Vault, by a vault of our own that holds to what the real one publishes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;
use skink_signer::azurekv::{AzureKvCustody, AzureKvProvider, AzureKvSettings};
use skink_signer::conformance::{self, Call, Destroyed, Subject};
use skink_signer::{
    Credential, Custody, KeyProvider, KeyState, KeyUri, Protection, ProviderError, ToSign,
};
use skink_testkit::azurekv::{AzureKv, Part, SIGN};
use skink_x509::{KeyAlgorithm, SignatureAlgorithm};

pub(crate) const HOW: SignatureAlgorithm = SignatureAlgorithm::EcdsaSha256;
pub(crate) const MESSAGE: ToSign<'static> = ToSign::Message(b"m");

/// The vault, and an application for each part.
pub(crate) struct Azure {
    pub(crate) fake: AzureKv,
    home: tempfile::TempDir,
}

impl Azure {
    pub(crate) fn start() -> Self {
        let (fake, home) = (AzureKv::start(), tempfile::tempdir().unwrap());
        fs_err::write(home.path().join("ca.pem"), fake.ca_pem()).unwrap();
        Self { fake, home }
    }

    pub(crate) fn settings(&self, part: Part) -> AzureKvSettings {
        self.settings_with(&self.fake.token(part))
    }

    pub(crate) fn settings_with(&self, credential: &str) -> AzureKvSettings {
        let vault = format!("azurekv:{}", self.fake.url()).parse().unwrap();
        let credential = Credential::from_text(credential);
        let mut settings = AzureKvSettings::of_uri(&vault, Some(&credential)).unwrap();
        settings.ca_file = Some(self.ca_file());
        settings.patience = Duration::from_mins(1);
        settings
    }

    pub(crate) fn ca_file(&self) -> std::path::PathBuf {
        self.home.path().join("ca.pem")
    }

    pub(crate) fn provider(&self) -> AzureKvProvider {
        AzureKvProvider::new(&self.settings(Part::Signer))
    }

    pub(crate) fn uri(&self, name: &str) -> KeyUri {
        format!("azurekv:{}/keys/{name}", self.fake.url()).parse().unwrap()
    }

    pub(crate) async fn key(&self, name: &str) -> KeyUri {
        self.administer().create(name, KeyAlgorithm::EcP256).await.unwrap()
    }

    pub(crate) fn signatures_asked(&self) -> usize {
        self.fake.seen(SIGN).len()
    }
}

#[async_trait]
impl Subject for Azure {
    fn open(&self) -> Arc<dyn KeyProvider> {
        Arc::new(self.provider())
    }
    fn administer(&self) -> Arc<dyn KeyProvider> {
        Arc::new(AzureKvProvider::new(&self.settings(Part::Administrator)))
    }
    fn custody(&self) -> Arc<dyn Custody> {
        Arc::new(AzureKvCustody::new(&self.settings(Part::Custodian)))
    }
    fn algorithms(&self) -> Vec<KeyAlgorithm> {
        use KeyAlgorithm as K;
        vec![K::EcP256, K::EcP384, K::EcP521, K::Rsa2048, K::Rsa3072, K::Rsa4096]
    }
    fn ways(&self, algorithm: KeyAlgorithm) -> Vec<SignatureAlgorithm> {
        use SignatureAlgorithm as S;
        match algorithm {
            KeyAlgorithm::Rsa2048 => vec![
                S::RsaPkcs1Sha256,
                S::RsaPkcs1Sha384,
                S::RsaPkcs1Sha512,
                S::RsaPssSha256,
                S::RsaPssSha384,
                S::RsaPssSha512,
            ],
            _ => vec![algorithm.signature_algorithm()],
        }
    }
    fn tells_origin(&self) -> bool {
        false
    }
    fn lacks(&self) -> &'static [Call] {
        &[Call::Destroy]
    }
    fn destroyed(&self) -> Destroyed {
        Destroyed::Remembered
    }
    async fn enable_with_signing_credential(&self, key: &KeyUri) -> Result<(), ProviderError> {
        AzureKvCustody::new(&self.settings(Part::Signer)).enable(key).await
    }
}

#[tokio::test]
async fn azurekv_conforms() {
    let azure = Azure::start();
    if let Err(departure) = conformance::check(&azure).await {
        panic!("{}", conformance::explain(&departure));
    }
}

#[tokio::test]
async fn a_key_without_a_version_is_found_and_does_not_sign() {
    let azure = Azure::start();
    let first = azure.key("turning").await;
    let unpinned = azure.uri("turning");
    let provider = azure.provider();
    assert_eq!(provider.find(&unpinned).await.unwrap(), first);
    let second = azure.administer().rotate(&first).await.unwrap();
    assert_ne!(first, second);
    assert_eq!(provider.find(&unpinned).await.unwrap(), second);
    assert_eq!(provider.find(&first).await.unwrap(), first);
    assert_eq!(provider.versions(&first).await.unwrap(), [first, second.clone()]);
    // A disabled one goes on being what the name means: no older key signs in its place.
    azure.custody().disable(&second).await.unwrap();
    assert_eq!(provider.find(&unpinned).await.unwrap(), second);
    assert_eq!(provider.state(&unpinned).await.unwrap(), KeyState::Disabled);
    for refused in [
        provider.sign(&unpinned, HOW, MESSAGE).await.err(),
        azure.custody().disable(&unpinned).await.err(),
    ] {
        assert!(matches!(refused, Some(ProviderError::BadUri { .. })), "{refused:?}");
    }
    assert_eq!(azure.signatures_asked(), 0);
}

/// Their ids are random, so a page tells nothing about their age; and there are many pages.
#[tokio::test]
async fn many_versions_stand_in_the_order_of_their_making() {
    let azure = Azure::start();
    let mut made = vec![azure.key("old").await];
    for _ in 0..12 {
        made.push(azure.administer().rotate(&made[0]).await.unwrap());
    }
    assert_eq!(azure.provider().versions(&made[3]).await.unwrap(), made);
    assert_eq!(azure.provider().find(&azure.uri("old")).await.ok(), made.last().cloned());
}

#[tokio::test]
async fn every_key_is_listed_by_its_name() {
    let azure = Azure::start();
    let mut names = Vec::new();
    for number in 0..12 {
        let name = format!("listed-{number:02}");
        azure.key(&name).await;
        names.push(azure.uri(&name));
    }
    assert_eq!(azure.provider().list().await.unwrap(), names);
    let page = azure.provider().list_page(None, u16::MAX).await.unwrap();
    assert!(page.keys.len() < 12 && page.next.is_some());
}

#[tokio::test]
async fn a_deletion_takes_time_and_has_its_day() {
    let azure = Azure::start();
    azure.fake.take_time(2);
    azure.fake.keep_deleted(30);
    let administer = azure.administer();
    let key = azure.key("ending").await;
    let month = Duration::from_hours(30 * 24);
    let longer = administer.schedule_destruction(&key, month + Duration::from_secs(1)).await;
    assert!(matches!(longer, Err(ProviderError::NotConfigured { .. })), "{longer:?}");
    assert_eq!(administer.state(&key).await.unwrap(), KeyState::Enabled);
    let created = administer.attributes(&key).await.unwrap().created.unwrap();
    let day = administer.schedule_destruction(&key, month).await.unwrap();
    let wait = day.as_millis() - created.as_millis();
    assert_eq!(wait, i64::try_from(month.as_millis()).unwrap());
    assert_eq!(administer.state(&key).await.unwrap(), KeyState::DestructionScheduled);
    let refused = azure.provider().sign(&key, HOW, MESSAGE).await;
    assert!(refused.is_err(), "{refused:?}");
    let again = administer.create("ending", KeyAlgorithm::EcP256).await;
    assert!(matches!(again, Err(ProviderError::NameTaken { .. })), "{again:?}");
    administer.cancel_destruction(&key).await.unwrap();
    // It does not come back to life by that alone.
    assert_eq!(administer.state(&key).await.unwrap(), KeyState::Disabled);
    azure.custody().enable(&key).await.unwrap();
    azure.provider().sign(&key, HOW, MESSAGE).await.unwrap();
}

#[tokio::test]
async fn keys_are_made_where_they_were_wanted() {
    let azure = Azure::start();
    let mut settings = azure.settings(Part::Administrator);
    settings.hardware = true;
    for (name, algorithm) in [("hard", KeyAlgorithm::EcP384), ("harder", KeyAlgorithm::Rsa2048)] {
        let key = AzureKvProvider::new(&settings).create(name, algorithm).await.unwrap();
        let told = azure.provider().attributes(&key).await.unwrap();
        assert_eq!(told.protection, Some(Protection::SharedHardware));
        assert_eq!((told.algorithm, told.exportable), (algorithm, Some(false)));
        assert_eq!(told.version.as_deref(), key.as_str().rsplit('/').next());
        assert!(told.created.is_some());
        let how = algorithm.signature_algorithm();
        azure.provider().sign(&key, how, MESSAGE).await.unwrap();
    }
    let refused = azure.administer().create("ed", KeyAlgorithm::Ed25519).await.unwrap_err();
    assert!(matches!(refused, ProviderError::UnsupportedAlgorithm(_)), "{refused:?}");
}

/// A key for encryption that somebody made by other means.
#[tokio::test]
async fn a_key_that_was_not_made_to_sign_does_not() {
    let azure = Azure::start();
    let asked = json!({ "kty": "RSA", "key_ops": ["encrypt", "decrypt"] });
    let key: KeyUri = format!("azurekv:{}", azure.fake.make("secret", &asked)).parse().unwrap();
    let how = SignatureAlgorithm::RsaPkcs1Sha256;
    let refused = azure.provider().sign(&key, how, MESSAGE).await.unwrap_err();
    assert_eq!(refused.code("azurekv"), "azurekv:KeyOperationForbidden");
    assert!(!matches!(refused, ProviderError::Disabled { .. }) && !refused.may_have_signed());
}

#[tokio::test]
async fn the_signing_application_signs_and_does_nothing_else() {
    let azure = Azure::start();
    let key = azure.key("only-signs").await;
    let provider = azure.provider();
    provider.sign(&key, HOW, MESSAGE).await.unwrap();
    let refusals = [
        provider.disable(&key).await.err(),
        provider.rotate(&key).await.err(),
        provider.schedule_destruction(&key, Duration::ZERO).await.err(),
        provider.cancel_destruction(&key).await.err(),
        provider.create("another", KeyAlgorithm::EcP256).await.err(),
        AzureKvProvider::new(&azure.settings(Part::Custodian)).sign(&key, HOW, MESSAGE).await.err(),
        AzureKvProvider::new(&azure.settings(Part::Stranger)).state(&key).await.err(),
    ];
    for refused in refusals {
        let Some(ProviderError::CredentialRefused { answer }) = &refused else {
            panic!("{refused:?}");
        };
        assert_eq!(answer.code, "azurekv:ForbiddenByPolicy");
    }
}

#[tokio::test]
async fn every_signature_has_an_id_that_the_services_log_has_too() {
    let azure = Azure::start();
    let key = azure.key("logged").await;
    let provider = azure.provider();
    let mut ids = Vec::new();
    for _ in 0..3 {
        let made = provider.sign(&key, HOW, MESSAGE).await.unwrap();
        ids.push(Some(made.request_id.unwrap().as_str().to_owned()));
    }
    azure.custody().disable(&key).await.unwrap();
    let refused = provider.sign(&key, HOW, MESSAGE).await.unwrap_err();
    assert!(matches!(refused, ProviderError::Disabled { .. }), "{refused:?}");
    assert_eq!(refused.code("azurekv"), "azurekv:KeyDisabled");
    ids.push(Some(refused.request_id().unwrap().as_str().to_owned()));
    let logged = azure.fake.seen(SIGN).into_iter().map(|seen| seen.client_request_id);
    assert_eq!(logged.collect::<Vec<_>>(), ids);
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 4);
}
