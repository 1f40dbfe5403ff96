//! Azure Key Vault when something is wrong, and how it is told who we are.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use skink_signer::azurekv::AzureKvProvider;
use skink_signer::{
    AttemptPurpose, KeyProvider, KeyUri, MemoryLedger, Outcome, ProviderError, Providers,
    SignError, SignatureRequest, Signer,
};
use skink_testkit::azurekv::{AzureKv, Fault, GET, Part, SIGN, error};

use crate::azurekv::{Azure, HOW, MESSAGE};

/// Whether an error is the one that is wanted.
type Is = fn(&ProviderError) -> bool;

/// What becomes of an answer on its way.
type Change = fn(&mut Value);

impl Azure {
    /// What misbehaving makes of a signature.
    async fn refusal(&self, key: &KeyUri, fault: Fault) -> ProviderError {
        let mut settings = self.settings(Part::Signer);
        if matches!(fault, Fault::Silence) {
            settings.patience = Duration::from_secs(2);
        }
        self.fake.misbehave(SIGN, fault);
        let error = AzureKvProvider::new(&settings).sign(key, HOW, MESSAGE).await.unwrap_err();
        assert!(!matches!(error, ProviderError::KeyNotRead(_)), "{error:?}");
        error
    }
}

fn body(code: &str, inner: Option<&str>) -> String {
    error(code, "try again", inner).to_string()
}

/// The bytes of a signature, changed.
fn bend(answer: &mut Value, change: fn(&mut Vec<u8>)) {
    let mut bytes = URL_SAFE_NO_PAD.decode(answer["value"].as_str().unwrap()).unwrap();
    change(&mut bytes);
    answer["value"] = URL_SAFE_NO_PAD.encode(bytes).into();
}

fn of_another(text: &Value) -> Value {
    text.as_str().unwrap().replace("/keys/", "/keys/another-").into()
}

#[tokio::test]
async fn throttling_is_told_apart_and_nothing_is_tried_twice() {
    let azure = Azure::start();
    let key = azure.key("throttled").await;
    let answers = [
        (body("Throttled", None), Some(7), Some(Duration::from_secs(7))),
        ("slow down".to_owned(), Some(7), Some(Duration::from_secs(7))),
        (body("Throttled", None), None, None),
    ];
    for (count, (body, header, wanted)) in answers.into_iter().enumerate() {
        let error = azure.refusal(&key, Fault::Answer(429, header, body)).await;
        let ProviderError::Throttled { retry_after, answer } = &error else { panic!("{error:?}") };
        assert_eq!(*retry_after, wanted);
        assert!(answer.request_id.is_some());
        assert!(!error.may_have_signed() && error.may_pass());
        assert_eq!(azure.signatures_asked(), count + 1);
    }
}

#[tokio::test]
async fn what_fails_inside_or_answers_nothing_may_have_signed_and_is_not_tried_twice() {
    let azure = Azure::start();
    let key = azure.key("failing").await;
    let fails = |status, code| Fault::Answer(status, None, body(code, None));
    let faulted: Is = |error| matches!(error, ProviderError::Faulted { .. });
    let corrupted: Is = |error| matches!(error, ProviderError::Corrupted { .. });
    let another: Is = |error| matches!(error, ProviderError::AnotherKey { .. });
    let faults: [(Fault, Is); 14] = [
        (Fault::Silence, |e| matches!(e, ProviderError::Late { .. })),
        (Fault::Cut, |e| matches!(e, ProviderError::Interrupted)),
        (fails(500, "InternalServerError"), faulted),
        (fails(503, "ServiceUnavailable"), faulted),
        (fails(504, "GatewayTimeout"), faulted),
        (Fault::Answer(502, None, "<html>".to_owned()), faulted),
        (Fault::Answer(200, None, "{\"ki".to_owned()), corrupted),
        (Fault::Answer(200, None, "{}".to_owned()), another),
        (Fault::Mangle(|answer| answer["kid"] = of_another(&answer["kid"])), another),
        (Fault::Mangle(|answer| answer["kid"] = Value::Null), another),
        (Fault::Mangle(|answer| answer["value"] = Value::Null), corrupted),
        (Fault::Mangle(|answer| answer["value"] = "+/+/".into()), corrupted),
        (Fault::Mangle(|answer| bend(answer, |bytes| bytes.truncate(62))), corrupted),
        (Fault::Mangle(|answer| bend(answer, |bytes| bytes.push(0))), corrupted),
    ];
    for (count, (fault, is)) in faults.into_iter().enumerate() {
        let error = azure.refusal(&key, fault.clone()).await;
        assert!(is(&error), "{fault:?}: {error:?}");
        assert!(error.may_have_signed(), "{fault:?}: {error:?}");
        assert_eq!(azure.signatures_asked(), count + 1, "{fault:?}");
    }
}

