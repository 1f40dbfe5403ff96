//! `skink serve`: opens everything, serves until told to stop, closes everything.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;

use skink_api::{Listener, Ports};
use skink_model::{Clock, Rng};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::ambient::{SystemClock, SystemRng};
use crate::app::App;
use crate::config::{ConfigError, Settings};
use crate::failure::Failure;
use crate::http::listen::{self, Served};
use crate::http::quick::Quick;
use crate::http::router::router;
use crate::{files, jobs, ocsp, replicas};

/// Why the server does not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The configuration is not taken.
    #[error("the server cannot start")]
    Config(#[source] ConfigError),
    /// Opening the database, the keys or what they hold failed.
    #[error("the server cannot start")]
    Open(#[source] Failure),
    /// An address is taken or not ours.
    #[error("cannot listen on {address} for {listener}")]
    Listen {
        /// `api`, `agent` or `public`.
        listener: &'static str,
        /// The address.
        address: std::net::SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// `ports.json` cannot be written.
    #[error("cannot write ports.json")]
    Ports(#[source] std::io::Error),
    /// The metrics recorder refuses its settings.
    #[error("metrics cannot be set up")]
    Metrics(#[source] metrics_exporter_prometheus::BuildError),
}

/// Serves the data directory `dir` until `stop` is done, with the system's clock and randomness.
pub async fn serve(dir: &Path, stop: impl Future<Output = ()>) -> Result<(), ServeError> {
    let running = Running::start(dir, Arc::new(SystemClock), Arc::new(SystemRng)).await?;
    stop.await;
    tracing::info!("the server is told to stop");
    running.stop().await;
    Ok(())
}

/// Done at the first SIGTERM or SIGINT.
pub async fn signals() {
    use tokio::signal::unix::{SignalKind, signal};
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => {
                terminate.recv().await;
            }
            Err(error) => {
                tracing::error!(%error, "SIGTERM cannot be listened for");
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        () = terminated => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

/// A server at work.
pub struct Running {
    app: App,
    ports: Ports,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Running {
    /// Starts serving; ready when it returns.
    pub async fn start(
        dir: &Path,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
    ) -> Result<Self, ServeError> {
        let metrics = crate::metrics::install().map_err(ServeError::Metrics)?;
        let settings = Settings::load(dir).map_err(ServeError::Config)?;
        let wanted = settings.listen().clone();
        let api = bind("api", wanted.api).await?;
        let agent = bind("agent", wanted.agent).await?;
        let public = bind("public", wanted.public).await?;
        let ports = ports(&api, &agent, &public).map_err(ServeError::Ports)?;
        let opened = App::open(settings, clock, rng, Some(metrics), Some(&ports)).await;
        let app = opened.map_err(ServeError::Open)?;
        // What a server that was killed left behind says nothing about this one.
        let _ = fs_err::remove_file(dir.join("ports.json"));
        app.load().await.map_err(ServeError::Open)?;
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let (api_tls, agent_tls) = app.tls().await.map_err(ServeError::Open)?;
        tasks.spawn(listen::serve(
            api,
            Some(api_tls),
            served(&app, Listener::Api),
            stopped.clone(),
        ));
        tasks.spawn(listen::serve(
            agent,
            Some(agent_tls),
            served(&app, Listener::Agent),
            stopped.clone(),
        ));
        tasks.spawn(listen::serve(public, None, served(&app, Listener::Public), stopped.clone()));
        jobs::spawn(&app, &mut tasks, &stopped);
        replicas::spawn(&app, &mut tasks, &stopped);
        ocsp::spawn(&app, &mut tasks, &stopped);
        let text = serde_json::to_vec_pretty(&ports).unwrap_or_default();
        files::write_atomic(&dir.join("ports.json"), 0o644, &text).map_err(ServeError::Ports)?;
        tracing::info!(
            api = ports.api,
            agent = ports.agent,
            public = ports.public,
            "the server is ready"
        );
        Ok(Self { app, ports, stop, tasks })
    }

    /// Where it listens.
    pub const fn ports(&self) -> &Ports {
        &self.ports
    }

    /// What it works with.
    pub const fn app(&self) -> &App {
        &self.app
    }

    /// Lets open requests and running jobs finish, and closes the database.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        // Long polls hold connections open: their answers are due at once.
        self.app.stop();
        while self.tasks.join_next().await.is_some() {}
        let _ = fs_err::remove_file(self.app.settings().dir().join("ports.json"));
        self.app.close().await;
        tracing::info!("the server has stopped");
    }
}

fn served(app: &App, listener: Listener) -> Served {
    let quick = (listener == Listener::Public).then(|| Quick::new(app));
    Served { router: router(app, listener), quick }
}

async fn bind(
    listener: &'static str,
    address: std::net::SocketAddr,
) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).await.map_err(|source| ServeError::Listen {
        listener,
        address,
        source,
    })
}

fn ports(api: &TcpListener, agent: &TcpListener, public: &TcpListener) -> std::io::Result<Ports> {
    Ok(Ports {
        pid: std::process::id(),
        api: api.local_addr()?.to_string(),
        agent: agent.local_addr()?.to_string(),
        public: public.local_addr()?.to_string(),
    })
}
