//! Objects of ministack's S3, and a key at a real `OpenBao`.
#![cfg(feature = "s3")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use skink_reencrypt::{Change, Found, Replaced, Run, S3Objects, Source, State, Tally};
use skink_signer::encryption::{Context, Crossing, EncryptionProvider, Plaintext};
use skink_signer::vault::{VaultAdministrator, VaultEncryption, VaultSettings};
use skink_signer::{Credential, KeyUri};
use skink_testkit::{Ministack, OpenBao};
use zeroize::Zeroizing;

/// Speaks to the service as anybody may there.
fn ask(address: SocketAddr, method: &str, path: &str, headers: &str, body: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
         content-length: {}\r\n{headers}\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(answer.starts_with("HTTP/1.1 2"), "{method} {path}: {answer}");
    answer
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap().1
}

async fn through(crossing: &Crossing, source: &dyn Source) -> Tally {
    let mut tally = Tally::default();
    let run = Run::new(crossing, State::none(), 2, false);
    run.through(source, &mut tally, &mut |_| {}).await.unwrap();
    tally
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn objects_go_over_and_what_changed_meanwhile_is_left_alone() {
    let Some(bao) = OpenBao::start() else { return };
    let Some(service) = Ministack::start() else { return };
    let address = service.service.address;
    let settings = VaultSettings::new(&bao.url(), Credential::from_text(OpenBao::TOKEN));
    VaultAdministrator::new(&settings).unwrap().mount_engine().await.unwrap();
    let provider = Arc::new(VaultEncryption::new(&settings).unwrap());
    provider.create("objects").await.unwrap();
    let key: KeyUri = "vault:transit/objects".parse().unwrap();
    let encrypt = async |text: &str| {
        let plaintext = Plaintext::new(Zeroizing::new(text.as_bytes().to_vec()));
        provider.encrypt(&key, &plaintext, &Context::None).await.unwrap().ciphertext
    };
    ask(address, "PUT", "/bucket", "", b"");
    let described = "content-type: text/x-secret\r\nx-amz-meta-owner: shop\r\n";
    for number in 0..120 {
        let ciphertext = encrypt(&format!("s-{number}")).await;
        ask(address, "PUT", &format!("/bucket/data/{number:03}.enc"), described, &ciphertext);
    }
    let elsewhere = encrypt("elsewhere").await;
    ask(address, "PUT", "/bucket/database.enc", "", &elsewhere);
    ask(address, "PUT", "/bucket/data/readme", "", b"not encrypted");
    let to = provider.rotate(&key).await.unwrap();
    let shared: Arc<dyn EncryptionProvider> = provider.clone();
    let crossing =
        Crossing::new((Arc::clone(&shared), key.clone()), (shared, to), Context::None, false);

    let source = S3Objects::at("s3://bucket/data", &service.url(), "us-east-1", ("test", "test"));
    let source = source.unwrap();
    let tally = through(&crossing, &source).await;
    assert_eq!((tally.seen, tally.done, tally.foreign), (121, 120, 1), "{:?}", tally.listed);
    assert_eq!(tally.listed[0].id, "s3://bucket/data/readme");
    for number in 0..120 {
        let answer = ask(address, "GET", &format!("/bucket/data/{number:03}.enc"), "", b"");
        let lower = answer.to_ascii_lowercase();
        assert!(lower.contains("content-type: text/x-secret"), "{answer}");
        assert!(lower.contains("x-amz-meta-owner: shop"), "{answer}");
        assert!(body(&answer).starts_with("vault:v2:"), "{answer}");
        let opened = provider.decrypt(&key, body(&answer).as_bytes(), &Context::None).await;
        assert_eq!(opened.unwrap().expose(), format!("s-{number}").as_bytes());
    }
    let untouched = ask(address, "GET", "/bucket/database.enc", "", b"");
    assert_eq!(body(&untouched).as_bytes(), elsewhere);
    assert_eq!(through(&crossing, &source).await.already, 120);

    let one = source.read("data/readme").await.unwrap().unwrap();
    ask(address, "PUT", "/bucket/data/readme", "", b"written meanwhile");
    let change = |old: Found| Change { id: "data/readme".into(), old, new: b"new".to_vec() };
    let replaced = source.replace(vec![change(one)]).await;
    assert_eq!(*replaced[0].as_ref().unwrap(), Replaced::Changed);
    let current = source.read("data/readme").await.unwrap().unwrap();
    assert_eq!(current.bytes, b"written meanwhile");
    assert!(source.read("data/missing").await.unwrap().is_none());
    let replaced = source.replace(vec![change(current)]).await;
    assert_eq!(*replaced[0].as_ref().unwrap(), Replaced::Done);
    assert_eq!(body(&ask(address, "GET", "/bucket/data/readme", "", b"")), "new");
}
