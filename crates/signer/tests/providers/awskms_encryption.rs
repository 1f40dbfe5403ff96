//! Symmetric keys of AWS KMS: by ministack, and what that lacks (`ReEncrypt`, `RotateKeyOnDemand`) by
//! moto.

use std::sync::Arc;

use skink_signer::awskms::{KmsEncryption, KmsSettings};
use skink_signer::encryption::{Context, Crossing, EncryptionProvider, Turned};
use skink_signer::{Credential, ProviderError};
use skink_testkit::{Ministack, Moto};

use crate::encryption::{Traits, conforms, crosses, opens, plain};

fn provider(url: String) -> KmsEncryption {
    let credential = Credential::from_text("test:test");
    let mut settings = KmsSettings::from_environment().with_access_key(&credential).unwrap();
    settings.endpoint = Some(url);
    settings.region = Some("us-east-1".to_owned());
    KmsEncryption::new(&settings)
}

fn pairs() -> Context {
    Context::Pairs([("row".to_owned(), "17".to_owned())].into())
}

#[tokio::test]
async fn ministack_encrypts() {
    let Some(service) = Ministack::start() else { return };
    let provider = provider(service.url());
    let other_kind = Context::Bytes(b"aad".to_vec());
    let traits = Traits { context: pairs(), other_kind, tells_keys_apart: false };
    conforms(&provider, &traits).await;
    let lacking = provider.retire(&"awskms:alias/conforms-1".parse().unwrap()).await;
    assert!(matches!(lacking, Err(ProviderError::Unsupported { .. })), "{lacking:?}");
}

#[tokio::test]
async fn the_service_turns_a_ciphertext_by_itself() {
    let Some(service) = Moto::start() else { return };
    crosses(Arc::new(provider(service.url())), Context::None, true).await;
}

#[tokio::test]
async fn a_key_goes_on_under_its_name_after_a_rotation() {
    let Some(service) = Moto::start() else { return };
    let provider = Arc::new(provider(service.url()));
    let key = provider.create("rotated").await.unwrap();
    let old = provider.encrypt(&key, &plain("words"), &pairs()).await.unwrap();
    let alias = "awskms:alias/rotated".parse().unwrap();
    assert_eq!(provider.rotate(&alias).await.unwrap(), key);
    assert!(provider.renews_in_place());
    let ends = || {
        let provider: Arc<dyn EncryptionProvider> = provider.clone();
        (provider, key.clone())
    };
    let crossing = Crossing::new(ends(), ends(), pairs(), false);
    let turned = crossing.turn(&[&old.ciphertext]).await.unwrap();
    let [Ok(Turned::New(made, _))] = &turned[..] else { panic!("{turned:?}") };
    assert_ne!(made.ciphertext, old.ciphertext);
    let opened = opens(provider.as_ref(), &alias, &made.ciphertext, &pairs()).await;
    assert_eq!(opened.unwrap(), "words");
}
