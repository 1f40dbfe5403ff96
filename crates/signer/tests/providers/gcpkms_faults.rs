//! Google Cloud KMS when something is wrong, and how it is told who we are.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use skink_signer::gcpkms::{GcpKmsProvider, GcpKmsSettings};
use skink_signer::{
    AttemptPurpose, KeyProvider, KeyUri, MemoryLedger, Outcome, ProviderError, Providers,
    SignError, SignatureRequest, Signer,
};
use skink_testkit::TestKey;
use skink_testkit::gcpkms::{Fault, RING, SIGN, crc32c, error};
use skink_x509::KeyAlgorithm;

use crate::gcpkms::{Gcp, HOW, MESSAGE};

/// Whether an error is the one that is wanted.
type Is = fn(&ProviderError) -> bool;

/// What becomes of an answer on its way.
type Change = fn(&mut Value);

impl Gcp {
    /// What misbehaving makes of a signature.
    async fn refusal(&self, key: &KeyUri, fault: Fault) -> ProviderError {
        let mut settings = self.settings("SIGNER");
        if matches!(fault, Fault::Silence) {
            settings.patience = Duration::from_secs(2);
        }
        self.fake.misbehave(fault);
        let error = GcpKmsProvider::new(&settings).sign(key, HOW, MESSAGE).await.unwrap_err();
        assert!(!matches!(error, ProviderError::KeyNotRead(_)), "{error:?}");
        error
    }
}

fn another_name() -> Value {
    format!("{RING}/cryptoKeys/another/cryptoKeyVersions/1").into()
}

