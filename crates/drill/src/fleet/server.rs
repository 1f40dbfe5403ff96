//! A server endpoint: mTLS over loopback, with the trust its agent installed.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use rustls::pki_types::CertificateDer;
use rustls::server::StoresServerSessions;
use skink_x509::Time;
use skink_x509::crl::Crl;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;

use super::exchange;
use super::peers::Peers;
use super::tls::{Installed, ServerTls};
use crate::DrillError;
use crate::outcome::Outcome;
use crate::thief::tls::RogueClient;

/// One server of the fleet.
pub(crate) struct ServerEndpoint {
    name: String,
    addr: SocketAddr,
    tls: RwLock<Option<Arc<ServerTls>>>,
    installed: RwLock<Option<Installed>>,
    peers: Peers,
    connections: Mutex<HashMap<u64, Connection>>,
    next_connection: AtomicU64,
    served: AtomicU64,
}

struct Connection {
    chain: Vec<CertificateDer<'static>>,
    task: AbortHandle,
}

impl ServerEndpoint {
    /// Listens on a free loopback port and serves once a certificate is installed.
    pub(crate) async fn start(name: String) -> std::io::Result<Arc<Self>> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let endpoint = Arc::new(Self {
            name,
            addr: listener.local_addr()?,
            tls: RwLock::new(None),
            installed: RwLock::new(None),
            peers: Peers::default(),
            connections: Mutex::default(),
            next_connection: AtomicU64::new(0),
            served: AtomicU64::new(0),
        });
        tokio::spawn(Arc::clone(&endpoint).accept(listener));
        Ok(endpoint)
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) const fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub(crate) const fn peers(&self) -> &Peers {
        &self.peers
    }

    /// Serves new connections with `tls` from now on.
    pub(crate) fn install(&self, installed: Installed, tls: ServerTls) {
        *self.installed.write().unwrap_or_else(PoisonError::into_inner) = Some(installed);
        *self.tls.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(tls));
    }

    /// Ends every connection whose peer the installed trust would refuse today; returns how many.
    pub(crate) fn end_distrusted(&self, now: Time) -> usize {
        let Some(tls) = self.current() else { return 0 };
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        let before = connections.len();
        connections.retain(|_, connection| {
            let trusted = tls.still_trusts(&connection.chain, now);
            if !trusted {
                connection.task.abort();
            }
            trusted
        });
        before - connections.len()
    }

    /// Whether anything was installed yet.
    pub(crate) fn is_installed(&self) -> bool {
        self.current().is_some()
    }

    /// The session storage in use.
    pub(crate) fn sessions(&self) -> Option<Arc<dyn StoresServerSessions>> {
        self.current().map(|tls| tls.sessions())
    }

    /// A rogue's attempt on this server's configuration with one CRL exchanged, as if it had
    /// fetched that one from its distribution point.
    pub(crate) async fn attack_with_crl(
        &self,
        crl: &Crl,
        rogue: &RogueClient,
        dns: &str,
    ) -> Result<Outcome, DrillError> {
        let installed = self.installed.read().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(installed) = installed else {
            return Ok(Outcome::Failed("nothing is installed yet".to_owned()));
        };
        let tls = ServerTls::new(&installed.with_crl_replaced(crl), None)?;
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .map_err(|source| DrillError::File { what: "listen", source })?;
        let addr =
            listener.local_addr().map_err(|source| DrillError::File { what: "listen", source })?;
        let serving = async {
            if let Ok((stream, _)) = listener.accept().await
                && let Ok(mut stream) = TlsAcceptor::from(tls.config()).accept(stream).await
            {
                let ended = exchange::answer(&mut stream, || {}).await;
                tracing::trace!(?ended, "a connection ended");
            }
        };
        tokio::select! {
            outcome = rogue.attack(addr, dns) => Ok(outcome),
            () = async { serving.await; std::future::pending().await } => unreachable!(),
        }
    }

    fn current(&self) -> Option<Arc<ServerTls>> {
        self.tls.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn accept(self: Arc<Self>, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            let Some(tls) = self.current() else { continue };
            let endpoint = Arc::clone(&self);
            let id = self.next_connection.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(async move { endpoint.serve(id, &tls, stream).await });
        }
    }

    /// Serves one connection; a refused peer is the peer's failure to count, not ours.
    async fn serve(self: Arc<Self>, id: u64, tls: &ServerTls, stream: TcpStream) {
        if stream.set_nodelay(true).is_err() {
            return;
        }
        let acceptor = TlsAcceptor::from(tls.config());
        let Ok(mut stream) = acceptor.accept(stream).await else { return };
        let chain: Vec<_> = stream
            .get_ref()
            .1
            .peer_certificates()
            .unwrap_or_default()
            .iter()
            .map(|certificate| certificate.clone().into_owned())
            .collect();
        if let Some(leaf) = chain.first() {
            self.peers.saw(leaf);
        }
        let endpoint = Arc::clone(&self);
        let (registered, wait) = tokio::sync::oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            if wait.await.is_err() {
                return;
            }
            let served = || {
                endpoint.served.fetch_add(1, Ordering::Relaxed);
            };
            // A peer that goes away mid-answer has counted that failure itself.
            let ended = exchange::answer(&mut stream, served).await;
            tracing::trace!(endpoint.name, ?ended, "a connection ended");
            endpoint.forget(id);
        });
        let connection = Connection { chain, task: task.abort_handle() };
        self.connections.lock().unwrap_or_else(PoisonError::into_inner).insert(id, connection);
        if registered.send(()).is_err() {
            self.forget(id);
        }
    }

    fn forget(&self, id: u64) {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }
}
