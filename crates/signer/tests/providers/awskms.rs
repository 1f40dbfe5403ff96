//! AWS KMS, by ministack.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use skink_signer::awskms::{KmsCustody, KmsProvider, KmsSettings};
use skink_signer::conformance::{self, Call, Destroyed, Subject};
use skink_signer::record::{Use, cloudtrail};
use skink_signer::{Custody, KeyProvider, KeyState, KeyUri, ProviderError, ToSign};
use skink_testkit::Ministack;
use skink_x509::{KeyAlgorithm, SignatureAlgorithm};

use crate::awskms_gate::{Fault, Gate, ask};

const HOW: SignatureAlgorithm = SignatureAlgorithm::EcdsaSha256;
const LOOK_UP: &str = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents";
const MESSAGE: ToSign<'static> = ToSign::Message(b"m");

/// Whether an error is the one that is wanted.
type Is = fn(&ProviderError) -> bool;

/// A service, a gate before it, and an access key for each part.
struct Aws {
    service: Ministack,
    gate: Gate,
}

impl Aws {
    async fn start() -> Option<Self> {
        let service = tokio::task::spawn_blocking(Ministack::start).await.unwrap()?;
        let gate = Gate::open(service.service.address).await;
        Some(Self { service, gate })
    }

    fn provider(&self) -> KmsProvider {
        KmsProvider::new(&self.gate.settings("SIGNER"))
    }

    /// What the service recorded of signatures.
    async fn record(&self) -> String {
        let body = r#"{"LookupAttributes": [
            {"AttributeKey": "EventName", "AttributeValue": "Sign"}], "MaxResults": 50}"#;
        let request = format!(
            "POST / HTTP/1.1\r\nhost: {}\r\ncontent-type: application/x-amz-json-1.1\r\n\
             x-amz-target: {LOOK_UP}\r\ncontent-length: {}\r\n\r\n{body}",
            self.service.service.address,
            body.len()
        );
        let answer = ask(self.service.service.address, request.as_bytes()).await.unwrap();
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    }

    async fn key(&self, name: &str) -> KeyUri {
        self.administer().create(name, KeyAlgorithm::EcP256).await.unwrap()
    }

    /// What misbehaving makes of a signature.
    async fn refusal(&self, key: &KeyUri, fault: Fault) -> ProviderError {
        self.gate.misbehave(fault);
        let mut settings = self.gate.settings("SIGNER");
        settings.patience = Duration::from_secs(2);
        let error = KmsProvider::new(&settings).sign(key, HOW, MESSAGE).await.unwrap_err();
        assert!(!matches!(error, ProviderError::KeyNotRead(_)), "{error:?}");
        error
    }
}

#[async_trait]
impl Subject for Aws {
    fn open(&self) -> Arc<dyn KeyProvider> {
        Arc::new(self.provider())
    }
    fn administer(&self) -> Arc<dyn KeyProvider> {
        Arc::new(KmsProvider::new(&self.gate.settings("ADMINISTRATOR")))
    }
    fn custody(&self) -> Arc<dyn Custody> {
        Arc::new(KmsCustody::new(&self.gate.settings("CUSTODIAN")))
    }
    fn algorithms(&self) -> Vec<KeyAlgorithm> {
        KeyAlgorithm::GENERATED.into_iter().chain([KeyAlgorithm::EcP521]).collect()
    }
    fn lacks(&self) -> &'static [Call] {
        &[Call::Destroy]
    }
    fn destroyed(&self) -> Destroyed {
        Destroyed::Remembered
    }
    async fn enable_with_signing_credential(&self, key: &KeyUri) -> Result<(), ProviderError> {
        KmsCustody::new(&self.gate.settings("SIGNER")).enable(key).await
    }
}

#[tokio::test]
async fn ministack_conforms() {
    let Some(aws) = Aws::start().await else { return };
    if let Err(departure) = conformance::check(&aws).await {
        panic!("{}", conformance::explain(&departure));
    }
}

