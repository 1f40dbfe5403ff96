//! Every provider of symmetric keys: what it must do, wherever it is.

use std::sync::Arc;

use skink_signer::encryption::{Context, Crossing, EncryptionProvider, Opened, Plaintext, Turned};
use skink_signer::{KeyUri, ProviderError};
use zeroize::Zeroizing;

/// What a provider has and others lack.
pub(crate) struct Traits {
    /// A context that it takes, and one that it does not.
    pub(crate) context: Context,
    pub(crate) other_kind: Context,
    /// Whether the service looks at which key a ciphertext is under; ministack does not.
    pub(crate) tells_keys_apart: bool,
}

pub(crate) fn plain(text: &str) -> Plaintext {
    Plaintext::new(Zeroizing::new(text.as_bytes().to_vec()))
}

pub(crate) async fn opens(
    provider: &dyn EncryptionProvider,
    key: &KeyUri,
    ciphertext: &[u8],
    context: &Context,
) -> Result<String, ProviderError> {
    let opened = provider.decrypt(key, ciphertext, context).await?;
    Ok(String::from_utf8(opened.expose().to_vec()).unwrap())
}

fn is_foreign<T: std::fmt::Debug>(result: &Result<T, ProviderError>) -> bool {
    matches!(result, Err(ProviderError::ForeignCiphertext { .. }))
}

/// What every provider does alike.
pub(crate) async fn conforms(provider: &dyn EncryptionProvider, traits: &Traits) {
    let none = &Context::None;
    let key = provider.create("conforms-1").await.unwrap();
    let other = provider.create("conforms-2").await.unwrap();
    assert_eq!(provider.find(&key).await.unwrap(), key);
    let again = provider.create("conforms-1").await;
    assert!(matches!(again, Err(ProviderError::NameTaken { .. })), "{again:?}");

    let one = provider.encrypt(&key, &plain("words"), none).await.unwrap();
    let two = provider.encrypt(&key, &plain("words"), none).await.unwrap();
    assert_ne!(one.ciphertext, two.ciphertext);
    assert_eq!(one.key, key);
    assert_eq!(opens(provider, &key, &one.ciphertext, none).await.unwrap(), "words");
    let foreign = provider.decrypt(&other, &one.ciphertext, none).await;
    assert!(is_foreign(&foreign) || !traits.tells_keys_apart, "{foreign:?}");
    for rubbish in [&b"rubbish"[..], b"\x00\x01", b"vault:v1:AAAA"] {
        let refused = provider.decrypt(&key, rubbish, none).await;
        assert!(is_foreign(&refused), "{refused:?}");
    }

    let with = provider.encrypt(&key, &plain("with"), &traits.context).await.unwrap();
    let opened = opens(provider, &key, &with.ciphertext, &traits.context).await;
    assert_eq!(opened.unwrap(), "with");
    let without = provider.decrypt(&key, &with.ciphertext, none).await;
    assert!(is_foreign(&without), "{without:?}");
    let refused = provider.encrypt(&key, &plain("with"), &traits.other_kind).await;
    assert!(matches!(refused, Err(ProviderError::BadContext { .. })), "{refused:?}");

    let (data_key, wrapped) = provider.data_key(&key, &traits.context).await.unwrap();
    assert_eq!(data_key.expose().len(), 32);
    let unwrapped = provider.decrypt(&key, &wrapped.ciphertext, &traits.context).await.unwrap();
    assert!(unwrapped.is_same(&data_key));

    let limit = provider.longest_plaintext();
    let long = Plaintext::new(Zeroizing::new(vec![0; limit + 1]));
    let refused = provider.encrypt(&key, &long, none).await;
    assert!(matches!(refused, Err(ProviderError::PlaintextTooLong { .. })), "{refused:?}");
}

/// From one key to another, ciphertexts of neither between them.
pub(crate) async fn crosses(
    provider: Arc<dyn EncryptionProvider>,
    context: Context,
    in_service: bool,
) {
    let from = provider.create("crosses-1").await.unwrap();
    let to = provider.create("crosses-2").await.unwrap();
    let third = provider.create("crosses-3").await.unwrap();
    let encrypt = async |key: &KeyUri, text: &str| {
        provider.encrypt(key, &plain(text), &context).await.unwrap().ciphertext
    };
    let old = encrypt(&from, "old").await;
    let (new, foreign) = (encrypt(&to, "new").await, encrypt(&third, "foreign").await);
    for compare in [false, true] {
        let ends = [from.clone(), to.clone()].map(|key| (Arc::clone(&provider), key));
        let [one, other] = ends;
        let crossing = Crossing::new(one, other, context.clone(), compare);
        assert_eq!(crossing.stays_in_service(), in_service);
        let turned = crossing.turn(&[&old, b"", &new, &foreign]).await.unwrap();
        let [
            Ok(Turned::New(made, how)),
            Ok(Turned::Foreign),
            Ok(Turned::Already),
            Ok(Turned::Foreign),
        ] = &turned[..]
        else {
            panic!("{turned:?}");
        };
        let wanted = if compare || !in_service { Opened::Compared } else { Opened::InService };
        assert_eq!(*how, wanted);
        assert_eq!(opens(provider.as_ref(), &to, &made.ciphertext, &context).await.unwrap(), "old");
        assert_eq!(made.key, to);
    }
}
