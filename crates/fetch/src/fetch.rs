//! One handshake, and everything that the server presented in it.

mod capture;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, Error, SupportedProtocolVersion};
use serde::Serialize;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::connect::{Way, open};
use crate::plain::shown;
use crate::wire::{Hello, Reply, names};
use crate::{Alert, FetchError, Options, Place, Stage, wire};
pub(crate) use capture::Capture;

/// A server that wants a certificate and got none says so within this time after the handshake.
const COMPLAINT: Duration = Duration::from_millis(500);

/// A client's certificate chain and its key.
#[derive(Debug)]
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Clone for Identity {
    fn clone(&self) -> Self {
        Self { chain: self.chain.clone(), key: self.key.clone_key() }
    }
}

impl Identity {
    /// A chain in DER, the client's own first, and its key in PKCS #8, PKCS #1 or SEC 1.
    ///
    /// Whether the key is the certificate's is seen when it is used.
    pub fn from_der(chain: &[&[u8]], key: &[u8]) -> Option<Self> {
        let key = PrivateKeyDer::try_from(key.to_vec()).ok()?;
        let chain = chain.iter().map(|der| CertificateDer::from(der.to_vec())).collect();
        Some(Self { chain, key })
    }

    pub(crate) fn certified(&self) -> Result<rustls::sign::CertifiedKey, FetchError> {
        let made = rustls::sign::CertifiedKey::from_der(
            self.chain.clone(),
            self.key.clone_key(),
            &rustls::crypto::aws_lc_rs::default_provider(),
        );
        made.map_err(|source| FetchError::Identity { source })
    }
}

/// What a server presented, as it came.
#[derive(Clone, Debug)]
pub struct Presented {
    /// The other end of the connection: the server, or the proxy.
    pub peer: SocketAddr,
    /// The name that was asked for.
    pub server_name: Option<String>,
    /// `TLS 1.3`.
    pub version: String,
    /// `TLS_AES_128_GCM_SHA256`.
    pub cipher: String,
    /// The group of the key exchange, as `X25519MLKEM768`; nothing where none was used.
    pub group: Option<String>,
    /// The application protocol that was chosen.
    pub alpn: Option<String>,
    /// The certificates in the order in which they came, in DER.
    pub chain: Vec<Vec<u8>>,
    /// The stapled OCSP response, in DER.
    pub stapled: Option<Vec<u8>>,
    /// Whether the server asks its clients for certificates.
    pub client_auth: ClientAuth,
    /// How the handshake ended.
    pub handshake: Handshake,
}

/// Whether a server asks its clients for certificates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ClientAuth {
    /// It does not ask.
    #[default]
    NotAsked,
    /// It asks; who sends none is let in as far as the handshake shows.
    Asked {
        /// The distinguished names of the authorities that it takes, in DER; none means any.
        authorities: Vec<Vec<u8>>,
    },
    /// It asks and turns away who sends none.
    Required {
        /// The distinguished names of the authorities that it takes, in DER; none means any.
        authorities: Vec<Vec<u8>>,
    },
}

/// How a handshake ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Handshake {
    /// It was finished.
    Completed,
    /// The server ended it after it had shown its certificates.
    Refused {
        /// Why.
        because: String,
    },
    /// Its first half was read and no more: the server speaks only what is no longer spoken.
    Read {
        /// Why it was not finished.
        because: String,
    },
}

/// Asks a server and gives what it presents.
pub async fn fetch(place: &Place, options: &Options) -> Result<Presented, FetchError> {
    let name = place.server_name(&options.sni)?;
    let capture = Capture::new(options.identity.as_ref().map(Identity::certified).transpose()?);
    let config = config(&capture, options, rustls::ALL_VERSIONS);
    let way = open(place, options).await?;
    let peer = way.peer;
    let mut shake =
        Shake { peer, name, capture, refused: None, sent_none: options.identity.is_none() };
    match handshake(way, &config, place, shake.name.as_deref()).await {
        Ok(mut stream) => {
            if shake.capture.asked().is_some() {
                shake.refused = complaint(&mut stream).await;
            }
            Ok(shake.presented(stream.get_ref().1))
        }
        Err(error) if shake.capture.saw_certificates() && shake.capture.asked().is_some() => {
            // TLS 1.2: the server says no before the handshake is over.
            shake.refused = Some(error);
            legacy(place, options, &shake).await
        }
        Err(error) if worth_another_try(&error) => {
            shake.refused = Some(error);
            legacy(place, options, &shake).await
        }
        Err(error) => Err(error),
    }
}

/// A configuration that takes whatever a server presents and keeps it.
pub(crate) fn config(
    capture: &Arc<Capture>,
    options: &Options,
    versions: &[&'static SupportedProtocolVersion],
) -> ClientConfig {
    let provider = Arc::new(capture::provider());
    #[expect(
        clippy::expect_used,
        reason = "the library's own provider has ciphers of its versions"
    )]
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .expect("ciphers of all versions");
    let mut config = builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::<Capture>::clone(capture))
        .with_client_cert_resolver(Arc::<Capture>::clone(capture));
    config.alpn_protocols = options.alpn.iter().map(|name| name.clone().into_bytes()).collect();
    config
}

/// The handshake, over a way that is open.
pub(crate) async fn handshake(
    way: Way,
    config: &ClientConfig,
    place: &Place,
    name: Option<&str>,
) -> Result<TlsStream<TcpStream>, FetchError> {
    let mut config = config.clone();
    config.enable_sni = name.is_some();
    // Without a name the library still wants one, which it does not send.
    let asked = name.unwrap_or(&place.host).to_owned();
    let asked = ServerName::try_from(asked)
        .or_else(|_| ServerName::try_from("name.invalid"))
        .map_err(|_| FetchError::ServerName(place.host.clone()))?;
    let connect = async {
        let connector = TlsConnector::from(Arc::new(config));
        connector.connect(asked, way.stream).await.map_err(understood)
    };
    way.deadline.hold(Stage::Handshake, connect).await
}