#[tokio::test]
async fn cloudtrail_tells_of_what_was_asked_for_and_of_what_was_not() {
    let Some(aws) = Aws::start().await else { return };
    let key = aws.key("recorded").await;
    let signed = async || {
        let signed = aws.provider().sign(&key, HOW, MESSAGE).await.unwrap();
        signed.request_id.unwrap().to_string()
    };
    let mut asked = BTreeSet::new();
    for _ in 0..20 {
        assert!(asked.insert(signed().await));
    }
    let behind_our_back = signed().await;

    let record = aws.record().await;
    let told: Vec<Use> = cloudtrail::uses(record.as_bytes()).map(Result::unwrap).collect();
    assert!(told.iter().all(|one| one.key == key), "{told:?}");
    let told: Vec<&str> = told.iter().map(|one| one.request_id.as_str()).collect();
    assert_eq!(told.len(), 21);
    let unasked: Vec<&str> = told.into_iter().filter(|id| !asked.contains(*id)).collect();
    assert_eq!(unasked, [behind_our_back]);
}

#[tokio::test]
async fn a_list_that_is_cut_off_without_a_mark_is_no_list() {
    let Some(aws) = Aws::start().await else { return };
    aws.key("one").await;
    aws.key("two").await;
    let mut settings = aws.gate.settings("ADMINISTRATOR");
    settings.endpoint = Some(aws.service.url());
    let refused = KmsProvider::new(&settings).list_page(None, 1).await;
    assert!(matches!(refused, Err(ProviderError::Corrupted { .. })), "{refused:?}");
}

#[tokio::test]
async fn unknown_keys_and_aliases_are_unknown() {
    let Some(aws) = Aws::start().await else { return };
    let key = aws.key("somebody").await;
    let id = key.as_str().rsplit_once('/').unwrap().1;
    let nobody: KeyUri =
        key.as_str().replace(id, "00000000-0000-0000-0000-000000000000").parse().unwrap();
    let provider = aws.provider();
    let errors = [
        provider.sign(&nobody, HOW, MESSAGE).await.err(),
        provider.public_key(&nobody).await.err(),
        provider.state(&nobody).await.err(),
        provider.find(&"awskms:alias/nobody".parse().unwrap()).await.err(),
        aws.custody().disable(&nobody).await.err(),
        aws.custody().enable(&nobody).await.err(),
    ];
    for error in errors {
        assert!(matches!(error, Some(ProviderError::UnknownKey { .. })), "{error:?}");
    }
}

#[tokio::test]
async fn an_alias_is_found_and_does_not_sign() {
    let Some(aws) = Aws::start().await else { return };
    let first = aws.key("turning").await;
    let alias: KeyUri = "awskms:alias/turning".parse().unwrap();
    let provider = aws.provider();
    assert_eq!(provider.find(&alias).await.unwrap(), first);
    let second = aws.administer().rotate(&first).await.unwrap();
    assert_eq!(provider.find(&alias).await.unwrap(), second);
    assert_eq!(provider.find(&first).await.unwrap(), first);
    let refused = provider.sign(&alias, HOW, MESSAGE).await;
    assert!(matches!(refused, Err(ProviderError::BadUri { .. })), "{refused:?}");
    let refused = aws.custody().disable(&alias).await;
    assert!(matches!(refused, Err(ProviderError::BadUri { .. })), "{refused:?}");
    // By its id alone it is the same key.
    let id: KeyUri =
        format!("awskms:{}", first.as_str().rsplit_once('/').unwrap().1).parse().unwrap();
    let public = provider.public_key(&first).await.unwrap();
    let made = provider.sign(&id, HOW, MESSAGE).await.unwrap();
    public.verify(HOW, b"m", &made.bytes).unwrap();
    // The old key has no alias any more, and so none that could move.
    let refused = aws.administer().rotate(&first).await;
    assert!(matches!(refused, Err(ProviderError::BadUri { .. })), "{refused:?}");
}

