//! Symmetric keys of Google Cloud KMS, by a service of our own.

use std::sync::Arc;

use serde_json::Value;
use skink_signer::encryption::{Context, Crossing, EncryptionProvider, Opened, Turned};
use skink_signer::gcpkms::GcpKmsEncryption;
use skink_signer::{KeyUri, ProviderError};

use crate::encryption::{Traits, conforms, crosses, opens, plain};
use crate::gcpkms::Gcp;

fn provider(gcp: &Gcp) -> GcpKmsEncryption {
    GcpKmsEncryption::new(&gcp.settings("ADMINISTRATOR"))
}

fn aad() -> Context {
    Context::Bytes(b"row-17".to_vec())
}

#[tokio::test]
async fn google_encrypts() {
    let gcp = Gcp::start().await;
    let other_kind = Context::Pairs([("a".to_owned(), "b".to_owned())].into());
    let traits = Traits { context: aad(), other_kind, tells_keys_apart: true };
    conforms(&provider(&gcp), &traits).await;
    crosses(Arc::new(provider(&gcp)), aad(), false).await;
}

#[tokio::test]
async fn a_rotated_key_goes_over_and_its_old_versions_are_retired() {
    let gcp = Gcp::start().await;
    let provider = Arc::new(provider(&gcp));
    let first = provider.create("turning").await.unwrap();
    let (name, _) = first.as_str().split_once("/cryptoKeyVersions/").unwrap();
    let whole: KeyUri = name.parse().unwrap();
    let old = provider.encrypt(&whole, &plain("words"), &aad()).await.unwrap();
    assert_eq!(old.key, first);
    let second = provider.rotate(&whole).await.unwrap();
    assert_eq!(provider.find(&whole).await.unwrap(), second);
    let new = provider.encrypt(&whole, &plain("newer"), &aad()).await.unwrap();
    let ends =
        |key: &KeyUri| -> (Arc<dyn EncryptionProvider>, KeyUri) { (provider.clone(), key.clone()) };
    let crossing = Crossing::new(ends(&whole), ends(&second), aad(), false);
    let turned = crossing.turn(&[&old.ciphertext, &new.ciphertext]).await.unwrap();
    let [Ok(Turned::New(made, Opened::Compared)), Ok(Turned::Already)] = &turned[..] else {
        panic!("{turned:?}");
    };
    assert_eq!(made.key, second);
    provider.retire(&second).await.unwrap();
    assert_eq!(opens(provider.as_ref(), &whole, &made.ciphertext, &aad()).await.unwrap(), "words");
    let refused = provider.decrypt(&whole, &old.ciphertext, &aad()).await;
    assert!(refused.is_err_and(|error| !matches!(error, ProviderError::ForeignCiphertext { .. })));
}

#[tokio::test]
async fn what_is_changed_on_its_way_is_noticed() {
    let gcp = Gcp::start().await;
    let provider = provider(&gcp);
    let key = provider.create("mangled").await.unwrap();
    let made = provider.encrypt(&key, &plain("words"), &Context::None).await.unwrap();
    let changes: [fn(&mut Value); 3] = [
        |answer| answer["verifiedPlaintextCrc32c"] = false.into(),
        |answer| answer["ciphertextCrc32c"] = "1".into(),
        |answer| answer["ciphertext"] = "AAAA".into(),
    ];
    for change in changes {
        gcp.fake.misencrypt("cryptoKeyVersions.useToEncrypt", change);
        let refused = provider.encrypt(&key, &plain("words"), &Context::None).await;
        assert!(matches!(refused, Err(ProviderError::Corrupted { .. })), "{refused:?}");
    }
    gcp.fake.misencrypt("cryptoKeyVersions.useToDecrypt", |answer| {
        answer["plaintext"] = "AAAA".into();
    });
    let refused = provider.decrypt(&key, &made.ciphertext, &Context::None).await;
    assert!(matches!(refused, Err(ProviderError::Corrupted { .. })), "{refused:?}");
}
