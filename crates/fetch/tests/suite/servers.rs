//! Servers that do what a test tells them.

use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use skink_fetch::Place;
use skink_testkit::TestPki;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// What a server asks of its clients.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clients {
    NotAsked,
    Asked,
    Required,
}

pub(crate) struct Tls {
    pub(crate) pki: TestPki,
    pub(crate) config: Arc<ServerConfig>,
}

pub(crate) fn tls(clients: Clients, stapled: &[u8]) -> Tls {
    let pki = TestPki::at(skink_testkit::machine_time());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(pki.root.certificate.der().to_vec())).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
    let builder = match clients {
        Clients::NotAsked => builder.with_no_client_auth(),
        Clients::Asked => {
            builder.with_client_cert_verifier(verifier.allow_unauthenticated().build().unwrap())
        }
        Clients::Required => builder.with_client_cert_verifier(verifier.build().unwrap()),
    };
    let chain = [&pki.leaf, &pki.issuer.certificate].map(|it| it.der().to_vec().into()).to_vec();
    let key = PrivateKeyDer::try_from(pki.leaf_key.pkcs8_der().to_vec()).unwrap();
    let mut config = builder.with_single_cert_with_ocsp(chain, key, stapled.to_vec()).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    Tls { pki, config: Arc::new(config) }
}

/// Serves every connection by `serve`; where it listens.
pub(crate) async fn listen<F, W>(serve: F) -> Place
where
    F: Fn(TcpStream) -> W + Send + 'static,
    W: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    address.to_string().parse().unwrap()
}

/// TLS to the end, then silence until the client goes.
pub(crate) async fn finish(stream: TcpStream, config: Arc<ServerConfig>) {
    if let Ok(mut tls) = TlsAcceptor::from(config).accept(stream).await {
        let _ = tls.read(&mut [0; 64]).await;
    }
}

/// Plays the plain part: says and hears in turn, then TLS. What is not heard as written ends it.
pub(crate) async fn play(mut stream: TcpStream, script: Arc<[Turn]>, config: Arc<ServerConfig>) {
    for turn in script.iter() {
        match turn {
            Turn::Say(bytes) => stream.write_all(bytes).await.unwrap(),
            Turn::Hear(bytes) => {
                let mut heard = vec![0; bytes.len()];
                stream.read_exact(&mut heard).await.unwrap();
                assert_eq!(String::from_utf8_lossy(&heard), String::from_utf8_lossy(bytes));
            }
        }
    }
    finish(stream, config).await;
}

#[derive(Clone, Copy)]
pub(crate) enum Turn {
    Say(&'static [u8]),
    Hear(&'static [u8]),
}
