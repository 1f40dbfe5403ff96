use super::*;
use crate::conformance::{self, Call, Destroyed, Subject};

struct Software {
    dir: tempfile::TempDir,
    credential: Credential,
    enabling: EnablingCredential,
}

impl Software {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let credential = Credential::generate().unwrap();
        let (_, enabling) = SoftwareProvider::init(dir.path(), credential.clone()).unwrap();
        Self { dir, credential, enabling }
    }

    fn provider(&self) -> SoftwareProvider {
        SoftwareProvider::open(self.dir.path(), self.credential.clone()).unwrap()
    }

    fn files(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(self.dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

#[async_trait]
impl Subject for Software {
    fn open(&self) -> Arc<dyn KeyProvider> {
        Arc::new(self.provider())
    }
    fn algorithms(&self) -> Vec<KeyAlgorithm> {
        KeyAlgorithm::GENERATED.into_iter().chain(KeyAlgorithm::POST_QUANTUM).collect()
    }
    fn custody(&self) -> Arc<dyn Custody> {
        let enabling = EnablingCredential::from_text(&self.enabling.expose()).unwrap();
        Arc::new(SoftwareCustody::new(Arc::new(self.provider()), enabling))
    }
    fn signs_digests(&self, algorithm: KeyAlgorithm) -> bool {
        let whole = KeyAlgorithm::POST_QUANTUM.contains(&algorithm);
        algorithm != KeyAlgorithm::Ed25519 && !whole
    }
    fn lacks(&self) -> &'static [Call] {
        &[Call::Rotate, Call::ScheduleDestruction]
    }
    fn destroyed(&self) -> Destroyed {
        Destroyed::Remembered
    }
    async fn enable_with_signing_credential(&self, key: &KeyUri) -> Result<(), ProviderError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(self.credential.expose(), &mut bytes).unwrap();
        let guess = EnablingCredential::from_text(&hex::encode(bytes))?;
        self.provider().enable(key, &guess)
    }
}

#[tokio::test]
async fn conforms() {
    let subject = Software::new();
    if let Err(departure) = conformance::check(&subject).await {
        panic!("{}", conformance::explain(&departure));
    }
}

#[tokio::test]
async fn a_key_file_opens_with_openssl_and_the_credential_only() {
    let subject = Software::new();
    for algorithm in KeyAlgorithm::GENERATED {
        subject.provider().create(algorithm.as_str(), algorithm).await.unwrap();
        let file = subject.dir.path().join(format!("{algorithm}.key.pem"));
        let open = |credential: &str| {
            std::process::Command::new("openssl")
                .args(["pkey", "-noout", "-check", "-passin"])
                .arg(format!("pass:{credential}"))
                .arg("-in")
                .arg(&file)
                .output()
                .unwrap()
        };
        let output = open(subject.credential.expose());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(!open("0000").status.success());
    }
}

#[tokio::test]
async fn another_credential_opens_nothing() {
    let subject = Software::new();
    let key = subject.provider().create("a", KeyAlgorithm::EcP256).await.unwrap();
    let other = Credential::generate().unwrap();
    let provider = SoftwareProvider::open(subject.dir.path(), other).unwrap();
    let refused = provider.sign(&key, SignatureAlgorithm::EcdsaSha256, ToSign::Message(b"m")).await;
    assert!(matches!(refused, Err(ProviderError::WrongCredential { .. })));
}

#[tokio::test]
async fn disabling_leaves_nothing_that_the_signing_credential_opens() {
    let subject = Software::new();
    let provider = subject.provider();
    let key = provider.create("a", KeyAlgorithm::EcP256).await.unwrap();
    let plain = std::fs::read(subject.dir.path().join("a.key.pem")).unwrap();
    provider.disable(&key).await.unwrap();
    assert_eq!(subject.files(), ["a.disabled.json", "a.state.json", "provider.json"]);
    let sealed = std::fs::read(subject.dir.path().join("a.disabled.json")).unwrap();
    let body = &plain[40..120];
    assert!(!sealed.windows(body.len()).any(|window| window == body));
    let stranger = OpeningKey::generate().unwrap();
    assert!(provider.enable(&key, &EnablingCredential(stranger)).is_err());
}

/// The crash leaves the key file behind after the state says disabled.
#[tokio::test]
async fn a_crash_while_disabling_leaves_the_key_disabled() {
    let subject = Software::new();
    let provider = subject.provider();
    let key = provider.create("a", KeyAlgorithm::EcP256).await.unwrap();
    let file = subject.dir.path().join("a.key.pem");
    let plain = std::fs::read(&file).unwrap();
    provider.disable(&key).await.unwrap();
    std::fs::write(&file, plain).unwrap();
    let reopened = subject.provider();
    let refused = reopened.sign(&key, SignatureAlgorithm::EcdsaSha256, ToSign::Message(b"m")).await;
    assert!(matches!(refused, Err(ProviderError::Disabled { .. })));
    reopened.disable(&key).await.unwrap();
    assert!(!file.exists(), "disabling again finishes what was begun");
}

