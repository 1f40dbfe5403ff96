//! Accept loops: plain and TLS, with the peer put into every request, and a graceful end.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::pki_types::CertificateDer;
use skink_x509::{Certificate, Fingerprint, KeyDigest};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use super::quick::Quick;
use super::tls::TlsSource;

/// How long a peer may take over its handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long open requests may take to finish once the server is to stop.
const DRAIN: Duration = Duration::from_secs(5);

/// Who is on the other end of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// Where it connects from.
    pub(crate) address: SocketAddr,
    /// The certificate that it showed, if it did; possession of its key is proven.
    pub(crate) shown: Option<Shown>,
}

/// What a peer showed in its handshake. Who says so is asked anew at each request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shown {
    /// A certificate, by its fingerprint and its key.
    Certificate(Fingerprint, KeyDigest),
    /// Something that is not understood.
    Garbled,
}

impl Shown {
    fn by(chain: &[CertificateDer<'_>]) -> Option<Self> {
        let first = chain.first()?;
        Some(match Certificate::from_der(first) {
            Ok(one) => Self::Certificate(one.fingerprint(), one.public_key().digest()),
            Err(_) => Self::Garbled,
        })
    }
}

/// What a listener answers with.
#[derive(Clone)]
pub(crate) struct Served {
    pub(crate) router: Router,
    /// Asked before the router.
    pub(crate) quick: Option<Quick>,
}

/// Serves until `stop` turns true, then lets open requests finish.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Option<TlsSource>,
    served: Served,
    mut stop: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, address)) => {
                    let one = connection(stream, address, tls.clone(), served.clone(), stop.clone());
                    connections.spawn(one);
                }
                Err(error) => pause(&error).await,
            },
            Some(_) = connections.join_next() => {}
            () = stopped(&mut stop) => break,
        }
    }
    drop(listener);
    let drained = timeout(DRAIN, async { while connections.join_next().await.is_some() {} }).await;
    if drained.is_err() {
        tracing::warn!(connections = connections.len(), "connections were cut at shutdown");
    }
}

/// Done once the server is to stop, or is gone.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stopped| *stopped).await;
}

/// Accepting fails when descriptors run out: wait for some to be closed.
async fn pause(error: &io::Error) {
    tracing::warn!(%error, "a connection could not be accepted");
    tokio::time::sleep(Duration::from_millis(20)).await;
}

async fn connection(
    stream: TcpStream,
    address: SocketAddr,
    tls: Option<TlsSource>,
    served: Served,
    stop: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else {
        return speak(stream, Peer { address, shown: None }, served, stop).await;
    };
    let acceptor = TlsAcceptor::from(tls.current());
    match timeout(HANDSHAKE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => {
            let shown = Shown::by(stream.get_ref().1.peer_certificates().unwrap_or_default());
            speak(stream, Peer { address, shown }, served, stop).await;
        }
        Ok(Err(error)) => {
            tracing::info!(peer.address = %address, %error, "a TLS handshake failed");
            metrics::counter!(crate::metrics::HANDSHAKES_REFUSED).increment(1);
        }
        Err(_) => tracing::info!(peer.address = %address, "a TLS handshake took too long"),
    }
}

async fn speak<S>(stream: S, peer: Peer, served: Served, mut stop: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let address = peer.address;
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let at_once = served.quick.as_ref().and_then(|quick| quick.answer(&request));
        let routed = at_once.is_none().then(|| {
            let mut request: Request = request.map(axum::body::Body::new);
            request.extensions_mut().insert(peer.clone());
            served.router.clone().oneshot(request)
        });
        async move {
            match (at_once, routed) {
                (None, Some(routed)) => routed.await,
                (response, _) => Ok(response.unwrap_or_default()),
            }
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(75))
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(peer.address = %address, %error, "a connection broke");
    }
}
