//! Google Cloud KMS, by a service of our own that holds to what the real one publishes.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use skink_signer::conformance::{self, Call, Destroyed, Subject};
use skink_signer::gcpkms::{GcpKmsCustody, GcpKmsProvider, GcpKmsSettings};
use skink_signer::{
    Credential, Custody, KeyOrigin, KeyProvider, KeyState, KeyUri, Protection, ProviderError,
    ToSign,
};
use skink_testkit::gcpkms::{Fake, RING, SIGN, words};
use skink_x509::{KeyAlgorithm, SignatureAlgorithm};

use crate::service::{missing_is_a_failure, program};

pub(crate) const HOW: SignatureAlgorithm = SignatureAlgorithm::EcdsaSha256;
pub(crate) const MESSAGE: ToSign<'static> = ToSign::Message(b"m");

/// The service, and an access token for each part.
pub(crate) struct Gcp {
    pub(crate) fake: Fake,
}

impl Gcp {
    pub(crate) async fn start() -> Self {
        Self { fake: Fake::start().await }
    }

    pub(crate) fn settings(&self, token: &str) -> GcpKmsSettings {
        let ring = format!("gcpkms:{RING}").parse().unwrap();
        let credential = Credential::from_text(token);
        let mut settings = GcpKmsSettings::of_uri(&ring, Some(&credential)).unwrap();
        settings.endpoint = Some(format!("http://{}/", self.fake.address));
        settings.patience = Duration::from_mins(1);
        settings
    }

    pub(crate) fn provider(&self) -> GcpKmsProvider {
        GcpKmsProvider::new(&self.settings("SIGNER"))
    }

    pub(crate) async fn key(&self, name: &str) -> KeyUri {
        self.administer().create(name, KeyAlgorithm::EcP256).await.unwrap()
    }

    /// A key as its administrator may make it by other means.
    pub(crate) fn make(&self, id: &str, key: &Value) -> KeyUri {
        format!("gcpkms:{}", self.fake.make(id, key)).parse().unwrap()
    }

    pub(crate) fn signatures_asked(&self) -> usize {
        self.fake.seen(SIGN).len()
    }
}

#[async_trait]
impl Subject for Gcp {
    fn open(&self) -> Arc<dyn KeyProvider> {
        Arc::new(self.provider())
    }
    fn administer(&self) -> Arc<dyn KeyProvider> {
        Arc::new(GcpKmsProvider::new(&self.settings("ADMINISTRATOR")))
    }
    fn custody(&self) -> Arc<dyn Custody> {
        Arc::new(GcpKmsCustody::new(&self.settings("CUSTODIAN")))
    }
    fn algorithms(&self) -> Vec<KeyAlgorithm> {
        KeyAlgorithm::GENERATED.to_vec()
    }
    fn ways(&self, algorithm: KeyAlgorithm) -> Vec<SignatureAlgorithm> {
        vec![algorithm.signature_algorithm()]
    }
    fn lacks(&self) -> &'static [Call] {
        &[Call::Verify, Call::Destroy]
    }
    fn destroyed(&self) -> Destroyed {
        Destroyed::Remembered
    }
    async fn enable_with_signing_credential(&self, key: &KeyUri) -> Result<(), ProviderError> {
        GcpKmsCustody::new(&self.settings("SIGNER")).enable(key).await
    }
}

#[tokio::test]
async fn gcpkms_conforms() {
    let gcp = Gcp::start().await;
    if let Err(departure) = conformance::check(&gcp).await {
        panic!("{}", conformance::explain(&departure));
    }
}

/// The Python that has the vendor's packages.
fn python() -> Option<std::path::PathBuf> {
    let python = program("python3", "apt-get install python3")?;
    let packages = "import google.cloud.kms_v1, google_crc32c, googleapiclient, cryptography";
    let has = Command::new(&python).args(["-c", packages]).output().unwrap().status.success();
    let install =
        "pip install google-cloud-kms google-crc32c google-api-python-client cryptography";
    missing_is_a_failure(!has, "google-cloud-kms", install);
    has.then_some(python)
}

