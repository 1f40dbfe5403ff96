//! The thief's own TLS: clients that trust everything, servers that answer everybody.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    ClientConfig, DigitallySignedStruct, DistinguishedName, HandshakeKind, ServerConfig,
    SignatureScheme,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::forge::Identity;
use super::key::thwarted;
use crate::DrillError;
use crate::fleet::exchange;
use crate::outcome::Outcome;

/// A client of the thief's: it presents an identity, and keeps whatever session it is given.
#[derive(Clone)]
pub(crate) struct RogueClient(Arc<ClientConfig>);

impl RogueClient {
    pub(crate) fn new(identity: &Identity) -> Result<Self, DrillError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .and_then(|builder| {
                builder
                    .dangerous()
                    .with_custom_certificate_verifier(Arc::new(Anything(provider)))
                    .with_client_auth_cert(identity.chain.clone(), identity.key())
            })
            .map_err(|error| thwarted("configuring his client", &error))?;
        Ok(Self(Arc::new(config)))
    }

    /// A handshake with data, or why not.
    pub(crate) async fn attack(&self, addr: SocketAddr, server: &str) -> Outcome {
        match self.open(addr, server).await {
            Ok((_, resumed)) => Outcome::Accepted { resumed },
            Err(error) => Outcome::from_error("server", &error),
        }
    }

    /// A connection that has exchanged data, and whether it was resumed.
    pub(crate) async fn open(
        &self,
        addr: SocketAddr,
        server: &str,
    ) -> std::io::Result<(TlsStream<TcpStream>, bool)> {
        let mut stream = self.handshake(addr, server).await?;
        exchange::request(&mut stream).await?;
        let resumed = stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed);
        Ok((stream, resumed))
    }

    /// A connection over which nothing was exchanged yet: a refusal may still come.
    pub(crate) async fn handshake(
        &self,
        addr: SocketAddr,
        server: &str,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from(server.to_owned()).map_err(std::io::Error::other)?;
        TlsConnector::from(Arc::clone(&self.0)).connect(name, stream).await
    }
}

/// A server of the thief's, on a port of its own until it is dropped.
pub(crate) struct RogueServer {
    addr: SocketAddr,
    accepting: AbortHandle,
}

impl RogueServer {
    /// Serves `identity`, with `staple` as its OCSP response when there is one.
    pub(crate) async fn start(
        identity: &Identity,
        staple: Option<Vec<u8>>,
    ) -> Result<Self, DrillError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .and_then(|builder| {
                builder
                    .with_client_cert_verifier(Arc::new(Anything(provider)))
                    .with_single_cert_with_ocsp(
                        identity.chain.clone(),
                        identity.key(),
                        staple.unwrap_or_default(),
                    )
            })
            .map_err(|error| thwarted("configuring his server", &error))?;
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .map_err(|error| thwarted("listening", &error))?;
        let addr = listener.local_addr().map_err(|error| thwarted("listening", &error))?;
        let accepting = tokio::spawn(serve(listener, Arc::new(config))).abort_handle();
        Ok(Self { addr, accepting })
    }

    pub(crate) const fn addr(&self) -> SocketAddr {
        self.addr
    }
}

impl Drop for RogueServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(listener: TcpListener, config: Arc<ServerConfig>) {
    while let Ok((stream, _)) = listener.accept().await {
        let acceptor = TlsAcceptor::from(Arc::clone(&config));
        tokio::spawn(async move {
            if stream.set_nodelay(true).is_err() {
                return;
            }
            // A victim that refuses him ends the connection: that is counted on the victim's side.
            if let Ok(mut stream) = acceptor.accept(stream).await {
                let ended = exchange::answer(&mut stream, || {}).await;
                tracing::trace!(?ended, "a victim left");
            }
        });
    }
}

/// Accepts every certificate: the thief has no standards.
#[derive(Debug)]
struct Anything(Arc<CryptoProvider>);

impl ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

impl ClientCertVerifier for Anything {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