#[tokio::test]
async fn two_that_create_one_name_at_once_do_not_share_a_key() {
    let Some(aws) = Aws::start().await else { return };
    let administer = aws.administer();
    for round in 0..5 {
        let name = format!("raced-{round}");
        let create = || administer.create(&name, KeyAlgorithm::EcP256);
        let made = tokio::join!(create(), create(), create());
        let won = [made.0, made.1, made.2].into_iter().filter_map(Result::ok).collect::<Vec<_>>();
        let [won] = &won[..] else { panic!("{won:?}") };
        let alias = format!("awskms:alias/{name}").parse().unwrap();
        assert_eq!(administer.find(&alias).await.unwrap(), *won);
        for key in administer.list().await.unwrap() {
            let state = administer.state(&key).await.unwrap();
            assert!(key == *won || state == KeyState::DestructionScheduled, "{key} {state:?}");
        }
        administer.schedule_destruction(won, Duration::ZERO).await.unwrap();
    }
}

#[tokio::test]
async fn the_signing_key_signs_and_does_nothing_else() {
    let Some(aws) = Aws::start().await else { return };
    let key = aws.key("only-signs").await;
    let provider = aws.provider();
    provider.sign(&key, HOW, MESSAGE).await.unwrap();
    let refusals = [
        provider.disable(&key).await.err(),
        provider.rotate(&key).await.err(),
        provider.schedule_destruction(&key, Duration::ZERO).await.err(),
        provider.cancel_destruction(&key).await.err(),
        provider.create("another", KeyAlgorithm::EcP256).await.err(),
        KmsProvider::new(&aws.gate.settings("CUSTODIAN")).sign(&key, HOW, MESSAGE).await.err(),
    ];
    for refused in refusals {
        assert!(matches!(refused, Some(ProviderError::CredentialRefused { .. })), "{refused:?}");
    }
    // It may not read the policy, and says what it may.
    assert!(provider.attributes(&key).await.unwrap().policy.is_none());
    let told = aws.administer().attributes(&key).await.unwrap();
    assert!(told.policy.unwrap().contains("kms:*") && told.created.is_some());
    let disabling = KmsCustody::new(&aws.gate.settings("DISABLER"));
    disabling.disable(&key).await.unwrap();
    assert!(disabling.enable(&key).await.is_err());
    let gone = KmsProvider::new(&aws.gate.settings("NOBODY")).state(&key).await.unwrap_err();
    assert!(matches!(gone, ProviderError::CredentialRefused { .. }), "{gone:?}");
    assert_eq!(gone.code("awskms"), "awskms:UnrecognizedClientException");
}