#[tokio::test]
async fn a_standby_signs_only_with_its_own_credential() {
    let subject = Software::new();
    let provider = subject.provider();
    let (key, credential) = provider.create_standby("s", KeyAlgorithm::EcP256).await.unwrap();
    let how = SignatureAlgorithm::EcdsaSha256;
    provider.sign(&key, how, ToSign::Message(b"csr")).await.unwrap();
    provider.lock(&key);
    assert_eq!(provider.state(&key).await.unwrap(), KeyState::Locked);
    for provider in [provider, subject.provider()] {
        let refused = provider.sign(&key, how, ToSign::Message(b"m")).await;
        assert!(matches!(refused, Err(ProviderError::Locked { .. })));
        let wrong = Credential::generate().unwrap();
        let refused = provider.adopt(&key, &wrong).await;
        assert!(matches!(refused, Err(ProviderError::WrongCredential { .. })));
    }
    subject.provider().adopt(&key, &credential).await.unwrap();
    subject.provider().adopt(&key, &credential).await.unwrap();
    subject.provider().sign(&key, how, ToSign::Message(b"m")).await.unwrap();
}

/// The crash leaves the key file under the provider's credential before the record says so.
#[tokio::test]
async fn a_crash_while_adopting_is_mended_by_adopting_again() {
    let subject = Software::new();
    let provider = subject.provider();
    let (key, credential) = provider.create_standby("s", KeyAlgorithm::EcP256).await.unwrap();
    let record = subject.dir.path().join("s.state.json");
    let before = std::fs::read(&record).unwrap();
    provider.adopt(&key, &credential).await.unwrap();
    std::fs::write(&record, before).unwrap();
    let reopened = subject.provider();
    let how = SignatureAlgorithm::EcdsaSha256;
    let refused = reopened.sign(&key, how, ToSign::Message(b"m")).await;
    assert!(matches!(refused, Err(ProviderError::Locked { .. })));
    reopened.adopt(&key, &credential).await.unwrap();
    subject.provider().sign(&key, how, ToSign::Message(b"m")).await.unwrap();
}

#[tokio::test]
async fn a_key_file_put_in_the_place_of_another_is_noticed() {
    let subject = Software::new();
    let provider = subject.provider();
    let key = provider.create("a", KeyAlgorithm::EcP256).await.unwrap();
    provider.create("b", KeyAlgorithm::EcP256).await.unwrap();
    let dir = subject.dir.path();
    std::fs::copy(dir.join("b.key.pem"), dir.join("a.key.pem")).unwrap();
    let refused =
        subject.provider().sign(&key, SignatureAlgorithm::EcdsaSha256, ToSign::Message(b"m")).await;
    assert!(matches!(refused, Err(ProviderError::Damaged { .. })));
}

#[cfg(unix)]
#[tokio::test]
async fn files_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let subject = Software::new();
    subject.provider().create("a", KeyAlgorithm::EcP256).await.unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(subject.dir.path()), 0o700);
    for name in subject.files() {
        assert_eq!(mode(&subject.dir.path().join(&name)), 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_provider_is_not_begun_twice_in_one_directory() {
    let subject = Software::new();
    let again = SoftwareProvider::init(subject.dir.path(), Credential::generate().unwrap());
    assert!(again.is_err());
    let empty = tempfile::tempdir().unwrap();
    assert!(SoftwareProvider::open(empty.path(), subject.credential.clone()).is_err());
}

#[tokio::test]
async fn no_secret_shows_in_debug_output_or_errors() {
    let subject = Software::new();
    let provider = subject.provider();
    let shown = format!("{provider:?} {:?} {:?}", subject.credential, subject.enabling);
    assert!(!shown.contains(subject.credential.expose()));
    assert!(!shown.contains(subject.enabling.expose().as_str()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_several_who_make_one_name_at_once_one_does_and_his_key_stays() {
    let software = Software::new();
    let made = futures_util::future::join_all((0..8).map(|_| {
        let provider = software.provider();
        tokio::spawn(async move { provider.create("issuer", KeyAlgorithm::EcP256).await })
    }))
    .await;
    let (made, refused): (Vec<_>, Vec<_>) =
        made.into_iter().map(Result::unwrap).partition(Result::is_ok);
    assert_eq!(made.len(), 1);
    for error in refused {
        assert!(matches!(error, Err(ProviderError::NameTaken { .. })), "{error:?}");
    }

    let (provider, key) = (software.provider(), named("issuer").unwrap());
    let public_key = provider.public_key(&key).await.unwrap();
    let algorithm = SignatureAlgorithm::EcdsaSha256;
    let message = ToSign::Message(b"whose key is it");
    let signed = provider.sign_checked(&key, algorithm, message).await.unwrap();
    let verifying = VerifyingKey::new(&public_key, algorithm).unwrap();
    verifying.verify(message, &signed.bytes).unwrap();
}