#[tokio::test]
async fn a_refusal_for_another_reason_is_no_disabled_key() {
    let azure = Azure::start();
    let key = azure.key("fine").await;
    let refusals = [
        (400, "BadParameter", None, "azurekv:BadParameter"),
        (403, "Forbidden", Some("ForbiddenByFirewall"), "azurekv:ForbiddenByFirewall"),
        (403, "Forbidden", Some("ForbiddenByRbac"), "azurekv:ForbiddenByRbac"),
        (403, "Forbidden", Some("KeyOperationForbidden"), "azurekv:KeyOperationForbidden"),
        (409, "Conflict", None, "azurekv:Conflict"),
    ];
    for (status, code, inner, wanted) in refusals {
        let refused = azure.refusal(&key, Fault::Answer(status, None, body(code, inner))).await;
        assert!(!matches!(refused, ProviderError::Disabled { .. }), "{refused:?}");
        assert_eq!(refused.code("azurekv"), wanted);
        assert!(!refused.may_have_signed(), "{refused:?}");
    }
}

#[tokio::test]
async fn expired_and_refused_tokens_certainly_did_not_sign() {
    let azure = Azure::start();
    let key = azure.key("expired").await;
    let state = |credential: &str| {
        let provider = AzureKvProvider::new(&azure.settings_with(credential));
        let key = key.clone();
        async move { provider.state(&key).await.unwrap_err() }
    };
    let error = state(&azure.fake.expired_token()).await;
    assert!(matches!(error, ProviderError::CredentialExpired { .. }), "{error:?}");
    let error = state("bm9ib2R5").await;
    assert!(matches!(error, ProviderError::CredentialRefused { .. }), "{error:?}");
    assert_eq!(error.code("azurekv"), "azurekv:Unauthorized");
    let yesterdays = azure.settings_with(&azure.fake.expired_token());
    let error = AzureKvProvider::new(&yesterdays).sign(&key, HOW, MESSAGE).await.unwrap_err();
    assert!(!error.may_have_signed(), "{error:?}");
    assert_eq!(azure.signatures_asked(), 0);
    // It ends while it is used, and the service has another word for that.
    let body = r#"{"error":{"code":"Unauthorized","message":"[TokenExpired] Error validating token: 'S2S12086'."}}"#;
    let error = azure.refusal(&key, Fault::Answer(401, None, body.to_owned())).await;
    assert!(matches!(error, ProviderError::CredentialExpired { .. }), "{error:?}");
    assert!(!error.may_have_signed(), "{error:?}");
}

#[tokio::test]
async fn a_service_that_is_down_certainly_did_not_sign() {
    let mut azure = Azure::start();
    let key = azure.key("down").await;
    let provider = azure.provider();
    provider.sign(&key, HOW, MESSAGE).await.unwrap();
    azure.fake.kill();
    let refused = provider.sign(&key, HOW, MESSAGE).await.unwrap_err();
    // The kept connection may have carried the call before it was found dead.
    let is = matches!(refused, ProviderError::Unreachable(_) | ProviderError::Interrupted);
    assert!(is, "{refused:?}");
    let refused = azure.provider().state(&key).await.unwrap_err();
    assert!(matches!(refused, ProviderError::Unreachable(_)), "{refused:?}");
    assert!(!refused.may_have_signed() && refused.may_pass());
}

