//! Endpoints in this process: a server and a client on rustls.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use rustls::{ClientConfig, ServerConfig};
use skink_deploy::probe::{Dial, Outcome, dial};
use skink_deploy::{EndpointFiles, Target, TargetError, tls};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

#[derive(Default)]
pub(crate) struct ServerTarget {
    config: RwLock<Option<Arc<ServerConfig>>>,
    pub(crate) refuses_reload: AtomicBool,
    pub(crate) resets: AtomicUsize,
    /// Whom it accepts waits for more than a second.
    pub(crate) is_busy: AtomicBool,
}

impl ServerTarget {
    pub(crate) async fn start() -> (Arc<Self>, SocketAddr) {
        let target = Arc::new(Self::default());
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = Arc::clone(&target);
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let Some(config) = serving.config.read().unwrap().clone() else { continue };
                let serving = Arc::clone(&serving);
                tokio::spawn(async move {
                    let mut tls = TlsAcceptor::from(config).accept(tcp).await?;
                    if serving.is_busy.load(Ordering::SeqCst) {
                        tokio::time::sleep(Duration::from_millis(1_200)).await;
                    }
                    let mut request = [0; 1024];
                    let _ = tls.read(&mut request).await?;
                    tls.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await?;
                    tls.shutdown().await
                });
            }
        });
        (target, address)
    }
}

#[async_trait]
impl Target for ServerTarget {
    async fn reload(&self, files: &EndpointFiles) -> Result<(), TargetError> {
        if self.refuses_reload.load(Ordering::SeqCst) {
            return Err(TargetError::NotRunning);
        }
        let config = tls::server_config(files).map_err(TargetError::Files)?;
        *self.config.write().unwrap() = Some(Arc::new(config));
        Ok(())
    }

    async fn reset_sessions(&self, _: &EndpointFiles) -> Result<(), TargetError> {
        self.resets.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

#[derive(Default)]
pub(crate) struct ClientTarget(RwLock<Option<Arc<ClientConfig>>>);

#[async_trait]
impl Target for ClientTarget {
    async fn reload(&self, files: &EndpointFiles) -> Result<(), TargetError> {
        let mut config = tls::client_config(files).map_err(TargetError::Files)?;
        config.resumption = rustls::client::Resumption::disabled();
        *self.0.write().unwrap() = Some(Arc::new(config));
        Ok(())
    }

    async fn reset_sessions(&self, _: &EndpointFiles) -> Result<(), TargetError> {
        Ok(())
    }

    async fn connect(&self, to: SocketAddr, server_name: &str) -> Option<Outcome> {
        let config = self.0.read().unwrap().clone()?;
        Some(dial(&Dial::new(to, server_name), &config).await)
    }
}
