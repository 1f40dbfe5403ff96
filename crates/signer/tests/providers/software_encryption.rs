//! Symmetric keys in files.

use std::sync::Arc;

use skink_signer::encryption::{Context, EncryptionProvider as _};
use skink_signer::{Credential, ProviderError, SoftwareEncryption};

use crate::encryption::{Traits, conforms, crosses, plain};

fn aad() -> Context {
    Context::Bytes(b"row-17".to_vec())
}

#[tokio::test]
async fn software_encrypts() {
    let dir = tempfile::tempdir().unwrap();
    let credential = Credential::generate().unwrap();
    let provider = SoftwareEncryption::new(dir.path(), credential.clone());
    let other_kind = Context::Pairs([("a".to_owned(), "b".to_owned())].into());
    conforms(&provider, &Traits { context: aad(), other_kind, tells_keys_apart: true }).await;
    crosses(Arc::new(SoftwareEncryption::new(dir.path(), credential)), aad(), false).await;
}

#[tokio::test]
async fn a_retired_version_opens_nothing_and_the_credential_is_needed() {
    let dir = tempfile::tempdir().unwrap();
    let provider = SoftwareEncryption::new(dir.path(), Credential::generate().unwrap());
    let first = provider.create("k").await.unwrap();
    let old = provider.encrypt(&first, &plain("words"), &Context::None).await.unwrap();
    let second = provider.rotate(&first).await.unwrap();
    assert_eq!(provider.find(&"software:k".parse().unwrap()).await.unwrap(), second);
    provider.decrypt(&first, &old.ciphertext, &Context::None).await.unwrap();
    let stranger = SoftwareEncryption::new(dir.path(), Credential::generate().unwrap());
    let refused = stranger.decrypt(&first, &old.ciphertext, &Context::None).await;
    assert!(matches!(refused, Err(ProviderError::WrongCredential { .. })), "{refused:?}");
    provider.retire(&second).await.unwrap();
    let refused = provider.decrypt(&first, &old.ciphertext, &Context::None).await;
    assert!(matches!(refused, Err(ProviderError::Refused { .. })), "{refused:?}");
}