#[tokio::test]
async fn the_vendors_own_client_gets_along_with_the_fake() {
    let Some(python) = python() else { return };
    let fake = Fake::start().await;
    fake.let_anybody_in();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/providers/gcpkms.py");
    let mut command = Command::new(python);
    command.args([script, &fake.address.to_string(), RING]);
    let run = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = run.await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
}

#[test]
fn the_fakes_words_are_the_published_ones() {
    let Some(python) = python() else { return };
    let script = "import googleapiclient, os, sys; \
                  folder = os.path.dirname(googleapiclient.__file__); \
                  print(open(folder + '/discovery_cache/documents/cloudkms.v1.json').read())";
    let output = Command::new(python).args(["-c", script]).output().unwrap();
    let published: Value = serde_json::from_slice(&output.stdout).unwrap();
    for kind in words::ALL {
        let all = &published["schemas"][kind.schema]["properties"][kind.field]["enum"];
        let all: BTreeSet<&str> =
            all.as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
        for word in kind.iter() {
            assert!(all.contains(word), "{} has no {word}", kind.field);
        }
    }
}

#[tokio::test]
async fn every_version_signs_in_its_own_way_and_no_other() {
    use SignatureAlgorithm as S;
    let gcp = Gcp::start().await;
    let provider = gcp.provider();
    let raw = [S::RsaPkcs1Sha256, S::RsaPkcs1Sha384, S::RsaPkcs1Sha512];
    let forms: [(&str, &[S]); 6] = [
        ("RSA_SIGN_PSS_2048_SHA256", &[S::RsaPssSha256]),
        ("RSA_SIGN_PSS_4096_SHA512", &[S::RsaPssSha512]),
        ("RSA_SIGN_PKCS1_2048_SHA256", &[S::RsaPkcs1Sha256]),
        ("RSA_SIGN_PKCS1_4096_SHA512", &[S::RsaPkcs1Sha512]),
        ("RSA_SIGN_RAW_PKCS1_2048", &raw),
        ("EC_SIGN_P384_SHA384", &[S::EcdsaSha384]),
    ];
    let asked = [raw[0], raw[1], raw[2], S::RsaPssSha256, S::RsaPssSha512, S::EcdsaSha384];
    for (form, ways) in forms {
        let id = form.to_ascii_lowercase();
        let template = json!({ "algorithm": form });
        let key = json!({ "purpose": "ASYMMETRIC_SIGN", "versionTemplate": template });
        let key = gcp.make(&id, &key);
        let public = provider.public_key(&key).await.unwrap();
        for how in asked {
            let made = provider.sign(&key, how, MESSAGE).await;
            if ways.contains(&how) {
                public.verify(how, b"m", &made.unwrap().bytes).unwrap();
            } else {
                let wrong = matches!(made, Err(ProviderError::WrongAlgorithm { .. }));
                assert!(wrong, "{form} {how:?}: {made:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_key_without_a_version_is_found_and_does_not_sign() {
    let gcp = Gcp::start().await;
    let first = gcp.key("turning").await;
    let unpinned: KeyUri = format!("gcpkms:{RING}/cryptoKeys/turning").parse().unwrap();
    let provider = gcp.provider();
    assert_eq!(provider.find(&unpinned).await.unwrap(), first);
    let second = gcp.administer().rotate(&first).await.unwrap();
    assert_eq!(second.as_str(), first.as_str().replace("Versions/1", "Versions/2"));
    assert_eq!(provider.find(&unpinned).await.unwrap(), second);
    assert_eq!(provider.find(&first).await.unwrap(), first);
    // A disabled one goes on being what the name means: no older key signs in its place.
    gcp.custody().disable(&second).await.unwrap();
    assert_eq!(provider.find(&unpinned).await.unwrap(), second);
    assert_eq!(provider.state(&unpinned).await.unwrap(), KeyState::Disabled);
    for refused in [
        provider.sign(&unpinned, HOW, MESSAGE).await.err(),
        gcp.custody().disable(&unpinned).await.err(),
        gcp.administer().schedule_destruction(&unpinned, Duration::ZERO).await.err(),
    ] {
        assert!(matches!(refused, Some(ProviderError::BadUri { .. })), "{refused:?}");
    }
    assert_eq!(gcp.signatures_asked(), 0);
}

#[tokio::test]
async fn the_newest_of_many_versions_is_found() {
    let gcp = Gcp::start().await;
    let mut newest = gcp.key("old").await;
    for _ in 0..20 {
        newest = gcp.administer().rotate(&newest).await.unwrap();
    }
    let unpinned: KeyUri = format!("gcpkms:{RING}/cryptoKeys/old").parse().unwrap();
    assert!(newest.as_str().ends_with("/21"));
    assert_eq!(gcp.provider().find(&unpinned).await.unwrap(), newest);
}

#[tokio::test]
async fn a_key_that_takes_time_is_waited_for() {
    let gcp = Gcp::start().await;
    gcp.fake.take_time(3);
    let key = gcp.key("slow").await;
    gcp.provider().sign(&key, HOW, MESSAGE).await.unwrap();
    gcp.fake.take_time(u32::MAX);
    let mut settings = gcp.settings("ADMINISTRATOR");
    settings.patience = Duration::from_secs(1);
    let impatient = GcpKmsProvider::new(&settings);
    let key = impatient.create("slower", KeyAlgorithm::EcP256).await.unwrap();
    assert_eq!(impatient.state(&key).await.unwrap(), KeyState::Disabled);
    let refused = impatient.sign(&key, HOW, MESSAGE).await.unwrap_err();
    assert!(matches!(refused, ProviderError::Disabled { .. }), "{refused:?}");
}

#[tokio::test]
async fn keys_are_made_where_they_were_wanted_in_a_ring_that_is_there() {
    let gcp = Gcp::start().await;
    let mut settings = gcp.settings("ADMINISTRATOR");
    settings.hardware = true;
    let key = GcpKmsProvider::new(&settings).create("hard", KeyAlgorithm::EcP384).await.unwrap();
    let told = gcp.administer().attributes(&key).await.unwrap();
    assert_eq!(told.protection, Some(Protection::SharedHardware));
    assert_eq!((told.origin, told.exportable), (Some(KeyOrigin::Generated), Some(false)));
    assert_eq!(told.version.as_deref(), Some("1"));
    assert!(told.policy.unwrap().contains("roles/cloudkms.signer") && told.created.is_some());
    // The signing credential may not read the policy.
    assert!(gcp.provider().attributes(&key).await.unwrap().policy.is_none());
    let nowhere = format!("gcpkms:{RING}-2").parse().unwrap();
    let credential = Credential::from_text("ADMINISTRATOR");
    let mut settings = GcpKmsSettings::of_uri(&nowhere, Some(&credential)).unwrap();
    settings.endpoint = Some(format!("http://{}", gcp.fake.address));
    let nowhere = GcpKmsProvider::new(&settings);
    let refused = nowhere.create("lost", KeyAlgorithm::EcP256).await.unwrap_err();
    assert!(matches!(refused, ProviderError::NotConfigured { .. }), "{refused:?}");
    let refused = gcp.administer().create("p521", KeyAlgorithm::EcP521).await.unwrap_err();
    assert!(matches!(refused, ProviderError::UnsupportedAlgorithm(_)), "{refused:?}");
}

#[tokio::test]
async fn keys_for_other_purposes_are_not_listed() {
    let gcp = Gcp::start().await;
    let template = json!({ "algorithm": "GOOGLE_SYMMETRIC_ENCRYPTION" });
    gcp.make("secret", &json!({ "purpose": "ENCRYPT_DECRYPT", "versionTemplate": template }));
    gcp.key("signs").await;
    let listed = gcp.provider().list().await.unwrap();
    assert_eq!(listed, [format!("gcpkms:{RING}/cryptoKeys/signs").parse().unwrap()]);
}

#[tokio::test]
async fn the_signing_token_signs_and_does_nothing_else() {
    let gcp = Gcp::start().await;
    let key = gcp.key("only-signs").await;
    let provider = gcp.provider();
    provider.sign(&key, HOW, MESSAGE).await.unwrap();
    let refusals = [
        provider.disable(&key).await.err(),
        provider.rotate(&key).await.err(),
        provider.schedule_destruction(&key, Duration::ZERO).await.err(),
        provider.cancel_destruction(&key).await.err(),
        provider.create("another", KeyAlgorithm::EcP256).await.err(),
        GcpKmsProvider::new(&gcp.settings("CUSTODIAN")).sign(&key, HOW, MESSAGE).await.err(),
    ];
    for refused in refusals {
        assert!(matches!(refused, Some(ProviderError::CredentialRefused { .. })), "{refused:?}");
    }
}

#[tokio::test]
async fn a_scheduled_destruction_has_its_day_and_is_never_shorter_than_asked() {
    let gcp = Gcp::start().await;
    let administer = gcp.administer();
    let key = gcp.key("ending").await;
    let month = Duration::from_hours(30 * 24);
    let longer = administer.schedule_destruction(&key, month + Duration::from_secs(1)).await;
    assert!(matches!(longer, Err(ProviderError::NotConfigured { .. })), "{longer:?}");
    assert_eq!(administer.state(&key).await.unwrap(), KeyState::Enabled);
    let day = administer.schedule_destruction(&key, month).await.unwrap();
    let told = administer.attributes(&key).await.unwrap();
    assert_eq!((told.state, told.destroyed_at), (KeyState::DestructionScheduled, Some(day)));
    let wait = day.as_millis() - told.created.unwrap().as_millis();
    assert_eq!(wait, i64::try_from(month.as_millis()).unwrap());
    let refused = gcp.provider().sign(&key, HOW, MESSAGE).await;
    assert!(matches!(refused, Err(ProviderError::Disabled { .. })), "{refused:?}");
    gcp.custody().disable(&key).await.unwrap();
    assert!(gcp.custody().enable(&key).await.is_err());
    administer.cancel_destruction(&key).await.unwrap();
    assert_eq!(administer.state(&key).await.unwrap(), KeyState::Disabled);
}

#[tokio::test]
async fn a_long_message_is_refused_unsent_where_it_cannot_be_hashed_before() {
    let gcp = Gcp::start().await;
    let long = vec![7; 64 * 1024 + 1];
    let how = SignatureAlgorithm::Ed25519;
    let key = gcp.administer().create("ed", KeyAlgorithm::Ed25519).await.unwrap();
    let provider = gcp.provider();
    let refused = provider.sign(&key, how, ToSign::Message(&long)).await;
    assert!(matches!(refused, Err(ProviderError::MessageTooLong { .. })), "{refused:?}");
    assert_eq!(gcp.signatures_asked(), 0);
    let made = provider.sign(&key, how, ToSign::Message(&long[1..])).await.unwrap();
    provider.public_key(&key).await.unwrap().verify(how, &long[1..], &made.bytes).unwrap();
}

#[tokio::test]
async fn every_signature_has_an_id_that_the_services_log_has_too() {
    let gcp = Gcp::start().await;
    let key = gcp.key("logged").await;
    let provider = gcp.provider();
    let mut ids = Vec::new();
    for _ in 0..3 {
        let made = provider.sign(&key, HOW, MESSAGE).await.unwrap();
        ids.push(Some(made.request_id.unwrap().as_str().to_owned()));
    }
    gcp.custody().disable(&key).await.unwrap();
    let refused = provider.sign(&key, HOW, MESSAGE).await.unwrap_err();
    assert_eq!(refused.code("gcpkms"), "gcpkms:FAILED_PRECONDITION");
    ids.push(Some(refused.request_id().unwrap().as_str().to_owned()));
    let logged: Vec<_> = gcp.fake.seen(SIGN).into_iter().map(|seen| seen.reason).collect();
    assert_eq!(logged, ids);
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 4);
}
