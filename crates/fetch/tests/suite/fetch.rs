use std::sync::Arc;
use std::time::Duration;

use skink_fetch::{
    ClientAuth, Family, FetchError, Handshake, Identity, Options, Presented, Sni, Stage, fetch,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::servers::{Clients, Tls, finish, listen, tls};

async fn serve(tls: &Tls) -> skink_fetch::Place {
    let config = Arc::clone(&tls.config);
    listen(move |stream| finish(stream, Arc::clone(&config))).await
}

fn is_chain_of(presented: &Presented, tls: &Tls) {
    let sent = [&tls.pki.leaf, &tls.pki.issuer.certificate].map(|it| it.der().to_vec());
    assert_eq!(presented.chain, sent);
}

#[tokio::test]
async fn what_is_presented_is_handed_on_as_it_came() {
    let tls = tls(Clients::NotAsked, b"a stapled answer");
    let place = serve(&tls).await;
    let options = Options {
        sni: Sni::Name("web-1.test".into()),
        alpn: vec!["http/1.1".into(), "h2".into()],
        ..Options::default()
    };
    let presented = fetch(&place, &options).await.unwrap();
    is_chain_of(&presented, &tls);
    assert_eq!(presented.stapled.as_deref(), Some(&b"a stapled answer"[..]));
    assert_eq!(presented.version, "TLS 1.3");
    assert_eq!(presented.group.as_deref(), Some("X25519MLKEM768"));
    assert_eq!(presented.alpn.as_deref(), Some("h2"));
    assert_eq!(presented.server_name.as_deref(), Some("web-1.test"));
    assert_eq!(presented.client_auth, ClientAuth::NotAsked);
    assert_eq!(presented.handshake, Handshake::Completed);
}

#[tokio::test]
async fn a_server_that_asks_for_certificates_is_told_from_one_that_insists() {
    let asking = tls(Clients::Asked, b"");
    let name = asking.pki.root.certificate.subject().to_der().to_vec();
    let presented = fetch(&serve(&asking).await, &Options::default()).await.unwrap();
    assert_eq!(presented.client_auth, ClientAuth::Asked { authorities: vec![name] });
    assert_eq!(presented.handshake, Handshake::Completed);

    let insisting = tls(Clients::Required, b"");
    let place = serve(&insisting).await;
    let presented = fetch(&place, &Options::default()).await.unwrap();
    is_chain_of(&presented, &insisting);
    assert!(matches!(presented.client_auth, ClientAuth::Required { .. }));
    let Handshake::Refused { because } = &presented.handshake else { panic!("{presented:?}") };
    assert!(because.contains("certificate_required (116)"), "{because}");

    let pki = &insisting.pki;
    let chain = [pki.leaf.der(), pki.issuer.certificate.der()];
    let identity = Identity::from_der(&chain, pki.leaf_key.pkcs8_der());
    let presented = fetch(&place, &Options { identity, ..Options::default() }).await.unwrap();
    assert!(matches!(presented.client_auth, ClientAuth::Asked { .. }));
    assert_eq!(presented.handshake, Handshake::Completed);
}

#[tokio::test]
async fn an_identity_whose_key_is_another_is_refused_here() {
    let tls = tls(Clients::Required, b"");
    let place = serve(&tls).await;
    let other = skink_testkit::TestKey::generate(skink_x509::KeyAlgorithm::EcP256);
    let identity = Identity::from_der(&[tls.pki.leaf.der()], other.pkcs8_der());
    let error = fetch(&place, &Options { identity, ..Options::default() }).await.unwrap_err();
    assert!(matches!(error, FetchError::Identity { .. }), "{error:?}");
}

#[tokio::test]
async fn another_protocol_is_named_by_its_own_words() {
    let place = listen(|mut stream| async move {
        let _ = stream.write_all(b"220 mx.example ESMTP ready\r\n").await;
        let _ = stream.read(&mut [0; 4096]).await;
    });
    let error = fetch(&place.await, &Options::default()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "what answers does not speak TLS: \"220 mx.example ESMTP ready\""
    );
    assert!(error.hint().contains("--starttls smtp"));
}

#[tokio::test]
async fn silence_closed_ports_and_missing_addresses_are_told_apart() {
    let silent = listen(|mut stream| async move {
        while stream.read(&mut [0; 64]).await.is_ok_and(|read| read > 0) {}
    });
    let short = Options { timeout: Duration::from_millis(200), ..Options::default() };
    let error = fetch(&silent.await, &short).await.unwrap_err();
    assert!(matches!(error, FetchError::Timeout { stage: Stage::Handshake, .. }), "{error:?}");

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = listener.local_addr().unwrap().to_string().parse().unwrap();
    drop(listener);
    let error = fetch(&closed, &Options::default()).await.unwrap_err();
    assert!(matches!(error, FetchError::Connect { .. }), "{error:?}");

    let six = Options { family: Family::V6, ..Options::default() };
    let error = fetch(&closed, &six).await.unwrap_err();
    assert_eq!(error.to_string(), "127.0.0.1 has no IPv6 address");
}

#[tokio::test]
async fn an_alert_is_put_into_plain_words() {
    let place = listen(|mut stream| async move {
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream.write_all(b"\x15\x03\x03\x00\x02\x02\x70").await;
    });
    let error = fetch(&place.await, &Options::default()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the server ended the handshake with the alert unrecognized_name (112): the server has \
         nothing for the name that was asked for (SNI)"
    );
}