fn understood(error: io::Error) -> FetchError {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    match tls {
        Some(Error::AlertReceived(alert)) => FetchError::Alert { alert: Alert(u8::from(*alert)) },
        Some(Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType)) => {
            FetchError::NotTls { said: None }
        }
        Some(other) => FetchError::Tls { source: other.clone() },
        None => FetchError::Closed { stage: Stage::Handshake, source: Some(error) },
    }
}

/// Whether a server might still show its certificates to a client that speaks older versions.
fn worth_another_try(error: &FetchError) -> bool {
    let handshake = Stage::Handshake;
    match error {
        FetchError::Alert { alert } => *alert != Alert::UNRECOGNIZED_NAME,
        FetchError::Closed { stage, .. } => *stage == handshake,
        FetchError::Tls { .. } | FetchError::NotTls { .. } => true,
        _ => false,
    }
}

/// What a server that asked for a certificate says after the handshake, if it is not content.
async fn complaint(stream: &mut TlsStream<TcpStream>) -> Option<FetchError> {
    let mut byte = [0; 1];
    match tokio::time::timeout(COMPLAINT, stream.read(&mut byte)).await {
        Ok(Err(error)) => match understood(error) {
            alert @ FetchError::Alert { .. } => Some(alert),
            _ => None,
        },
        _ => None,
    }
}

/// What is known while a handshake goes on.
struct Shake {
    peer: SocketAddr,
    name: Option<String>,
    capture: Arc<Capture>,
    refused: Option<FetchError>,
    sent_none: bool,
}

impl Shake {
    fn presented(self, connection: &ClientConnection) -> Presented {
        let group = connection.negotiated_key_exchange_group();
        let suite = connection.negotiated_cipher_suite();
        let version = connection.protocol_version();
        let (chain, stapled) = self.capture.seen();
        Presented {
            peer: self.peer,
            version: version.map(|it| names::version(u16::from(it))).unwrap_or_default(),
            cipher: suite.map(|it| names::cipher(u16::from(it.suite()))).unwrap_or_default(),
            group: group.map(|it| names::group(u16::from(it.name()))),
            alpn: connection.alpn_protocol().map(shown),
            chain,
            stapled,
            client_auth: self.client_auth(self.capture.asked(), self.refused.is_some()),
            handshake: self.refused.as_ref().map_or(Handshake::Completed, |error| {
                Handshake::Refused { because: because(error) }
            }),
            server_name: self.name,
        }
    }

    /// `turned_away` after it had asked; a handshake that failed for anything else says nothing.
    fn client_auth(&self, asked: Option<Vec<Vec<u8>>>, turned_away: bool) -> ClientAuth {
        match asked {
            None => ClientAuth::NotAsked,
            Some(authorities) if turned_away && self.sent_none => {
                ClientAuth::Required { authorities }
            }
            Some(authorities) => ClientAuth::Asked { authorities },
        }
    }
}

fn because(error: &FetchError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// Reads what a server shows in the clear up to TLS 1.2; the first failure if that gives nothing.
async fn legacy(place: &Place, options: &Options, shake: &Shake) -> Result<Presented, FetchError> {
    let ciphers = names::ciphers(names::TLS12);
    let mut hello =
        Hello::new(names::TLS12, &ciphers, &names::groups()).named(shake.name.as_deref());
    hello.alpn.clone_from(&options.alpn);
    let failure = shake.refused.as_ref();
    let said = match wire::ask(place, options, &hello).await {
        Ok(Reply::Hello(said)) if !said.certificates.is_empty() => said,
        Ok(Reply::NotTls(said)) => return Err(FetchError::NotTls { said }),
        // An alert says more than a connection that just ends.
        Ok(Reply::Alert(alert)) if matches!(failure, Some(FetchError::Closed { .. })) => {
            return Err(FetchError::Alert { alert });
        }
        Ok(_) | Err(_) => return Err(again(failure)),
    };
    let because = failure.map(because).unwrap_or_default();
    let asked_and_refused = shake.capture.asked().is_some();
    Ok(Presented {
        peer: shake.peer,
        server_name: shake.name.clone(),
        version: names::version(said.version),
        cipher: names::cipher(said.cipher),
        group: said.group.map(names::group),
        alpn: said.alpn.clone(),
        client_auth: shake.client_auth(said.client_authorities.clone(), asked_and_refused),
        chain: said.certificates,
        stapled: said.stapled,
        handshake: if asked_and_refused {
            Handshake::Refused { because }
        } else {
            Handshake::Read { because }
        },
    })
}

/// The failure once more: errors of the system cannot be copied.
fn again(failure: Option<&FetchError>) -> FetchError {
    match failure {
        Some(FetchError::Alert { alert }) => FetchError::Alert { alert: *alert },
        Some(FetchError::Tls { source }) => FetchError::Tls { source: source.clone() },
        Some(FetchError::NotTls { said }) => FetchError::NotTls { said: said.clone() },
        Some(FetchError::Closed { source: Some(source), .. }) => FetchError::Closed {
            stage: Stage::Handshake,
            source: Some(io::Error::new(source.kind(), source.to_string())),
        },
        _ => FetchError::Closed { stage: Stage::Handshake, source: None },
    }
}
