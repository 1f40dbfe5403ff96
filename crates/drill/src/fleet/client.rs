//! An mTLS client of the fleet: one configuration for its traffic, its probes and the attacks on it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use rustls::HandshakeKind;
use rustls::pki_types::{CertificateDer, ServerName};
use skink_x509::Time;
use skink_x509::crl::Crl;
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::exchange;
use super::peers::Peers;
use super::tls::{ClientTls, Installed};
use super::traffic::Traffic;
use crate::DrillError;
use crate::outcome::Outcome;

const HOLD_PACE: Duration = Duration::from_millis(100);

/// One client of the fleet.
pub(crate) struct ClientEndpoint {
    name: String,
    /// What its agent installed last.
    installed: RwLock<Option<Arc<ClientTls>>>,
    /// What its workers use; the same, except in a laggard.
    working: RwLock<Option<Arc<ClientTls>>>,
    /// The files behind it.
    files: RwLock<Option<Installed>>,
    lag: Option<Duration>,
    lagging: AtomicBool,
    peers: Peers,
    held: Mutex<HashMap<u64, Held>>,
    next_held: AtomicU64,
}

struct Held {
    chain: Vec<CertificateDer<'static>>,
    server: ServerName<'static>,
    task: AbortHandle,
}

/// Whether a connection may resume an earlier session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sessions {
    Full,
    Resume,
}

impl ClientEndpoint {
    /// A client; with a `lag` its workers go on using their first certificate for that long after
    /// the agent has installed and acknowledged the one that replaces it.
    pub(crate) fn new(name: String, lag: Option<Duration>) -> Arc<Self> {
        Arc::new(Self {
            name,
            installed: RwLock::new(None),
            working: RwLock::new(None),
            files: RwLock::new(None),
            lag,
            lagging: AtomicBool::new(false),
            peers: Peers::default(),
            held: Mutex::default(),
            next_held: AtomicU64::new(0),
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) const fn peers(&self) -> &Peers {
        &self.peers
    }

    /// Whether its workers still use a certificate that was replaced.
    pub(crate) fn lags(&self) -> bool {
        self.lagging.load(Ordering::SeqCst)
    }

    /// Connects with `tls` from now on; a laggard's workers follow later when the issuer changes.
    pub(crate) fn install(self: &Arc<Self>, installed: Installed, tls: ClientTls) {
        *self.files.write().unwrap_or_else(PoisonError::into_inner) = Some(installed);
        let tls = Arc::new(tls);
        *self.installed.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&tls));
        let mut working = self.working.write().unwrap_or_else(PoisonError::into_inner);
        let replaced =
            working.as_ref().is_some_and(|old| old.issuer_key_id() != tls.issuer_key_id());
        match self.lag {
            Some(lag) if replaced => {
                self.lagging.store(true, Ordering::SeqCst);
                let client = Arc::clone(self);
                tokio::spawn(async move {
                    tokio::time::sleep(lag).await;
                    client.catch_up();
                });
            }
            _ if self.lags() => {}
            _ => *working = Some(tls),
        }
    }

    /// Whether anything was installed yet.
    pub(crate) fn is_installed(&self) -> bool {
        self.installed().is_some()
    }

    fn catch_up(&self) {
        let installed = self.installed.read().unwrap_or_else(PoisonError::into_inner).clone();
        *self.working.write().unwrap_or_else(PoisonError::into_inner) = installed;
        self.lagging.store(false, Ordering::SeqCst);
    }

