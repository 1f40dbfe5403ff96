//! A real SoftHSM.
//!
//! Its library reads the environment and its configuration once in a process; so every test runs
//! itself again as a process of its own, with a token of its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use skink_signer::conformance::{self, Call, Destroyed, Subject};
use skink_signer::pkcs11::{Pkcs11Custody, Pkcs11Provider, Pkcs11Settings};
use skink_signer::{Credential, Custody, KeyProvider, KeyState, KeyUri, ProviderError, ToSign};
use skink_x509::{KeyAlgorithm, SignatureAlgorithm};

use skink_testkit::SoftHsm;

const HOW: SignatureAlgorithm = SignatureAlgorithm::EcdsaSha256;
const MESSAGE: ToSign<'static> = ToSign::Message(b"m");

/// Gives the test a token: in the process that the test runner started, by starting the test of
/// this name once more with a fresh token, and nothing else.
fn token(test: &str) -> Option<Token> {
    let pin = Credential::from_text(SoftHsm::PIN);
    let settings = Pkcs11Settings::new(SoftHsm::module()?, "skink", pin);
    if let Some(file) = std::env::var_os(SoftHsm::CONFIGURATION) {
        return Some(Token { settings, store: SoftHsm::store_beside(Path::new(&file)) });
    }
    let fresh = SoftHsm::init("skink")?;
    let again = Command::new(std::env::current_exe().unwrap())
        .args([&format!("pkcs11::{test}"), "--exact", "--nocapture"])
        .env(SoftHsm::CONFIGURATION, fresh.configuration())
        .output()
        .unwrap();
    let said = [again.stdout, again.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    // Its exit code counts for nothing: stopped twice, SoftHSM crashes when the process ends.
    assert!(said.contains("1 passed; 0 failed"), "{said}");
    None
}

struct Token {
    settings: Pkcs11Settings,
    /// The directory that stands for the token's hardware.
    store: PathBuf,
}

impl Token {
    fn provider(&self) -> Pkcs11Provider {
        Pkcs11Provider::new(&self.settings).unwrap()
    }

    async fn key(&self, name: &str) -> KeyUri {
        self.provider().create(name, KeyAlgorithm::EcP256).await.unwrap()
    }
}

#[async_trait]
impl Subject for Token {
    fn open(&self) -> Arc<dyn KeyProvider> {
        Arc::new(self.provider())
    }
    fn custody(&self) -> Arc<dyn Custody> {
        Arc::new(Pkcs11Custody::new(Arc::new(self.provider())))
    }
    fn algorithms(&self) -> Vec<KeyAlgorithm> {
        KeyAlgorithm::GENERATED.into_iter().chain([KeyAlgorithm::EcP521]).collect()
    }
    fn lacks(&self) -> &'static [Call] {
        &[Call::Rotate, Call::ScheduleDestruction, Call::Enable]
    }
    fn destroyed(&self) -> Destroyed {
        Destroyed::Remembered
    }
    async fn enable_with_signing_credential(&self, key: &KeyUri) -> Result<(), ProviderError> {
        self.custody().enable(key).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn softhsm_conforms() {
    let Some(token) = token("softhsm_conforms") else { return };
    if let Err(departure) = conformance::check(&token).await {
        panic!("{}", conformance::explain(&departure));
    }
}

/// Whoever has the PIN has every call of the library; none of them brings a disabled key back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pin_brings_no_disabled_key_back() {
    use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
    use cryptoki::object::{Attribute, ObjectClass};
    use cryptoki::session::UserType;

    let Some(token) = token("the_pin_brings_no_disabled_key_back") else { return };
    let key = token.key("stolen").await;
    token.provider().disable(&key).await.unwrap();

    let library = Pkcs11::new(&token.settings.module).unwrap();
    let _ = library.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK));
    let slot = library.get_slots_with_initialized_token().unwrap()[0];
    let thief = library.open_rw_session(slot).unwrap();
    let _ = thief.login(UserType::User, Some(&SoftHsm::PIN.to_owned().into()));
    let wanted = [Attribute::Class(ObjectClass::PRIVATE_KEY), Attribute::Label(b"stolen".to_vec())];
    let found = thief.find_objects(&wanted).unwrap();
    assert_eq!(found.len(), 1, "one private object, and it does not sign");
    assert!(thief.update_attributes(found[0], &[Attribute::Sign(true)]).is_err());
    assert!(thief.update_attributes(found[0], &[Attribute::Modifiable(true)]).is_err());
    assert!(thief.copy_object(found[0], &[Attribute::Sign(true)]).is_err());
    let refused = token.provider().sign(&key, HOW, MESSAGE).await;
    assert!(matches!(refused, Err(ProviderError::Disabled { .. })), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_that_were_closed_are_opened_anew() {
    use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};

    let Some(token) = token("sessions_that_were_closed_are_opened_anew") else { return };
    let key = token.key("idle").await;
    let provider = token.provider();
    provider.sign(&key, HOW, MESSAGE).await.unwrap();
    // What a module does to a session that was idle for too long, seen from outside.
    let flags = CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK);
    for _ in 0..3 {
        // Everything that was open is closed.
        Pkcs11::new(&token.settings.module).unwrap().finalize().unwrap();
        Pkcs11::new(&token.settings.module).unwrap().initialize(flags).unwrap();
        provider.sign(&key, HOW, MESSAGE).await.unwrap();
        assert_eq!(provider.state(&key).await.unwrap(), KeyState::Enabled);
    }
    // Somebody else in this process logs the token out.
    let library = Pkcs11::new(&token.settings.module).unwrap();
    let slot = library.get_slots_with_initialized_token().unwrap()[0];
    library.open_rw_session(slot).unwrap().logout().unwrap();
    assert_eq!(provider.state(&key).await.unwrap(), KeyState::Enabled);
    provider.sign(&key, HOW, MESSAGE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_taken_away_stops_its_keys_until_it_is_back() {
    let test = "a_token_taken_away_stops_its_keys_until_it_is_back";
    let Some(token) = token(test) else { return };
    let key = token.key("away").await;
    let provider = token.provider();
    provider.sign(&key, HOW, MESSAGE).await.unwrap();
    let away = token.store.with_file_name("away");
    std::fs::rename(&token.store, &away).unwrap();
    let refused = provider.sign(&key, HOW, MESSAGE).await.unwrap_err();
    assert!(!refused.may_have_signed(), "{refused:?}");
    std::fs::rename(&away, &token.store).unwrap();
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    // Several in a row, so that no session is left out.
    let mut well = 0;
    while well < 5 {
        assert!(std::time::Instant::now() < deadline, "it does not come back");
        match provider.sign(&key, HOW, MESSAGE).await {
            Ok(_) => well += 1,
            Err(error) => {
                assert!(!error.may_have_signed(), "{error:?}");
                well = 0;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_pin_is_tried_once_and_does_not_lock_the_token() {
    let test = "a_wrong_pin_is_tried_once_and_does_not_lock_the_token";
    let Some(token) = token(test) else { return };
    let mut wrong = token.settings.clone();
    wrong.pin = Credential::from_text("000000");
    let provider = Pkcs11Provider::new(&wrong).unwrap();
    for _ in 0..20 {
        let refused = provider.list().await.unwrap_err();
        assert!(matches!(refused, ProviderError::CredentialRefused { .. }), "{refused:?}");
    }
    let key = token.key("unlocked").await;
    token.provider().sign(&key, HOW, MESSAGE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_is_not_there_is_absent() {
    let Some(token) = token("a_token_that_is_not_there_is_absent") else { return };
    let mut elsewhere = token.settings.clone();
    elsewhere.token = "another".to_owned();
    let refused = Pkcs11Provider::new(&elsewhere).unwrap().list().await.unwrap_err();
    assert!(matches!(refused, ProviderError::TokenAbsent { .. }), "{refused:?}");
    assert_eq!(refused.code("pkcs11"), "pkcs11:TokenNotPresent");
}
