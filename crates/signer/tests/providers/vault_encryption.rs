//! Symmetric keys of a real `OpenBao`.

use std::sync::Arc;

use skink_signer::encryption::{Context, Crossing, EncryptionProvider, Opened, Plaintext, Turned};
use skink_signer::vault::{VaultAdministrator, VaultEncryption, VaultSettings};
use skink_signer::{Credential, KeyProvider as _, KeyUri, ProviderError};
use skink_testkit::OpenBao;
use skink_x509::KeyAlgorithm;
use zeroize::Zeroizing;

use crate::encryption::{Traits, conforms, crosses, opens, plain};

async fn start() -> Option<(OpenBao, VaultSettings)> {
    let server = OpenBao::start()?;
    let root = VaultSettings::new(&server.url(), Credential::from_text(OpenBao::TOKEN));
    VaultAdministrator::new(&root).unwrap().mount_engine().await.unwrap();
    Some((server, root))
}

fn aad() -> Context {
    Context::Bytes(b"row-17".to_vec())
}

#[tokio::test]
async fn openbao_encrypts() {
    let Some((_server, root)) = start().await else { return };
    let provider = VaultEncryption::new(&root).unwrap();
    let other_kind = Context::Pairs([("a".to_owned(), "b".to_owned())].into());
    conforms(&provider, &Traits { context: aad(), other_kind, tells_keys_apart: true }).await;
    let longest = Plaintext::new(Zeroizing::new(vec![7; provider.longest_plaintext()]));
    let key: KeyUri = "vault:transit/conforms-1".parse().unwrap();
    let made = provider.encrypt(&key, &longest, &Context::None).await.unwrap();
    let back = provider.decrypt(&key, &made.ciphertext, &Context::None).await.unwrap();
    assert!(back.is_same(&longest));
    // The service would make a key that is not there.
    let missing: KeyUri = "vault:transit/missing".parse().unwrap();
    let refused = provider.encrypt(&missing, &plain("x"), &Context::None).await;
    assert!(matches!(refused, Err(ProviderError::UnknownKey { .. })), "{refused:?}");
    let signing = skink_signer::vault::VaultProvider::new(&root).unwrap();
    let signing = signing.create("signs", KeyAlgorithm::EcP256).await.unwrap();
    let refused = provider.find(&signing).await;
    assert!(matches!(refused, Err(ProviderError::BadUri { .. })), "{refused:?}");
}

#[tokio::test]
async fn between_two_keys_it_goes_through_memory() {
    let Some((_server, root)) = start().await else { return };
    crosses(Arc::new(VaultEncryption::new(&root).unwrap()), aad(), false).await;
}

#[tokio::test]
async fn versions_turn_in_the_service_unless_there_is_associated_data() {
    let Some((_server, root)) = start().await else { return };
    let provider = Arc::new(VaultEncryption::new(&root).unwrap());
    let first = provider.create("turns").await.unwrap();
    let whole: KeyUri = "vault:transit/turns".parse().unwrap();
    let second = provider.rotate(&whole).await.unwrap();
    let third = provider.rotate(&whole).await.unwrap();
    let ends = |from: &KeyUri, to: &KeyUri, context: Context| {
        let shared = || -> Arc<dyn EncryptionProvider> { provider.clone() };
        Crossing::new((shared(), from.clone()), (shared(), to.clone()), context, false)
    };
    for (context, in_service) in [(Context::None, true), (aad(), false)] {
        let mut made = Vec::new();
        for version in [&first, &second, &third] {
            let one = provider.encrypt(version, &plain("words"), &context).await.unwrap();
            assert_eq!(one.key, *version);
            made.push(one.ciphertext);
        }
        let all: Vec<&[u8]> = made.iter().map(Vec::as_slice).collect();
        let crossing = ends(&whole, &third, context.clone());
        assert_eq!(crossing.stays_in_service(), in_service);
        let turned = crossing.turn(&all).await.unwrap();
        let how = if in_service { Opened::InService } else { Opened::Compared };
        let [Ok(Turned::New(one, a)), Ok(Turned::New(two, b)), Ok(Turned::Already)] = &turned[..]
        else {
            panic!("{turned:?}");
        };
        assert_eq!((*a, *b), (how, how));
        for made in [one, two] {
            assert_eq!(made.key, third);
            let opened = opens(provider.as_ref(), &third, &made.ciphertext, &context).await;
            assert_eq!(opened.unwrap(), "words");
        }
        // Of one version alone, the others are none of it.
        let turned = ends(&first, &third, context).turn(&all).await.unwrap();
        assert!(matches!(turned[1], Ok(Turned::Foreign)), "{turned:?}");
    }
}

#[tokio::test]
async fn a_retired_version_opens_nothing_and_is_no_foreign_ciphertext() {
    let Some((_server, root)) = start().await else { return };
    let provider = VaultEncryption::new(&root).unwrap();
    let first = provider.create("retired").await.unwrap();
    let old = provider.encrypt(&first, &plain("words"), &Context::None).await.unwrap();
    let second = provider.rotate(&first).await.unwrap();
    provider.retire(&second).await.unwrap();
    let refused = provider.decrypt(&first, &old.ciphertext, &Context::None).await;
    assert!(matches!(refused, Err(ProviderError::Refused { .. })), "{refused:?}");
    let turned = provider.reencrypt(&[&old.ciphertext], &first, &second, &Context::None).await;
    assert!(matches!(turned.unwrap()[0], Err(ProviderError::Refused { .. })));
    let missing = "vault:transit/retired?version=9".parse().unwrap();
    let refused = provider.retire(&missing).await;
    assert!(matches!(refused, Err(ProviderError::UnknownKey { .. })), "{refused:?}");
}