    fn working(&self) -> Option<Arc<ClientTls>> {
        self.working.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn installed(&self) -> Option<Arc<ClientTls>> {
        self.installed.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// One connection with what the agent installed, for a probe or an attack.
    pub(crate) async fn try_connect(
        &self,
        addr: SocketAddr,
        server: &str,
        sessions: Sessions,
    ) -> Outcome {
        let Some(tls) = self.installed() else {
            return Outcome::Failed("nothing is installed yet".to_owned());
        };
        match connect(&tls, addr, server, sessions).await {
            Ok((_, resumed)) => Outcome::Accepted { resumed },
            Err(error) => Outcome::from_error("client", &error),
        }
    }

    /// One connection with one CRL exchanged, as if the client had fetched that one from its
    /// distribution point.
    pub(crate) async fn connect_with_crl(
        &self,
        crl: &Crl,
        addr: SocketAddr,
        server: &str,
    ) -> Result<Outcome, DrillError> {
        let files = self.files.read().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(files) = files else {
            return Ok(Outcome::Failed("nothing is installed yet".to_owned()));
        };
        let tls = ClientTls::new(&files.with_crl_replaced(crl))?;
        Ok(match connect(&tls, addr, server, Sessions::Full).await {
            Ok((_, resumed)) => Outcome::Accepted { resumed },
            Err(error) => Outcome::from_error("client", &error),
        })
    }

    /// One connection of the client's work, counted.
    pub(crate) async fn work(
        &self,
        addr: SocketAddr,
        server: &str,
        sessions: Sessions,
        traffic: &Traffic,
    ) {
        let Some(tls) = self.working() else { return };
        match connect(&tls, addr, server, sessions).await {
            Ok((stream, resumed)) => {
                let leaf = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
                if let Some(leaf) = leaf {
                    self.peers.saw(leaf);
                }
                traffic.finished(resumed);
            }
            Err(error) => traffic.failed(format!("{} to {server}: {error}", self.name)),
        }
    }

    /// Opens a connection and keeps exchanging data over it until an end is put to it.
    pub(crate) async fn hold(
        self: &Arc<Self>,
        addr: SocketAddr,
        server: &str,
    ) -> std::io::Result<HeldConnection> {
        let tls = self.installed().ok_or(std::io::ErrorKind::NotConnected)?;
        let (mut stream, _) = connect(&tls, addr, server, Sessions::Full).await?;
        let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let chain = chain.iter().map(|one| one.clone().into_owned()).collect();
        let id = self.next_held.fetch_add(1, Ordering::Relaxed);
        let task = tokio::spawn(async move {
            while exchange::request(&mut stream).await.is_ok() {
                tokio::time::sleep(HOLD_PACE).await;
            }
        });
        let name = server_name(server)?;
        let held = Held { chain, server: name, task: task.abort_handle() };
        self.held.lock().unwrap_or_else(PoisonError::into_inner).insert(id, held);
        Ok(HeldConnection { task: task.abort_handle() })
    }

    /// Ends every held connection whose server the installed trust would refuse today.
    pub(crate) fn end_distrusted(&self, now: Time) -> usize {
        let Some(tls) = self.installed() else { return 0 };
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let before = held.len();
        held.retain(|_, one| {
            let trusted = tls.still_trusts(&one.chain, &one.server, now);
            if !trusted {
                one.task.abort();
            }
            trusted
        });
        before - held.len()
    }
}

/// A connection that a client keeps open.
pub(crate) struct HeldConnection {
    task: AbortHandle,
}

impl HeldConnection {
    pub(crate) fn is_open(&self) -> bool {
        !self.task.is_finished()
    }
}

/// A handshake and one exchange; TLS 1.3 tells a refused client only when it reads.
pub(crate) async fn connect(
    tls: &ClientTls,
    addr: SocketAddr,
    server: &str,
    sessions: Sessions,
) -> std::io::Result<(TlsStream<TcpStream>, bool)> {
    let stream = TcpStream::connect(addr).await?;
    stream.set_nodelay(true)?;
    let connector = TlsConnector::from(tls.config(sessions));
    let mut stream = connector.connect(server_name(server)?, stream).await?;
    exchange::request(&mut stream).await?;
    let resumed = stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed);
    Ok((stream, resumed))
}

fn server_name(name: &str) -> std::io::Result<ServerName<'static>> {
    ServerName::try_from(name.to_owned()).map_err(std::io::Error::other)
}