/// Whoever answers in the vault's place, and is not vouched for by the authority that was named.
#[tokio::test]
async fn another_vault_in_its_place_is_shown_nothing() {
    let (azure, other) = (Azure::start(), AzureKv::start());
    let key = azure.key("real").await;
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("ca.pem");
    fs_err::write(&file, other.ca_pem()).unwrap();
    let mut settings = azure.settings(Part::Signer);
    settings.ca_file = Some(file);
    let seen = azure.fake.seen(GET).len();
    let refused = AzureKvProvider::new(&settings).sign(&key, HOW, MESSAGE).await.unwrap_err();
    assert!(!refused.may_have_signed(), "{refused:?}");
    assert_eq!(azure.fake.seen(GET).len(), seen);
}

/// Of the right length, and of nothing: only the public key tells.
#[tokio::test]
async fn a_signature_that_is_none_is_thrown_away() {
    let azure = Azure::start();
    let key = azure.key("forged").await;
    azure.fake.misbehave(
        SIGN,
        Fault::Mangle(|answer| bend(answer, |bytes| *bytes.last_mut().unwrap() ^= 1)),
    );
    let ledger = Arc::new(MemoryLedger::default());
    let provider: Arc<dyn KeyProvider> = Arc::new(azure.provider());
    let signer = Signer::new(ledger.clone(), Providers::new([provider]));
    let request = SignatureRequest {
        authority: "workloads-g1".parse().unwrap(),
        key,
        algorithm: HOW,
        purpose: AttemptPurpose::Certificate,
        subject: "c1".to_owned(),
        incident: None,
    };
    let refused = signer.ask_and_sign(request, MESSAGE).await.unwrap_err();
    assert!(matches!(refused, SignError::DoesNotVerify { .. }), "{refused:?}");
    let code = "azurekv:DoesNotVerify".to_owned();
    let outcomes: Vec<_> = ledger.attempts().into_iter().map(|(_, outcome)| outcome).collect();
    assert_eq!(outcomes, [Some(Outcome::Unknown { code })]);
}

#[tokio::test]
async fn a_public_key_that_arrives_otherwise_is_refused() {
    let azure = Azure::start();
    let key = azure.key("shown").await;
    let provider = azure.provider();
    let changes: [Change; 6] = [
        |shown| shown["key"]["kid"] = of_another(&shown["key"]["kid"]),
        |shown| shown["key"]["kid"] = Value::Null,
        |shown| shown["key"]["crv"] = "P-384".into(),
        |shown| shown["key"]["x"] = "AAAA".into(),
        |shown| shown["key"]["y"] = Value::Null,
        |shown| shown["key"]["kty"] = "oct".into(),
    ];
    for (count, change) in changes.into_iter().enumerate() {
        azure.fake.misbehave(GET, Fault::Mangle(change));
        let refused = provider.public_key(&key).await;
        assert!(refused.is_err(), "{count}: {refused:?}");
    }
    azure.fake.behave();
    provider.public_key(&key).await.unwrap();
}

#[tokio::test]
async fn an_application_proves_itself_by_its_secret() {
    let azure = Azure::start();
    let key = azure.key("by-application").await;
    let (id, secret) = azure.fake.application(Part::Signer);
    let tenant = azure.fake.tenant();
    let home = tempfile::tempdir().unwrap();
    let (ca, url) = (azure.ca_file(), azure.fake.url());
    let credentials = [
        ("azurekv_faults::signs_by_its_credential", format!("{tenant}:{id}:{secret}")),
        ("azurekv_faults::is_nobody_by_its_credential", format!("{tenant}:{id}:wrong")),
    ];
    let run = tokio::task::spawn_blocking(move || {
        for (test, credential) in credentials {
            let variables = [
                ("AZURE_AUTHORITY_HOST", url.as_str()),
                ("SSL_CERT_FILE", ca.to_str().unwrap()),
                ("SKINK_TEST_KEY", key.as_str()),
                ("SKINK_TEST_CREDENTIAL", credential.as_str()),
            ];
            in_an_environment(test, home.path(), &variables);
        }
    });
    run.await.unwrap();
    assert_eq!(azure.signatures_asked(), 1);
}

