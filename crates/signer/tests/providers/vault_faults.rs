//! What a Vault could answer and a healthy one does not: a server of our own that says it.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use skink_signer::vault::{VaultProvider, VaultSettings};
use skink_signer::{Credential, KeyProvider, KeyUri, ProviderError, ToSign};
use skink_x509::SignatureAlgorithm;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// As many calls are under way together.
const CALLS: usize = 16;

const KEY: &str = r#"{"request_id":"r-key","data":{"type":"ecdsa-p256","latest_version":1,"keys":{"1":
    {"creation_time":"2026-01-02T03:04:05.6Z","public_key":""}}}}"#;

/// Answers reads of the key, and every attempt at a signature with `answer`; with nothing, it
/// takes the call and says no word.
async fn liar(answer: Option<(&'static str, &'static str)>) -> VaultProvider {
    overheard_liar(answer).await.0
}

/// The same, with what it was asked to sign.
async fn overheard_liar(
    answer: Option<(&'static str, &'static str)>,
) -> (VaultProvider, mpsc::UnboundedReceiver<String>) {
    let (tell, told) = mpsc::unbounded_channel();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let tell = tell.clone();
            tokio::spawn(async move {
                let mut buffer = vec![0; 65536];
                while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                    let call = String::from_utf8_lossy(&buffer[..read]).into_owned();
                    let reply = if call.contains("/v1/transit/sign/") {
                        let _ = tell.send(call);
                        match answer {
                            Some((head, body)) => http(head, body),
                            None => std::future::pending().await,
                        }
                    } else if call.contains("capabilities-self") {
                        http("403 Forbidden", "{}")
                    } else {
                        http("200 OK", KEY)
                    };
                    if stream.write_all(reply.as_bytes()).await.is_err() {
                        break;
                    }
                }
            });
        }
    });
    let mut settings = VaultSettings::new(&format!("http://{address}"), Credential::from_text("t"));
    settings.patience = Duration::from_millis(300);
    (VaultProvider::new(&settings).unwrap(), told)
}

fn http(head: &str, body: &str) -> String {
    format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

async fn refusal(answer: Option<(&'static str, &'static str)>) -> ProviderError {
    let key: KeyUri = "vault:transit/a?version=1".parse().unwrap();
    let how = SignatureAlgorithm::EcdsaSha256;
    liar(answer).await.sign(&key, how, ToSign::Message(b"m")).await.unwrap_err()
}

#[tokio::test]
async fn too_many_calls_are_throttling_and_nothing_was_signed() {
    let error = refusal(Some((
        "429 Too Many Requests\r\nretry-after: 2",
        "{\"errors\":[\"request path: rate limit exceeded\"]}",
    )))
    .await;
    let ProviderError::Throttled { retry_after, .. } = &error else { panic!("{error:?}") };
    assert_eq!(*retry_after, Some(Duration::from_secs(2)));
    assert!(!error.may_have_signed());
    assert_eq!(error.code("vault"), "vault:429");
}

#[tokio::test]
async fn silence_is_late_and_may_have_signed() {
    let error = refusal(None).await;
    assert!(matches!(error, ProviderError::Late { .. }), "{error:?}");
    assert!(error.may_have_signed());
}

#[tokio::test]
async fn a_key_that_is_not_shown_was_not_signed_with() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let mut settings = VaultSettings::new(&address, Credential::from_text("t"));
    settings.patience = Duration::from_millis(300);
    let provider = VaultProvider::new(&settings).unwrap();
    let key: KeyUri = "vault:transit/a?version=1".parse().unwrap();
    let how = SignatureAlgorithm::EcdsaSha256;
    let error = provider.sign(&key, how, ToSign::Message(b"m")).await.unwrap_err();
    assert!(matches!(error, ProviderError::KeyNotRead(_)), "{error:?}");
    assert!(!error.may_have_signed() && error.may_pass());
    assert_eq!(error.code("vault"), "vault:Late");
}

#[tokio::test]
async fn another_versions_signature_is_another_keys() {
    let error = refusal(Some((
        "200 OK",
        "{\"request_id\":\"r-7\",\"data\":{\"signature\":\"vault:v2:AAAA\"},\"a\":\"ab\"}",
    )))
    .await;
    let ProviderError::AnotherKey { answered, .. } = &error else { panic!("{error:?}") };
    assert_eq!(answered, "vault:v2");
    assert_eq!(error.request_id().unwrap().as_str(), "r-7");
    assert!(error.may_have_signed());
}

#[tokio::test]
async fn half_an_answer_and_no_answer_may_have_signed() {
    let torn = refusal(Some(("200 OK", "{\"da"))).await;
    assert!(matches!(torn, ProviderError::Corrupted { .. }), "{torn:?}");
    assert!(torn.may_have_signed());
    let broken = refusal(Some(("502 Bad Gateway", "oops"))).await;
    assert!(matches!(broken, ProviderError::Faulted { .. }), "{broken:?}");
    assert!(broken.may_have_signed());
}

#[tokio::test]
async fn a_refused_token_that_cannot_even_ask_what_it_may_has_expired() {
    let error = refusal(Some(("403 Forbidden", "{}"))).await;
    assert!(matches!(error, ProviderError::CredentialExpired { .. }), "{error:?}");
    assert_eq!(error.code("vault"), "vault:token-invalid");
    assert!(!error.may_have_signed());
}

#[tokio::test]
async fn a_list_that_is_answered_by_another_may_have_been_signed_whole() {
    let provider = liar(Some(("200 OK", "{\"data\":{\"batch_results\":[]}}"))).await;
    let key: KeyUri = "vault:transit/a?version=1".parse().unwrap();
    let how = SignatureAlgorithm::EcdsaSha256;
    let signing = (0..4 * CALLS).map(|_| provider.sign(&key, how, ToSign::Message(b"m")));
    let mut of_lists = 0;
    for made in futures_util::future::join_all(signing).await {
        let error = made.unwrap_err();
        assert!(error.may_have_signed());
        let ProviderError::Corrupted { what, .. } = error else { panic!("{error:?}") };
        of_lists += usize::from(what.contains("number of signatures"));
    }
    assert!(of_lists >= 2 * CALLS, "{of_lists}");
}

#[tokio::test]
async fn who_goes_away_before_his_turn_has_not_signed() {
    let (provider, mut told) = overheard_liar(None).await;
    let (provider, key) = (Arc::new(provider), "vault:transit/a?version=1".parse().unwrap());
    let sign = |message: &'static [u8]| {
        let (provider, key): (_, KeyUri) = (Arc::clone(&provider), Clone::clone(&key));
        async move {
            provider.sign(&key, SignatureAlgorithm::EcdsaSha256, ToSign::Message(message)).await
        }
    };
    let busy: Vec<_> = (0..CALLS).map(|_| tokio::spawn(sign(b"busy"))).collect();
    for _ in 0..CALLS {
        let call = told.recv().await.unwrap();
        assert!(!call.contains("batch_input"), "{call}");
    }
    // Polled as far as the queue.
    assert!(tokio::time::timeout(Duration::ZERO, sign(b"gone")).await.is_err());
    let stays = tokio::spawn(sign(b"stays"));
    for one in busy {
        assert!(matches!(one.await.unwrap(), Err(ProviderError::Late { .. })));
    }
    assert!(matches!(stays.await.unwrap(), Err(ProviderError::Late { .. })));
    let last = told.recv().await.unwrap();
    let signed = BASE64.encode(digest(&SHA256, b"stays"));
    assert!(last.contains(&signed) && !last.contains("batch_input"), "{last}");
    assert!(told.try_recv().is_err());
}