#[tokio::test]
async fn throttling_is_told_apart_and_nothing_is_tried_twice() {
    let gcp = Gcp::start().await;
    let key = gcp.key("throttled").await;
    let retry =
        json!({ "@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "2.5s" });
    let words = "Quota exceeded for quota metric 'Cryptographic requests'";
    let body = |details: &[Value]| error(429, "RESOURCE_EXHAUSTED", words, details).to_string();
    let answers = [
        (body(&[retry]), Some(7), Some(Duration::from_millis(2500))),
        (body(&[]), Some(7), Some(Duration::from_secs(7))),
        ("slow down".to_owned(), Some(7), Some(Duration::from_secs(7))),
        (body(&[]), None, None),
    ];
    for (count, (body, header, wanted)) in answers.into_iter().enumerate() {
        let error = gcp.refusal(&key, Fault::Answer(429, header, body)).await;
        let ProviderError::Throttled { retry_after, answer } = &error else { panic!("{error:?}") };
        assert_eq!(*retry_after, wanted);
        assert!(answer.request_id.is_some());
        assert!(!error.may_have_signed() && error.may_pass());
        assert_eq!(gcp.signatures_asked(), count + 1);
    }
}

#[tokio::test]
async fn what_fails_inside_or_answers_nothing_may_have_signed_and_is_not_tried_twice() {
    let gcp = Gcp::start().await;
    let key = gcp.key("failing").await;
    let fails = |status, code| {
        Fault::Answer(status, None, error(status, code, "try again", &[]).to_string())
    };
    let faulted: Is = |error| matches!(error, ProviderError::Faulted { .. });
    let corrupted: Is = |error| matches!(error, ProviderError::Corrupted { .. });
    let another: Is = |error| matches!(error, ProviderError::AnotherKey { .. });
    let faults: [(Fault, Is); 13] = [
        (Fault::Silence, |e| matches!(e, ProviderError::Late { .. })),
        (Fault::Cut, |e| matches!(e, ProviderError::Interrupted)),
        (fails(503, "UNAVAILABLE"), faulted),
        (fails(504, "DEADLINE_EXCEEDED"), faulted),
        (fails(500, "INTERNAL"), faulted),
        (Fault::Answer(502, None, "<html>".to_owned()), faulted),
        (Fault::Answer(200, None, "{\"na".to_owned()), corrupted),
        (Fault::Answer(200, None, "{}".to_owned()), another),
        (Fault::Mangle(|answer| answer["name"] = another_name()), another),
        (Fault::Mangle(|answer| answer["verifiedDigestCrc32c"] = false.into()), corrupted),
        (Fault::Mangle(|answer| answer["signatureCrc32c"] = "1".into()), corrupted),
        (Fault::Mangle(|answer| answer["signatureCrc32c"] = Value::Null), corrupted),
        (Fault::Mangle(|answer| answer["signature"] = "AAAA".into()), corrupted),
    ];
    for (count, (fault, is)) in faults.into_iter().enumerate() {
        let error = gcp.refusal(&key, fault.clone()).await;
        assert!(is(&error), "{fault:?}: {error:?}");
        assert!(error.may_have_signed(), "{fault:?}: {error:?}");
        assert_eq!(gcp.signatures_asked(), count + 1, "{fault:?}");
    }
}

#[tokio::test]
async fn a_refusal_for_another_reason_is_no_disabled_key() {
    let gcp = Gcp::start().await;
    let key = gcp.key("fine").await;
    let words = "The billing account is closed.";
    let body = error(400, "FAILED_PRECONDITION", words, &[]).to_string();
    let refused = gcp.refusal(&key, Fault::Answer(400, None, body)).await;
    assert!(matches!(refused, ProviderError::Refused { .. }), "{refused:?}");
    assert!(!refused.may_have_signed());
    let body = error(400, "INVALID_ARGUMENT", "The checksum did not match.", &[]).to_string();
    let refused = gcp.refusal(&key, Fault::Answer(400, None, body)).await;
    assert!(matches!(refused, ProviderError::Refused { .. }), "{refused:?}");
}

#[tokio::test]
async fn expired_and_refused_tokens_certainly_did_not_sign() {
    let gcp = Gcp::start().await;
    let key = gcp.key("expired").await;
    let state = |token: &str| {
        let provider = GcpKmsProvider::new(&gcp.settings(token));
        let key = key.clone();
        async move { provider.state(&key).await.unwrap_err() }
    };
    let error = state("YESTERDAY").await;
    assert!(matches!(error, ProviderError::CredentialExpired { .. }), "{error:?}");
    let error = state("NOBODY").await;
    assert!(matches!(error, ProviderError::CredentialRefused { .. }), "{error:?}");
    assert_eq!(error.code("gcpkms"), "gcpkms:UNAUTHENTICATED");
    let provider = GcpKmsProvider::new(&gcp.settings("YESTERDAY"));
    let error = provider.sign(&key, HOW, MESSAGE).await.unwrap_err();
    assert!(!error.may_have_signed(), "{error:?}");
    assert_eq!(gcp.signatures_asked(), 0);
}

#[tokio::test]
async fn a_service_that_is_down_certainly_did_not_sign() {
    let gcp = Gcp::start().await;
    let key = gcp.key("down").await;
    let provider = gcp.provider();
    provider.sign(&key, HOW, MESSAGE).await.unwrap();
    gcp.fake.kill();
    let refused = provider.sign(&key, HOW, MESSAGE).await.unwrap_err();
    // The kept connection may have carried the call before it was found dead.
    assert!(matches!(refused, ProviderError::Unreachable(_) | ProviderError::Interrupted));
    let refused = gcp.provider().state(&key).await.unwrap_err();
    assert!(matches!(refused, ProviderError::Unreachable(_)), "{refused:?}");
    assert!(!refused.may_have_signed() && refused.may_pass());
}

/// The bytes of the signature are changed, and its checksum with them: only the public key tells.
#[tokio::test]
async fn a_signature_that_is_none_is_thrown_away() {
    let gcp = Gcp::start().await;
    let key = gcp.key("forged").await;
    gcp.fake.misbehave(Fault::Mangle(|answer| {
        let mut bytes = STANDARD.decode(answer["signature"].as_str().unwrap()).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        answer["signatureCrc32c"] = crc32c(&bytes).to_string().into();
        answer["signature"] = STANDARD.encode(bytes).into();
    }));
    let ledger = Arc::new(MemoryLedger::default());
    let provider: Arc<dyn KeyProvider> = Arc::new(gcp.provider());
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
    let code = "gcpkms:DoesNotVerify".to_owned();
    let outcomes: Vec<_> = ledger.attempts().into_iter().map(|(_, outcome)| outcome).collect();
    assert_eq!(outcomes, [Some(Outcome::Unknown { code })]);
}

#[tokio::test]
async fn a_public_key_that_arrives_otherwise_is_refused() {
    let gcp = Gcp::start().await;
    let key = gcp.key("shown").await;
    let provider = gcp.provider();
    let changes: [(Change, Is); 4] = [
        (|shown| shown["pemCrc32c"] = "1".into(), |e| matches!(e, ProviderError::Corrupted { .. })),
        (|shown| shown["name"] = another_name(), |e| matches!(e, ProviderError::AnotherKey { .. })),
        (
            |shown| shown["algorithm"] = "EC_SIGN_P384_SHA384".into(),
            |e| matches!(e, ProviderError::Corrupted { .. }),
        ),
        (
            |shown| {
                let pem = shown["pem"].as_str().unwrap().replace("PUBLIC", "PRIVATE");
                shown["pemCrc32c"] = crc32c(pem.as_bytes()).to_string().into();
                shown["pem"] = pem.into();
            },
            |e| matches!(e, ProviderError::Corrupted { .. }),
        ),
    ];
    for (change, is) in changes {
        gcp.fake.misshow(change);
        let refused = provider.public_key(&key).await.unwrap_err();
        assert!(is(&refused), "{refused:?}");
    }
}

/// The contents of a service account's key file.
fn key_file(account: &str, key: &TestKey) -> String {
    let text = STANDARD.encode(key.pkcs8_der());
    json!({
        "type": "service_account",
        "client_email": account,
        "private_key_id": "1",
        "private_key": format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n"),
        "project_id": "pki",
    })
    .to_string()
}

#[tokio::test]
async fn a_service_account_proves_itself_by_its_key_file() {
    let gcp = Gcp::start().await;
    let key = gcp.key("by-account").await;
    let (right, wrong) =
        (TestKey::generate(KeyAlgorithm::Rsa2048), TestKey::generate(KeyAlgorithm::Rsa2048));
    let account = "signer@pki.iam.gserviceaccount.com";
    gcp.fake.trust(account, right.public());
    let provider = GcpKmsProvider::new(&gcp.settings(&key_file(account, &right)));
    let made = provider.sign(&key, HOW, MESSAGE).await.unwrap();
    provider.public_key(&key).await.unwrap().verify(HOW, b"m", &made.bytes).unwrap();
    let provider = GcpKmsProvider::new(&gcp.settings(&key_file(account, &wrong)));
    let refused = provider.state(&key).await.unwrap_err();
    assert!(matches!(refused, ProviderError::CredentialRefused { .. }), "{refused:?}");
}

/// Runs one of the tests below in a process of its own, with nothing of Google's in its environment
/// but what is given.
fn in_an_environment(test: &str, home: &Path, variables: &[(&str, &str)]) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--ignored", "--nocapture"]).env("HOME", home);
    let foreign = |name: &str| ["GOOGLE_", "CLOUDSDK_", "GCE_"].iter().any(|p| name.starts_with(p));
    for (name, _) in std::env::vars().filter(|(name, _)| foreign(name)) {
        command.env_remove(name);
    }
    let output = command.envs(variables.iter().copied()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test]
async fn the_vendors_variables_say_where_and_who() {
    let gcp = Gcp::start().await;
    let key = gcp.key("by-environment").await;
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("token");
    fs_err::write(&file, "SIGNER\n").unwrap();
    let endpoint = format!("http://{}/", gcp.fake.address);
    let run = tokio::task::spawn_blocking(move || {
        let variables = [
            ("CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDKMS", endpoint.as_str()),
            ("CLOUDSDK_AUTH_ACCESS_TOKEN_FILE", file.to_str().unwrap()),
            ("SKINK_TEST_KEY", key.as_str()),
        ];
        let test = "gcpkms_faults::signs_by_its_environment";
        in_an_environment(test, home.path(), &variables);
        // Without the file nobody is shown to what listens on this machine.
        let file = "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE";
        let variables: Vec<_> = variables.into_iter().filter(|(name, _)| *name != file).collect();
        in_an_environment("gcpkms_faults::is_nobody", home.path(), &variables);
    });
    run.await.unwrap();
    assert_eq!(gcp.fake.seen(SIGN).len(), 1);
}

#[tokio::test]
#[ignore = "run by another test, in an environment of its own"]
async fn signs_by_its_environment() {
    let key: KeyUri = std::env::var("SKINK_TEST_KEY").unwrap().parse().unwrap();
    let provider = skink_signer::open(&key, None).unwrap();
    let made = provider.sign(&key, HOW, MESSAGE).await.unwrap();
    assert!(made.request_id.is_some());
    provider.public_key(&key).await.unwrap().verify(HOW, b"m", &made.bytes).unwrap();
}

#[tokio::test]
#[ignore = "run by another test, in an environment of its own"]
async fn is_nobody() {
    let key: KeyUri = std::env::var("SKINK_TEST_KEY").unwrap().parse().unwrap();
    let refused = skink_signer::open(&key, None).unwrap().state(&key).await.unwrap_err();
    assert!(matches!(refused, ProviderError::CredentialRefused { .. }), "{refused:?}");
}

#[test]
fn without_credentials_nothing_is_sent() {
    let home = tempfile::tempdir().unwrap();
    // Nobody listens where a machine at Google would be told who it is.
    let variables = [("GCE_METADATA_HOST", "127.0.0.1:9")];
    in_an_environment("gcpkms_faults::has_no_credentials", home.path(), &variables);
    let nowhere = home.path().join("nowhere.json");
    let variables = [("GOOGLE_APPLICATION_CREDENTIALS", nowhere.to_str().unwrap())];
    in_an_environment("gcpkms_faults::has_no_credentials", home.path(), &variables);
}

#[tokio::test]
#[ignore = "run by another test, in an environment of its own"]
async fn has_no_credentials() {
    let key: KeyUri = format!("gcpkms:{RING}/cryptoKeys/a/cryptoKeyVersions/1").parse().unwrap();
    let mut settings = GcpKmsSettings::of_uri(&key, None).unwrap();
    settings.endpoint = Some("https://127.0.0.1:9".to_owned());
    let error = GcpKmsProvider::new(&settings).sign(&key, HOW, MESSAGE).await.unwrap_err();
    let wanted =
        matches!(error, ProviderError::NotConfigured { .. } | ProviderError::Unreachable(_));
    assert!(wanted && !error.may_have_signed(), "{error:?}");
}