/// Runs one of the tests below in a process of its own, with nothing of Azure's in its environment
/// but what is given.
pub(crate) fn in_an_environment(test: &str, home: &Path, variables: &[(&str, &str)]) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--ignored", "--nocapture"]).env("HOME", home);
    let foreign = |name: &str| ["AZURE_", "IDENTITY_", "MSI_"].iter().any(|p| name.starts_with(p));
    for (name, _) in std::env::vars().filter(|(name, _)| foreign(name)) {
        command.env_remove(name);
    }
    let output = command.envs(variables.iter().copied()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

fn by_credential() -> (Arc<dyn KeyProvider>, KeyUri) {
    let key: KeyUri = std::env::var("SKINK_TEST_KEY").unwrap().parse().unwrap();
    let credential = std::env::var("SKINK_TEST_CREDENTIAL").ok();
    let credential = credential.as_deref().map(skink_signer::Credential::from_text);
    (skink_signer::open(&key, credential).unwrap(), key)
}

#[tokio::test]
#[ignore = "run by another test, in an environment of its own"]
async fn signs_by_its_credential() {
    let (provider, key) = by_credential();
    let made = provider.sign(&key, HOW, MESSAGE).await.unwrap();
    assert!(made.request_id.is_some());
    provider.public_key(&key).await.unwrap().verify(HOW, b"m", &made.bytes).unwrap();
}

#[tokio::test]
#[ignore = "run by another test, in an environment of its own"]
async fn is_nobody_by_its_credential() {
    let (provider, key) = by_credential();
    let refused = provider.state(&key).await.unwrap_err();
    assert!(matches!(refused, ProviderError::CredentialRefused { .. }), "{refused:?}");
}

#[tokio::test]
async fn the_vendors_variables_say_who() {
    let azure = Azure::start();
    let key = azure.key("by-environment").await;
    let (id, secret) = azure.fake.application(Part::Signer);
    let (ca, url, tenant) = (azure.ca_file(), azure.fake.url(), azure.fake.tenant());
    let home = tempfile::tempdir().unwrap();
    let run = tokio::task::spawn_blocking(move || {
        let variables = [
            ("AZURE_TENANT_ID", tenant),
            ("AZURE_CLIENT_ID", id.as_str()),
            ("AZURE_CLIENT_SECRET", secret.as_str()),
            ("AZURE_AUTHORITY_HOST", url.as_str()),
            ("SSL_CERT_FILE", ca.to_str().unwrap()),
            ("SKINK_TEST_KEY", key.as_str()),
        ];
        in_an_environment("azurekv_faults::signs_by_its_credential", home.path(), &variables);
        // Where tokens are not made on this machine, what listens on it is shown no credential.
        let host = "AZURE_AUTHORITY_HOST";
        let variables: Vec<_> = variables.into_iter().filter(|(name, _)| *name != host).collect();
        in_an_environment("azurekv_faults::shows_nothing", home.path(), &variables);
    });
    run.await.unwrap();
    assert_eq!(azure.signatures_asked(), 1);
}

#[tokio::test]
#[ignore = "run by another test, in an environment of its own"]
async fn shows_nothing() {
    let (provider, key) = by_credential();
    let error = provider.sign(&key, HOW, MESSAGE).await.unwrap_err();
    assert!(!error.may_have_signed(), "{error:?}");
    let unset = provider.state(&key).await.unwrap_err();
    assert!(matches!(unset, ProviderError::NotConfigured { .. }), "{unset:?}");
}