#[tokio::test]
async fn a_scheduled_destruction_has_its_day_and_can_still_be_disabled() {
    let Some(aws) = Aws::start().await else { return };
    let (key, administer) = (aws.key("ending").await, aws.administer());
    let ten_days = Duration::from_hours(10 * 24);
    let day = administer.schedule_destruction(&key, ten_days).await.unwrap();
    let told = administer.attributes(&key).await.unwrap();
    assert_eq!(told.state, KeyState::DestructionScheduled);
    assert_eq!(told.destroyed_at, Some(day));
    let created = told.created.unwrap();
    let wait = day.as_millis() - created.as_millis();
    let wanted = i64::try_from(ten_days.as_millis()).unwrap();
    assert!((wait - wanted).abs() < 60_000, "{wait} ms");
    let refused = aws.provider().sign(&key, HOW, MESSAGE).await;
    assert!(matches!(refused, Err(ProviderError::Disabled { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_long_message_is_refused_unsent_where_it_cannot_be_hashed_before() {
    let Some(aws) = Aws::start().await else { return };
    let administer = aws.administer();
    let long = vec![7; 4097];
    let key = administer.create("ed", KeyAlgorithm::Ed25519).await.unwrap();
    let provider = aws.provider();
    let how = SignatureAlgorithm::Ed25519;
    let refused = provider.sign(&key, how, ToSign::Message(&long)).await;
    assert!(matches!(refused, Err(ProviderError::MessageTooLong { .. })), "{refused:?}");
    assert_eq!(aws.gate.calls("Sign"), 0);
    let made = provider.sign(&key, how, ToSign::Message(&long[1..])).await.unwrap();
    provider.public_key(&key).await.unwrap().verify(how, &long[1..], &made.bytes).unwrap();
    let key = aws.key("ec").await;
    let made = provider.sign(&key, HOW, ToSign::Message(&long)).await.unwrap();
    provider.public_key(&key).await.unwrap().verify(HOW, &long, &made.bytes).unwrap();
}

#[tokio::test]
async fn rsa_keys_sign_with_pss_too() {
    let Some(aws) = Aws::start().await else { return };
    let key = aws.administer().create("pss", KeyAlgorithm::Rsa2048).await.unwrap();
    let provider = aws.provider();
    let public = provider.public_key(&key).await.unwrap();
    for (how, length) in [
        (SignatureAlgorithm::RsaPssSha256, 32),
        (SignatureAlgorithm::RsaPssSha384, 48),
        (SignatureAlgorithm::RsaPssSha512, 64),
    ] {
        let made = provider.sign(&key, how, MESSAGE).await.unwrap();
        public.verify(how, b"m", &made.bytes).unwrap();
        assert!(provider.verify(&key, how, MESSAGE, &made.bytes).await.unwrap());
        assert!(!provider.verify(&key, how, ToSign::Message(b"n"), &made.bytes).await.unwrap());
        let short = vec![7; length - 1];
        let refused = provider.sign(&key, how, ToSign::Digest(&short)).await;
        assert!(matches!(refused, Err(ProviderError::WrongDigest { .. })), "{refused:?}");
    }
}

#[tokio::test]
async fn throttling_is_told_apart_and_nothing_is_tried_twice() {
    let Some(aws) = Aws::start().await else { return };
    let key = aws.key("throttled").await;
    let body = r#"{"__type":"ThrottlingException","message":"You have exceeded the rate at which you may call KMS."}"#;
    let error = aws.refusal(&key, Fault::Answer("400 Bad Request\r\nretry-after: 2", body)).await;
    let ProviderError::Throttled { retry_after, answer } = &error else { panic!("{error:?}") };
    assert_eq!(*retry_after, Some(Duration::from_secs(2)));
    assert_eq!(answer.request_id.as_ref().unwrap().as_str(), "r-gate");
    assert_eq!(error.code("awskms"), "awskms:ThrottlingException");
    assert!(!error.may_have_signed() && error.may_pass());
    let error = aws.refusal(&key, Fault::Answer("429 Too Many Requests", "slow")).await;
    assert!(matches!(error, ProviderError::Throttled { .. }), "{error:?}");
    assert_eq!(aws.gate.calls("Sign"), 2);
}

#[tokio::test]
async fn what_fails_inside_or_answers_nothing_may_have_signed_and_is_not_tried_twice() {
    let Some(aws) = Aws::start().await else { return };
    let key = aws.key("failing").await;
    let inside = r#"{"__type":"KMSInternalException","message":"try again"}"#;
    let another = r#"{"KeyId":"arn:aws:kms:us-east-1:000000000000:key/another","Signature":"AAAA","SigningAlgorithm":"ECDSA_SHA_256"}"#;
    let faults: [(Fault, Is); 7] = [
        (Fault::Silence, |e| matches!(e, ProviderError::Late { .. })),
        (Fault::Cut, |e| matches!(e, ProviderError::Interrupted)),
        (Fault::Answer("500 Oops", inside), |e| matches!(e, ProviderError::Faulted { .. })),
        (Fault::Answer("503 Oops", "oops"), |e| matches!(e, ProviderError::Faulted { .. })),
        (Fault::Answer("200 OK", "{\"Si"), |e| matches!(e, ProviderError::Corrupted { .. })),
        (Fault::Answer("200 OK", "{}"), |e| matches!(e, ProviderError::AnotherKey { .. })),
        (Fault::Answer("200 OK", another), |e| matches!(e, ProviderError::AnotherKey { .. })),
    ];
    for (count, (fault, is)) in faults.into_iter().enumerate() {
        let error = aws.refusal(&key, fault).await;
        assert!(is(&error), "{fault:?}: {error:?}");
        assert!(error.may_have_signed(), "{fault:?}: {error:?}");
        assert_eq!(aws.gate.calls("Sign"), count + 1, "{fault:?}");
    }
}

#[tokio::test]
async fn expired_and_refused_credentials_certainly_did_not_sign() {
    let Some(aws) = Aws::start().await else { return };
    let key = aws.key("expired").await;
    let expired = r#"{"__type":"ExpiredTokenException","message":"The security token included in the request is expired"}"#;
    let error = aws.refusal(&key, Fault::Answer("400 Bad Request", expired)).await;
    assert!(matches!(error, ProviderError::CredentialExpired { .. }), "{error:?}");
    assert!(!error.may_have_signed());
    let unknown = r#"{"__type":"SomethingNewException","message":"no"}"#;
    let error = aws.refusal(&key, Fault::Answer("400 Bad Request", unknown)).await;
    assert!(matches!(error, ProviderError::Refused { .. }), "{error:?}");
    assert!(!error.may_have_signed());
}

#[tokio::test]
async fn a_service_that_is_down_certainly_did_not_sign() {
    let Some(mut aws) = Aws::start().await else { return };
    let key = aws.key("down").await;
    let mut settings = aws.gate.settings("SIGNER");
    settings.endpoint = Some(aws.service.url());
    let provider = KmsProvider::new(&settings);
    provider.sign(&key, HOW, MESSAGE).await.unwrap();
    aws.service.service.kill();
    let refused = provider.sign(&key, HOW, MESSAGE).await.unwrap_err();
    // The kept connection may have carried the call before it was found dead.
    assert!(matches!(refused, ProviderError::Unreachable(_) | ProviderError::Interrupted));
    let refused = KmsProvider::new(&settings).state(&key).await.unwrap_err();
    assert!(matches!(refused, ProviderError::Unreachable(_)), "{refused:?}");
    assert!(!refused.may_have_signed() && refused.may_pass());
}

/// Runs one of the tests below in a process of its own, with nothing of AWS in its environment but
/// what is given.
fn in_an_environment(test: &str, variables: &[(&str, &str)]) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--ignored", "--nocapture"]);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AWS_")) {
        command.env_remove(name);
    }
    let none = ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"];
    command.envs(none.map(|name| (name, "/nonexistent"))).env("AWS_EC2_METADATA_DISABLED", "true");
    let output = command.envs(variables.iter().copied()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test]
async fn the_vendors_variables_say_where_and_who() {
    let Some(aws) = Aws::start().await else { return };
    let key = aws.key("by-environment").await;
    let endpoint = format!("http://{}", aws.gate.address);
    // The gate goes on while the other process is waited for.
    let run = tokio::task::spawn_blocking(move || {
        let variables = [
            ("AWS_ENDPOINT_URL", endpoint.as_str()),
            ("AWS_ACCESS_KEY_ID", "SIGNER"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("SKINK_TEST_KEY", key.as_str()),
        ];
        in_an_environment("awskms::signs_by_its_environment", &variables);
    });
    run.await.unwrap();
    assert_eq!(aws.gate.calls("Sign"), 1);
}

#[tokio::test]
#[ignore = "run by another test, in an environment of its own"]
async fn signs_by_its_environment() {
    let key: KeyUri = std::env::var("SKINK_TEST_KEY").unwrap().parse().unwrap();
    // The region is in the key's ARN.
    let provider = skink_signer::open(&key, None).unwrap();
    let made = provider.sign(&key, HOW, MESSAGE).await.unwrap();
    assert!(made.request_id.is_some());
    provider.public_key(&key).await.unwrap().verify(HOW, b"m", &made.bytes).unwrap();
}

#[test]
fn without_credentials_nothing_is_sent() {
    in_an_environment("awskms::has_no_credentials", &[("AWS_ENDPOINT_URL", "http://127.0.0.1:9")]);
}

#[tokio::test]
#[ignore = "run by another test, in an environment of its own"]
async fn has_no_credentials() {
    let key: KeyUri = "awskms:arn:aws:kms:us-east-1:000000000000:key/a".parse().unwrap();
    let settings = KmsSettings::of_uri(&key, None).unwrap();
    let error = KmsProvider::new(&settings).state(&key).await.unwrap_err();
    assert!(matches!(error, ProviderError::NotConfigured { .. }), "{error:?}");
    // Without a region the vendor's client has no place to go to.
    let nowhere: KeyUri = "awskms:alias/a".parse().unwrap();
    let error = skink_signer::open(&nowhere, None).unwrap().find(&nowhere).await.unwrap_err();
    assert!(matches!(error, ProviderError::NotConfigured { .. }), "{error:?}");
}
